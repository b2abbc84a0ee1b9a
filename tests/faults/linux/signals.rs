//! Signal masks and the timer slack, if sigprocmask(2) and prctl(2) fail.

use super::{PRCTL, SIGPROCMASK, failing};
use crate::support::{is_sanitized, skip};
use iomux::{Error, SigSet, Signal};
use libc::{EACCES, EFAULT, EINVAL, ENOSYS, EPERM};
use std::sync::MutexGuard;
use std::time::Duration;

/// Lets one test run at a time, except under a sanitizer.
fn in_turn() -> Option<MutexGuard<'static, ()>> {
    if is_sanitized() {
        skip("faults of sigprocmask", "a sanitizer's own part of a thread's end needs that call");
        return None;
    }
    super::in_turn()
}

#[test]
fn failed_mask_change_leaves_mask() {
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
fn guard_drop_ignores_failed_restore() {
    let Some(_alone) = in_turn() else { return };
    // The guard belongs to its thread, so the filter starts after its creation.
    let guarded = || {
        let guard = SigSet::from(Signal::USR1).block().unwrap();
        super::filter::from_here_on(SIGPROCMASK, EPERM);
        drop(guard);
    };
    std::thread::spawn(guarded).join().expect("no panic");
}

#[test]
fn failed_slack_is_an_error() {
    let Some(_alone) = in_turn() else { return };
    for code in [EACCES, EINVAL, EPERM] {
        let error = Error::Os { call: "prctl", code };
        let (got, set) =
            failing(PRCTL, code, || (iomux::timer_slack(), iomux::set_timer_slack(Duration::from_micros(9))));
        assert_eq!((got, set), (Err(error), Err(error)));
    }
}
