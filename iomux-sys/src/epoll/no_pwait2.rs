//! No epoll_pwait2(2): illumos and Redox have none, and Android kills the process that calls it.

pub use crate::epoll_call::{__kernel_timespec, EpollPwait2Fn};

/// There is no epoll_pwait2(2) here.
pub const EPOLL_PWAIT2: Option<EpollPwait2Fn> = None;
