//! `<poll.h>` of QNX: poll(2), and no ppoll(2).

use super::PpollFn;
use core::ffi::{c_short, c_uint};

/// `nfds_t`, the number of entries: `unsigned int`.
pub type nfds_t = c_uint;
/// The most entries that poll(2) takes: its answer is an `int`.
pub const MAX_NFDS: usize = i32::MAX as usize;

poll_constants! {
    // POLLIN is two bits, POLLRDNORM and POLLRDBAND: one of them is enough to be readable.
    IN 0x5, PRI 0x8, OUT 0x2, ERR 0x20, HUP 0x40, NVAL 0x1000, RDNORM 0x1, RDBAND 0x4,
    WRNORM 0x2, WRBAND 0x10;
    as in libc {}
    not in libc {}
}

/// poll(2) has no bit here for "the peer has closed its writing half".
pub const RDHUP: Option<c_short> = None;

/// There is no ppoll(2) here.
pub const PPOLL: Option<PpollFn> = None;
