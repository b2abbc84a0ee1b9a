//! The signal of the programs: it is sent to the thread that takes the steps, whose handler only notes that it ran.

use super::support::Thread;
use iomux::Signal;
use libc::c_int;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

pub(crate) const SIGNAL: Signal = Signal::USR1;

/// Of one thread, since one world is there at a time.
static IS_PENDING: AtomicBool = AtomicBool::new(false);

extern "C" fn note(_: c_int) {
    IS_PENDING.store(false, Ordering::SeqCst);
}

/// Has the handler run where the signal would end the process.
pub(crate) fn handle() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let handler = note as extern "C" fn(c_int) as libc::sighandler_t;
        // SAFETY: `note` touches an atomic number only.
        let before = unsafe { libc::signal(SIGNAL.as_raw(), handler) };
        assert_ne!(before, libc::SIG_ERR, "a handler");
    });
}

/// Whether one was sent that has not been handled.
pub(crate) fn is_pending() -> bool {
    IS_PENDING.load(Ordering::SeqCst)
}

/// Any number of them are one, until it is handled.
pub(crate) fn send(to: Thread) {
    IS_PENDING.store(true, Ordering::SeqCst);
    to.send(SIGNAL);
}
