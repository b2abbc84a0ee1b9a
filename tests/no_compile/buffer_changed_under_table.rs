//! E0506: a buffer is written while a table borrows it
use iomux::{PollFd, Slots, Timeout};

fn main() -> std::io::Result<()> {
    let mut buffer = [PollFd::EMPTY];
    let mut slots = Slots::over(&mut buffer);
    buffer[0] = PollFd::EMPTY;
    slots.poll(Timeout::Nowait)?;
    Ok(())
}
