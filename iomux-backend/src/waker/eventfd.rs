//! What a waker writes to where the system has eventfd(2): one fd, a counter.

use crate::error::Error;
use crate::sys;
use std::fs::File;
use std::io::{Read, Write};
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

    /// Makes it readable. It can't fail: the counter has room for 2^64 - 2.
    #[inline]
    pub(crate) fn notify(&self) {
        let _ = (&self.0).write(&1_u64.to_ne_bytes());
    }

    /// Makes it unreadable.
    pub(crate) fn drain(&self) {
        let _ = (&self.0).read(&mut [0; 8]);
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
