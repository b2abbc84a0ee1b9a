//! E0502: an iterator over ready slots is used after the kernel has written to the table again
use iomux::{Slots, Timeout};

fn main() -> std::io::Result<()> {
    let mut slots = Slots::with_capacity(1);
    let mut ready = slots.ready();
    slots.poll(Timeout::Nowait)?;
    println!("{:?}", ready.next());
    Ok(())
}
