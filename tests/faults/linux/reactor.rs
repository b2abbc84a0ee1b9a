//! `Reactor`, when the calls behind its backend fail: sources are handed back, keys stay what they were.

use super::{ADD, DELETE, EPOLL, EPOLL_CREATE, EPOLL_WAIT, MODIFY, failing, fds, in_turn};
use crate::support::full_pipe;
use iomux_backend::{Error, Interest, Key, Mode, Reactor, Readiness, Timeout};
use libc::{EBADF, EEXIST, EFAULT, EINVAL, EMFILE, ENOENT, ENOMEM, ENOSPC, EPERM};
use std::io::{PipeReader, PipeWriter};
use std::os::fd::AsRawFd;

type Pipes = Reactor<PipeReader, u8>;

/// A reactor over epoll with a source that is ready, and its key.
fn with_one(mode: Mode) -> (Pipes, Key, PipeWriter) {
    let mut reactor = Pipes::new().unwrap();
    let (reader, writer) = full_pipe();
    let key = reactor.insert(reader, 7, Interest::READABLE, mode).unwrap();
    (reactor, key, writer)
}

#[track_caller]
fn reports(reactor: &mut Pipes, key: Key) {
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(1));
    assert_eq!(reactor.next_ready().map(|ready| ready.key()), Some(key));
}

#[test]
fn without_an_epoll_there_is_no_reactor_and_no_fd() {
    let Some(_alone) = in_turn() else { return };
    let before = fds();
    let answer = failing(EPOLL_CREATE, EMFILE, || Pipes::new().map(drop));
    assert_eq!((answer, fds()), (Err(Error::Os { call: "epoll_create1", code: EMFILE }), before));
}

#[test]
fn a_source_that_is_refused_comes_back_with_its_state() {
    let Some(_alone) = in_turn() else { return };
    for code in [EBADF, EINVAL, ENOMEM, ENOSPC, EPERM] {
        let (mut reactor, key, _writer) = with_one(Mode::Level);
        let (reader, _other) = full_pipe();
        let fd = reader.as_raw_fd();
        let refused = failing(ADD, code, || reactor.insert(reader, 8, Interest::READABLE, Mode::Level));
        let (_error, reader, state) = refused.unwrap_err().into_parts();
        assert_eq!((reader.as_raw_fd(), state, reactor.len()), (fd, 8, 1));
        reports(&mut reactor, key);
        let other = reactor.insert(reader, state, Interest::READABLE, Mode::Level).unwrap();
        assert_eq!(reactor.wait(Timeout::Nowait), Ok(2));
        assert!(reactor.contains(other));
    }
}

#[test]
fn a_change_that_is_refused_changes_nothing() {
    let Some(_alone) = in_turn() else { return };
    for (code, error) in [(EBADF, Error::Os { call: "epoll_ctl", code: EBADF }), (ENOMEM, Error::OutOfMemory)]
    {
        let (mut reactor, key, _writer) = with_one(Mode::OneShot);
        let answer = failing(MODIFY, code, || reactor.modify(key, Interest::empty(), Mode::OneShot));
        assert_eq!(answer, Err(error));
        reports(&mut reactor, key);
        assert_eq!(failing(MODIFY, code, || reactor.resume(key)), Err(error));
        assert_eq!(reactor.wait(Timeout::Nowait), Ok(0), "it was reported once");
        reactor.resume(key).unwrap();
        reports(&mut reactor, key);
    }
}

/// What is reported now.
#[track_caller]
fn found(reactor: &mut Pipes) -> Vec<(Key, Readiness)> {
    let count = reactor.wait(Timeout::Nowait).unwrap();
    let mut found: Vec<_> = std::iter::from_fn(|| reactor.next_ready()).collect();
    found.sort_by_key(|ready| ready.key());
    assert_eq!(found.len(), count);
    found.iter().map(|ready| (ready.key(), ready.readiness())).collect()
}

