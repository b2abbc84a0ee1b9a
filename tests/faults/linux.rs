//! The system calls that fail, and the errnos.

mod epoll;
mod filter;
mod multiplexers;
mod reactor;
mod signals;
mod slots;
mod wakers;

pub(crate) use filter::{Call, failing, fds, from_here_on, in_turn};

use crate::support::skip;
use iomux_backend::Events;

/// The numbers that the C library uses for a call.
macro_rules! calls {
    ($($name:ident: $($(#[$attribute:meta])* $number:ident),+;)+) => {
        $(pub(crate) const $name: Call = Call(&[$($(#[$attribute])* (libc::$number, None)),+]);)+
    };
}

calls! {
    POLL: #[cfg(target_arch = "x86_64")] SYS_poll, SYS_ppoll;
    PPOLL: SYS_ppoll;
    EPOLL_CREATE: SYS_epoll_create1;
    EPOLL_CTL: SYS_epoll_ctl;
    EPOLL_WAIT: #[cfg(target_arch = "x86_64")] SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2;
    EPOLL_PWAIT2: SYS_epoll_pwait2;
    EPOLL: #[cfg(target_arch = "x86_64")] SYS_epoll_wait, SYS_epoll_pwait, SYS_epoll_pwait2, SYS_epoll_ctl;
    EVENTFD: SYS_eventfd2;
    READ: SYS_read;
    WRITE: SYS_write;
    CLOSE: SYS_close;
    FCNTL: SYS_fcntl;
    IOCTL: SYS_ioctl;
    PRCTL: SYS_prctl;
    SIGPROCMASK: SYS_rt_sigprocmask;
}

/// One operation of epoll_ctl(2), by its second argument.
macro_rules! operations {
    ($($name:ident: $operation:ident;)+) => {
        $(pub(crate) const $name: Call = Call(&[(libc::SYS_epoll_ctl, Some((1, libc::$operation as u64)))]);)+
    };
}

operations! {
    ADD: EPOLL_CTL_ADD;
    MODIFY: EPOLL_CTL_MOD;
    DELETE: EPOLL_CTL_DEL;
}

/// The errnos of sandboxes, which the calls themselves never return.
pub(crate) const SANDBOX_ERRNOS: [i32; 3] = [libc::ENOSYS, libc::EPERM, libc::EOPNOTSUPP];

/// Returns `true` if poll(2) is a separate system call from ppoll(2). Otherwise prints a skip.
pub(crate) fn has_poll_without_ppoll() -> bool {
    let has_poll = cfg!(target_arch = "x86_64");
    if !has_poll {
        skip("faults without ppoll", "poll(3) is the system call ppoll on this processor");
    }
    has_poll
}

/// Returns the tokens of the events, in order.
pub(crate) fn tokens(events: &Events) -> Vec<usize> {
    let mut tokens: Vec<_> = events.iter().map(|event| event.token().0).collect();
    tokens.sort_unstable();
    tokens
}
