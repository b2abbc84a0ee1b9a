//! The busy-poll parameters of an epoll, since Linux 6.9: two ioctls and their struct.
#![cfg(target_os = "linux")]

use core::ffi::{c_int, c_uint};

/// `struct epoll_params`: how an epoll busy-polls the network.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct epoll_params {
    /// How long to busy-poll, in µs; 0 is not at all.
    pub busy_poll_usecs: u32,
    /// How many packets to take in one go.
    pub busy_poll_budget: u16,
    /// Whether to prefer busy-polling to interrupts: 0 or 1.
    pub prefer_busy_poll: u8,
    /// Must be 0.
    pub __pad: u8,
}
layout_as_in_libc!(EPOLL_PARAMS: epoll_params {
    busy_poll_usecs, busy_poll_budget, prefer_busy_poll, __pad
});

/// The processors whose ioctl numbers have three bits of direction, not two.
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
/// The struct's size, and the letter that is epoll's.
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

/// ioctl(2) with `EPIOCSPARAMS` or `EPIOCGPARAMS`: C libraries differ in the type of the request.
///
/// # Safety
/// `params` points to parameters that nothing else uses during the call.
#[inline]
pub unsafe fn epoll_ioctl(epfd: c_int, request: c_uint, params: *mut epoll_params) -> c_int {
    // The same 32 bits, as `unsigned long` or as `int`.
    let request = request as _;
    // SAFETY: the caller guarantees the struct; an fd that is no epoll answers ENOTTY.
    unsafe { libc::ioctl(epfd, request, params) }
}
