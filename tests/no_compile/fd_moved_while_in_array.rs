//! E0505: an fd is moved, to be closed by its number, while a polled array holds it
use iomux::{Interest, PollFd, Timeout, poll};
use std::os::fd::{AsFd, IntoRawFd, OwnedFd};

fn main() -> std::io::Result<()> {
    let reader = OwnedFd::from(std::io::pipe()?.0);
    let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE)?];
    let _number = reader.into_raw_fd();
    poll(&mut fds, Timeout::Nowait)?;
    Ok(())
}
