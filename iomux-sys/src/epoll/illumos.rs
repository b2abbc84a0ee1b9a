//! `<sys/epoll.h>` of illumos: epoll(7).

use core::ffi::c_int;

/// `struct epoll_event`: what to watch an fd for, and what was seen of it.
///
/// On x86-64 it is packed to 4 bytes, so that it is laid out as on x86: take no reference to a field.
#[cfg_attr(target_arch = "x86_64", repr(C, packed(4)))]
#[cfg_attr(not(target_arch = "x86_64"), repr(C))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct epoll_event {
    /// A union of `EPOLL*`.
    pub events: u32,
    /// The caller's own: C's union of a pointer, an `int` and two integers, as the widest of them.
    pub data: u64,
}
layout_as_in_libc!(EPOLL_EVENT: epoll_event { events = events, data = u64 });

epoll_constants! {
    CLOEXEC 0x8_0000;
    as in libc {
        /// `EPOLLEXCLUSIVE`: one waiter is woken, not all of them; only for `EPOLL_CTL_ADD`.
        EPOLLEXCLUSIVE: u32 = 1 << 28;
    }
    not in libc {}
}
