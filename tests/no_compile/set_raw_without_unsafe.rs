//! E0133: the caller has not promised that the number stays an open fd
use iomux::{Interest, Slots};

fn main() -> std::io::Result<()> {
    let mut slots = Slots::with_capacity(1);
    slots.set_raw(0, 0, Interest::READABLE)?;
    Ok(())
}
