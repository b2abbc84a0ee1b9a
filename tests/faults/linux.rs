//! What is made to fail, and by whom.

mod epoll;
mod filter;
mod multiplexers;
mod reactor;
mod signals;
mod slots;
mod wakers;

pub(crate) use filter::{Call, failing, fds, in_turn};

use iomux_backend::Events;

/// The numbers by which the C library makes a call.
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

/// One kind of epoll_ctl(2) alone: its second argument.
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

/// The tokens that were reported, in order.
pub(crate) fn tokens(events: &Events) -> Vec<usize> {
    let mut tokens: Vec<_> = events.iter().map(|event| event.token().0).collect();
    tokens.sort_unstable();
    tokens
}
