//! `<sys/epoll.h>` of Redox: epoll(7).

use core::ffi::c_int;

/// `struct epoll_event`: the interest in an fd, or its readiness.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct epoll_event {
    /// A combination of `EPOLL*`.
    pub events: u32,
    /// A value of the caller, which the kernel returns unchanged. It is the largest member of C's union.
    pub data: u64,
    /// Padding, to the size of the kernel's event.
    pub _pad: u64,
}
layout_as_in_libc!(EPOLL_EVENT: epoll_event { events = events, data = u64, _pad = _pad });

epoll_constants! {
    CLOEXEC 0x100_0000;
    as in libc {
        /// `EPOLLEXCLUSIVE`: an event wakes one waiter instead of all; only for `EPOLL_CTL_ADD`.
        EPOLLEXCLUSIVE: u32 = 1 << 28;
        /// `EPOLLNVAL`: never reported, because epoll removes a closed fd.
        EPOLLNVAL: u32 = 0x20;
    }
    not in libc {}
}
