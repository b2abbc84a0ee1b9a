//! The fd of a waker on platforms with eventfd(2): a counter.

use crate::error::Error;
use core::ffi::c_int;
use iomux_sys::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK, eventfd};
use iomux_sys::unistd::write;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

#[derive(Debug)]
pub(super) struct Notifier(File);

impl Notifier {
    pub(super) fn new() -> Result<Self, Error> {
        match open() {
            Ok(fd) => Ok(Self(fd.into())),
            Err(code) => Err(Error::Os { call: "eventfd", code }),
        }
    }

    /// Makes the fd readable, and returns `true` on success.
    #[inline]
    pub(super) fn notify(&self) -> bool {
        // Not through `File`, since each of its frames costs one more return (`iomux-bench returns`).
        add_one(self.0.as_fd())
    }

    /// Makes the fd unreadable.
    #[inline]
    pub(super) fn drain(&self) {
        let _ = (&self.0).read(&mut [0; 8]);
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Creates a counter of 0, close-on-exec and non-blocking: eventfd(2).
fn open() -> Result<OwnedFd, c_int> {
    // SAFETY: takes and returns numbers.
    let fd = unsafe { eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error().raw_os_error().unwrap_or_default());
    }
    // SAFETY: the kernel has just opened it, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Adds one to the counter of an eventfd(2), and returns `true` on success. The maximum is 2^64 - 2.
#[inline]
fn add_one(eventfd: BorrowedFd<'_>) -> bool {
    let one = 1_u64;
    // SAFETY: the pointer and the length are those of `one`.
    let written = unsafe { write(eventfd.as_raw_fd(), (&raw const one).cast(), size_of_val(&one)) };
    written > 0
}
