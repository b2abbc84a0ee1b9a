//! The C interface of poll(2), ppoll(2), epoll(7), eventfd(2) and kqueue(2), declared for each platform.
//!
//! Each module declares the structs, constants and functions of one C header, under their C names. The crate has no
//! owned fds, no error types and no conversions of time. `iomux` adds these for poll(2) and ppoll(2), as a safe table
//! of slots. `iomux-backend` multiplexes with all three mechanisms.
//!
//! | module | C header | platforms |
//! |---|---|---|
//! | [`poll`] | `<poll.h>` | all |
//! | [`signal`], [`time`], [`errno`], [`unistd`], [`fcntl`] | the header of that name | all |
//! | `epoll` | `<sys/epoll.h>` | Linux, Android, illumos, Redox |
//! | `epoll_params` | `<sys/epoll.h>` | Linux |
//! | [`prctl`] | `<sys/prctl.h>` | Linux, Android; its functions are `None` elsewhere |
//! | `eventfd` | `<sys/eventfd.h>` | Linux, Android, FreeBSD, NetBSD, illumos |
//! | `kqueue` | `<sys/event.h>` | Apple, FreeBSD, NetBSD, OpenBSD, DragonFly; Linux with libkqueue and `--cfg iomux_libkqueue` |
//!
//! The platforms are Linux (every C library and architecture), Android, Apple, FreeBSD, NetBSD, OpenBSD, DragonFly,
//! illumos, Solaris, AIX, Haiku, Hurd, Redox, Cygwin and QNX. On any other platform, the crate does not compile, and
//! the compiler's error lists what to add.
//!
//! # Relation to libc
//! This crate declares its own structs and constants. If libc has the same item, a compile-time assertion compares
//! the two for the target of the build.
//!
//! Functions come from libc, which knows the symbols of each platform (32-bit time, symbol versions). There are two
//! exceptions. `epoll` calls epoll_pwait2(2) by its system call number, and the crate declares a few functions that
//! libc lacks.
//!
//! The interface contains two structs of libc, `timespec` and `sigset_t`. So a new major version of libc requires a
//! new major version of iomux-sys.
//!
//! # Platform notes
//! - [`poll::PPOLL`] is ppoll(2). It is `None` on Apple, AIX, QNX and Redox. On NetBSD it is pollts(2), which is older
//!   than ppoll(2) there.
//! - `epoll::EPOLL_PWAIT2` is epoll_pwait2(2). It is `None` except on Linux.
//! - [`poll::RDHUP`] is the flag for a peer that has closed its writing half. It is `None` except on Linux, Android,
//!   FreeBSD and illumos.
//! - The values of constants differ between platforms, and on Linux between architectures. QNX's `POLLIN` consists of
//!   two bits, and AIX's `POLLNVAL` is negative.
//! - On m68k, libc's `POLLWRNORM` and `POLLWRBAND` differ from the C header. This crate has the values of the header.
//! - On NetBSD, `kevent` is the struct of NetBSD 6 to 10, as in libc. Later versions still support it.
//!
//! # Examples
//! ```
//! use iomux_sys::poll::{POLLIN, POLLOUT, poll, pollfd};
//! use std::os::{fd::AsRawFd, unix::net::UnixStream};
//!
//! let (socket, _peer) = UnixStream::pair()?;
//! let mut fds = [pollfd { fd: socket.as_raw_fd(), events: POLLIN | POLLOUT, revents: 0 }];
//! // SAFETY: `fds` has one entry, and nothing else uses it.
//! assert_eq!(unsafe { poll(fds.as_mut_ptr(), 1, 0) }, 1);
//! assert_eq!(fds[0].revents, POLLOUT);
//! # Ok::<(), std::io::Error>(())
//! ```
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
#![allow(non_camel_case_types, non_snake_case, non_upper_case_globals, reason = "items have their C names")]

#[macro_use]
mod table;
mod headers;

pub mod epoll;
pub mod epoll_params;
pub mod errno;
pub mod eventfd;
pub mod fcntl;
pub mod kqueue;
pub mod poll;
pub mod prctl;
pub mod signal;
pub mod time;
pub mod unistd;

pub use headers::HEADERS;
pub use table::{Constant, Field, Header, Struct};
