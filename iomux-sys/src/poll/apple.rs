//! `<poll.h>` of Apple: poll(2), and no ppoll(2).

use super::PpollFn;
use core::ffi::{c_short, c_uint};

/// `nfds_t`, the number of entries: `unsigned int`.
pub type nfds_t = c_uint;
/// The largest number of entries that poll(2) accepts, because it returns an `int`.
pub const MAX_NFDS: usize = i32::MAX as usize;

poll_constants! {
    IN 0x1, PRI 0x2, OUT 0x4, ERR 0x8, HUP 0x10, NVAL 0x20, RDNORM 0x40, RDBAND 0x80,
    WRNORM 0x4, WRBAND 0x100;
    as in libc {}
    not in libc {
        /// `POLLEXTEND`: the file may have grown.
        POLLEXTEND: c_short = 0x200;
        /// `POLLATTRIB`: the attributes of the file may have changed.
        POLLATTRIB: c_short = 0x400;
        /// `POLLNLINK`: the file may have been linked, unlinked or renamed.
        POLLNLINK: c_short = 0x800;
        /// `POLLWRITE`: the contents of the file may have changed.
        POLLWRITE: c_short = 0x1000;
        /// `POLLSTANDARD`: all flags of POSIX.
        POLLSTANDARD: c_short = 0x1ff;
    }
}

/// `None`: poll(2) has no `POLLRDHUP` on this platform.
pub const RDHUP: Option<c_short> = None;

/// `None`: this platform has no ppoll(2).
pub const PPOLL: Option<PpollFn> = None;
