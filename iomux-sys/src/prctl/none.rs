//! No timer slack that a thread could set.

use core::ffi::{c_int, c_ulong};

/// There is none here.
pub const GET_TIMERSLACK: Option<unsafe fn() -> c_int> = None;

/// There is none here.
pub const SET_TIMERSLACK: Option<unsafe fn(c_ulong) -> c_int> = None;
