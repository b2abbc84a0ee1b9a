//! `<signal.h>`: signal sets, the mask of a thread, and the signal numbers.
//!
//! All items are re-exports of libc. `sigset_t` is a type of libc's functions. The numbers differ between platforms and
//! architectures, so a second list of them would only add a source of errors.

use core::ffi::c_int;
#[cfg(not(target_os = "haiku"))]
pub use libc::SIGIO;
// The signal has two names. Haiku has the name of POSIX.
#[cfg(target_os = "haiku")]
pub use libc::SIGPOLL as SIGIO;
pub use libc::{
    SIG_BLOCK, SIG_SETMASK, SIG_UNBLOCK, SIGABRT, SIGALRM, SIGBUS, SIGCHLD, SIGCONT, SIGFPE, SIGHUP, SIGILL,
    SIGINT, SIGKILL, SIGPIPE, SIGPROF, SIGQUIT, SIGSEGV, SIGSTOP, SIGSYS, SIGTERM, SIGTRAP, SIGTSTP, SIGTTIN,
    SIGTTOU, SIGURG, SIGUSR1, SIGUSR2, SIGVTALRM, SIGWINCH, SIGXCPU, SIGXFSZ,
};
pub use libc::{
    pthread_sigmask, sigaddset, sigdelset, sigemptyset, sigfillset, sigismember, sigpending, sigset_t,
};

/// Returns `SIGRTMIN` and `SIGRTMAX`, or `None` if the platform has no real-time signals.
#[must_use]
pub fn real_time_signals() -> Option<(c_int, c_int)> {
    real_time()
}

// The C library reserves some of the signals, so these two are functions.
#[cfg(any(
    target_os = "android",
    target_os = "hurd",
    target_os = "illumos",
    target_os = "linux",
    target_os = "solaris",
))]
fn real_time() -> Option<(c_int, c_int)> {
    Some((libc::SIGRTMIN(), libc::SIGRTMAX()))
}

#[cfg(target_os = "haiku")]
fn real_time() -> Option<(c_int, c_int)> {
    // SAFETY: the declarations are those of Haiku's <signal.h>. Any thread may call them.
    unsafe extern "C" {
        safe fn __signal_get_sigrtmin() -> c_int;
        safe fn __signal_get_sigrtmax() -> c_int;
    }
    Some((__signal_get_sigrtmin(), __signal_get_sigrtmax()))
}

#[cfg(target_os = "aix")]
fn real_time() -> Option<(c_int, c_int)> {
    Some((libc::SIGRTMIN, libc::SIGRTMAX))
}

// libc lacks both names on the platforms below. The numbers are those of the C header.
#[cfg(target_os = "cygwin")]
fn real_time() -> Option<(c_int, c_int)> {
    // 64 is `_NSIG - 1`.
    Some((32, 64))
}

#[cfg(target_os = "freebsd")]
fn real_time() -> Option<(c_int, c_int)> {
    Some((65, 126))
}

#[cfg(target_os = "netbsd")]
fn real_time() -> Option<(c_int, c_int)> {
    Some((33, 63))
}

#[cfg(target_os = "nto")]
fn real_time() -> Option<(c_int, c_int)> {
    // QNX reserves 57 to 64.
    Some((41, 56))
}

#[cfg(target_os = "redox")]
fn real_time() -> Option<(c_int, c_int)> {
    Some((35, 64))
}

#[cfg(any(target_vendor = "apple", target_os = "dragonfly", target_os = "openbsd"))]
fn real_time() -> Option<(c_int, c_int)> {
    None
}
