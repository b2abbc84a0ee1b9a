//! What differs of the signals: `SIGRTMIN` and `SIGRTMAX` of `<sys/signal.h>`, which libc lacks.

use core::ffi::c_int;
pub use libc::SIGIO;

/// `SIGRTMIN` and `SIGRTMAX`, where the system has real-time signals.
#[must_use]
pub fn real_time_signals() -> Option<(c_int, c_int)> {
    Some((65, 126))
}
