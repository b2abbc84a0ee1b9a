//! E0597: a swap does not extend the lifetime of a table
use iomux::{Interest, Slots, Timeout};
use std::os::fd::AsFd;

fn main() -> std::io::Result<()> {
    let mut long = Slots::with_capacity(1);
    {
        let (reader, _writer) = std::io::pipe()?;
        let mut short = Slots::with_capacity(1);
        short.set(0, reader.as_fd(), Interest::READABLE)?;
        std::mem::swap(&mut long, &mut short);
    }
    long.poll(Timeout::Nowait)?;
    Ok(())
}
