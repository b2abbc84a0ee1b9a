//! ppoll(2) where libc declares it: libc knows the symbol that goes with its `timespec`.

use crate::poll::{PpollFn, nfds_t, pollfd};
use crate::signal::sigset_t;
use crate::time::timespec;
use core::ffi::c_int;

/// ppoll(2), where the system has it.
pub const PPOLL: Option<PpollFn> = Some(ppoll);

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
    // SAFETY: the caller guarantees the pointers; the layouts are libc's.
    unsafe { libc::ppoll(fds.cast(), nfds, timeout, mask) }
}
