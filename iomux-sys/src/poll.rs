//! `<poll.h>`: poll(2), ppoll(2), and the events they wait for.

#[macro_use]
mod macros;

#[cfg(target_os = "aix")]
mod aix;
#[cfg(target_os = "aix")]
use aix as system;
#[cfg(target_os = "android")]
mod android;
#[cfg(target_os = "android")]
use android as system;
#[cfg(target_vendor = "apple")]
mod apple;
#[cfg(target_vendor = "apple")]
use apple as system;
#[cfg(target_os = "cygwin")]
mod cygwin;
#[cfg(target_os = "cygwin")]
use cygwin as system;
#[cfg(target_os = "dragonfly")]
mod dragonfly;
#[cfg(target_os = "dragonfly")]
use dragonfly as system;
#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(target_os = "freebsd")]
use freebsd as system;
#[cfg(target_os = "haiku")]
mod haiku;
#[cfg(target_os = "haiku")]
use haiku as system;
#[cfg(target_os = "hurd")]
mod hurd;
#[cfg(target_os = "hurd")]
use hurd as system;
#[cfg(target_os = "illumos")]
mod illumos;
#[cfg(target_os = "illumos")]
use illumos as system;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;
#[cfg(target_os = "netbsd")]
mod netbsd;
#[cfg(target_os = "netbsd")]
use netbsd as system;
#[cfg(target_os = "nto")]
mod qnx;
#[cfg(target_os = "nto")]
use qnx as system;
#[cfg(target_os = "openbsd")]
mod openbsd;
#[cfg(target_os = "openbsd")]
use openbsd as system;
#[cfg(target_os = "redox")]
mod redox;
#[cfg(target_os = "redox")]
use redox as system;
#[cfg(target_os = "solaris")]
mod solaris;
#[cfg(target_os = "solaris")]
use solaris as system;
// Where libc does not declare ppoll(2).
#[cfg(any(target_os = "illumos", target_os = "solaris"))]
mod undeclared;

// A star: the file of a system is its header, and a macro declares most of its names.
pub use system::*;

use crate::signal::sigset_t;
use crate::table::Header;
use crate::time::timespec;
use core::ffi::{c_int, c_short};

/// `struct pollfd`: one entry of the array given to poll(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct pollfd {
    /// The fd to ask about; a negative one is ignored, and its `revents` become 0.
    pub fd: c_int,
    /// What is asked: a union of `POLL*`.
    pub events: c_short,
    /// What was reported: a union of `POLL*`, written by the kernel.
    pub revents: c_short,
}
layout_as_in_libc!(POLLFD: pollfd { fd, events, revents });

pub(crate) const HEADER: Header =
    Header { includes: &["poll.h"], guard: None, constants: CONSTANTS, structs: &[POLLFD] };

/// poll(2): waits until one of `nfds` entries is ready, or for `timeout` ms; a negative one is infinite.
///
/// # Safety
/// `fds` points to `nfds` entries that nothing else uses during the call.
#[inline]
pub unsafe fn poll(fds: *mut pollfd, nfds: nfds_t, timeout: c_int) -> c_int {
    // SAFETY: the caller guarantees the array; the layout is libc's, asserted above.
    unsafe { libc::poll(fds.cast(), nfds, timeout) }
}

/// The type of ppoll(2): a null timeout is infinite, a null mask leaves the signal mask as it is.
pub type PpollFn =
    unsafe fn(fds: *mut pollfd, nfds: nfds_t, timeout: *const timespec, mask: *const sigset_t) -> c_int;

/// Whether a ppoll(2) that does not sleep fails with EINTR if a pending signal gets through its mask.
///
/// Linux checks for signals before it returns 0 (`do_poll` in fs/select.c), illumos and Solaris before they poll
/// (`pollsys` in syscall/poll.c). FreeBSD (`seltdwait` in kern/sys_generic.c), NetBSD (`sel_do_scan` in
/// kern/sys_select.c) and OpenBSD (`doppoll` in kern/sys_generic.c) check in the sleep alone: without one they return 0
/// or the count, and run the handler on the way back. DragonFly (`sys_ppoll` in kern/sys_generic.c) leaves the signal
/// pending then. The rest is not known, so a program can't rely on it there.
pub const NOWAIT_SEES_SIGNALS: bool =
    cfg!(any(target_os = "android", target_os = "illumos", target_os = "linux", target_os = "solaris",));

/// What to ask poll(2) for so that a hangup alone ends it: `Some(0)` if nothing need be asked, `None` if nothing
/// helps.
///
/// FreeBSD wakes a socket's waiter only if something was asked of a direction (`sopoll_generic` in
/// kern/uipc_socket.c). `POLLPRI` is the least that can be asked: only urgent data reports it. The kernel ignores
/// `POLLHUP` here, which tells this from an interest in urgent data.
///
/// Apple (`poll_nocancel` in kern/sys_generic.c) watches an fd only for what was asked. NetBSD (`sodopoll` in
/// kern/uipc_socket.c) reports no hangup of a socket.
pub const HANGUP_ALONE: Option<c_short> = if cfg!(target_os = "freebsd") {
    Some(POLLPRI | POLLHUP)
} else if cfg!(any(target_vendor = "apple", target_os = "netbsd")) {
    None
} else {
    Some(0)
};

// Every system has this header, so a target that is unknown is unknown here first.
#[cfg(not(any(
    target_os = "aix",
    target_os = "android",
    target_vendor = "apple",
    target_os = "cygwin",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "haiku",
    target_os = "hurd",
    target_os = "illumos",
    target_os = "linux",
    target_os = "netbsd",
    target_os = "nto",
    target_os = "openbsd",
    target_os = "redox",
    target_os = "solaris",
)))]
compile_error!(
    "iomux-sys does not know this target. To add it: \
     (1) write iomux-sys/src/poll/<system>.rs, its <poll.h>: nfds_t, the POLL* constants, RDHUP, ppoll; \
     poll/haiku.rs is the shortest to start from. \
     (2) name the system in iomux-sys/src/poll.rs (twice) and signal.rs; also in epoll.rs, eventfd.rs, \
     kqueue.rs and headers.rs, for each of these mechanisms that it has. \
     (3) run `cargo check -p iomux-sys --target <target>`: each constant and struct is compared \
     with libc's, and a wrong one does not compile."
);
