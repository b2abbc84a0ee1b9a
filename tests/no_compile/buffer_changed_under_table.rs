//! E0506: a buffer is written to while a table has borrowed it.
use iomux::{PollFd, Slots, Timeout};

fn main() -> std::io::Result<()> {
    let mut buffer = [PollFd::VACANT];
    let mut slots = Slots::over(&mut buffer);
    buffer[0] = PollFd::VACANT;
    slots.poll(Timeout::Nowait)?;
    Ok(())
}
