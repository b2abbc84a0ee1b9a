//! `<poll.h>` of Android: Linux's, with a narrower `nfds_t`.

use core::ffi::{c_short, c_uint};

/// `nfds_t`, the number of entries: `unsigned int`.
pub type nfds_t = c_uint;
/// The largest number of entries that poll(2) accepts, because it returns an `int`.
pub const MAX_NFDS: usize = i32::MAX as usize;

poll_constants! {
    IN 0x1, PRI 0x2, OUT 0x4, ERR 0x8, HUP 0x10, NVAL 0x20, RDNORM 0x40, RDBAND 0x80,
    WRNORM 0x100, WRBAND 0x200;
    as in libc {
        /// `POLLRDHUP`: the peer has closed its writing half.
        POLLRDHUP: c_short = 0x2000;
    }
    not in libc {
        /// `POLLMSG`: no kind of file reports it.
        POLLMSG: c_short = 0x400;
        /// `POLLREMOVE`: no kind of file reports it.
        POLLREMOVE: c_short = 0x1000;
    }
}

/// [`POLLRDHUP`], where poll(2) has it.
pub const RDHUP: Option<c_short> = Some(POLLRDHUP);

ppoll!(ppoll, libc::ppoll);
