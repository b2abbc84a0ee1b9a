//! The C interface of poll(2), ppoll(2), epoll(7), eventfd(2) and kqueue(2), declared per target.
//!
//! Structs, constants and functions by their C names, one module a C header, and nothing on top: no
//! ownership, no errors, no time. For those there is the crate `iomux`, a safe slot table over poll(2)
//! and ppoll(2), and on it `iomux-backend`, which multiplexes over all three mechanisms.
//!
//! | module | C header | where |
//! |---|---|---|
//! | [`poll`] | `<poll.h>` | everywhere |
//! | [`signal`], [`time`], [`errno`], [`unistd`], [`fcntl`] | the same | everywhere |
//! | `epoll` | `<sys/epoll.h>` | Linux, Android, illumos, Redox |
//! | `epoll_pwait2` | none: called by its number | the same; only Linux has the call |
//! | `epoll_params` | `<sys/epoll.h>` | Linux |
//! | [`prctl`] | `<sys/prctl.h>` | Linux, Android; nothing elsewhere |
//! | `eventfd` | `<sys/eventfd.h>` | Linux, Android, FreeBSD, NetBSD, illumos |
//! | `kqueue` | `<sys/event.h>` | Apple, FreeBSD, NetBSD, OpenBSD, DragonFly; Linux with libkqueue and `--cfg iomux_libkqueue` |
//!
//! Targets: Linux (every C library and processor), Android, Apple, FreeBSD, NetBSD, OpenBSD, DragonFly,
//! illumos, Solaris, AIX, Haiku, Hurd, Redox, Cygwin, QNX. Any other does not compile, and says what to
//! add.
//!
//! # Example
//! ```
//! use iomux_sys::poll::{POLLIN, POLLOUT, poll, pollfd};
//! use std::os::{fd::AsRawFd, unix::net::UnixStream};
//!
//! let (socket, _peer) = UnixStream::pair()?;
//! let mut fds = [pollfd { fd: socket.as_raw_fd(), events: POLLIN | POLLOUT, revents: 0 }];
//! // SAFETY: `fds` is an array of one entry, and this thread's own.
//! assert_eq!(unsafe { poll(fds.as_mut_ptr(), 1, 0) }, 1);
//! assert_eq!(fds[0].revents, POLLOUT);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # What is whose
//! Structs and constants are this crate's, and every one that libc has too is compared with libc's when
//! the crate is compiled, for the target it is compiled for. Functions come through libc, which knows
//! each system's symbols (32-bit time, symbol versions), but for epoll_pwait2(2), which `epoll_pwait2`
//! calls by its number, and a few that libc does not declare. Of libc's types only `timespec` and
//! `sigset_t` are part of this interface: a new major version of libc is one of iomux-sys.
//!
//! # Platform notes
//! - ppoll(2) is [`poll::PPOLL`], an `Option`: Apple, AIX, QNX and Redox have none. On NetBSD it is
//!   pollts(2), which is older.
//! - The bit for a peer that has closed its writing half is [`poll::RDHUP`], an `Option`: Linux,
//!   Android, FreeBSD and illumos have one.
//! - The numbers differ: by system, and on Linux by processor. QNX's `POLLIN` is two bits, and AIX's
//!   `POLLNVAL` is negative.
//! - libc disagrees with the system's header on m68k (`POLLWRNORM`, `POLLWRBAND`); here is the header's.
//! - libc's `kevent` on NetBSD is the one of NetBSD 6 to 10, which later ones keep.
//!
//! # Manuals
//! poll: [POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/poll.html),
//! [Linux](https://man7.org/linux/man-pages/man2/poll.2.html),
//! [FreeBSD](https://man.freebsd.org/cgi/man.cgi?query=poll&sektion=2),
//! [NetBSD](https://man.netbsd.org/poll.2),
//! [OpenBSD](https://man.openbsd.org/poll.2),
//! [DragonFly](https://man.dragonflybsd.org/?command=poll&section=2),
//! [illumos](https://illumos.org/man/2/poll).
//! epoll: [Linux](https://man7.org/linux/man-pages/man7/epoll.7.html),
//! [illumos](https://illumos.org/man/7/epoll).
//! kqueue: [FreeBSD](https://man.freebsd.org/cgi/man.cgi?query=kqueue&sektion=2),
//! [NetBSD](https://man.netbsd.org/kqueue.2),
//! [OpenBSD](https://man.openbsd.org/kqueue.2),
//! [DragonFly](https://man.dragonflybsd.org/?command=kqueue&section=2).
#![no_std]
// C's names are kept as C writes them.
#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals)]
// rustc 1.85 does not know the name `cygwin`. A misspelt one in the table below ends in its last row.
#![allow(unexpected_cfgs)]

