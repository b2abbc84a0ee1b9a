//! Which system calls are made, as strace sees them.

use super::{is_traced, sandboxed, traced};
use crate::support::full_pipe;
use iomux_backend::{Epoll, EpollFlags, Events, Interest, Mode, Multiplexer, SigSet, Timeout, Token};
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

const READABLE: Interest = Interest::READABLE;

#[test]
fn modify_sets_exactly_its_flags() {
    const NAME: &str = "traced::epoll::modify_sets_exactly_its_flags";
    if is_traced() {
        let (reader, _writer) = full_pipe();
        let mut epoll = Epoll::new().unwrap();
        epoll.register_with(reader.as_fd(), Token(1), READABLE, Mode::Edge, EpollFlags::WAKEUP).unwrap();
        epoll.modify_with(reader.as_fd(), Token(1), READABLE, Mode::OneShot, EpollFlags::WAKEUP).unwrap();
        epoll.modify(reader.as_fd(), Token(2), READABLE, Mode::Level).unwrap();
        return;
    }
    let Some(trace) = traced(NAME, "epoll_ctl") else { return };
    let calls: Vec<_> = trace.lines().filter(|line| line.contains("epoll_ctl(")).collect();
    let have: Vec<_> = calls.iter().map(|call| call.contains("EPOLLWAKEUP")).collect();
    assert_eq!(have, [true, true, false], "{calls:#?}");
}

/// A call that nothing else makes, between two parts of the trace.
fn mark() {
    // SAFETY: a negative fd is rejected.
    let answer = unsafe { libc::close(-2) };
    assert_eq!(answer, -1);
}

fn the_program() {
    let (reader, _writer) = full_pipe();
    let copies: Vec<_> = (0..64).map(|_| reader.try_clone().unwrap()).collect();
    let mut epoll = Epoll::new().unwrap();
    let waker = epoll.waker(Token(99)).unwrap();
    let mut events = Events::with_capacity(128);
    for (index, fd) in copies.iter().enumerate() {
        epoll.register(fd.as_fd(), Token(index), READABLE, Mode::Level).unwrap();
    }
    let toggle = |epoll: &mut Epoll<'_>, interest| {
        for (index, fd) in copies.iter().enumerate() {
            Multiplexer::modify(epoll, fd.as_fd(), Token(index), interest, Mode::Level).unwrap();
        }
    };
    mark();
    toggle(&mut epoll, Interest::empty());
    mark();
    assert_eq!(epoll.wait(&mut events, Timeout::Nowait), Ok(0));
    mark();
    for timeout in [Duration::from_micros(50), Duration::from_millis(2), Duration::from_micros(1500)] {
        assert_eq!(epoll.wait(&mut events, timeout.into()), Ok(0));
    }
    assert_eq!(epoll.wait(&mut events, Timeout::Until(Instant::now())), Ok(0));
    mark();
    for _ in 0..1000 {
        waker.wake();
    }
    assert_eq!(epoll.wait(&mut events, Timeout::Infinite), Ok(1));
    mark();
}

#[test]
fn each_change_and_each_wait_is_one_call() {
    if is_traced() {
        return the_program();
    }
    let Some(trace) = traced("traced::epoll::each_change_and_each_wait_is_one_call", "all") else { return };
    let mut parts = vec![Vec::new()];
    for line in trace.lines() {
        if line.contains("close(-2)") {
            parts.push(Vec::new());
        } else if !line.contains("clock_gettime") {
            parts.last_mut().unwrap().push(line);
        }
    }
    let [_, changes, waited, timed, woken, _] = &parts[..] else {
        panic!("the marks are not in the trace:\n{trace}")
    };
    assert_eq!(changes.len(), 64, "{changes:#?}");
    assert!(changes.iter().all(|call| call.contains("EPOLL_CTL_MOD")), "{changes:#?}");
    assert_eq!(waited.len(), 1, "{waited:#?}");
    assert!(waited[0].contains("epoll_wait(") || waited[0].contains("epoll_pwait("), "{waited:#?}");
    assert_eq!(timed.len(), 4, "one a wait, whatever the time: {timed:#?}");
    assert_eq!(woken.len(), 2, "a write, and a wait; the waker is not read: {woken:#?}");
}

#[test]
fn missing_epoll_pwait2_is_called_once() {
    const NAME: &str = "traced::epoll::missing_epoll_pwait2_is_called_once";
    if is_traced() {
        let (reader, _writer) = io::pipe().unwrap();
        let mut epoll = Epoll::new().unwrap();
        epoll.register(reader.as_fd(), Token(1), READABLE, Mode::Level).unwrap();
        let mut events = Events::with_capacity(1);
        for time in [50, 1500].map(Duration::from_micros) {
            let start = Instant::now();
            assert_eq!(epoll.wait(&mut events, time.into()), Ok(0));
            assert!(start.elapsed() >= time);
            let mask = SigSet::empty();
            assert_eq!(epoll.wait_masked(&mut events, time.into(), &mask), Ok(0));
        }
        return;
    }
    for error in ["ENOSYS", "EPERM", "EOPNOTSUPP"] {
        let calls = "epoll_wait,epoll_pwait,epoll_pwait2";
        let Some(trace) = sandboxed(NAME, calls, &format!("epoll_pwait2:error={error}")) else { return };
        let count = |call: &str| trace.matches(call).count();
        assert_eq!(count("epoll_pwait2("), 1, "{error}: {trace}");
        assert_eq!(count("epoll_wait(") + count("epoll_pwait("), 4, "{error}: {trace}");
        for ms in ["[], 1, 1)", "[], 1, 2)", "[], 1, 1, [], 8)", "[], 1, 2, [], 8)"] {
            assert_eq!(count(ms), 1, "{error}: {trace}");
        }
    }
}

#[test]
fn late_interruption_is_followed_by_a_check() {
    const NAME: &str = "traced::epoll::late_interruption_is_followed_by_a_check";
    if is_traced() {
        let (reader, _writer) = full_pipe();
        let mut epoll = Epoll::new().unwrap();
        epoll.register(reader.as_fd(), Token(1), READABLE, Mode::Level).unwrap();
        let over = Timeout::Until(Instant::now());
        assert_eq!(epoll.wait(&mut Events::with_capacity(1), over), Ok(1));
        return;
    }
    let calls = "epoll_wait,epoll_pwait,epoll_pwait2";
    // The first; the look that follows is another call.
    let Some(trace) = sandboxed(NAME, calls, "epoll_wait,epoll_pwait:error=EINTR:when=1") else { return };
    assert!(trace.contains("INJECTED"), "{trace}");
}

#[test]
fn masked_wait_ended_early_resumes() {
    const NAME: &str = "traced::epoll::masked_wait_ended_early_resumes";
    const TIME: Duration = Duration::from_millis(20);
    if is_traced() {
        let (reader, _writer) = io::pipe().unwrap();
        let mut epoll = Epoll::new().unwrap();
        epoll.register(reader.as_fd(), Token(1), READABLE, Mode::Level).unwrap();
        let begin = Instant::now();
        let answer = epoll.wait_masked(&mut Events::with_capacity(1), TIME.into(), &SigSet::empty());
        assert_eq!(answer, Ok(0));
        assert!(begin.elapsed() >= TIME);
        return;
    }
    let Some(trace) = sandboxed(NAME, "epoll_pwait,epoll_pwait2", "epoll_pwait:retval=0:when=1") else {
        return;
    };
    assert_eq!(trace.matches("INJECTED").count(), 1, "{trace}");
}
