//! E0502: a slot is changed while `ready` goes through the table; `next_ready` is for that.
use iomux::{Slots, Timeout};

fn main() -> std::io::Result<()> {
    let mut slots = Slots::with_capacity(1);
    slots.poll(Timeout::Nowait)?;
    for ready in slots.ready() {
        slots.clear(ready.index())?;
    }
    Ok(())
}
