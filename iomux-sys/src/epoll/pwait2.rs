//! epoll_pwait2(2), since Linux 5.11.
//!
//! It is called by its system call number, because glibc before 2.35 has no symbol for it.

use super::{__kernel_timespec, EpollPwait2Fn, epoll_event};
use crate::signal::sigset_t;
use core::ffi::{c_int, c_long};

/// The offset of all system call numbers on this architecture.
const CALLS_FROM: c_long = if cfg!(any(target_arch = "mips", target_arch = "mips32r6")) {
    4000
} else if cfg!(any(target_arch = "mips64", target_arch = "mips64r6")) {
    5000
} else if cfg!(all(target_arch = "x86_64", target_pointer_width = "32")) {
    0x4000_0000
} else {
    0
};

constants! {
    as in libc {
        /// `SYS_epoll_pwait2`: the system call number of epoll_pwait2(2).
        SYS_epoll_pwait2: c_long = CALLS_FROM + 441;
    }
    not in libc {}
}
layout!(KERNEL_TIMESPEC: __kernel_timespec { tv_sec, tv_nsec });

pub(crate) const HEADER: crate::table::Header = crate::table::Header {
    includes: &["sys/syscall.h", "linux/time_types.h"],
    guard: Some("SYS_epoll_pwait2"),
    constants: CONSTANTS,
    structs: &[KERNEL_TIMESPEC],
};

/// The size of the kernel's signal set in bytes: 64 signals, or 128 on mips.
///
/// The kernel rejects any other size. libc's `sigset_t` is at least as large.
pub const KERNEL_SIGSET_SIZE: usize = if cfg!(any(
    target_arch = "mips",
    target_arch = "mips32r6",
    target_arch = "mips64",
    target_arch = "mips64r6",
)) {
    16
} else {
    8
};
const _: () = assert!(KERNEL_SIGSET_SIZE <= size_of::<sigset_t>());

/// [`epoll_pwait2`], where the platform has it. Before Linux 5.11, it fails with `ENOSYS`.
pub const EPOLL_PWAIT2: Option<EpollPwait2Fn> = Some(epoll_pwait2);

/// Waits as [`epoll_pwait`](super::epoll_pwait) does, with a timeout in ns, epoll_pwait2(2).
///
/// # Safety
/// - `events` points to room for `maxevents` events that nothing else uses during the call.
/// - `timeout` is null or points to a timespec.
/// - `sigmask` is null or points to a set.
#[inline]
pub unsafe fn epoll_pwait2(
    epfd: c_int,
    events: *mut epoll_event,
    maxevents: c_int,
    timeout: *const __kernel_timespec,
    sigmask: *const sigset_t,
) -> c_int {
    // SAFETY: the caller guarantees the pointers. The kernel takes these six arguments, and reads KERNEL_SIGSET_SIZE
    // bytes of the set, which is at least as large.
    let answer = unsafe {
        libc::syscall(SYS_epoll_pwait2, epfd, events, maxevents, timeout, sigmask, KERNEL_SIGSET_SIZE)
    };
    // The kernel returns the number of events, at most `maxevents`, or -1.
    #[allow(clippy::cast_possible_truncation)]
    let answer = answer as c_int;
    answer
}
