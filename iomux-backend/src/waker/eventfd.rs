//! What a waker writes to where the system has eventfd(2): one fd, a counter.

use crate::error::Error;
use crate::sys;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsFd, BorrowedFd};

#[derive(Debug)]
pub(crate) struct Notifier(File);

impl Notifier {
    pub(crate) fn new() -> Result<Self, Error> {
        match sys::eventfd() {
            Ok(fd) => Ok(Self(fd.into())),
            Err(code) => Err(Error::Os { call: "eventfd", code }),
        }
    }

    /// Makes it readable, or says that it could not.
    #[inline]
    pub(crate) fn notify(&self) -> bool {
        // The call itself: each frame of `File` would be one more to return from (`iomux-bench returns`).
        sys::add_one(self.0.as_fd())
    }

    /// Makes it unreadable.
    #[inline]
    pub(crate) fn drain(&self) {
        let _ = (&self.0).read(&mut [0; 8]);
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
