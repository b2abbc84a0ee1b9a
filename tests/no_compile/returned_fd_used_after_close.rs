//! E0505: an fd of `ready` is used after it was closed, though the table was dropped
use iomux::{Interest, Slots, Timeout};
use std::os::fd::{AsFd, AsRawFd};

fn main() -> std::io::Result<()> {
    let (reader, _writer) = std::io::pipe()?;
    let mut slots = Slots::with_capacity(1);
    slots.set(0, reader.as_fd(), Interest::READABLE)?;
    slots.poll(Timeout::Nowait)?;
    let reported = slots.ready().next().map(|ready| ready.fd());
    drop(slots);
    drop(reader);
    println!("{:?}", reported.map(|fd| fd.as_raw_fd()));
    Ok(())
}
