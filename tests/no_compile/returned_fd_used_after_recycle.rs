//! E0505: an fd of a table is used after `recycle` and its close
use iomux::{Interest, Slots, Timeout};
use std::os::fd::AsFd;

fn main() -> std::io::Result<()> {
    let (reader, _writer) = std::io::pipe()?;
    let mut slots = Slots::with_capacity(1);
    slots.set(0, reader.as_fd(), Interest::READABLE)?;
    slots.poll(Timeout::Nowait)?;
    let reported = slots.next_ready();
    let _next = slots.recycle();
    drop(reader);
    println!("{reported:?}");
    Ok(())
}
