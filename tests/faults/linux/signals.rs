//! Signal masks and the timer slack, when sigprocmask(2) and prctl(2) fail.

use super::{PRCTL, SIGPROCMASK, failing};
use crate::support::{is_sanitized, skip};
use iomux::{Error, SigSet, Signal};
use libc::{EACCES, EFAULT, EINVAL, ENOSYS, EPERM};
use std::sync::MutexGuard;
use std::time::Duration;

/// As for all, but not under a sanitizer.
fn in_turn() -> Option<MutexGuard<'static, ()>> {
    if is_sanitized() {
        skip("faults of sigprocmask", "a sanitizer's own part of a thread's end needs that call");
        return None;
    }
    super::in_turn()
}

#[test]
fn a_mask_that_cannot_be_changed_is_an_error_and_stays() {
    let Some(_alone) = in_turn() else { return };
    for code in [EFAULT, EINVAL, ENOSYS, EPERM] {
        let one = SigSet::from(Signal::USR1);
        let error = Some(Error::Os { call: "pthread_sigmask", code });
        let (blocked, unblocked, current) = failing(SIGPROCMASK, code, || {
            (one.block().map(drop).err(), one.unblock().map(drop).err(), SigSet::current().err())
        });
        assert_eq!((blocked, unblocked, current), (error, error, error));
    }
}

#[test]
fn a_guard_whose_mask_cannot_be_put_back_is_dropped_in_silence() {
    let Some(_alone) = in_turn() else { return };
    // The guard belongs to its thread: filtered from the middle on.
    let guarded = || {
        let guard = SigSet::from(Signal::USR1).block().unwrap();
        super::filter::from_here_on(SIGPROCMASK, EPERM);
        drop(guard);
    };
    std::thread::spawn(guarded).join().expect("no panic");
}

#[test]
fn a_slack_that_cannot_be_had_is_an_error() {
    let Some(_alone) = in_turn() else { return };
    for code in [EACCES, EINVAL, EPERM] {
        let error = Error::Os { call: "prctl", code };
        let (got, set) =
            failing(PRCTL, code, || (iomux::timer_slack(), iomux::set_timer_slack(Duration::from_micros(9))));
        assert_eq!((got, set), (Err(error), Err(error)));
    }
}
