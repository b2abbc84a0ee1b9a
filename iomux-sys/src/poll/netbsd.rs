//! `<poll.h>` of NetBSD: poll(2), pollts(2).

use core::ffi::{c_int, c_short, c_uint};

/// `nfds_t`, the number of entries: `unsigned int`.
pub type nfds_t = c_uint;
/// The largest number of entries that poll(2) accepts, because it returns an `int`.
pub const MAX_NFDS: usize = i32::MAX as usize;

poll_constants! {
    IN 0x1, PRI 0x2, OUT 0x4, ERR 0x8, HUP 0x10, NVAL 0x20, RDNORM 0x40, RDBAND 0x80,
    WRNORM 0x4, WRBAND 0x100;
    as in libc {}
    not in libc {
        /// `INFTIM`: an infinite timeout.
        INFTIM: c_int = -1;
    }
}

/// `None`: poll(2) has no `POLLRDHUP` on this platform.
pub const RDHUP: Option<c_short> = None;

// NetBSD has pollts(2) since version 3, and ppoll(2) only since version 10.
ppoll!(pollts, libc::pollts);
