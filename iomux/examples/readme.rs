//! The shortest program: a pipe, two slots, and what the kernel says of them.
//!
//! `cargo run --example readme`

use iomux::{Interest, Slots, Timeout};
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};

fn main() -> io::Result<()> {
    let (pipe_r, pipe_w) = io::pipe()?;
    let mut slots = Slots::with_capacity(16);

    // Slot 7 for the writing end, just because: is there room in the pipe?
    slots.set(7, pipe_w.as_fd(), Interest::WRITABLE)?;
    assert_eq!(slots.poll(Timeout::Nowait)?, 1);

    // Slot 0 for the reading end, once there is something to read; slot 7 is still set.
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
