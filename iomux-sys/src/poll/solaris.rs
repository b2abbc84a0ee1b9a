//! `<poll.h>` of Solaris: poll(2), ppoll(2).

use core::ffi::{c_short, c_ulong};

/// `nfds_t`, the number of entries: `unsigned long`.
pub type nfds_t = c_ulong;
/// The largest number of entries that poll(2) accepts, because it returns an `int`.
pub const MAX_NFDS: usize = i32::MAX as usize;

poll_constants! {
    IN 0x1, PRI 0x2, OUT 0x4, ERR 0x8, HUP 0x10, NVAL 0x20, RDNORM 0x40, RDBAND 0x80,
    WRNORM 0x4, WRBAND 0x100;
    as in libc {
        /// `POLLNORM`: `POLLRDNORM` under another name.
        POLLNORM: c_short = 0x40;
    }
    not in libc {
        /// `POLLREMOVE`: removes an fd from a `/dev/poll` set.
        POLLREMOVE: c_short = 0x800;
    }
}

/// `None`: poll(2) has no `POLLRDHUP` on this platform.
pub const RDHUP: Option<c_short> = None;

ppoll!(ppoll, super::undeclared::ppoll);
