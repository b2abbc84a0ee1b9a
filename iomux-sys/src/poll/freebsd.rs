//! `<poll.h>` of FreeBSD: poll(2), ppoll(2).

use core::ffi::{c_int, c_short, c_uint};

/// `nfds_t`, the number of entries: `unsigned int`.
pub type nfds_t = c_uint;
/// The largest number of entries that poll(2) accepts, because it returns an `int`.
pub const MAX_NFDS: usize = i32::MAX as usize;

poll_constants! {
    IN 0x1, PRI 0x2, OUT 0x4, ERR 0x8, HUP 0x10, NVAL 0x20, RDNORM 0x40, RDBAND 0x80,
    WRNORM 0x4, WRBAND 0x100;
    as in libc {
        /// `POLLINIGNEOF`: as `POLLIN`, except at the end of file.
        POLLINIGNEOF: c_short = 0x2000;
        /// `POLLRDHUP`: the peer has closed its writing half. FreeBSD 13.0 and earlier lack it.
        POLLRDHUP: c_short = 0x4000;
        /// `POLLSTANDARD`: all flags of POSIX.
        POLLSTANDARD: c_short = 0x1ff;
    }
    not in libc {
        /// `INFTIM`: an infinite timeout.
        INFTIM: c_int = -1;
    }
}

/// [`POLLRDHUP`], where poll(2) has it.
pub const RDHUP: Option<c_short> = Some(POLLRDHUP);

ppoll!(ppoll, libc::ppoll);
