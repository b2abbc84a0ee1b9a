//! The `unsafe` of this crate's own backends, but for what the trait asks for.

use core::ffi::c_int;
use iomux_sys::eventfd::{EFD_CLOEXEC, EFD_NONBLOCK};
use iomux_sys::unistd::write;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

/// eventfd(2): a counter of 0, close-on-exec, non-blocking.
pub(crate) fn eventfd() -> Result<OwnedFd, c_int> {
    // SAFETY: takes and returns numbers.
    let fd = unsafe { iomux_sys::eventfd::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
    if fd < 0 {
        return Err(io::Error::last_os_error().raw_os_error().unwrap_or_default());
    }
    // SAFETY: the kernel has just opened it, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Adds one to the counter of an eventfd(2); whether it could: there is room for 2^64 - 2.
#[inline]
pub(crate) fn add_one(eventfd: BorrowedFd<'_>) -> bool {
    let one = 1_u64;
    // SAFETY: as many bytes as `one` has, which are ours.
    let written = unsafe { write(eventfd.as_raw_fd(), (&raw const one).cast(), size_of_val(&one)) };
    written > 0
}
