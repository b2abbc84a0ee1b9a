//! E0308: readiness is not an interest
use iomux::{Readiness, Slots};
use std::os::fd::AsFd;

fn main() -> std::io::Result<()> {
    let (reader, _writer) = std::io::pipe()?;
    let mut slots = Slots::with_capacity(1);
    slots.set(0, reader.as_fd(), Readiness::READABLE)?;
    Ok(())
}
