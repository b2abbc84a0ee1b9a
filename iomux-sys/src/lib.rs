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
//! | `epoll_params` | `<sys/epoll.h>` | Linux |
//! | [`prctl`] | `<sys/prctl.h>` | Linux, Android; nothing elsewhere |
//! | `eventfd` | `<sys/eventfd.h>` | Linux, Android, FreeBSD, NetBSD, illumos |
//! | `kqueue` | `<sys/event.h>` | Apple, FreeBSD, NetBSD, OpenBSD, DragonFly; Linux with libkqueue and `--cfg iomux_libkqueue` |
//!
//! Targets: Linux (every C library and processor), Android, Apple, FreeBSD, NetBSD, OpenBSD, DragonFly,
//! illumos, Solaris, AIX, Haiku, Hurd, Redox, Cygwin, QNX. On any other target, the compiler's error
//! says what to add.
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
//! each system's symbols (32-bit time, symbol versions), except epoll_pwait2(2), which `epoll`
//! calls by its number, and a few that libc does not declare. Of libc's types only `timespec` and
//! `sigset_t` are part of this interface: a new major version of libc is one of iomux-sys.
//!
//! # Platform notes
//! - ppoll(2) is [`poll::PPOLL`], an `Option`: Apple, AIX, QNX and Redox have none. On NetBSD it is
//!   pollts(2), which is older.
//! - epoll_pwait2(2) is `epoll::EPOLL_PWAIT2`, an `Option`: only Linux has it.
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
#![allow(
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    reason = "C's names are kept as C writes them"
)]

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
