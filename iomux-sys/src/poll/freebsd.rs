//! `<poll.h>` of FreeBSD: poll(2), ppoll(2).

use core::ffi::{c_int, c_short, c_uint};

/// `nfds_t`, the number of entries: `unsigned int`.
pub type nfds_t = c_uint;
/// The most entries that poll(2) takes: its answer is an `int`.
pub const MAX_NFDS: usize = i32::MAX as usize;

poll_constants! {
    IN 0x1, PRI 0x2, OUT 0x4, ERR 0x8, HUP 0x10, NVAL 0x20, RDNORM 0x40, RDBAND 0x80,
    WRNORM 0x4, WRBAND 0x100;
    as in libc {
        /// `POLLINIGNEOF`: as `POLLIN`, but the end of the file is not ready.
        POLLINIGNEOF: c_short = 0x2000;
        /// `POLLRDHUP`: the peer has closed its writing half; not in FreeBSD 13.0 and earlier.
        POLLRDHUP: c_short = 0x4000;
        /// `POLLSTANDARD`: all that POSIX knows.
        POLLSTANDARD: c_short = 0x1ff;
    }
    not in libc {
        /// `INFTIM`: the timeout that is for ever.
        INFTIM: c_int = -1;
    }
}

/// The bit for "the peer has closed its writing half", where poll(2) has one.
pub const RDHUP: Option<c_short> = Some(POLLRDHUP);

ppoll!(ppoll, libc::ppoll);
