//! `<poll.h>`: poll(2), ppoll(2) and their events.

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
// libc lacks ppoll(2) on these platforms.
#[cfg(any(target_os = "illumos", target_os = "solaris"))]
mod undeclared;

// A star import: the file of a platform is its header, and a macro declares most of its names.
pub use system::*;

use crate::signal::sigset_t;
use crate::table::Header;
use crate::time::timespec;
use core::ffi::{c_int, c_short};

/// `struct pollfd`: an entry of the array that poll(2) takes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct pollfd {
    /// The fd to poll. The kernel ignores a negative fd and sets its `revents` to 0.
    pub fd: c_int,
    /// The interest: a combination of `POLL*`.
    pub events: c_short,
    /// The readiness, which the kernel writes: a combination of `POLL*`.
    pub revents: c_short,
}
layout_as_in_libc!(POLLFD: pollfd { fd, events, revents });

pub(crate) const HEADER: Header =
    Header { includes: &["poll.h"], guard: None, constants: CONSTANTS, structs: &[POLLFD] };

/// Waits until one of `nfds` entries is ready, or for `timeout` ms, poll(2).
///
/// A negative `timeout` is infinite.
///
/// # Safety
/// `fds` points to `nfds` entries that nothing else uses during the call.
#[inline]
pub unsafe fn poll(fds: *mut pollfd, nfds: nfds_t, timeout: c_int) -> c_int {
    // SAFETY: the caller guarantees the array. The layout is that of libc, as asserted above.
    unsafe { libc::poll(fds.cast(), nfds, timeout) }
}

/// The type of ppoll(2). A null timeout is infinite, and a null mask leaves the signal mask unchanged.
pub type PpollFn =
    unsafe fn(fds: *mut pollfd, nfds: nfds_t, timeout: *const timespec, mask: *const sigset_t) -> c_int;

/// Whether a ppoll(2) that does not sleep fails with EINTR if its mask lets a pending signal through.
///
/// Linux checks for signals before it returns 0 (`do_poll` in fs/select.c). illumos and Solaris check before they poll
/// (`pollsys` in syscall/poll.c).
///
/// FreeBSD (`seltdwait` in kern/sys_generic.c), NetBSD (`sel_do_scan` in kern/sys_select.c) and OpenBSD (`doppoll` in
/// kern/sys_generic.c) check only when the call sleeps. Otherwise they return 0 or the count, and run the handler when
/// the call returns. DragonFly (`sys_ppoll` in kern/sys_generic.c) leaves the signal pending then.
///
/// The behavior of the other platforms is unknown, so the value is `false` there.
pub const NOWAIT_SEES_SIGNALS: bool =
    cfg!(any(target_os = "android", target_os = "illumos", target_os = "linux", target_os = "solaris",));

/// The `events` of an fd for which only a hangup matters.
///
/// The value is `Some(0)` if poll(2) reports a hangup of an fd with empty `events`. It is `None` if no `events` make
/// poll(2) report it.
///
/// On FreeBSD, a hangup wakes the waiter of a socket only if `events` has a flag for reading or writing
/// (`sopoll_generic` in kern/uipc_socket.c). `POLLPRI` is the weakest flag, because only urgent data sets it. The
/// kernel ignores `POLLHUP` in `events`, so this bit distinguishes the value from an interest in urgent data.
///
/// Apple (`poll_nocancel` in kern/sys_generic.c) watches an fd only for its `events`. NetBSD (`sodopoll` in
/// kern/uipc_socket.c) reports no hangup of a socket.
pub const HANGUP_ALONE: Option<c_short> = if cfg!(target_os = "freebsd") {
    Some(POLLPRI | POLLHUP)
} else if cfg!(any(target_vendor = "apple", target_os = "netbsd")) {
    None
} else {
    Some(0)
};

// Every platform has this header, so an unknown target fails to compile here first.
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
     (1) Write iomux-sys/src/poll/<platform>.rs with its <poll.h>: nfds_t, the POLL* constants, RDHUP, ppoll. \
     Start from poll/haiku.rs, which is the shortest. \
     (2) Name the platform in iomux-sys/src/poll.rs (twice) and signal.rs, and in epoll.rs, eventfd.rs, \
     kqueue.rs and headers.rs for each of these mechanisms that it has. \
     (3) Run `cargo check -p iomux-sys --target <target>`. It compares each constant and struct with libc's, \
     and a wrong one does not compile."
);
