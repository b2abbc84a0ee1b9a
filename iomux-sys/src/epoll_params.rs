//! The busy-poll parameters of an epoll instance, since Linux 6.9: two ioctls and their struct.
#![cfg(target_os = "linux")]

use core::ffi::{c_int, c_uint};

/// `struct epoll_params`: the busy-poll parameters of an epoll instance.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct epoll_params {
    /// The time to busy-poll, in µs; 0 disables it.
    pub busy_poll_usecs: u32,
    /// The number of packets to process per busy-poll.
    pub busy_poll_budget: u16,
    /// Whether busy-polling is preferred to interrupts: 0 or 1.
    pub prefer_busy_poll: u8,
    /// Must be 0.
    pub __pad: u8,
}
layout_as_in_libc!(EPOLL_PARAMS: epoll_params {
    busy_poll_usecs, busy_poll_budget, prefer_busy_poll, __pad
});

/// Whether the direction has three bits, not two, in the ioctl numbers of this architecture.
const THREE_BITS: bool = cfg!(any(
    target_arch = "mips",
    target_arch = "mips32r6",
    target_arch = "mips64",
    target_arch = "mips64r6",
    target_arch = "powerpc",
    target_arch = "powerpc64",
    target_arch = "sparc",
    target_arch = "sparc64",
));
const WRITE: c_uint = if THREE_BITS { 4 << 29 } else { 1 << 30 };
const READ: c_uint = if THREE_BITS { 2 << 29 } else { 2 << 30 };
/// The size of the struct, and the type of epoll's ioctls.
const SIZE_AND_TYPE: c_uint = 8 << 16 | 0x8a << 8;

constants! {
    as in libc {
        /// `EPIOCSPARAMS`: sets the parameters.
        EPIOCSPARAMS: c_uint = WRITE | SIZE_AND_TYPE | 1;
        /// `EPIOCGPARAMS`: gets the parameters.
        EPIOCGPARAMS: c_uint = READ | SIZE_AND_TYPE | 2;
    }
    not in libc {}
}

pub(crate) const HEADER: crate::table::Header = crate::table::Header {
    includes: &["sys/epoll.h"],
    guard: Some("EPIOCSPARAMS"),
    constants: CONSTANTS,
    structs: &[EPOLL_PARAMS],
};

/// Sets or returns the busy-poll parameters of an epoll instance, ioctl(2).
///
/// `request` is `EPIOCSPARAMS` or `EPIOCGPARAMS`. Its type in ioctl(2) differs between C libraries.
///
/// # Safety
/// `params` points to parameters that nothing else uses during the call.
#[inline]
pub unsafe fn epoll_ioctl(epfd: c_int, request: c_uint, params: *mut epoll_params) -> c_int {
    // The type is `unsigned long` or `int`, and the 32 bits stay the same.
    let request = request as _;
    // SAFETY: the caller guarantees the struct. On another kind of fd, the call fails with ENOTTY.
    unsafe { libc::ioctl(epfd, request, params) }
}
