//! pollts(2), which is ppoll(2) by its first name: NetBSD has it since 3, and `ppoll` only since 10.

use crate::poll::{PpollFn, nfds_t, pollfd};
use crate::signal::sigset_t;
use crate::time::timespec;
use core::ffi::c_int;

/// What stands for ppoll(2) here.
pub const PPOLL: Option<PpollFn> = Some(pollts);

/// pollts(2): poll(2) with a timeout in ns, and a signal mask that holds during the call only.
///
/// # Safety
/// `fds` points to `nfds` entries that nobody else uses during the call; `timeout` and `mask` are null
/// or point to what their types say.
#[inline]
pub unsafe fn pollts(
    fds: *mut pollfd,
    nfds: nfds_t,
    timeout: *const timespec,
    mask: *const sigset_t,
) -> c_int {
    // SAFETY: the caller guarantees the pointers; the layouts are libc's.
    unsafe { libc::pollts(fds.cast(), nfds, timeout, mask) }
}
