//! The signal of the programs. It is sent to the thread of the steps, and its handler only notes that it ran.

use super::support::Thread;
use iomux::Signal;
use libc::c_int;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) const SIGNAL: Signal = Signal::USR1;

/// The thread's state. Only one world exists at a time.
static IS_PENDING: AtomicBool = AtomicBool::new(false);

extern "C" fn note(_: c_int) {
    IS_PENDING.store(false, Ordering::SeqCst);
}

/// Installs the handler, without which the signal would end the process.
pub(crate) fn handle() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let handler = note as extern "C" fn(c_int) as libc::sighandler_t;
        // SAFETY: `note` only uses an atomic number.
        let before = unsafe { libc::signal(SIGNAL.as_raw(), handler) };
        assert_ne!(before, libc::SIG_ERR, "a handler");
    });
}

/// Returns `true` if a signal was sent and not yet handled.
pub(crate) fn is_pending() -> bool {
    IS_PENDING.load(Ordering::SeqCst)
}

/// Sends the signal. Pending signals are coalesced.
pub(crate) fn send(to: Thread) {
    IS_PENDING.store(true, Ordering::SeqCst);
    to.send(SIGNAL);
}
