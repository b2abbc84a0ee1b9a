//! fds that are closed while registered, fd numbers that are reused, and fork(2).

use super::rig::{Rig, empty_pipe, full_pipe, write};
use super::{Backend, lacks, os};
use crate::{Capabilities, Interest, Mode, Multiplexer, Readiness};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

/// Returns the events of `token` within 100 ms, and checks that no wait ends early without an event.
#[track_caller]
fn reported_in_a_while<B: Backend>(rig: &mut Rig<'_, B>, token: usize) -> Vec<Readiness> {
    let (begin, mut reported, mut empty_waits) = (Instant::now(), Vec::new(), 0);
    while begin.elapsed() < Duration::from_millis(100) {
        let seen = rig.wait(Duration::from_millis(20));
        reported.extend(seen.iter().filter(|event| event.0 == token).map(|event| event.1));
        empty_waits += usize::from(seen.is_empty());
        assert!(empty_waits <= 5, "it wakes up again and again without an event");
    }
    reported
}

pub(super) fn closed_fd_is_reported_at_most_once<B: Backend>() {
    let _alone = os::numbers();
    let (reader, _writer) = full_pipe();
    let copy = os::dup_to_free_number(reader.as_fd()).expect("dup");
    let mut rig = Rig::<B>::new();
    let result = os::register_number(&mut rig.mux, copy.as_raw_fd(), 1, Interest::READABLE, Mode::Level);
    assert_eq!(result, Ok(()));
    drop(reader);
    drop(copy);
    let reported = reported_in_a_while(&mut rig, 1);
    if rig.has(Capabilities::REPORTS_CLOSED) {
        assert_eq!(reported, [Readiness::INVALID]);
    } else {
        assert!(reported.len() <= 1, "{reported:?}");
    }
}

pub(super) fn closed_fd_does_not_affect_others<B: Backend>() {
    let _alone = os::numbers();
    let (other, _writer) = full_pipe();
    let (reader, _writer2) = empty_pipe();
    let copy = os::dup_to_free_number(reader.as_fd()).expect("dup");
    let mut rig = Rig::<B>::new();
    let result = os::register_number(&mut rig.mux, copy.as_raw_fd(), 1, Interest::READABLE, Mode::Level);
    assert_eq!(result, Ok(()));
    rig.watch(&other, 2, Interest::READABLE);
    drop(copy);
    // select(2) rejects all fds if one is closed. A backend over it may report that fd alone, once.
    rig.ready();
    for _ in 0..3 {
        let seen = rig.ready();
        assert!(seen.iter().any(|event| event.0 == 2 && event.1.is_readable()), "{seen:?}");
    }
}

pub(super) fn reused_fd_is_a_new_registration<B: Backend>() {
    let _alone = os::numbers();
    let (old, old_writer) = full_pipe();
    let (new, new_writer) = empty_pipe();
    let number = os::dup_to_free_number(old.as_fd()).expect("dup");
    let mut rig = Rig::<B>::with_room_for(1);
    let result = os::register_number(&mut rig.mux, number.as_raw_fd(), 1, Interest::READABLE, Mode::Level);
    assert_eq!(result, Ok(()));
    assert!(rig.only(1).is_readable());
    rig.deregister(&number);
    os::replace(&number, new.as_fd()).expect("dup2");
    let result = os::register_number(&mut rig.mux, number.as_raw_fd(), 2, Interest::READABLE, Mode::Level);
    assert_eq!(result, Ok(()));
    rig.silent();
    write(&old_writer);
    rig.silent();
    write(&new_writer);
    assert!(rig.only(2).is_readable());
    rig.deregister(&number);
}

pub(super) fn closed_fd_can_be_deregistered<B: Backend>() {
    let _alone = os::numbers();
    let (old, old_writer) = empty_pipe();
    let (new, new_writer) = empty_pipe();
    let copy = os::dup_to_free_number(old.as_fd()).expect("dup");
    let number = copy.as_raw_fd();
    let mut rig = Rig::<B>::new();
    let result = os::register_number(&mut rig.mux, number, 1, Interest::READABLE, Mode::Level);
    assert_eq!(result, Ok(()));
    drop(copy);
    // It depends on the kernel whether the registration remains, so any result is correct.
    for _ in 0..2 {
        let _ = rig.mux.deregister(os::by_number(number));
    }
    let copy = os::dup_from(new.as_fd(), number).expect("the same number");
    assert_eq!(copy.as_raw_fd(), number);
    let result = os::register_number(&mut rig.mux, number, 2, Interest::READABLE, Mode::Level);
    assert_eq!(result, Ok(()), "the number has a new owner");
    write(&new_writer);
    for _ in 0..2 {
        // A stale registration of the old file is reported while that has a dup.
        write(&old_writer);
        let seen = rig.ready();
        assert!(seen.iter().any(|event| event.0 == 2 && event.1.is_readable()), "{seen:?}");
        assert!(seen.iter().all(|event| event.0 == 1 || event.0 == 2), "{seen:?}");
    }
    rig.deregister(&copy);
    drop((old, old_writer));
    rig.silent();
}

pub(super) fn fd_closed_after_deregister_is_not_reported<B: Backend>() {
    let _alone = os::numbers();
    let (reader, writer) = empty_pipe();
    let copy = os::dup_to_free_number(reader.as_fd()).expect("dup");
    let mut rig = Rig::<B>::new();
    let result = os::register_number(&mut rig.mux, copy.as_raw_fd(), 1, Interest::READABLE, Mode::Level);
    assert_eq!(result, Ok(()));
    rig.deregister(&copy);
    drop(copy);
    write(&writer);
    rig.silent();
}

pub(super) fn works_after_fork<B: Backend>() {
    if lacks::<B>("works_after_fork", Capabilities::FORK) {
        return;
    }
    let (reader, writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    write(&writer);
    let holds = os::holds_in_a_child(|| {
        let count = rig.mux.wait(&mut rig.events, Duration::from_secs(10).into());
        count == Ok(1) && rig.events.get(0).is_some_and(|event| event.readiness().is_readable())
    });
    assert!(holds.expect("fork(2) works"));
}
