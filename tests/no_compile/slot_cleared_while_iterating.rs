//! E0502: a slot changes while `ready` iterates over the table; `next_ready` allows this
use iomux::{Slots, Timeout};

fn main() -> std::io::Result<()> {
    let mut slots = Slots::with_capacity(1);
    slots.poll(Timeout::Nowait)?;
    for ready in slots.ready() {
        slots.clear(ready.index())?;
    }
    Ok(())
}
