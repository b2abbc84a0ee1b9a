//! Timeouts: no wait ends early, blocks indefinitely, or is prolonged by signals.

use super::rig::{LIMIT, Rig, empty_pipe, ends_in_time, full_pipe, write};
use super::{Backend, os};
use crate::{Capabilities, Error, Interest, Mode, Multiplexer, Timeout, Token};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

pub(super) fn zero_timeout_does_not_wait<B: Backend>() {
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    assert_eq!(rig.now(), []);
    assert_eq!(rig.wait(Duration::ZERO), []);
}

pub(super) fn no_wait_ends_early<B: Backend>() {
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    for nanos in [1, 50_000, 999_999, 1_000_000, 1_000_001, 1_999_999, 20_000_000] {
        let time = Duration::from_nanos(nanos);
        let begin = Instant::now();
        assert_eq!(rig.wait(time), []);
        assert!(begin.elapsed() >= time, "{:?} of {time:?}", begin.elapsed());
    }
}

pub(super) fn deadline_is_not_early<B: Backend>() {
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    for micros in [10, 1_500, 10_000] {
        let end = Instant::now() + Duration::from_micros(micros);
        assert_eq!(rig.wait(end), []);
        assert!(Instant::now() >= end);
    }
}

pub(super) fn past_deadline_does_not_wait<B: Backend>() {
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    let past = Instant::now();
    assert_eq!(rig.wait(past), []);
    assert!(past.elapsed() < LIMIT);
}

/// Waits with `timeout` until another thread writes.
#[track_caller]
fn ended_by_a_write<B: Backend>(timeout: Timeout) {
    let (reader, writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    thread::scope(|scope| {
        scope.spawn(|| {
            iomux::wait(&mut [], Duration::from_millis(5)).expect("a pause by iomux::wait");
            write(&writer);
        });
        let seen = rig.wait(timeout);
        assert_eq!(seen.len(), 1, "{timeout:?} ended before anything was ready");
    });
}

pub(super) fn longest_timeout_does_not_overflow<B: Backend>() {
    for time in [Duration::MAX, Duration::from_millis(1 << 31), Duration::from_millis(1 << 32)] {
        ended_by_a_write::<B>(Timeout::After(time));
    }
}

pub(super) fn infinite_wait_ends_when_ready<B: Backend>() {
    ended_by_a_write::<B>(Timeout::Infinite);
}

pub(super) fn timeout_survives_eintr<B: Backend>() {
    let handler = os::Handler::new();
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    let (waiter, is_over) = (os::Thread::this(), AtomicBool::new(false));
    let time = Duration::from_millis(100);
    thread::scope(|scope| {
        scope.spawn(|| {
            let begin = Instant::now();
            // A wait that restarts with the full timeout after each signal lasts until the last signal.
            while !is_over.load(Ordering::Acquire) && begin.elapsed() < 2 * LIMIT {
                waiter.signal();
                iomux::wait(&mut [], Duration::from_micros(50)).expect("a pause by iomux::wait");
            }
        });
        // Signals must arrive during the wait, so begin it after the first.
        while handler.runs() == 0 {
            thread::yield_now();
        }
        let begin = Instant::now();
        let count = rig.mux.wait(&mut rig.events, time.into());
        let waited = begin.elapsed();
        is_over.store(true, Ordering::Release);
        assert_eq!(count, Ok(0), "a signal ended it");
        assert!(waited >= time, "ended after {waited:?}");
        assert!(waited < LIMIT, "prolonged to {waited:?}");
    });
}

/// Returns the result of a wait with an infinite timeout, or `None` if it blocks. Its thread then blocks forever.
fn result_of_infinite(wait: fn() -> Result<usize, Error>) -> Option<Result<usize, Error>> {
    let (sender, results) = mpsc::channel();
    // The thread has the name of the property, so that the message of a panic contains it.
    let name = thread::current().name().unwrap_or_default().to_owned();
    thread::Builder::new().name(name).spawn(move || sender.send(wait())).expect("a thread");
    match results.recv_timeout(Duration::from_millis(20)) {
        Ok(result) => Some(result),
        Err(mpsc::RecvTimeoutError::Timeout) => None,
        Err(mpsc::RecvTimeoutError::Disconnected) => panic!("the waiting thread panicked"),
    }
}

/// Waits with an infinite timeout without registrations.
fn wait_for_nothing<B: Backend>() -> Result<usize, Error> {
    let mut rig = Rig::<B>::new();
    rig.mux.wait(&mut rig.events, Timeout::Infinite)
}

/// Waits with an infinite timeout while the only registration is disarmed.
fn wait_for_what_is_disarmed<B: Backend>() -> Result<usize, Error> {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch_in(&reader, 1, Interest::READABLE, Mode::OneShot);
    rig.only(1);
    rig.mux.wait(&mut rig.events, Timeout::Infinite)
}

pub(super) fn wait_for_nothing_is_an_error_or_ended_by_wake<B: Backend>() {
    let mut rig = Rig::<B>::new();
    let one_shot = rig.has(Capabilities::ONE_SHOT).then_some(wait_for_what_is_disarmed::<B> as fn() -> _);
    for wait in [Some(wait_for_nothing::<B> as fn() -> _), one_shot].into_iter().flatten() {
        let result = result_of_infinite(wait);
        assert!(matches!(result, None | Some(Err(Error::NothingToWaitFor))), "{result:?}");
    }
    if rig.has(Capabilities::WAKER) {
        let waker = rig.mux.waker(Token(1)).expect("waker");
        thread::scope(|scope| {
            scope.spawn(|| {
                iomux::wait(&mut [], Duration::from_millis(5)).expect("a pause by iomux::wait");
                waker.wake();
            });
            assert_eq!(rig.mux.wait(&mut rig.events, Timeout::Infinite), Ok(1));
        });
    }
}

pub(super) fn deadline_is_not_late<B: Backend>() {
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    assert!(ends_in_time(|end| assert_eq!(rig.wait(end), [])));
    assert!(ends_in_time(|end| assert_eq!(rig.wait(end - Instant::now()), [])));
}

pub(super) fn uninteresting_data_does_not_end_wait<B: Backend>() {
    // The pause of a quarter may be late by two ticks of 10 ms.
    const TIME: Duration = Duration::from_millis(60);
    let ((reader, writer), (gone, _writer)) = (empty_pipe(), full_pipe());
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::empty());
    rig.watch(&gone, 2, Interest::READABLE);
    rig.deregister(&gone);
    let begin = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            iomux::wait(&mut [], TIME / 4).expect("a pause by iomux::wait");
            write(&writer);
        });
        assert_eq!(rig.wait(TIME), []);
        assert!(begin.elapsed() >= TIME, "ended after {:?}", begin.elapsed());
    });
}
