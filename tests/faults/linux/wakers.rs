//! Wakers, if eventfd(2), read(2) and write(2) fail.

use super::{ADD, EVENTFD, READ, WRITE, failing, fds, in_turn, tokens};
use iomux::{Interest, PollFd};
use iomux_backend::{Epoll, Error, Events, Multiplexer, Poll, Reactor, Timeout, Token, WakerSource};
use libc::{EAGAIN, EBADF, EINTR, EINVAL, EIO, EMFILE, ENFILE, ENODEV, ENOMEM, ENOSPC, ENOSYS, EPERM};
use std::net::TcpStream;
use std::os::fd::AsFd;

/// Returns the events after a wake.
fn wakes(multiplexer: &mut dyn Multiplexer<'static>) -> bool {
    let mut events = Events::with_capacity(8);
    let waker = multiplexer.waker(Token(7)).unwrap();
    waker.wake();
    multiplexer.wait(&mut events, Timeout::Nowait).unwrap();
    tokens(&events) == [7]
}

#[test]
fn failed_waker_leaks_no_fd() {
    let Some(_alone) = in_turn() else { return };
    let backends: [fn() -> Box<dyn Multiplexer<'static> + Send>; 2] =
        [|| Box::new(Poll::new()), || Box::new(Epoll::new().unwrap())];
    for create in backends {
        for code in [EINVAL, EMFILE, ENFILE, ENODEV, ENOMEM, ENOSYS] {
            let mut multiplexer = create();
            let before = fds();
            let answer = failing(EVENTFD, code, || multiplexer.waker(Token(1)).map(drop));
            assert_eq!((answer, fds()), (Err(Error::Os { call: "eventfd", code }), before));
            assert!(wakes(&mut *multiplexer));
        }
    }
}

#[test]
fn waker_rejected_by_epoll_leaks_no_fd() {
    let Some(_alone) = in_turn() else { return };
    for (code, error) in
        [(ENOSPC, Error::Os { call: "epoll_ctl", code: ENOSPC }), (ENOMEM, Error::OutOfMemory)]
    {
        let mut epoll = Epoll::new().unwrap();
        let before = fds();
        let answer = failing(ADD, code, || epoll.waker(Token(1)).map(drop));
        assert_eq!((answer, fds()), (Err(error), before));
        assert!(wakes(&mut epoll));
    }
}

#[test]
fn failed_wake_write_keeps_later_wakes() {
    let Some(_alone) = in_turn() else { return };
    let source = WakerSource::new().unwrap();
    let mut fds = [PollFd::new(source.as_fd(), Interest::READABLE).unwrap()];
    for code in [EAGAIN, EBADF, EINTR, EINVAL, EIO, ENOSPC, EPERM] {
        let waker = source.waker();
        failing(WRITE, code, || waker.wake());
        assert_eq!(iomux::poll(&mut fds, Timeout::Nowait), Ok(0), "the filter has kept it");
        waker.wake();
        assert_eq!(iomux::poll(&mut fds, Timeout::Nowait), Ok(1), "errno {code}");
        source.drain();
    }
}

#[test]
fn failed_drain_loses_no_wake() {
    let Some(_alone) = in_turn() else { return };
    for code in [EAGAIN, EBADF, EINTR, EINVAL, EIO] {
        let mut poll = Poll::new();
        let waker = poll.waker(Token(7)).unwrap();
        let mut events = Events::with_capacity(8);
        waker.wake();
        assert_eq!(failing(READ, code, || poll.wait(&mut events, Timeout::Infinite)), Ok(1));
        assert_eq!(poll.wait(&mut events, Timeout::Nowait), Ok(1), "again, since it was not read");
        assert_eq!(poll.wait(&mut events, Timeout::Nowait), Ok(0));
        waker.wake();
        assert_eq!(poll.wait(&mut events, Timeout::Nowait), Ok(1));
    }
}

#[test]
fn task_runs_despite_failed_wake_write() {
    let Some(_alone) = in_turn() else { return };
    let mut reactor = Reactor::<TcpStream, ()>::new().unwrap();
    assert!(failing(EVENTFD, EMFILE, || reactor.handle().map(drop)).is_err());
    assert_eq!(reactor.len(), 0);
    let handle = reactor.handle().unwrap();
    let (sender, done) = std::sync::mpsc::channel();
    failing(WRITE, EAGAIN, || {
        handle.submit(move |_reactor| sender.send(1).unwrap()).unwrap();
    });
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
    assert_eq!(done.try_iter().collect::<Vec<_>>(), [1]);
}
