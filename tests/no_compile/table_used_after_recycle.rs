//! E0382: a table is used after `recycle` took its allocation
use iomux::{Slots, Timeout};

fn main() -> std::io::Result<()> {
    let mut slots = Slots::with_capacity(1);
    let _next = slots.recycle();
    slots.poll(Timeout::Nowait)?;
    Ok(())
}
