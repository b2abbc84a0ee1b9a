//! The macro by which the file of a system declares its `<sys/epoll.h>`.

/// Declares the constants that every system's `<sys/epoll.h>` has, all of one value but `CLOEXEC`.
macro_rules! epoll_constants {
    (
        CLOEXEC $cloexec:expr;
        as in libc { $($as_in_libc:tt)* }
        not in libc { $($not_in_libc:tt)* }
    ) => {
        constants! {
            as in libc {
                /// `EPOLLIN`: there is data to read.
                EPOLLIN: u32 = 0x1;
                /// `EPOLLPRI`: there is something exceptional, such as out-of-band data on a TCP socket.
                EPOLLPRI: u32 = 0x2;
                /// `EPOLLOUT`: writing is possible without blocking.
                EPOLLOUT: u32 = 0x4;
                /// `EPOLLERR`: an error; reported whether asked or not.
                EPOLLERR: u32 = 0x8;
                /// `EPOLLHUP`: the other end is gone; reported whether asked or not.
                EPOLLHUP: u32 = 0x10;
                /// `EPOLLRDNORM`: normal data to read.
                EPOLLRDNORM: u32 = 0x40;
                /// `EPOLLRDBAND`: priority band data to read.
                EPOLLRDBAND: u32 = 0x80;
                /// `EPOLLWRNORM`: normal data may be written.
                EPOLLWRNORM: u32 = 0x100;
                /// `EPOLLWRBAND`: priority band data may be written.
                EPOLLWRBAND: u32 = 0x200;
                /// `EPOLLMSG`: ignored.
                EPOLLMSG: u32 = 0x400;
                /// `EPOLLRDHUP`: the peer has closed its writing half.
                EPOLLRDHUP: u32 = 0x2000;
                /// `EPOLLWAKEUP`: the system does not suspend while the event is handled.
                EPOLLWAKEUP: u32 = 1 << 29;
                /// `EPOLLONESHOT`: reported once, then disabled until `EPOLL_CTL_MOD`.
                EPOLLONESHOT: u32 = 1 << 30;
                /// `EPOLLET`: edge-triggered.
                EPOLLET: u32 = 1 << 31;
                /// `EPOLL_CTL_ADD`: watch an fd.
                EPOLL_CTL_ADD: c_int = 1;
                /// `EPOLL_CTL_DEL`: stop watching an fd.
                EPOLL_CTL_DEL: c_int = 2;
                /// `EPOLL_CTL_MOD`: change what is watched of an fd.
                EPOLL_CTL_MOD: c_int = 3;
                /// `EPOLL_CLOEXEC`: epoll_create1(2) sets close-on-exec.
                EPOLL_CLOEXEC: c_int = $cloexec;
                $($as_in_libc)*
            }
            not in libc { $($not_in_libc)* }
        }
    };
}
