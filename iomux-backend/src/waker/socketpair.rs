//! The fds of a waker on platforms without eventfd(2): a pair of sockets.

use crate::error::Error;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

#[derive(Debug)]
pub(super) struct Notifier {
    reader: UnixStream,
    writer: UnixStream,
}

impl Notifier {
    pub(super) fn new() -> Result<Self, Error> {
        let pair = || -> io::Result<Self> {
            let (reader, writer) = UnixStream::pair()?;
            reader.set_nonblocking(true)?;
            writer.set_nonblocking(true)?;
            Ok(Self { reader, writer })
        };
        pair()
            .map_err(|error| Error::Os { call: "socketpair", code: error.raw_os_error().unwrap_or_default() })
    }

    /// Makes the reader readable, and returns `true` on success. There is always room, since there is at most one byte
    /// between two drains.
    #[inline]
    pub(super) fn notify(&self) -> bool {
        (&self.writer).write(&[1]).is_ok()
    }

    /// Makes the reader unreadable.
    #[inline]
    pub(super) fn drain(&self) {
        let _ = (&self.reader).read(&mut [0; 8]);
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iomux::{Interest, PollFd, Timeout};

    #[test]
    fn readable_from_notify_to_drain() {
        let notifier = Notifier::new().unwrap();
        let mut fds = [PollFd::new(notifier.as_fd(), Interest::READABLE).unwrap()];
        for _ in 0..3 {
            assert_eq!(iomux::poll(&mut fds, Timeout::Nowait), Ok(0));
            assert!(notifier.notify());
            assert_eq!(iomux::poll(&mut fds, Timeout::Nowait), Ok(1));
            notifier.drain();
        }
        notifier.drain();
        assert_eq!(iomux::poll(&mut fds, Timeout::Nowait), Ok(0), "draining an empty socket does not block");
    }
}
