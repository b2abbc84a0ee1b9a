//! E0505: an fd is given away, to be closed by its number, while an array that is polled has it.
use iomux::{Interest, PollFd, Timeout, poll};
use std::os::fd::{AsFd, IntoRawFd, OwnedFd};

fn main() -> std::io::Result<()> {
    let reader = OwnedFd::from(std::io::pipe()?.0);
    let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE)?];
    let _number = reader.into_raw_fd();
    poll(&mut fds, Timeout::Nowait)?;
    Ok(())
}
