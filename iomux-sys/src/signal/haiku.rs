//! What differs of the signals: calls give `SIGRTMIN` and `SIGRTMAX`, and libc lacks the calls.

use core::ffi::c_int;
// One signal, two names: Haiku has the one that POSIX gives it.
pub use libc::SIGPOLL as SIGIO;

// SAFETY: as Haiku's <signal.h> declares them; they take nothing, and answer from any thread.
unsafe extern "C" {
    safe fn __signal_get_sigrtmin() -> c_int;
    safe fn __signal_get_sigrtmax() -> c_int;
}

/// `SIGRTMIN` and `SIGRTMAX`, where the system has real-time signals.
#[must_use]
pub fn real_time_signals() -> Option<(c_int, c_int)> {
    Some((__signal_get_sigrtmin(), __signal_get_sigrtmax()))
}
