//! `Poll`, if poll(2) fails, and every backend, if close(2) fails.

use super::{
    CLOSE, POLL, PPOLL, SANDBOX_ERRNOS, failing, from_here_on, has_poll_without_ppoll, in_turn, tokens,
};
use crate::support::{empty_pipe, full_pipe};
use iomux_backend::{Epoll, Error, Events, Interest, Mode, Multiplexer, Poll, SigSet, Timeout, Token};
use libc::{EAGAIN, EDQUOT, EFAULT, EINTR, EINVAL, EIO, ENOMEM, ENOSPC};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

type Wait = fn(&mut Poll<'_>, &mut Events) -> Result<usize, Error>;

#[test]
fn failed_poll_wait_loses_no_event() {
    let Some(_alone) = in_turn() else { return };
    let waits: [(&str, Wait); 4] = [
        ("poll", |poll, events| poll.wait(events, Timeout::Nowait)),
        ("poll", |poll, events| poll.wait(events, Timeout::Infinite)),
        ("ppoll", |poll, events| poll.wait(events, Duration::from_micros(5).into())),
        ("ppoll", |poll, events| poll.wait_masked(events, Timeout::Infinite, &SigSet::full())),
    ];
    for ((call, wait), code) in
        waits.into_iter().flat_map(|wait| [EAGAIN, EFAULT, EINVAL, ENOMEM].map(|code| (wait, code)))
    {
        let ((once, _w1), (level, _w2)) = (full_pipe(), full_pipe());
        let mut poll = Poll::new();
        let waker = poll.waker(Token(0)).unwrap();
        poll.register(once.as_fd(), Token(1), Interest::READABLE, Mode::OneShot).unwrap();
        poll.register(level.as_fd(), Token(2), Interest::READABLE, Mode::Level).unwrap();
        waker.wake();
        let mut events = Events::with_capacity(8);
        assert_eq!(poll.wait(&mut events, Timeout::Nowait), Ok(3));
        poll.modify(once.as_fd(), Token(1), Interest::READABLE, Mode::OneShot).unwrap();
        waker.wake();
        let answer = failing(POLL, code, || wait(&mut poll, &mut events));
        assert_eq!(answer, Err(Error::Os { call, code }));
        assert!(events.is_empty(), "not those of the wait before");
        assert_eq!(poll.wait(&mut events, Timeout::Nowait), Ok(3), "nothing was lost");
        assert_eq!(tokens(&events), [0, 1, 2]);
    }
}

#[test]
fn eintr_ends_only_masked_polls() {
    let Some(_alone) = in_turn() else { return };
    let (once, _writer) = full_pipe();
    for time in [0, 10, 2000].map(Duration::from_micros) {
        let mut poll = Poll::new();
        poll.register(once.as_fd(), Token(1), Interest::READABLE, Mode::OneShot).unwrap();
        let mut events = Events::with_capacity(8);
        let (answer, took, masked) = failing(POLL, EINTR, || {
            let begin = Instant::now();
            let answer = poll.wait(&mut events, time.into());
            (answer, begin.elapsed(), poll.wait_masked(&mut events, time.into(), &SigSet::full()))
        });
        assert_eq!((answer, masked), (Ok(0), Err(Error::Interrupted)));
        assert!(took >= time, "{took:?} of {time:?}");
        assert_eq!(poll.wait(&mut events, Timeout::Nowait), Ok(1), "nothing was lost");
    }
}

#[test]
fn rejected_ppoll_falls_back_to_poll() {
    let Some(_alone) = in_turn() else { return };
    if !has_poll_without_ppoll() {
        return;
    }
    let ((idle, _w1), (ready, _w2)) = (empty_pipe(), full_pipe());
    let fine = Duration::from_nanos(1).into();
    for code in SANDBOX_ERRNOS {
        let mut poll = Poll::new();
        let mut events = Events::with_capacity(8);
        poll.register(idle.as_fd(), Token(1), Interest::READABLE, Mode::Level).unwrap();
        let error = failing(PPOLL, code, || {
            let begin = Instant::now();
            assert_eq!(poll.wait(&mut events, fine), Ok(0));
            assert!(begin.elapsed() >= Duration::from_millis(1), "rounded up");
            poll.register(ready.as_fd(), Token(2), Interest::READABLE, Mode::Level).unwrap();
            from_here_on(PPOLL, EINVAL); // it must not be called again
            assert_eq!(poll.wait(&mut events, fine), Ok(1));
            from_here_on(PPOLL, code);
            poll.wait_masked(&mut events, fine, &SigSet::full()).unwrap_err()
        });
        assert_eq!(error, Error::Os { call: "ppoll", code });
        assert!(error.to_string().ends_with("; allow ppoll(2), or wait without a signal mask"), "{error}");
        assert_eq!(poll.wait_masked(&mut events, fine, &SigSet::full()), Ok(1), "nothing was lost");
    }
}

#[test]
fn failed_close_does_not_panic() {
    let Some(_alone) = in_turn() else { return };
    for code in [EINTR, EIO, ENOSPC, EDQUOT] {
        let mut epoll = Epoll::new().unwrap();
        let mut poll = Poll::new();
        let wakers = (epoll.waker(Token(0)).unwrap(), poll.waker(Token(0)).unwrap());
        failing(CLOSE, code, move || drop((epoll, poll, wakers)));
    }
}
