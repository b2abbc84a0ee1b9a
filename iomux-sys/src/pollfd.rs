//! What `<poll.h>` has alike on every system: the struct, the call, and the names of the events.

use crate::poll::nfds_t;
use crate::signal::sigset_t;
use crate::time::timespec;
use core::ffi::{c_int, c_short};

/// `struct pollfd`: one entry of the array given to poll(2).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct pollfd {
    /// The fd to ask about; a negative one is ignored, and its `revents` become 0.
    pub fd: c_int,
    /// What is asked: a union of `POLL*`.
    pub events: c_short,
    /// What was reported: a union of `POLL*`, written by the kernel.
    pub revents: c_short,
}
layout_as_in_libc!(POLLFD: pollfd { fd, events, revents });

/// poll(2): waits until one of `nfds` entries is ready, or for `timeout` ms; negative is for ever.
///
/// # Safety
/// `fds` points to `nfds` entries that nobody else uses during the call.
#[inline]
pub unsafe fn poll(fds: *mut pollfd, nfds: nfds_t, timeout: c_int) -> c_int {
    // SAFETY: the caller guarantees the array; the layout is libc's, asserted above.
    unsafe { libc::poll(fds.cast(), nfds, timeout) }
}

/// The type of ppoll(2): a null timeout is for ever, a null mask leaves the signal mask as it is.
pub type PpollFn =
    unsafe fn(fds: *mut pollfd, nfds: nfds_t, timeout: *const timespec, mask: *const sigset_t) -> c_int;

/// Declares the ten events that every system has, by the values of this one, and its own beside them.
macro_rules! poll_constants {
    (
        IN $in:expr, PRI $pri:expr, OUT $out:expr, ERR $err:expr, HUP $hup:expr, NVAL $nval:expr,
        RDNORM $rdnorm:expr, RDBAND $rdband:expr,
        WRNORM $wrnorm:expr, WRBAND $wrband:expr $(, unless $wrong_in_libc:expr)?;
        as in libc { $($as_in_libc:tt)* }
        not in libc { $($not_in_libc:tt)* }
    ) => {
        constants! {
            as in libc {
                /// `POLLIN`: there is data to read.
                POLLIN: c_short = $in;
                /// `POLLPRI`: there is something exceptional, such as out-of-band data on a TCP socket.
                POLLPRI: c_short = $pri;
                /// `POLLOUT`: writing is possible without blocking.
                POLLOUT: c_short = $out;
                /// `POLLERR`: an error; only ever reported.
                POLLERR: c_short = $err;
                /// `POLLHUP`: the other end is gone; only ever reported.
                POLLHUP: c_short = $hup;
                /// `POLLNVAL`: the fd is not open; only ever reported.
                POLLNVAL: c_short = $nval;
                /// `POLLRDNORM`: normal data to read.
                POLLRDNORM: c_short = $rdnorm;
                /// `POLLRDBAND`: priority band data to read.
                POLLRDBAND: c_short = $rdband;
                /// `POLLWRNORM`: normal data may be written.
                POLLWRNORM: c_short = $wrnorm $(, unless $wrong_in_libc)?;
                /// `POLLWRBAND`: priority band data may be written.
                POLLWRBAND: c_short = $wrband $(, unless $wrong_in_libc)?;
                $($as_in_libc)*
            }
            not in libc { $($not_in_libc)* }
        }
        #[doc(hidden)]
        pub const HEADER: crate::table::Header = crate::table::Header {
            includes: &["poll.h"],
            guard: None,
            constants: CONSTANTS,
            structs: &[POLLFD],
        };
    };
}
