//! `Reactor`, if the calls of its backend fail: sources are handed back, and keys stay valid.

use super::{ADD, DELETE, EPOLL, EPOLL_CREATE, EPOLL_WAIT, MODIFY, failing, fds, in_turn};
use crate::support::full_pipe;
use iomux_backend::{Error, Interest, Key, Mode, Reactor, Readiness, Timeout};
use libc::{EBADF, EEXIST, EFAULT, EINVAL, EMFILE, ENOENT, ENOMEM, ENOSPC, EPERM};
use std::io::{PipeReader, PipeWriter};
use std::os::fd::AsRawFd;
use std::sync::Arc;

type Pipes = Reactor<PipeReader, u8>;

/// Creates a reactor over epoll with a ready source. Returns it and the key.
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
fn failed_reactor_leaks_no_fd() {
    let Some(_alone) = in_turn() else { return };
    let before = fds();
    let answer = failing(EPOLL_CREATE, EMFILE, || Pipes::new().map(drop));
    assert_eq!((answer, fds()), (Err(Error::Os { call: "epoll_create1", code: EMFILE }), before));
}

#[test]
fn failed_insert_returns_source() {
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
fn failed_modify_changes_nothing() {
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

/// Waits, and returns the events.
#[track_caller]
fn found(reactor: &mut Pipes) -> Vec<(Key, Readiness)> {
    let count = reactor.wait(Timeout::Nowait).unwrap();
    let mut found = events(reactor);
    found.sort_by_key(|(key, _)| *key);
    assert_eq!(found.len(), count);
    found
}

/// Takes the events of the last wait.
fn events(reactor: &mut Pipes) -> Vec<(Key, Readiness)> {
    let events = std::iter::from_fn(|| reactor.next_ready());
    events.map(|ready| (ready.key(), ready.readiness())).collect()
}

#[test]
fn rejected_change_is_reported_once() {
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
        // The kernel's level-triggered registration remains, so each source has one event as well.
        let answer = failing(MODIFY, code, || reactor.wait(Timeout::Infinite).map(|_| ()));
        assert_eq!(answer, Ok(()));
        let mut events = self::events(&mut reactor);
        assert_eq!(events.pop(), Some((key, Readiness::INVALID)), "the last");
        assert!(events.contains(&(other, Readiness::READABLE)), "{events:?}");
        reactor.wait(Timeout::Nowait).unwrap();
        let invalid = self::events(&mut reactor).into_iter().find(|(_, readiness)| readiness.is_invalid());
        assert_eq!(invalid, None, "once");
        reactor.modify(key, Interest::READABLE, Mode::Level).unwrap();
        assert_eq!(found(&mut reactor), [(key, Readiness::READABLE), (other, Readiness::READABLE)]);
    }
}

#[test]
fn untaken_rejection_is_resubmitted() {
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
fn change_after_rejection_is_submitted() {
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
    assert_eq!(events(&mut reactor).last(), Some(&(key, Readiness::INVALID)));
}

#[test]
fn second_pause_keeps_the_rejected_one() {
    let Some(_alone) = in_turn() else { return };
    for is_taken in [false, true] {
        let (mut reactor, key, _writer) = with_one(Mode::Level);
        reactor.pause(key).unwrap();
        // The level-triggered registration remains, so there is an event as well.
        assert_eq!(failing(MODIFY, EBADF, || reactor.wait(Timeout::Infinite)), Ok(1 + 1));
        reactor.pause(key).unwrap();
        if is_taken {
            assert_eq!(events(&mut reactor).last(), Some(&(key, Readiness::INVALID)));
        } else {
            assert_eq!(found(&mut reactor), [], "it was submitted again");
        }
    }
}

#[test]
fn failed_modify_keeps_an_earlier_rejection() {
    let Some(_alone) = in_turn() else { return };
    let (mut reactor, key, _writer) = with_one(Mode::Level);
    reactor.modify(key, Interest::empty(), Mode::Level).unwrap();
    assert_eq!(failing(MODIFY, EBADF, || reactor.wait(Timeout::Infinite)), Ok(1 + 1));
    let unnamed = Interest::from_bits_retain(libc::POLLHUP);
    assert!(reactor.modify(key, Interest::PRIORITY, Mode::Exclusive).is_err());
    assert!(reactor.modify(key, unnamed, Mode::Level).is_err());
    assert_eq!(events(&mut reactor).last(), Some(&(key, Readiness::INVALID)));
}

#[test]
fn pause_after_a_failed_requeue_spares_the_same_fd() {
    let Some(_alone) = in_turn() else { return };
    let mut reactor = Reactor::new().unwrap();
    let (reader, _writer) = full_pipe();
    let reader = Arc::new(reader);
    let first = reactor.insert(Arc::clone(&reader), 1, Interest::READABLE, Mode::Exclusive).unwrap();
    assert!(failing(ADD, ENOMEM, || reactor.requeue(first)).is_err());
    let second = reactor.insert(reader, 2, Interest::READABLE, Mode::Level).unwrap();
    reactor.pause(first).unwrap();
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(1));
    assert_eq!(reactor.next_ready().map(|ready| ready.key()), Some(second));
}

#[test]
fn failed_wait_drops_rejections() {
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
fn failed_pause_deregisters_until_resume() {
    let Some(_alone) = in_turn() else { return };
    // The kernel can't modify an exclusive registration.
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
fn failed_requeue_is_silent_until_resume() {
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
fn remove_survives_failed_deregister() {
    let Some(_alone) = in_turn() else { return };
    for code in [EBADF, EINVAL, ENOENT, EPERM] {
        let (mut reactor, key, _writer) = with_one(Mode::Level);
        let (reader, state) = failing(DELETE, code, || reactor.remove(key)).unwrap();
        assert_eq!((state, reactor.len(), reactor.contains(key)), (7, 0, false));
        // The kernel's registration remains, and its events belong to no source.
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
fn failed_wait_loses_no_event() {
    let Some(_alone) = in_turn() else { return };
    for code in [EBADF, EFAULT, EINVAL] {
        let (mut reactor, key, _writer) = with_one(Mode::OneShot);
        let answer = failing(EPOLL_WAIT, code, || reactor.wait(Timeout::Infinite));
        assert_eq!(answer, Err(Error::Os { call: "epoll_wait", code }));
        assert_eq!(reactor.next_ready(), None);
        reports(&mut reactor, key);
    }
}
