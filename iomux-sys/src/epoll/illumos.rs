//! `<sys/epoll.h>` of illumos: epoll(7).

use core::ffi::c_int;

/// `struct epoll_event`: the interest in an fd, or its readiness.
///
/// On x86-64 it is packed to 4 bytes, so it has the layout of x86. Don't take a reference to a field.
#[cfg_attr(target_arch = "x86_64", repr(C, packed(4)))]
#[cfg_attr(not(target_arch = "x86_64"), repr(C))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct epoll_event {
    /// A combination of `EPOLL*`.
    pub events: u32,
    /// A value of the caller, which the kernel returns unchanged. It is the largest member of C's union.
    pub data: u64,
}
layout_as_in_libc!(EPOLL_EVENT: epoll_event { events = events, data = u64 });

epoll_constants! {
    CLOEXEC 0x8_0000;
    as in libc {
        /// `EPOLLEXCLUSIVE`: an event wakes one waiter instead of all; only for `EPOLL_CTL_ADD`.
        EPOLLEXCLUSIVE: u32 = 1 << 28;
    }
    not in libc {}
}
