//! The slot table, if poll(2) and ppoll(2) fail.

use super::{POLL, PPOLL, SANDBOX_ERRNOS, failing, from_here_on, has_poll_without_ppoll, in_turn};
use crate::support::{empty_pipe, full_pipe};
use iomux::{Error, Interest, PollFd, Readiness, SigSet, Slots, Timeout};
use libc::{EAGAIN, EFAULT, EINTR, EINVAL, ENOMEM, ENOSYS, EPERM};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The errnos of Linux, POSIX and sandboxes.
const CODES: [i32; 6] = [EAGAIN, EFAULT, EINVAL, ENOMEM, ENOSYS, EPERM];

type Wait = fn(&mut Slots<'_>) -> Result<usize, Error>;

/// Each kind of wait, with a timeout that is not whole milliseconds.
const FINE_WAITS: [Wait; 7] = [
    |slots| slots.poll(FINE),
    |slots| slots.poll_first(1, FINE),
    |slots| slots.ppoll(FINE, None),
    |slots| slots.wait(FINE),
    |slots| iomux::poll(&mut copied(slots), FINE),
    |slots| iomux::ppoll(&mut copied(slots), FINE, None),
    |slots| iomux::wait(&mut copied(slots), FINE),
];
const FINE: Duration = Duration::from_nanos(5);

/// Returns the slots of a table, for the waits over a slice.
fn copied<'fd>(slots: &Slots<'fd>) -> Vec<PollFd<'fd>> {
    slots.iter().map(|slot| PollFd::new(slot.fd(), Interest::READABLE).unwrap()).collect()
}

type WaitOver = fn(&mut [PollFd<'_>]) -> Result<usize, Error>;

#[track_caller]
fn forgets_and_goes_on(wait: Wait, code: i32, expected: Error) {
    let (reader, _writer) = full_pipe();
    let mut slots = Slots::with_capacity(3);
    slots.set(1, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(1));
    let answer = failing(POLL, code, || wait(&mut slots));
    assert_eq!(answer, Err(expected));
    assert_eq!(slots.readiness(1), Ok(Readiness::empty()), "not the readiness of the earlier wait");
    assert_eq!(slots.next_ready().map(|ready| ready.index()), None);
    assert_eq!(slots.interest(1), Ok(Interest::READABLE));
    assert_eq!(wait(&mut slots), Ok(1), "it still works");
    assert_eq!(slots.next_ready().map(|ready| ready.index()), Some(1));
}

#[test]
fn failed_poll_clears_readiness() {
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
fn failed_ppoll_clears_readiness() {
    let Some(_alone) = in_turn() else { return };
    let fine: [Wait; 2] = [|slots| slots.poll(FINE), |slots| slots.wait(FINE)];
    let masked: Wait = |slots| slots.ppoll(Timeout::Infinite, Some(&SigSet::full()));
    for code in CODES {
        // After a rejected ppoll(2), the wait uses poll(2), which is rejected too.
        let call = if SANDBOX_ERRNOS.contains(&code) { "poll" } else { "ppoll" };
        fine.into_iter().for_each(|wait| forgets_and_goes_on(wait, code, Error::Os { call, code }));
        forgets_and_goes_on(masked, code, Error::Os { call: "ppoll", code });
    }
    for wait in [fine[0], masked] {
        forgets_and_goes_on(wait, EINTR, Error::Interrupted);
    }
}

#[test]
fn failed_slice_wait_clears_readiness() {
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
        assert_eq!(wait(&mut fds), Ok(1), "it still works");
    }
}

#[test]
fn deadline_survives_eintr() {
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
        assert_eq!(iomux::wait(&mut fds, time), Ok(1), "it still works");
    }
}

#[test]
fn rejected_ppoll_rounds_timeout_up() {
    let Some(_alone) = in_turn() else { return };
    if !has_poll_without_ppoll() {
        return;
    }
    let ((ready, _w1), (idle, _w2)) = (full_pipe(), empty_pipe());
    for (wait, code) in FINE_WAITS.into_iter().flat_map(|wait| SANDBOX_ERRNOS.map(|code| (wait, code))) {
        for (source, expected) in [(&ready, Ok(1)), (&idle, Ok(0))] {
            let mut slots = Slots::with_capacity(1);
            slots.set(0, source.as_fd(), Interest::READABLE).unwrap();
            let (answer, took) = failing(PPOLL, code, || {
                let begin = Instant::now();
                (wait(&mut slots), begin.elapsed())
            });
            assert_eq!(answer, expected, "{code}");
            assert!(answer == Ok(1) || took >= Duration::from_millis(1), "{took:?}");
        }
    }
}

#[test]
fn rejected_ppoll_is_not_retried() {
    let Some(_alone) = in_turn() else { return };
    if !has_poll_without_ppoll() {
        return;
    }
    let (reader, _writer) = full_pipe();
    let mut slots = Slots::with_capacity(1);
    slots.set(0, reader.as_fd(), Interest::READABLE).unwrap();
    for wait in FINE_WAITS {
        let answers = failing(PPOLL, EPERM, || {
            let first = wait(&mut slots);
            from_here_on(PPOLL, EINVAL); // the later filter decides, and no wait falls back after EINVAL
            (first, FINE_WAITS.map(|wait| wait(&mut slots)))
        });
        assert_eq!(answers, (Ok(1), [Ok(1); FINE_WAITS.len()]));
        let answer = failing(PPOLL, EINVAL, || wait(&mut slots));
        assert_eq!(answer, Err(Error::Os { call: "ppoll", code: EINVAL }), "other threads are not affected");
    }
}

#[test]
fn mask_without_ppoll_is_an_error() {
    let Some(_alone) = in_turn() else { return };
    let (reader, _writer) = full_pipe();
    let mut slots = Slots::with_capacity(1);
    slots.set(0, reader.as_fd(), Interest::READABLE).unwrap();
    for code in SANDBOX_ERRNOS {
        let mask = SigSet::full();
        let error = failing(PPOLL, code, || {
            let _ = slots.wait(Duration::from_nanos(5)); // which falls back to poll(2)
            slots.ppoll(Timeout::Infinite, Some(&mask)).unwrap_err()
        });
        assert_eq!(error, Error::Os { call: "ppoll", code });
        assert!(error.to_string().ends_with("; allow ppoll(2), or wait without a signal mask"), "{error}");
        assert_eq!(slots.ppoll(Timeout::Infinite, Some(&mask)), Ok(1), "it still works");
    }
}
