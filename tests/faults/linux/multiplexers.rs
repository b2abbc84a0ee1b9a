//! `Poll`, when poll(2) fails; and every backend, when close(2) does.

use super::{CLOSE, POLL, PPOLL, failing, in_turn, tokens};
use crate::support::full_pipe;
use iomux_backend::{Epoll, Error, Events, Interest, Mode, Multiplexer, Poll, SigSet, Timeout, Token};
use libc::{EAGAIN, EDQUOT, EFAULT, EINTR, EINVAL, EIO, ENOMEM, ENOSPC, ENOSYS};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

type Wait = fn(&mut Poll<'_>, &mut Events) -> Result<usize, Error>;

#[test]
fn a_wait_of_poll_that_fails_says_so_and_loses_no_event() {
    let Some(_alone) = in_turn() else { return };
    let waits: [(&str, Wait); 4] = [
        ("poll", |poll, events| poll.wait(events, Timeout::Nowait)),
        ("poll", |poll, events| poll.wait(events, Timeout::Infinite)),
        ("ppoll", |poll, events| poll.wait(events, Duration::from_micros(5).into())),
        ("ppoll", |poll, events| poll.wait_masked(events, Timeout::Infinite, &SigSet::full())),
    ];
    for ((call, wait), code) in
        waits.into_iter().flat_map(|wait| [EAGAIN, EFAULT, EINVAL, ENOMEM, ENOSYS].map(|code| (wait, code)))
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
fn an_interrupted_wait_of_poll_goes_on_until_its_time_has_passed_and_a_masked_one_says_so() {
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
fn where_ppoll_is_denied_poll_without_it_waits() {
    let Some(_alone) = in_turn() else { return };
    if cfg!(not(target_arch = "x86_64")) {
        return crate::support::skip(
            "faults without ppoll",
            "poll(3) is the system call ppoll on this processor",
        );
    }
    let (reader, _writer) = full_pipe();
    let mut poll = Poll::without_ppoll();
    poll.register(reader.as_fd(), Token(1), Interest::READABLE, Mode::Level).unwrap();
    let answer =
        failing(PPOLL, ENOSYS, || poll.wait(&mut Events::with_capacity(8), Duration::from_nanos(1).into()));
    assert_eq!(answer, Ok(1));
}

#[test]
fn a_close_that_fails_is_no_panic() {
    let Some(_alone) = in_turn() else { return };
    for code in [EINTR, EIO, ENOSPC, EDQUOT] {
        let mut epoll = Epoll::new().unwrap();
        let mut poll = Poll::new();
        let wakers = (epoll.waker(Token(0)).unwrap(), poll.waker(Token(0)).unwrap());
        failing(CLOSE, code, move || drop((epoll, poll, wakers)));
    }
}