#[test]
fn a_deferred_change_that_is_rejected_is_reported_once_and_no_other_source_is_lost() {
    let Some(_alone) = in_turn() else { return };
    type Change = fn(&mut Pipes, Key) -> Result<(), Error>;
    let changes: [Change; 2] = [
        |reactor, key| reactor.modify(key, Interest::PRIORITY, Mode::Level),
        |reactor, key| reactor.pause(key),
    ];
    for (code, change) in [EBADF, EEXIST, EINVAL, ENOENT, ENOMEM]
        .into_iter()
        .flat_map(|code| changes.map(|change| (code, change)))
    {
        let (mut reactor, key, _writer) = with_one(Mode::Level);
        let (reader, _other_writer) = full_pipe();
        let other = reactor.insert(reader, 8, Interest::READABLE, Mode::Level).unwrap();
        change(&mut reactor, key).unwrap();
        // The kernel still has the registration, which is level: the sources have one event each, too.
        let answer = failing(MODIFY, code, || reactor.wait(Timeout::Infinite).map(|_| ()));
        assert_eq!(answer, Ok(()));
        let first = reactor.next_ready().map(|ready| (ready.key(), ready.readiness()));
        assert_eq!(first, Some((key, Readiness::INVALID)));
        let events: Vec<_> = std::iter::from_fn(|| reactor.next_ready()).map(|ready| ready.key()).collect();
        assert!(events.contains(&other), "{events:?}");
        reactor.wait(Timeout::Nowait).unwrap();
        let invalid =
            std::iter::from_fn(|| reactor.next_ready()).find(|ready| ready.readiness().is_invalid());
        assert_eq!(invalid, None, "once");
        reactor.modify(key, Interest::READABLE, Mode::Level).unwrap();
        assert_eq!(found(&mut reactor), [(key, Readiness::READABLE), (other, Readiness::READABLE)]);
    }
}

#[test]
fn a_rejected_change_that_is_not_taken_is_submitted_again() {
    let Some(_alone) = in_turn() else { return };
    let (mut reactor, key, _writer) = with_one(Mode::OneShot);
    reports(&mut reactor, key);
    for times in 1..4 {
        reactor.modify(key, Interest::READABLE, Mode::Level).unwrap();
        for _ in 0..times {
            assert_eq!(failing(MODIFY, EBADF, || reactor.wait(Timeout::Infinite)), Ok(1));
        }
        assert_eq!(found(&mut reactor), [(key, Readiness::READABLE)], "the kernel has taken it now");
        reactor.modify(key, Interest::READABLE, Mode::OneShot).unwrap();
        reports(&mut reactor, key);
    }
}

#[test]
fn what_is_changed_after_a_rejected_change_is_submitted_though_that_was_not_taken() {
    let Some(_alone) = in_turn() else { return };
    let (mut reactor, key, _writer) = with_one(Mode::OneShot);
    reports(&mut reactor, key);
    reactor.modify(key, Interest::empty(), Mode::Level).unwrap();
    assert_eq!(failing(MODIFY, EBADF, || reactor.wait(Timeout::Infinite)), Ok(1));
    reactor.modify(key, Interest::READABLE, Mode::Level).unwrap();
    assert_eq!(reactor.next_ready(), None, "it is about to be tried again");
    assert_eq!(found(&mut reactor), [(key, Readiness::READABLE)]);
    reactor.pause(key).unwrap();
    assert_eq!(failing(MODIFY, EBADF, || reactor.wait(Timeout::Infinite)), Ok(1 + 1));
    reactor.resume(key).unwrap();
    assert_eq!(failing(MODIFY, EBADF, || reactor.wait(Timeout::Infinite)), Ok(1 + 1));
    assert_eq!(reactor.next_ready().map(|ready| ready.readiness()), Some(Readiness::INVALID));
}

