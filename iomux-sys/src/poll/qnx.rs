//! `<poll.h>` of QNX: poll(2), and no ppoll(2).

use super::PpollFn;
use core::ffi::{c_short, c_uint};

/// `nfds_t`, the number of entries: `unsigned int`.
pub type nfds_t = c_uint;
/// The largest number of entries that poll(2) accepts, because it returns an `int`.
pub const MAX_NFDS: usize = i32::MAX as usize;

poll_constants! {
    // POLLIN consists of two bits, POLLRDNORM and POLLRDBAND. Either bit means that the fd is readable.
    IN 0x5, PRI 0x8, OUT 0x2, ERR 0x20, HUP 0x40, NVAL 0x1000, RDNORM 0x1, RDBAND 0x4,
    WRNORM 0x2, WRBAND 0x10;
    as in libc {}
    not in libc {}
}

/// `None`: poll(2) has no `POLLRDHUP` on this platform.
pub const RDHUP: Option<c_short> = None;

/// `None`: this platform has no ppoll(2).
pub const PPOLL: Option<PpollFn> = None;
