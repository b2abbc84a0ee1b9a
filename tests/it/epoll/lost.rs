//! Registrations that the kernel has no more: what is said of them, and when.

use super::{READABLE, WRITABLE, by_number, far_away, register, seen};
use crate::support::{Thread, full_pipe};
use iomux_backend::{
    Epoll, Error, Events, Interest, Mode, Multiplexer, Readiness, SigSet, Signal, Timeout, Token,
};
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::{Duration, Instant};

/// An epoll with a change of an fd that was closed: the next wait finds it lost.
fn with_a_lost_source(number: i32) -> (Epoll<'static>, RawFd) {
    let (reader, _writer) = full_pipe();
    let mut epoll = Epoll::new().unwrap();
    let closed = far_away(&reader, number);
    let fd = closed.as_raw_fd();
    register(&mut epoll, fd, 1, Interest::empty(), Mode::Level);
    drop(closed);
    epoll.modify(by_number(fd), Token(1), READABLE, Mode::Level).unwrap();
    (epoll, fd)
}

#[test]
fn what_is_lost_ends_a_wait_at_once() {
    let mut events = Events::with_capacity(4);
    let (mut epoll, _) = with_a_lost_source(50);
    let begin = Instant::now();
    assert_eq!(epoll.wait(&mut events, Duration::from_secs(10).into()), Ok(1));
    let (mut epoll, _) = with_a_lost_source(51);
    assert_eq!(epoll.wait_masked(&mut events, Duration::from_secs(10).into(), &SigSet::empty()), Ok(1));
    assert!(begin.elapsed() < Duration::from_secs(5), "at once");
}

#[test]
fn what_is_lost_is_reported_though_the_epoll_was_shared_since() {
    let (mut epoll, _) = with_a_lost_source(90);
    let _shared = epoll.share().unwrap();
    assert_eq!(seen(&mut epoll, &mut Events::with_capacity(4)), [(1, Readiness::INVALID)]);
}

#[test]
fn what_a_closed_fd_left_behind_gives_way_to_the_same_file() {
    let (reader, _writer) = full_pipe();
    let mut epoll = Epoll::new().unwrap();
    let closed = far_away(&reader, 95);
    let number = closed.as_raw_fd();
    register(&mut epoll, number, 1, READABLE, Mode::Exclusive);
    drop(closed);
    assert!(epoll.deregister(by_number(number)).is_err());
    let again: &'static _ = Box::leak(Box::new(far_away(&reader, 95)));
    assert_eq!(again.as_raw_fd(), number);
    epoll.register(again.as_fd(), Token(2), READABLE, Mode::Level).unwrap();
    assert_eq!(seen(&mut epoll, &mut Events::with_capacity(4)), [(2, Readiness::READABLE)]);
}

#[test]
fn what_is_lost_is_deregistered_without_an_error_also_when_it_was_modified_since() {
    let (mut epoll, fd) = with_a_lost_source(60);
    assert_eq!(seen(&mut epoll, &mut Events::with_capacity(1)), [(1, Readiness::INVALID)]);
    epoll.modify(by_number(fd), Token(2), WRITABLE, Mode::Level).unwrap();
    assert_eq!(epoll.deregister(by_number(fd)), Ok(()));
}

#[test]
fn an_interrupted_masked_wait_does_not_lose_what_is_lost() {
    let (mut epoll, _) = with_a_lost_source(70);
    signal_hook::flag::register(libc::SIGUSR1, std::sync::Arc::default()).unwrap();
    let blocked = SigSet::from(Signal::USR1).block().unwrap();
    Thread::this().send(Signal::USR1);
    let mut events = Events::with_capacity(4);
    let answer = epoll.wait_masked(&mut events, Timeout::Infinite, &blocked.wait_mask());
    assert_eq!((answer, events.len()), (Err(Error::Interrupted), 0));
    assert_eq!(seen(&mut epoll, &mut events), [(1, Readiness::INVALID)]);
}

#[test]
fn a_modify_that_fails_changes_nothing() {
    let (reader, _writer) = full_pipe();
    let mut epoll = Epoll::new().unwrap();
    let closed = far_away(&reader, 80);
    let fd = closed.as_raw_fd();
    register(&mut epoll, fd, 1, READABLE, Mode::Level);
    drop(closed);
    drop(reader);
    let answer = epoll.modify(by_number(fd), Token(2), WRITABLE, Mode::OneShot);
    assert_eq!(answer, Err(Error::Os { call: "epoll_ctl", code: libc::EBADF }));
    epoll.modify(by_number(fd), Token(1), READABLE, Mode::Level).unwrap();
    assert_eq!(
        seen(&mut epoll, &mut Events::with_capacity(1)),
        [],
        "as it was, so the kernel is told nothing"
    );
}
