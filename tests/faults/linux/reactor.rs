//! `Reactor`, when the calls behind its backend fail: sources are handed back, keys stay what they were.

use super::{ADD, DELETE, EPOLL_CREATE, EPOLL_WAIT, MODIFY, failing, fds, in_turn};
use crate::support::full_pipe;
use iomux_backend::{Error, Interest, Key, Mode, Reactor, Timeout};
use libc::{EBADF, EFAULT, EINVAL, EMFILE, ENOENT, ENOMEM, ENOSPC, EPERM};
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
    for code in [EBADF, EINVAL, ENOENT] {
        let (mut reactor, key, _writer) = with_one(Mode::OneShot);
        let answer = failing(MODIFY, code, || reactor.modify(key, Interest::empty(), Mode::OneShot));
        assert_eq!(answer, Err(Error::Os { call: "epoll_ctl", code }));
        reports(&mut reactor, key);
        assert_eq!(failing(MODIFY, code, || reactor.resume(key)), Err(Error::Os { call: "epoll_ctl", code }));
        assert_eq!(reactor.wait(Timeout::Nowait), Ok(0), "it was reported once");
        reactor.resume(key).unwrap();
        reports(&mut reactor, key);
    }
}

#[test]
fn a_pause_that_is_refused_takes_the_source_out_until_it_is_resumed() {
    let Some(_alone) = in_turn() else { return };
    for code in [EBADF, EINVAL, ENOENT] {
        let (mut reactor, key, _writer) = with_one(Mode::Level);
        assert_eq!(failing(MODIFY, code, || reactor.pause(key)), Ok(()));
        assert_eq!((reactor.wait(Timeout::Nowait), reactor.len()), (Ok(0), 1));
        assert!(failing(ADD, code, || reactor.resume(key)).is_err());
        assert_eq!((reactor.wait(Timeout::Nowait), reactor.len()), (Ok(0), 1));
        reactor.resume(key).unwrap();
        reports(&mut reactor, key);
    }
}

#[test]
fn a_source_that_cannot_be_deregistered_comes_back_all_the_same() {
    let Some(_alone) = in_turn() else { return };
    for code in [EBADF, EINVAL, ENOENT, EPERM] {
        let (mut reactor, key, writer) = with_one(Mode::Level);
        let (reader, state) = failing(DELETE, code, || reactor.remove(key)).unwrap();
        assert_eq!((state, reactor.len(), reactor.contains(key)), (7, 0, false));
        // The kernel still has it: its events are nobody's.
        reactor.wait(Timeout::Nowait).unwrap();
        assert_eq!(reactor.next_ready(), None);
        let again = reactor.insert(reader, 9, Interest::READABLE, Mode::Level).unwrap();
        assert_ne!(again, key);
        reports(&mut reactor, again);
        drop(writer);
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
