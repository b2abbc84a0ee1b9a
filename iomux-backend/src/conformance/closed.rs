//! fds that are closed behind a multiplexer's back, numbers that are used again, and fork.

use super::rig::{Rig, empty_pipe, full_pipe, write};
use super::{Backend, lacks, os};
use crate::{Capabilities, Interest, Mode, Multiplexer, Readiness};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::{Duration, Instant};

/// The events that are reported of `token` within 100 ms, in which no wait ends early for nothing.
#[track_caller]
fn heard_in_a_while<B: Backend>(rig: &mut Rig<'_, B>, token: usize) -> Vec<Readiness> {
    let (begin, mut heard, mut in_vain) = (Instant::now(), Vec::new(), 0);
    while begin.elapsed() < Duration::from_millis(100) {
        let seen = rig.wait(Duration::from_millis(20));
        heard.extend(seen.iter().filter(|event| event.0 == token).map(|event| event.1));
        in_vain += usize::from(seen.is_empty());
        assert!(in_vain <= 5, "it wakes up again and again, for nothing");
    }
    heard
}

pub(super) fn a_closed_fd_is_reported_at_most_once<B: Backend>() {
    let _alone = os::numbers();
    let (reader, _writer) = full_pipe();
    let copy = os::dup_far_away(reader.as_fd()).expect("a dup");
    let mut rig = Rig::<B>::new();
    let answer = os::register_number(&mut rig.mux, copy.as_raw_fd(), 1, Interest::READABLE, Mode::Level);
    assert_eq!(answer, Ok(()));
    drop(reader);
    drop(copy);
    let heard = heard_in_a_while(&mut rig, 1);
    if rig.has(Capabilities::REPORTS_CLOSED) {
        assert_eq!(heard, [Readiness::INVALID]);
    } else {
        assert!(heard.len() <= 1, "{heard:?}");
    }
}

pub(super) fn a_closed_fd_does_not_disturb_the_others<B: Backend>() {
    let _alone = os::numbers();
    let (other, _writer) = full_pipe();
    let (reader, _writer2) = empty_pipe();
    let copy = os::dup_far_away(reader.as_fd()).expect("a dup");
    let mut rig = Rig::<B>::new();
    let answer = os::register_number(&mut rig.mux, copy.as_raw_fd(), 1, Interest::READABLE, Mode::Level);
    assert_eq!(answer, Ok(()));
    rig.watch(&other, 2, Interest::READABLE);
    drop(copy);
    // A mechanism that refuses all fds for one that is closed may report that one alone, once.
    rig.ready();
    for _ in 0..3 {
        let seen = rig.ready();
        assert!(seen.iter().any(|event| event.0 == 2 && event.1.is_readable()), "{seen:?}");
    }
}

pub(super) fn a_number_that_was_closed_deregistered_and_used_again_is_the_new_owners<B: Backend>() {
    let _alone = os::numbers();
    let (old, old_writer) = full_pipe();
    let (new, new_writer) = empty_pipe();
    let number = os::dup_far_away(old.as_fd()).expect("a dup");
    let mut rig = Rig::<B>::with_room_for(1);
    let answer = os::register_number(&mut rig.mux, number.as_raw_fd(), 1, Interest::READABLE, Mode::Level);
    assert_eq!(answer, Ok(()));
    assert!(rig.only(1).is_readable());
    rig.deregister(&number);
    os::replace(&number, new.as_fd()).expect("dup2");
    let answer = os::register_number(&mut rig.mux, number.as_raw_fd(), 2, Interest::READABLE, Mode::Level);
    assert_eq!(answer, Ok(()));
    rig.silent();
    write(&old_writer);
    rig.silent();
    write(&new_writer);
    assert!(rig.only(2).is_readable());
    rig.deregister(&number);
}

pub(super) fn a_closed_fd_can_be_deregistered<B: Backend>() {
    let _alone = os::numbers();
    let (old, old_writer) = empty_pipe();
    let (new, new_writer) = empty_pipe();
    let copy = os::dup_far_away(old.as_fd()).expect("a dup");
    let number = copy.as_raw_fd();
    let mut rig = Rig::<B>::new();
    let result = os::register_number(&mut rig.mux, number, 1, Interest::READABLE, Mode::Level);
    assert_eq!(result, Ok(()));
    drop(copy);
    // The registration may be gone or may stay, as the kernel has it: any result will do, and does no harm.
    for _ in 0..2 {
        let _ = rig.mux.deregister(os::by_number(number));
    }
    let copy = os::dup_from(new.as_fd(), number).expect("the same number");
    assert_eq!(copy.as_raw_fd(), number);
    let result = os::register_number(&mut rig.mux, number, 2, Interest::READABLE, Mode::Level);
    assert_eq!(result, Ok(()), "the number has another owner");
    write(&new_writer);
    for _ in 0..2 {
        // What stayed of the old owner is reported as long as that has a dup.
        write(&old_writer);
        let seen = rig.ready();
        assert!(seen.iter().any(|event| event.0 == 2 && event.1.is_readable()), "{seen:?}");
        assert!(seen.iter().all(|event| event.0 == 1 || event.0 == 2), "{seen:?}");
    }
    rig.deregister(&copy);
    drop((old, old_writer));
    rig.silent();
}

pub(super) fn an_fd_that_is_closed_after_deregister_is_not_heard_of<B: Backend>() {
    let _alone = os::numbers();
    let (reader, writer) = empty_pipe();
    let copy = os::dup_far_away(reader.as_fd()).expect("a dup");
    let mut rig = Rig::<B>::new();
    let answer = os::register_number(&mut rig.mux, copy.as_raw_fd(), 1, Interest::READABLE, Mode::Level);
    assert_eq!(answer, Ok(()));
    rig.deregister(&copy);
    drop(copy);
    write(&writer);
    rig.silent();
}

pub(super) fn it_works_in_a_child_after_fork<B: Backend>() {
    if lacks::<B>("it_works_in_a_child_after_fork", Capabilities::FORK) {
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
    assert!(holds.expect("a child"));
}
