//! `<sys/epoll.h>` of Linux and Android: epoll(7).

use core::ffi::c_int;

/// `struct epoll_event`: what to watch an fd for, and what was seen of it.
///
/// On x86-64 it is packed, so that it is laid out as on x86 (and glibc says so on both): take no
/// reference to a field.
#[cfg_attr(any(target_arch = "x86_64", all(target_arch = "x86", target_env = "gnu")), repr(C, packed))]
#[cfg_attr(not(any(target_arch = "x86_64", all(target_arch = "x86", target_env = "gnu"))), repr(C))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct epoll_event {
    /// A union of `EPOLL*`.
    pub events: u32,
    /// The caller's own: C's union of a pointer, an `int` and two integers, as the widest of them.
    pub data: u64,
}
layout_as_in_libc!(EPOLL_EVENT: epoll_event { events = events, data = u64 });

const SPARC: bool = cfg!(any(target_arch = "sparc", target_arch = "sparc64"));

epoll_constants! {
    CLOEXEC if SPARC { 0x40_0000 } else { 0x8_0000 };
    as in libc {
        /// `EPOLLEXCLUSIVE`: one waiter is woken, not all of them; only for `EPOLL_CTL_ADD`.
        EPOLLEXCLUSIVE: u32 = 1 << 28;
    }
    not in libc {
        /// `EPOLLNVAL`: never reported, since epoll forgets a closed fd.
        EPOLLNVAL: u32 = 0x20;
    }
}
