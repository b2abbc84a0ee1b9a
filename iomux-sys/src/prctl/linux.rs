//! `<sys/prctl.h>` of Linux and Android: the timer slack of a thread, which each of its waits may be late by.

use core::ffi::{c_int, c_ulong};

constants! {
    as in libc {
        /// `PR_SET_TIMERSLACK`: sets the calling thread's timer slack, in ns; 0 is its default.
        PR_SET_TIMERSLACK: c_int = 29;
        /// `PR_GET_TIMERSLACK`: the calling thread's timer slack, in ns.
        PR_GET_TIMERSLACK: c_int = 30;
    }
    not in libc {}
}

pub(crate) const HEADER: crate::table::Header =
    crate::table::Header { includes: &["sys/prctl.h"], guard: None, constants: CONSTANTS, structs: &[] };

/// prctl(2) with `PR_GET_TIMERSLACK`, where the system has it.
pub const GET_TIMERSLACK: Option<unsafe fn() -> c_int> = Some(get_timerslack);

/// prctl(2) with `PR_SET_TIMERSLACK`, where the system has it.
pub const SET_TIMERSLACK: Option<unsafe fn(c_ulong) -> c_int> = Some(set_timerslack);

/// prctl(2) with `PR_GET_TIMERSLACK`.
///
/// # Safety
/// None to keep: it takes and returns numbers.
unsafe fn get_timerslack() -> c_int {
    // SAFETY: this option takes no more.
    unsafe { libc::prctl(PR_GET_TIMERSLACK) }
}

/// prctl(2) with `PR_SET_TIMERSLACK`.
///
/// # Safety
/// None to keep: it takes and returns numbers.
unsafe fn set_timerslack(ns: c_ulong) -> c_int {
    // SAFETY: this option takes one number more.
    unsafe { libc::prctl(PR_SET_TIMERSLACK, ns) }
}