#[test]
fn neither_a_failed_wait_nor_a_task_reports_what_was_rejected() {
    let Some(_alone) = in_turn() else { return };
    let (mut reactor, key, _writer) = with_one(Mode::OneShot);
    reports(&mut reactor, key);
    let handle = reactor.handle().unwrap();
    reactor.modify(key, Interest::READABLE, Mode::Level).unwrap();
    let wait = |reactor: &mut Pipes| (reactor.wait(Timeout::Infinite), reactor.wait(Timeout::Infinite));
    assert_eq!(failing(MODIFY, EBADF, || wait(&mut reactor)), (Ok(1), Ok(1)));
    handle.submit(|reactor| assert_eq!(reactor.next_ready(), None)).unwrap();
    assert!(failing(EPOLL, EBADF, || reactor.wait(Timeout::Nowait)).is_err());
    assert_eq!(reactor.next_ready(), None);
    assert_eq!(found(&mut reactor), [(key, Readiness::READABLE)]);
}

#[test]
fn a_pause_that_is_rejected_at_once_takes_the_source_out_until_it_is_resumed() {
    let Some(_alone) = in_turn() else { return };
    // The kernel modifies no exclusive registration.
    let (mut reactor, key, _writer) = with_one(Mode::Exclusive);
    reactor.pause(key).unwrap();
    assert_eq!((reactor.wait(Timeout::Nowait), reactor.len()), (Ok(0), 1));
    for code in [EBADF, EINVAL, ENOENT] {
        assert!(failing(ADD, code, || reactor.resume(key)).is_err());
        assert_eq!((reactor.wait(Timeout::Nowait), reactor.len()), (Ok(0), 1));
    }
    reactor.resume(key).unwrap();
    reports(&mut reactor, key);
}

#[test]
fn a_source_that_cannot_be_requeued_is_silent_until_it_is_resumed_or_requeued() {
    let Some(_alone) = in_turn() else { return };
    let (mut reactor, key, _writer) = with_one(Mode::Exclusive);
    for code in [ENOMEM, ENOSPC] {
        for again in [Reactor::resume, Reactor::requeue] {
            for _ in 0..2 {
                assert!(failing(ADD, code, || reactor.requeue(key)).is_err());
                assert_eq!((reactor.wait(Timeout::Nowait), reactor.len()), (Ok(0), 1));
            }
            again(&mut reactor, key).unwrap();
            reports(&mut reactor, key);
        }
    }
}

#[test]
fn a_source_that_cannot_be_deregistered_comes_back_all_the_same() {
    let Some(_alone) = in_turn() else { return };
    for code in [EBADF, EINVAL, ENOENT, EPERM] {
        let (mut reactor, key, _writer) = with_one(Mode::Level);
        let (reader, state) = failing(DELETE, code, || reactor.remove(key)).unwrap();
        assert_eq!((state, reactor.len(), reactor.contains(key)), (7, 0, false));
        // The kernel still has it: its events belong to no source.
        reactor.wait(Timeout::Nowait).unwrap();
        assert_eq!(reactor.next_ready(), None);
        let fd = reader.as_raw_fd();
        let failed = reactor.insert(reader, 9, Interest::READABLE, Mode::Level).unwrap_err();
        assert_eq!(failed.error(), Error::AlreadyRegistered { fd });
        drop(failed);
        let (reader, _other_writer) = full_pipe();
        let other = reactor.insert(reader, 9, Interest::READABLE, Mode::Level).unwrap();
        assert_ne!(other, key);
        reports(&mut reactor, other);
    }
}

#[test]
fn a_wait_that_fails_says_so_and_loses_no_event() {
    let Some(_alone) = in_turn() else { return };
    for code in [EBADF, EFAULT, EINVAL] {
        let (mut reactor, key, _writer) = with_one(Mode::OneShot);
        let answer = failing(EPOLL_WAIT, code, || reactor.wait(Timeout::Infinite));
        assert_eq!(answer, Err(Error::Os { call: "epoll_wait", code }));
        assert_eq!(reactor.next_ready(), None);
        reports(&mut reactor, key);
    }
}
