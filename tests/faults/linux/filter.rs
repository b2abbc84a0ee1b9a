//! Seccomp filters, with which the kernel fails some calls of one thread.

use crate::support::{is_emulated, skip};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    apply_filter,
};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// System calls by number, each optionally with the index and value of an argument.
#[derive(Clone, Copy)]
pub(crate) struct Call(pub(crate) &'static [(libc::c_long, Option<(u8, u64)>)]);

impl Call {
    fn answered_with(self, code: i32) -> BpfProgram {
        let rule = |(index, value)| {
            let is = SeccompCondition::new(index, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value).unwrap();
            SeccompRule::new(vec![is]).unwrap()
        };
        let rules: BTreeMap<_, _> = self
            .0
            .iter()
            .map(|&(number, argument)| (number, argument.map(rule).into_iter().collect()))
            .collect();
        let fails = SeccompAction::Errno(code.unsigned_abs());
        let here = std::env::consts::ARCH.try_into().expect("a processor that has filters");
        SeccompFilter::new(rules, SeccompAction::Allow, fails, here).unwrap().try_into().unwrap()
    }
}

/// Makes all `call`s of this thread and its later child threads fail with `code`.
pub(crate) fn from_here_on(call: Call, code: i32) {
    apply_filter(&call.answered_with(code)).expect("a thread may be filtered");
}

/// Runs `body` in a thread whose `call`s all fail with `code`, and returns its result.
pub(crate) fn failing<T: Send>(call: Call, code: i32, body: impl FnOnce() -> T + Send) -> T {
    let filtered = move || {
        from_here_on(call, code);
        body()
    };
    std::thread::scope(|scope| scope.spawn(filtered).join().expect("it does not panic"))
}

static ALONE: Mutex<()> = Mutex::new(());

/// Lets one test run at a time, so that a leaked fd is its own. Returns `None` and prints a skip without seccomp.
pub(crate) fn in_turn() -> Option<MutexGuard<'static, ()>> {
    if is_emulated() {
        skip("faults", "the emulator has no seccomp filters");
        return None;
    }
    Some(ALONE.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Returns the number of open fds.
pub(crate) fn fds() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}