#[macro_use]
mod table;
#[macro_use]
mod pollfd;

pub mod errno;
pub mod fcntl;
pub mod signal;
pub mod time;
pub mod unistd;

pub use table::{Constant, Field, Header, Struct};

// What one mechanism of two systems adds, and all others lack.
cfg_if::cfg_if! {
    if #[cfg(any(target_os = "linux", target_os = "android"))] {
        #[path = "prctl/linux.rs"]
        pub mod prctl;
    } else {
        #[path = "prctl/none.rs"]
        pub mod prctl;
    }
}

// The target table: which system gets which file. Nothing else in this crate names a system.
cfg_if::cfg_if! {
    if #[cfg(target_os = "linux")] {
        #[path = "poll/linux.rs"]
        pub mod poll;
        #[path = "ppoll/libc.rs"]
        mod ppoll;
        #[path = "signal/functions.rs"]
        mod signal_own;
        #[macro_use]
        mod epoll_call;
        #[path = "epoll/linux.rs"]
        pub mod epoll;
        #[path = "epoll/pwait2.rs"]
        pub mod epoll_pwait2;
        #[path = "epoll/params.rs"]
        pub mod epoll_params;
        #[path = "eventfd/linux.rs"]
        pub mod eventfd;
        // A library's header, not the system's: not among the headers that are compared.
        #[cfg(iomux_libkqueue)]
        #[path = "kqueue/libkqueue.rs"]
        pub mod kqueue;
        headers!(poll, epoll, epoll_pwait2, epoll_params, eventfd, prctl);
    } else if #[cfg(target_os = "android")] {
        #[path = "poll/android.rs"]
        pub mod poll;
        #[path = "ppoll/libc.rs"]
        mod ppoll;
        #[path = "signal/functions.rs"]
        mod signal_own;
        #[macro_use]
        mod epoll_call;
        #[path = "epoll/linux.rs"]
        pub mod epoll;
        #[path = "epoll/no_pwait2.rs"]
        pub mod epoll_pwait2;
        #[path = "eventfd/linux.rs"]
        pub mod eventfd;
        headers!(poll, epoll, eventfd, prctl);
    } else if #[cfg(target_vendor = "apple")] {
        #[path = "poll/apple.rs"]
        pub mod poll;
        #[path = "ppoll/none.rs"]
        mod ppoll;
        #[path = "signal/none.rs"]
        mod signal_own;
        #[macro_use]
        mod kevent;
        #[path = "kqueue/apple.rs"]
        pub mod kqueue;
        headers!(poll, kqueue);
    } else if #[cfg(target_os = "freebsd")] {
        #[path = "poll/freebsd.rs"]
        pub mod poll;
        #[path = "ppoll/libc.rs"]
        mod ppoll;
        #[path = "signal/freebsd.rs"]
        mod signal_own;
        #[macro_use]
        mod kevent;
        #[path = "kqueue/freebsd.rs"]
        pub mod kqueue;
        #[path = "eventfd/freebsd.rs"]
        pub mod eventfd;
        headers!(poll, kqueue, eventfd);
    } else if #[cfg(target_os = "netbsd")] {
        #[path = "poll/netbsd.rs"]
        pub mod poll;
        #[path = "ppoll/pollts.rs"]
        mod ppoll;
        #[path = "signal/netbsd.rs"]
        mod signal_own;
        #[macro_use]
        mod kevent;
        #[path = "kqueue/netbsd.rs"]
        pub mod kqueue;
        #[path = "eventfd/netbsd.rs"]
        pub mod eventfd;
        headers!(poll, kqueue, eventfd);
    } else if #[cfg(target_os = "openbsd")] {
        #[path = "poll/openbsd.rs"]
        pub mod poll;
        #[path = "ppoll/libc.rs"]
        mod ppoll;
        #[path = "signal/none.rs"]
        mod signal_own;
        #[macro_use]
        mod kevent;
        #[path = "kqueue/openbsd.rs"]
        pub mod kqueue;
        headers!(poll, kqueue);
    } else if #[cfg(target_os = "dragonfly")] {
        #[path = "poll/dragonfly.rs"]
        pub mod poll;
        #[path = "ppoll/libc.rs"]
        mod ppoll;
        #[path = "signal/none.rs"]
        mod signal_own;
        #[macro_use]
        mod kevent;
        #[path = "kqueue/dragonfly.rs"]
        pub mod kqueue;
        headers!(poll, kqueue);
    } else if #[cfg(target_os = "illumos")] {
        #[path = "poll/illumos.rs"]
        pub mod poll;
        #[path = "ppoll/undeclared.rs"]
        mod ppoll;
        #[path = "signal/functions.rs"]
        mod signal_own;
        #[macro_use]
        mod epoll_call;
        #[path = "epoll/illumos.rs"]
        pub mod epoll;
        #[path = "epoll/no_pwait2.rs"]
        pub mod epoll_pwait2;
        #[path = "eventfd/illumos.rs"]
        pub mod eventfd;
        headers!(poll, epoll, eventfd);
    } else if #[cfg(target_os = "solaris")] {
        #[path = "poll/solaris.rs"]
        pub mod poll;
        #[path = "ppoll/undeclared.rs"]
        mod ppoll;
        #[path = "signal/functions.rs"]
        mod signal_own;
        headers!(poll);
    } else if #[cfg(target_os = "aix")] {
        #[path = "poll/aix.rs"]
        pub mod poll;
        #[path = "ppoll/none.rs"]
        mod ppoll;
        #[path = "signal/constants.rs"]
        mod signal_own;
        headers!(poll);
    } else if #[cfg(target_os = "haiku")] {
        #[path = "poll/haiku.rs"]
        pub mod poll;
        #[path = "ppoll/libc.rs"]
        mod ppoll;
        #[path = "signal/haiku.rs"]
        mod signal_own;
        headers!(poll);
    } else if #[cfg(target_os = "hurd")] {
        #[path = "poll/hurd.rs"]
        pub mod poll;
        #[path = "ppoll/libc.rs"]
        mod ppoll;
        #[path = "signal/functions.rs"]
        mod signal_own;
        headers!(poll);
    } else if #[cfg(target_os = "redox")] {
        #[path = "poll/redox.rs"]
        pub mod poll;
        #[path = "ppoll/none.rs"]
        mod ppoll;
        #[path = "signal/redox.rs"]
        mod signal_own;
        #[macro_use]
        mod epoll_call;
        #[path = "epoll/redox.rs"]
        pub mod epoll;
        #[path = "epoll/no_pwait2.rs"]
        pub mod epoll_pwait2;
        headers!(poll, epoll);
    } else if #[cfg(target_os = "cygwin")] {
        #[path = "poll/cygwin.rs"]
        pub mod poll;
        #[path = "ppoll/libc.rs"]
        mod ppoll;
        #[path = "signal/cygwin.rs"]
        mod signal_own;
        headers!(poll);
    } else if #[cfg(target_os = "nto")] {
        #[path = "poll/qnx.rs"]
        pub mod poll;
        #[path = "ppoll/none.rs"]
        mod ppoll;
        #[path = "signal/qnx.rs"]
        mod signal_own;
        headers!(poll);
    } else {
        compile_error!(
            "iomux-sys does not know this target. To add it: \
             (1) write iomux-sys/src/poll/<system>.rs, its <poll.h>: nfds_t, the POLL* constants, RDHUP; \
             poll/haiku.rs is the shortest to start from. \
             (2) add a row to the target table in iomux-sys/src/lib.rs: that file as `poll`, one of ppoll/ \
             as `ppoll` (libc.rs where libc has ppoll, else none.rs), one of signal/ as `signal_own` \
             (none.rs where it has no real-time signals), epoll or kqueue if it has them. \
             (3) run `cargo check -p iomux-sys --target <target>`: each constant and struct is compared \
             with libc's, and a wrong one does not compile."
        );
    }
}
