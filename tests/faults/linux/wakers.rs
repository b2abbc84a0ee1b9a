//! Wakers, when eventfd(2), read(2) and write(2) fail.

use super::{ADD, EVENTFD, READ, WRITE, failing, fds, in_turn, tokens};
use iomux::{Interest, PollFd};
use iomux_backend::{Epoll, Error, Events, Multiplexer, Poll, Reactor, Timeout, Token, WakerSource};
use libc::{EAGAIN, EBADF, EINTR, EINVAL, EIO, EMFILE, ENFILE, ENODEV, ENOMEM, ENOSPC, ENOSYS, EPERM};
use std::net::TcpStream;
use std::os::fd::AsFd;

/// What is reported after a wake.
fn wakes(multiplexer: &mut dyn Multiplexer<'static>) -> bool {
    let mut events = Events::with_capacity(8);
    let waker = multiplexer.waker(Token(7)).unwrap();
    waker.wake();
    multiplexer.wait(&mut events, Timeout::Nowait).unwrap();
    tokens(&events) == [7]
}

#[test]
fn a_waker_that_cannot_be_had_is_an_error_and_leaks_no_fd() {
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
fn a_waker_that_epoll_refuses_is_an_error_and_leaks_no_fd() {
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
fn a_wake_that_cannot_be_written_does_not_silence_those_after_it() {
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
fn a_wake_that_cannot_be_read_away_is_reported_again_and_none_is_lost() {
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
fn a_task_whose_wake_cannot_be_written_is_run_by_the_next_wait() {
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
