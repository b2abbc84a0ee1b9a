//! Which system calls a multiplexer makes, and how many: seen by strace.

use super::{is_traced, traced};
use crate::support::full_pipe;
use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
use std::os::fd::AsFd;

const NAME: &str = "traced::backend_poll::poll_makes_one_call_per_wait";

/// A call that nothing else makes, between two parts of the trace.
fn mark(number: i32) {
    // SAFETY: a negative fd is rejected.
    let answer = unsafe { libc::close(-number) };
    assert_eq!(answer, -1);
}

/// The parts of the trace between the marks.
fn parts(trace: &str) -> Vec<Vec<&str>> {
    let mut parts = vec![Vec::new()];
    for line in trace.lines() {
        if line.contains("close(-") {
            parts.push(Vec::new());
        } else if !line.contains("clock_gettime") {
            parts.last_mut().unwrap().push(line);
        }
    }
    parts
}

fn the_program() {
    let (reader, _writer) = full_pipe();
    let copies: Vec<_> = (0..64).map(|_| reader.try_clone().unwrap()).collect();
    let mut poll = Poll::new();
    let waker = poll.waker(Token(99)).unwrap();
    let mut events = Events::with_capacity(128);
    mark(1);
    for (index, fd) in copies.iter().enumerate() {
        poll.register(fd.as_fd(), Token(index), Interest::READABLE, Mode::Level).unwrap();
        poll.modify(fd.as_fd(), Token(index), Interest::WRITABLE, Mode::OneShot).unwrap();
        poll.modify(fd.as_fd(), Token(index), Interest::READABLE, Mode::Level).unwrap();
    }
    copies[32..].iter().for_each(|fd| poll.deregister(fd.as_fd()).unwrap());
    mark(2);
    assert_eq!(poll.wait(&mut events, Timeout::Infinite), Ok(32));
    mark(3);
    for _ in 0..1000 {
        waker.wake();
    }
    mark(4);
    assert_eq!(poll.wait(&mut events, Timeout::Infinite), Ok(33));
    mark(5);
}

#[test]
fn poll_makes_one_call_per_wait() {
    if is_traced() {
        return the_program();
    }
    let Some(trace) = traced(NAME, "all") else { return };
    let [_, registering, wait, wakes, woken, _] = &parts(&trace)[..] else {
        panic!("the marks are not in the trace:\n{trace}")
    };
    assert_eq!(registering.len(), 0, "register, modify, deregister:\n{registering:#?}");
    assert_eq!(wait.len(), 1, "wait:\n{wait:#?}");
    assert!(wait[0].contains("poll(["), "{wait:#?}");
    assert_eq!(wakes.len(), 1, "1,000 wakes:\n{wakes:#?}");
    assert!(wakes[0].contains("write(") || wakes[0].contains("sendto("), "{wakes:#?}");
    assert_eq!(woken.len(), 2, "a wait, and the waker's read:\n{woken:#?}");
}
