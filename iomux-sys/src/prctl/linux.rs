//! `<sys/prctl.h>` of Linux and Android: the timer slack of a thread, by which the kernel may delay its timeouts.

use core::ffi::{c_int, c_ulong};

constants! {
    as in libc {
        /// `PR_SET_TIMERSLACK`: sets the calling thread's timer slack, in ns; 0 restores the default.
        PR_SET_TIMERSLACK: c_int = 29;
        /// `PR_GET_TIMERSLACK`: returns the calling thread's timer slack, in ns.
        PR_GET_TIMERSLACK: c_int = 30;
    }
    not in libc {}
}

pub(crate) const HEADER: crate::table::Header =
    crate::table::Header { includes: &["sys/prctl.h"], guard: None, constants: CONSTANTS, structs: &[] };

/// prctl(2) with `PR_GET_TIMERSLACK`, where the platform has it.
pub const GET_TIMERSLACK: Option<unsafe fn() -> c_int> = Some(get_timerslack);

/// prctl(2) with `PR_SET_TIMERSLACK`, where the platform has it.
pub const SET_TIMERSLACK: Option<unsafe fn(c_ulong) -> c_int> = Some(set_timerslack);

/// Returns the timer slack in ns, prctl(2) with `PR_GET_TIMERSLACK`.
///
/// # Safety
/// The caller has nothing to guarantee, because the call takes and returns numbers.
unsafe fn get_timerslack() -> c_int {
    // SAFETY: this option takes no argument.
    unsafe { libc::prctl(PR_GET_TIMERSLACK) }
}

/// Sets the timer slack in ns, prctl(2) with `PR_SET_TIMERSLACK`.
///
/// # Safety
/// The caller has nothing to guarantee, because the call takes and returns numbers.
unsafe fn set_timerslack(ns: c_ulong) -> c_int {
    // SAFETY: this option takes one number.
    unsafe { libc::prctl(PR_SET_TIMERSLACK, ns) }
}
