//! The slot table, when poll(2) and ppoll(2) fail.

use super::{POLL, PPOLL, failing, in_turn};
use crate::support::full_pipe;
use iomux::{Error, Interest, PollFd, Readiness, SigSet, Slots, Timeout};
use libc::{EAGAIN, EFAULT, EINTR, EINVAL, ENOMEM, ENOSYS, EPERM};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// What the manuals of Linux and POSIX list, and what sandboxes answer.
const CODES: [i32; 6] = [EAGAIN, EFAULT, EINVAL, ENOMEM, ENOSYS, EPERM];

type Wait = fn(&mut Slots<'_>) -> Result<usize, Error>;
type WaitOver = fn(&mut [PollFd<'_>]) -> Result<usize, Error>;

#[track_caller]
fn forgets_and_goes_on(wait: Wait, code: i32, expected: Error) {
    let (reader, _writer) = full_pipe();
    let mut slots = Slots::with_capacity(3);
    slots.set(1, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(1));
    let answer = failing(POLL, code, || wait(&mut slots));
    assert_eq!(answer, Err(expected));
    assert_eq!(slots.readiness(1), Ok(Readiness::empty()), "not the answer of the wait before");
    assert_eq!(slots.next_ready().map(|ready| ready.index()), None);
    assert_eq!(slots.interest(1), Ok(Interest::READABLE));
    assert_eq!(wait(&mut slots), Ok(1), "it goes on");
    assert_eq!(slots.next_ready().map(|ready| ready.index()), Some(1));
}

#[test]
fn a_poll_that_fails_says_so_and_forgets_what_was_reported() {
    let Some(_alone) = in_turn() else { return };
    let waits: [Wait; 4] = [
        |slots| slots.poll(Timeout::Infinite),
        |slots| slots.poll_first(2, Duration::from_millis(5)),
        |slots| slots.ppoll(Timeout::Nowait, None),
        |slots| slots.wait(Timeout::Infinite),
    ];
    for (wait, code) in waits.into_iter().flat_map(|wait| CODES.map(|code| (wait, code))) {
        forgets_and_goes_on(wait, code, Error::Os { call: "poll", code });
    }
    for wait in &waits[..3] {
        forgets_and_goes_on(*wait, EINTR, Error::Interrupted);
    }
}

#[test]
fn a_ppoll_that_fails_says_so_and_forgets_what_was_reported() {
    let Some(_alone) = in_turn() else { return };
    let waits: [Wait; 3] = [
        |slots| slots.poll(Duration::from_micros(5)),
        |slots| slots.ppoll(Timeout::Infinite, Some(&SigSet::full())),
        |slots| slots.wait(Duration::from_nanos(5)),
    ];
    for (wait, code) in waits.into_iter().flat_map(|wait| CODES.map(|code| (wait, code))) {
        forgets_and_goes_on(wait, code, Error::Os { call: "ppoll", code });
    }
    for wait in &waits[..2] {
        forgets_and_goes_on(*wait, EINTR, Error::Interrupted);
    }
}

#[test]
fn a_wait_over_a_slice_that_fails_forgets_what_was_reported() {
    let Some(_alone) = in_turn() else { return };
    let (reader, _writer) = full_pipe();
    let waits: [WaitOver; 3] = [
        |fds| iomux::poll(fds, Timeout::Infinite),
        |fds| iomux::ppoll(fds, Timeout::Infinite, Some(&SigSet::full())),
        |fds| iomux::wait(fds, Timeout::Infinite),
    ];
    for (wait, code) in waits.into_iter().flat_map(|wait| CODES.map(|code| (wait, code))) {
        let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE).unwrap()];
        assert_eq!(wait(&mut fds), Ok(1));
        assert!(
            matches!(failing(POLL, code, || wait(&mut fds)), Err(Error::Os { code: said, .. }) if said == code)
        );
        assert_eq!(fds[0].readiness(), Readiness::empty());
        assert_eq!(wait(&mut fds), Ok(1), "it goes on");
    }
}

#[test]
fn a_wait_that_is_always_interrupted_ends_when_its_time_has_passed_and_not_before() {
    let Some(_alone) = in_turn() else { return };
    let (reader, _writer) = full_pipe();
    for time in [0, 10, 2000].map(Duration::from_micros) {
        let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE).unwrap()];
        let (answer, took) = failing(POLL, EINTR, || {
            let begin = Instant::now();
            (iomux::wait(&mut fds, time), begin.elapsed())
        });
        assert_eq!(answer, Ok(0));
        assert!(took >= time, "{took:?} of {time:?}");
        assert_eq!(iomux::wait(&mut fds, time), Ok(1), "it goes on");
    }
}

#[test]
fn where_ppoll_is_denied_poll_still_works() {
    let Some(_alone) = in_turn() else { return };
    if cfg!(not(target_arch = "x86_64")) {
        return crate::support::skip(
            "faults without ppoll",
            "poll(3) is the system call ppoll on this processor",
        );
    }
    let (reader, _writer) = full_pipe();
    let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE).unwrap()];
    for code in [ENOSYS, EPERM] {
        let answers = failing(PPOLL, code, || {
            let fine = Duration::from_nanos(1);
            (iomux::poll(&mut fds, Timeout::Infinite), iomux::without_ppoll::wait(&mut fds, fine))
        });
        assert_eq!(answers, (Ok(1), Ok(1)));
    }
}
