//! The ioctl of epoll(7), and the `unsafe` that it needs.

use core::ffi::{c_int, c_uint};
use iomux_sys::epoll_params::{epoll_ioctl, epoll_params};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// ioctl(2), `EPIOCSPARAMS` or `EPIOCGPARAMS`.
pub(super) fn params(epoll: BorrowedFd<'_>, request: c_uint, params: &mut epoll_params) -> Result<(), c_int> {
    // SAFETY: both requests take such a struct, and it is ours alone.
    let returned = unsafe { epoll_ioctl(epoll.as_raw_fd(), request, params) };
    if returned < 0 {
        return Err(io::Error::last_os_error().raw_os_error().unwrap_or_default());
    }
    Ok(())
}
