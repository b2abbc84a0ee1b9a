//! `<poll.h>` of Redox: poll(2), and no ppoll(2).

use super::PpollFn;
use core::ffi::{c_short, c_ulong};

/// `nfds_t`, the number of entries: `unsigned long`.
pub type nfds_t = c_ulong;
/// The largest number of entries that poll(2) accepts, because it returns an `int`.
pub const MAX_NFDS: usize = i32::MAX as usize;

poll_constants! {
    IN 0x1, PRI 0x2, OUT 0x4, ERR 0x8, HUP 0x10, NVAL 0x20, RDNORM 0x40, RDBAND 0x80,
    WRNORM 0x100, WRBAND 0x200;
    as in libc {}
    not in libc {}
}

/// `None`: poll(2) has no `POLLRDHUP` on this platform.
pub const RDHUP: Option<c_short> = None;

/// `None`: this platform has no ppoll(2).
pub const PPOLL: Option<PpollFn> = None;
