//! What differs of the signals: `SIGRTMIN` and `SIGRTMAX` of `<signal.h>`, which libc lacks.
//! 57 to 64 are the system's own.

use core::ffi::c_int;
pub use libc::SIGIO;

/// `SIGRTMIN` and `SIGRTMAX`, where the system has real-time signals.
#[must_use]
pub fn real_time_signals() -> Option<(c_int, c_int)> {
    Some((41, 56))
}
