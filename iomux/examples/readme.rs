//! A minimal program: a pipe, two slots, and their readiness.
//!
//! `cargo run --example readme`

use iomux::{Interest, Slots, Timeout};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};

fn main() -> io::Result<()> {
    let (pipe_r, pipe_w) = io::pipe()?;
    let mut slots = Slots::with_capacity(16);

    // Slot 7 polls the writing end, which is ready as long as the pipe has room.
    slots.set(7, pipe_w.as_fd(), Interest::WRITABLE)?;
    assert_eq!(slots.poll(Timeout::Nowait)?, 1);

    // Slot 0 polls the reading end, which is ready once there is a byte to read. Slot 7 stays set.
    (&pipe_w).write_all(b"!")?;
    slots.set(0, pipe_r.as_fd(), Interest::READABLE)?;
    assert_eq!(slots.poll(Timeout::Nowait)?, 2);

    for ready in slots.ready() {
        let what = if ready.readiness().is_readable() { "read" } else { "written" };
        let (fd, index) = (ready.fd().as_raw_fd(), ready.index());
        println!("fd {fd} (from index {index}) can be {what} without blocking");
    }
    Ok(())
}
