//! The macro with which the file of a platform declares its `<sys/epoll.h>`.

/// Declares the constants that every `<sys/epoll.h>` has. Only the value of `CLOEXEC` differs.
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
                /// `EPOLLPRI`: there is an exceptional condition, such as out-of-band data on a TCP socket.
                EPOLLPRI: u32 = 0x2;
                /// `EPOLLOUT`: writing would not block.
                EPOLLOUT: u32 = 0x4;
                /// `EPOLLERR`: there is an error; reported whatever the interest.
                EPOLLERR: u32 = 0x8;
                /// `EPOLLHUP`: the peer has hung up; reported whatever the interest.
                EPOLLHUP: u32 = 0x10;
                /// `EPOLLRDNORM`: there is normal data to read.
                EPOLLRDNORM: u32 = 0x40;
                /// `EPOLLRDBAND`: there is data of a priority band to read.
                EPOLLRDBAND: u32 = 0x80;
                /// `EPOLLWRNORM`: normal data may be written.
                EPOLLWRNORM: u32 = 0x100;
                /// `EPOLLWRBAND`: data of a priority band may be written.
                EPOLLWRBAND: u32 = 0x200;
                /// `EPOLLMSG`: ignored.
                EPOLLMSG: u32 = 0x400;
                /// `EPOLLRDHUP`: the peer has closed its writing half.
                EPOLLRDHUP: u32 = 0x2000;
                /// `EPOLLWAKEUP`: the machine does not suspend while the event is handled.
                EPOLLWAKEUP: u32 = 1 << 29;
                /// `EPOLLONESHOT`: the fd is disabled after an event, until `EPOLL_CTL_MOD`.
                EPOLLONESHOT: u32 = 1 << 30;
                /// `EPOLLET`: edge-triggered.
                EPOLLET: u32 = 1 << 31;
                /// `EPOLL_CTL_ADD`: registers an fd.
                EPOLL_CTL_ADD: c_int = 1;
                /// `EPOLL_CTL_DEL`: deregisters an fd.
                EPOLL_CTL_DEL: c_int = 2;
                /// `EPOLL_CTL_MOD`: changes the registration of an fd.
                EPOLL_CTL_MOD: c_int = 3;
                /// `EPOLL_CLOEXEC`: epoll_create1(2) sets close-on-exec.
                EPOLL_CLOEXEC: c_int = $cloexec;
                $($as_in_libc)*
            }
            not in libc { $($not_in_libc)* }
        }
    };
}
