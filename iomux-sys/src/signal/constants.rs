//! What differs of the signals: `SIGRTMIN` and `SIGRTMAX` are constants that libc has.

use core::ffi::c_int;
pub use libc::SIGIO;

/// `SIGRTMIN` and `SIGRTMAX`, where the system has real-time signals.
#[must_use]
pub fn real_time_signals() -> Option<(c_int, c_int)> {
    Some((libc::SIGRTMIN, libc::SIGRTMAX))
}
