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

// A star import: the file of a platform is its header, and a macro declares most of its names.
pub use system::*;

// illumos and Redox have no epoll_pwait2(2). Android kills a process that calls it.
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

    // SAFETY: the declaration is that of <sys/epoll.h>. libc lacks it for Android and Redox. It has no `time_t`, so
    // the symbol is the same on every platform.
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

/// Adds, changes or removes the registration of `fd`, epoll_ctl(2).
///
/// # Safety
/// `event` points to an event that nothing writes during the call. It may be null for `EPOLL_CTL_DEL`.
#[inline]
pub unsafe fn epoll_ctl(epfd: c_int, op: c_int, fd: c_int, event: *mut epoll_event) -> c_int {
    // SAFETY: the caller guarantees the event. The layout is that of libc, as asserted next to the struct.
    unsafe { libc::epoll_ctl(epfd, op, fd, event.cast()) }
}

/// Waits until an fd is ready, or for `timeout` ms, epoll_wait(2).
///
/// A negative `timeout` is infinite.
///
/// # Safety
/// `events` points to room for `maxevents` events that nothing else uses during the call.
#[inline]
pub unsafe fn epoll_wait(epfd: c_int, events: *mut epoll_event, maxevents: c_int, timeout: c_int) -> c_int {
    // SAFETY: the caller guarantees the array. The layout is that of libc, as asserted next to the struct.
    unsafe { libc::epoll_wait(epfd, events.cast(), maxevents, timeout) }
}

/// Waits as [`epoll_wait`] does, with the signal mask replaced during the call, epoll_pwait(2).
///
/// # Safety
/// - `events` points to room for `maxevents` events that nothing else uses during the call.
/// - `sigmask` is null or points to a set.
#[inline]
pub unsafe fn epoll_pwait(
    epfd: c_int,
    events: *mut epoll_event,
    maxevents: c_int,
    timeout: c_int,
    sigmask: *const sigset_t,
) -> c_int {
    // SAFETY: the caller guarantees the pointers. The declaration is that of the C header.
    unsafe { symbol::epoll_pwait(epfd, events, maxevents, timeout, sigmask) }
}

/// `struct __kernel_timespec`: 64-bit on every architecture, whatever the `time_t` of the C library is.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct __kernel_timespec {
    /// Seconds.
    pub tv_sec: i64,
    /// Nanoseconds, below 1,000,000,000.
    pub tv_nsec: i64,
}

/// The type of epoll_pwait2(2). A null timeout is infinite, and a null mask leaves the signal mask unchanged.
pub type EpollPwait2Fn = unsafe fn(
    epfd: c_int,
    events: *mut epoll_event,
    maxevents: c_int,
    timeout: *const __kernel_timespec,
    sigmask: *const sigset_t,
) -> c_int;

/// `None`: this platform has no epoll_pwait2(2).
#[cfg(not(target_os = "linux"))]
pub const EPOLL_PWAIT2: Option<EpollPwait2Fn> = None;
