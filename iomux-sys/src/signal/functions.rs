//! What differs of the signals: calls give `SIGRTMIN` and `SIGRTMAX`, since the C library keeps some.

use core::ffi::c_int;
pub use libc::SIGIO;

/// `SIGRTMIN` and `SIGRTMAX`, where the system has real-time signals.
#[must_use]
pub fn real_time_signals() -> Option<(c_int, c_int)> {
    Some((libc::SIGRTMIN(), libc::SIGRTMAX()))
}
