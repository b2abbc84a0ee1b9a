//! ppoll(2) where the system's `<poll.h>` declares it and libc does not: illumos and Solaris.

use crate::poll::{PpollFn, nfds_t, pollfd};
use crate::signal::sigset_t;
use crate::time::timespec;
use core::ffi::c_int;

/// ppoll(2), where the system has it.
pub const PPOLL: Option<PpollFn> = Some(ppoll);

mod symbol {
    use super::{c_int, nfds_t, pollfd, sigset_t, timespec};

    // SAFETY: as their <poll.h> declares it. One symbol for ever: Rust's targets there are 64-bit
    // only, so there is one size of `time_t`.
    unsafe extern "C" {
        pub(super) fn ppoll(
            fds: *mut pollfd,
            nfds: nfds_t,
            timeout: *const timespec,
            mask: *const sigset_t,
        ) -> c_int;
    }
}

/// ppoll(2): poll(2) with a timeout in ns, and a signal mask that holds during the call only.
///
/// # Safety
/// `fds` points to `nfds` entries that nobody else uses during the call; `timeout` and `mask` are null
/// or point to what their types say.
#[inline]
pub unsafe fn ppoll(
    fds: *mut pollfd,
    nfds: nfds_t,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    // SAFETY: the caller guarantees the pointers; the declaration is that of the system's header.
    unsafe { symbol::ppoll(fds, nfds, timeout, mask) }
}
