//! `<poll.h>` of AIX: poll(2), and no ppoll(2).

use super::PpollFn;
use core::ffi::{c_short, c_uint};

/// `nfds_t`, the number of entries: `unsigned int`.
pub type nfds_t = c_uint;
/// The largest number of entries that poll(2) accepts. AIX counts message queues in the upper half of `nfds`.
pub const MAX_NFDS: usize = 0xffff;

poll_constants! {
    IN 0x1, PRI 0x4, OUT 0x2, ERR 0x4000, HUP 0x2000, NVAL -0x8000, RDNORM 0x10, RDBAND 0x20,
    WRNORM 0x2, WRBAND 0x40;
    as in libc {
        /// `POLLSYNC`: poll(2) does not wait. It is the same bit as `POLLNVAL`.
        POLLSYNC: c_short = -0x8000;
        /// `POLLMSG`: for message queues.
        POLLMSG: c_short = 0x80;
        /// `POLLNORM`: `POLLIN` under another name.
        POLLNORM: c_short = 0x1;
    }
    not in libc {}
}

/// `None`: poll(2) has no `POLLRDHUP` on this platform.
pub const RDHUP: Option<c_short> = None;

/// `None`: this platform has no ppoll(2).
pub const PPOLL: Option<PpollFn> = None;
