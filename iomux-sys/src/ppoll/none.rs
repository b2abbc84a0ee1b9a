//! No ppoll(2): Apple, AIX, QNX, and Redox as far as libc knows.

use crate::poll::PpollFn;

/// There is no ppoll(2) here.
pub const PPOLL: Option<PpollFn> = None;
