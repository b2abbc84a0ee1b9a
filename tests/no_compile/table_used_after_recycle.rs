//! E0382: a table is used after its allocation was given to another by `recycle`.
use iomux::{Slots, Timeout};

fn main() -> std::io::Result<()> {
    let mut slots = Slots::with_capacity(1);
    let _next = slots.recycle();
    slots.poll(Timeout::Nowait)?;
    Ok(())
}
