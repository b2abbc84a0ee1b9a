//! Platforms without a timer slack.

use core::ffi::{c_int, c_ulong};

/// `None`: this platform has no timer slack.
pub const GET_TIMERSLACK: Option<unsafe fn() -> c_int> = None;

/// `None`: this platform has no timer slack.
pub const SET_TIMERSLACK: Option<unsafe fn(c_ulong) -> c_int> = None;
