//! E0505: an fd is closed while it is in a slot of a table that polls again
use iomux::{Interest, Slots, Timeout};
use std::os::fd::AsFd;

fn main() -> std::io::Result<()> {
    let (reader, _writer) = std::io::pipe()?;
    let mut slots = Slots::with_capacity(1);
    slots.set(0, reader.as_fd(), Interest::READABLE)?;
    drop(reader);
    slots.poll(Timeout::Nowait)?;
    Ok(())
}
