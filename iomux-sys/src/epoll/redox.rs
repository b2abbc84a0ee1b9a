//! `<sys/epoll.h>` of Redox: epoll(7).

use core::ffi::c_int;

/// `struct epoll_event`: what to watch an fd for, and what was seen of it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct epoll_event {
    /// A union of `EPOLL*`.
    pub events: u32,
    /// The caller's own: C's union of a pointer, an `int` and two integers, as the widest of them.
    pub data: u64,
    /// Makes it as large as the event of the system below.
    pub _pad: u64,
}
layout_as_in_libc!(EPOLL_EVENT: epoll_event { events = events, data = u64, _pad = _pad });

epoll_constants! {
    CLOEXEC 0x100_0000;
    as in libc {
        /// `EPOLLEXCLUSIVE`: one waiter is woken, not all of them; only for `EPOLL_CTL_ADD`.
        EPOLLEXCLUSIVE: u32 = 1 << 28;
        /// `EPOLLNVAL`: never reported, since epoll forgets a closed fd.
        EPOLLNVAL: u32 = 0x20;
    }
    not in libc {}
}
