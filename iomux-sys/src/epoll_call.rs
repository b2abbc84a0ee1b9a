//! What `<sys/epoll.h>` has alike on every system: the calls.

use crate::epoll::epoll_event;
use crate::signal::sigset_t;
use core::ffi::c_int;
pub use libc::epoll_create1;

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
/// `event` points to an event that nobody writes during the call; it may be null for `EPOLL_CTL_DEL`.
#[inline]
pub unsafe fn epoll_ctl(epfd: c_int, op: c_int, fd: c_int, event: *mut epoll_event) -> c_int {
    // SAFETY: the caller guarantees the event; the layout is libc's, asserted beside the struct.
    unsafe { libc::epoll_ctl(epfd, op, fd, event.cast()) }
}

/// epoll_wait(2): waits until something is ready, or for `timeout` ms; negative is for ever.
///
/// # Safety
/// `events` points to room for `maxevents` events that nobody else uses during the call.
#[inline]
pub unsafe fn epoll_wait(epfd: c_int, events: *mut epoll_event, maxevents: c_int, timeout: c_int) -> c_int {
    // SAFETY: the caller guarantees the array; the layout is libc's, asserted beside the struct.
    unsafe { libc::epoll_wait(epfd, events.cast(), maxevents, timeout) }
}

/// epoll_pwait(2): epoll_wait(2) with a signal mask that holds during the call only.
///
/// # Safety
/// `events` points to room for `maxevents` events that nobody else uses during the call; `sigmask`
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

/// The type of epoll_pwait2(2): a null timeout is for ever, a null mask leaves the mask as it is.
pub type EpollPwait2Fn = unsafe fn(
    epfd: c_int,
    events: *mut epoll_event,
    maxevents: c_int,
    timeout: *const __kernel_timespec,
    sigmask: *const sigset_t,
) -> c_int;

/// Declares the constants that every system's `<sys/epoll.h>` has, all of one value but `CLOEXEC`.
macro_rules! epoll_constants {
    (
        CLOEXEC $cloexec:expr;
        as in libc { $($as_in_libc:tt)* }
        not in libc { $($not_in_libc:tt)* }
    ) => {
        constants! {
            as in libc {
                /// `EPOLLIN`: there is data to read.
                EPOLLIN: u32 = 0x1;
                /// `EPOLLPRI`: there is something exceptional, such as out-of-band data on a TCP socket.
                EPOLLPRI: u32 = 0x2;
                /// `EPOLLOUT`: writing is possible without blocking.
                EPOLLOUT: u32 = 0x4;
                /// `EPOLLERR`: an error; reported whether asked or not.
                EPOLLERR: u32 = 0x8;
                /// `EPOLLHUP`: the other end is gone; reported whether asked or not.
                EPOLLHUP: u32 = 0x10;
                /// `EPOLLRDNORM`: normal data to read.
                EPOLLRDNORM: u32 = 0x40;
                /// `EPOLLRDBAND`: priority band data to read.
                EPOLLRDBAND: u32 = 0x80;
                /// `EPOLLWRNORM`: normal data may be written.
                EPOLLWRNORM: u32 = 0x100;
                /// `EPOLLWRBAND`: priority band data may be written.
                EPOLLWRBAND: u32 = 0x200;
                /// `EPOLLMSG`: ignored.
                EPOLLMSG: u32 = 0x400;
                /// `EPOLLRDHUP`: the peer has closed its writing half.
                EPOLLRDHUP: u32 = 0x2000;
                /// `EPOLLWAKEUP`: the system does not suspend while the event is handled.
                EPOLLWAKEUP: u32 = 1 << 29;
                /// `EPOLLONESHOT`: reported once, then disabled until `EPOLL_CTL_MOD`.
                EPOLLONESHOT: u32 = 1 << 30;
                /// `EPOLLET`: edge-triggered.
                EPOLLET: u32 = 1 << 31;
                /// `EPOLL_CTL_ADD`: watch an fd.
                EPOLL_CTL_ADD: c_int = 1;
                /// `EPOLL_CTL_DEL`: stop watching an fd.
                EPOLL_CTL_DEL: c_int = 2;
                /// `EPOLL_CTL_MOD`: change what is watched of an fd.
                EPOLL_CTL_MOD: c_int = 3;
                /// `EPOLL_CLOEXEC`: epoll_create1(2) sets close-on-exec.
                EPOLL_CLOEXEC: c_int = $cloexec;
                $($as_in_libc)*
            }
            not in libc { $($not_in_libc)* }
        }
        #[doc(hidden)]
        pub const HEADER: crate::table::Header = crate::table::Header {
            includes: &["sys/epoll.h"],
            guard: None,
            constants: CONSTANTS,
            structs: &[EPOLL_EVENT],
        };
    };
}
