//! E0597: an fd is dropped before the table that holds it
use iomux::{Interest, Slots, Timeout};
use std::os::fd::AsFd;

fn main() -> std::io::Result<()> {
    let mut slots = Slots::with_capacity(1);
    {
        let (reader, _writer) = std::io::pipe()?;
        slots.set(0, reader.as_fd(), Interest::READABLE)?;
    }
    slots.poll(Timeout::Nowait)?;
    Ok(())
}
