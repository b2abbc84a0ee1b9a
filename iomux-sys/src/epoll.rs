//! `<sys/epoll.h>`: epoll(7).
#![cfg(any(target_os = "android", target_os = "illumos", target_os = "linux", target_os = "redox"))]

#[macro_use]
mod macros;

#[cfg(target_os = "illumos")]
mod illumos;
#[cfg(target_os = "illumos")]
use illumos as system;
#[cfg(any(target_os = "android", target_os = "linux"))]
mod linux;
#[cfg(any(target_os = "android", target_os = "linux"))]
use linux as system;
#[cfg(target_os = "redox")]
mod redox;
#[cfg(target_os = "redox")]
use redox as system;

// A star: the file of a system is its header, and a macro declares most of its names.
pub use system::*;

// illumos and Redox have no epoll_pwait2(2), and Android kills the process that calls it.
#[cfg(target_os = "linux")]
mod pwait2;
#[cfg(target_os = "linux")]
pub(crate) use pwait2::HEADER as PWAIT2_HEADER;
#[cfg(target_os = "linux")]
pub use pwait2::{EPOLL_PWAIT2, KERNEL_SIGSET_SIZE, SYS_epoll_pwait2, epoll_pwait2};

use crate::signal::sigset_t;
use crate::table::Header;
use core::ffi::c_int;
pub use libc::epoll_create1;

pub(crate) const HEADER: Header =
    Header { includes: &["sys/epoll.h"], guard: None, constants: CONSTANTS, structs: &[EPOLL_EVENT] };

mod symbol {
    use super::{c_int, epoll_event, sigset_t};

    // SAFETY: as <sys/epoll.h> declares it. libc lacks it for Android and Redox; there is no `time_t`
    // in it, so it is one symbol on every system.
    unsafe extern "C" {
        pub(super) fn epoll_pwait(
            epfd: c_int,
            events: *mut epoll_event,
            maxevents: c_int,
            timeout: c_int,
            sigmask: *const sigset_t,
        ) -> c_int;
    }
}

/// epoll_ctl(2): adds, changes or removes what is watched of `fd`.
///
/// # Safety
/// `event` points to an event that nothing writes during the call; it may be null for `EPOLL_CTL_DEL`.
#[inline]
pub unsafe fn epoll_ctl(epfd: c_int, op: c_int, fd: c_int, event: *mut epoll_event) -> c_int {
    // SAFETY: the caller guarantees the event; the layout is libc's, asserted next to the struct.
    unsafe { libc::epoll_ctl(epfd, op, fd, event.cast()) }
}

/// epoll_wait(2): waits until something is ready, or for `timeout` ms; a negative one is infinite.
///
/// # Safety
/// `events` points to room for `maxevents` events that nothing else uses during the call.
#[inline]
pub unsafe fn epoll_wait(epfd: c_int, events: *mut epoll_event, maxevents: c_int, timeout: c_int) -> c_int {
    // SAFETY: the caller guarantees the array; the layout is libc's, asserted next to the struct.
    unsafe { libc::epoll_wait(epfd, events.cast(), maxevents, timeout) }
}

/// epoll_pwait(2): epoll_wait(2) with a signal mask that holds during the call only.
///
/// # Safety
/// `events` points to room for `maxevents` events that nothing else uses during the call; `sigmask`
/// is null or points to a set.
#[inline]
pub unsafe fn epoll_pwait(
    epfd: c_int,
    events: *mut epoll_event,
    maxevents: c_int,
    timeout: c_int,
    sigmask: *const sigset_t,
) -> c_int {
    // SAFETY: the caller guarantees the pointers; the declaration is that of the system's header.
    unsafe { symbol::epoll_pwait(epfd, events, maxevents, timeout, sigmask) }
}

/// `struct __kernel_timespec`: 64-bit on every processor, whatever the C library's `time_t` is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct __kernel_timespec {
    /// Seconds.
    pub tv_sec: i64,
    /// Nanoseconds, below 1,000,000,000.
    pub tv_nsec: i64,
}

/// The type of epoll_pwait2(2): a null timeout is infinite, a null mask leaves the mask as it is.
pub type EpollPwait2Fn = unsafe fn(
    epfd: c_int,
    events: *mut epoll_event,
    maxevents: c_int,
    timeout: *const __kernel_timespec,
    sigmask: *const sigset_t,
) -> c_int;

/// There is no epoll_pwait2(2) here.
#[cfg(not(target_os = "linux"))]
pub const EPOLL_PWAIT2: Option<EpollPwait2Fn> = None;
