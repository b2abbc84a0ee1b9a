//! E0502: a walk over what was ready goes on after the kernel has written to the table again.
use iomux::{Slots, Timeout};

fn main() -> std::io::Result<()> {
    let mut slots = Slots::with_capacity(1);
    let mut walk = slots.ready();
    slots.poll(Timeout::Nowait)?;
    println!("{:?}", walk.next());
    Ok(())
}
