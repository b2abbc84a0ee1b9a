//! Timeouts and signals: never early, never for ever, never stretched.

use super::rig::{LIMIT, Rig, empty_pipe, full_pipe, write};
use super::{Backend, lacks, os};
use crate::{Capabilities, Error, Interest, Multiplexer, SigSet, Timeout, Token};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

pub(super) fn no_time_is_no_wait<B: Backend>() {
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

pub(super) fn a_wait_until_a_time_is_not_early<B: Backend>() {
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    for micros in [10, 1_500, 10_000] {
        let end = Instant::now() + Duration::from_micros(micros);
        assert_eq!(rig.wait(end), []);
        assert!(Instant::now() >= end);
    }
}

pub(super) fn a_time_that_has_passed_is_no_wait<B: Backend>() {
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    let past = Instant::now();
    assert_eq!(rig.wait(past), []);
    assert!(past.elapsed() < LIMIT);
}

/// Waits with `timeout` for what another thread writes a little later.
#[track_caller]
fn ended_by_a_write<B: Backend>(timeout: Timeout) {
    let (reader, writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    thread::scope(|scope| {
        scope.spawn(|| {
            iomux::wait(&mut [], Duration::from_millis(5)).expect("a pause");
            write(&writer);
        });
        let seen = rig.wait(timeout);
        assert_eq!(seen.len(), 1, "{timeout:?} ended before anything was ready");
    });
}

pub(super) fn the_longest_time_does_not_end_at_once<B: Backend>() {
    for time in [Duration::MAX, Duration::from_millis(1 << 31), Duration::from_millis(1 << 32)] {
        ended_by_a_write::<B>(Timeout::After(time));
    }
}

pub(super) fn an_endless_wait_ends_when_something_is_ready<B: Backend>() {
    ended_by_a_write::<B>(Timeout::Infinite);
}

pub(super) fn signals_neither_end_nor_stretch_nor_cut_a_wait<B: Backend>() {
    let handler = os::Handler::new();
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    let (waiter, is_over) = (os::Thread::this(), AtomicBool::new(false));
    let time = Duration::from_millis(100);
    thread::scope(|scope| {
        scope.spawn(|| {
            let begin = Instant::now();
            // A wait that begins anew after each signal lasts until the last.
            while !is_over.load(Ordering::Acquire) && begin.elapsed() < 2 * LIMIT {
                waiter.signal();
                iomux::wait(&mut [], Duration::from_micros(50)).expect("a pause");
            }
        });
        // However late that thread begins: the wait is to meet signals.
        while handler.runs() == 0 {
            thread::yield_now();
        }
        let begin = Instant::now();
        let count = rig.mux.wait(&mut rig.events, time.into());
        let waited = begin.elapsed();
        is_over.store(true, Ordering::Release);
        assert_eq!(count, Ok(0), "signals do not end it");
        assert!(waited >= time, "cut to {waited:?}");
        assert!(waited < LIMIT, "stretched to {waited:?}");
    });
}

pub(super) fn a_wait_that_could_never_end_is_an_error_or_is_ended_by_a_wake<B: Backend>() {
    let mut rig = Rig::<B>::new();
    if rig.has(Capabilities::WAKER) {
        let waker = rig.mux.waker(Token(1)).expect("a waker");
        waker.wake();
        assert_eq!(rig.mux.wait(&mut rig.events, Timeout::Infinite), Ok(1));
        return;
    }
    let answer = rig.mux.wait(&mut rig.events, Timeout::Infinite);
    assert_eq!(answer, Err(Error::NothingToWaitFor));
}

/// Blocks the signal, sends it to this thread, and gives the mask that lets it through.
fn pending_signal() -> (iomux::MaskGuard, SigSet) {
    let blocked = SigSet::from(os::SIGNAL).block().expect("a mask");
    os::Thread::this().signal();
    let mask = blocked.wait_mask();
    (blocked, mask)
}

pub(super) fn a_masked_wait_ends_when_a_handler_runs<B: Backend>() {
    if lacks::<B>("a_masked_wait_ends_when_a_handler_runs", Capabilities::MASK) {
        return;
    }
    let handler = os::Handler::new();
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    let (_blocked, mask) = pending_signal();
    assert_eq!(handler.runs(), 0, "it is blocked");
    let answer = rig.mux.wait_masked(&mut rig.events, LIMIT.into(), &mask);
    assert_eq!(answer, Err(Error::Interrupted));
    assert_eq!(handler.runs(), 1);
    assert!(rig.events.is_empty());
}

pub(super) fn a_masked_wait_lets_a_pending_signal_through_though_fds_are_ready<B: Backend>() {
    if lacks::<B>("a_masked_wait_lets_a_pending_signal_through_though_fds_are_ready", Capabilities::MASK) {
        return;
    }
    let handler = os::Handler::new();
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    let (_blocked, mask) = pending_signal();
    let answer = rig.mux.wait_masked(&mut rig.events, LIMIT.into(), &mask);
    assert_eq!(answer, Err(Error::Interrupted));
    assert_eq!(handler.runs(), 1);
    assert!(rig.only(1).is_readable(), "and no event was lost");
}

pub(super) fn a_masked_wait_reports_what_is_ready<B: Backend>() {
    if lacks::<B>("a_masked_wait_reports_what_is_ready", Capabilities::MASK) {
        return;
    }
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    let before = SigSet::current().expect("a mask");
    assert_eq!(rig.mux.wait_masked(&mut rig.events, LIMIT.into(), &SigSet::full()), Ok(1));
    assert_eq!(rig.events.len(), 1);
    assert_eq!(SigSet::current().expect("a mask"), before, "the mask is the thread's own again");
}

pub(super) fn a_masked_wait_is_not_early<B: Backend>() {
    if lacks::<B>("a_masked_wait_is_not_early", Capabilities::MASK) {
        return;
    }
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    for time in [Duration::from_micros(300), Duration::from_millis(5)] {
        let begin = Instant::now();
        assert_eq!(rig.mux.wait_masked(&mut rig.events, time.into(), &SigSet::full()), Ok(0));
        assert!(begin.elapsed() >= time, "{:?} of {time:?}", begin.elapsed());
    }
}

pub(super) fn without_a_mask_a_masked_wait_is_an_error<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    if rig.has(Capabilities::MASK) {
        return super::skip("without_a_mask_a_masked_wait_is_an_error", "it has a mask");
    }
    rig.watch(&reader, 1, Interest::READABLE);
    let answer = rig.mux.wait_masked(&mut rig.events, Timeout::Nowait, &SigSet::empty());
    assert!(matches!(answer, Err(Error::Unsupported { .. })), "{answer:?}: never dropped in silence");
    assert!(rig.only(1).is_readable());
}

pub(super) fn what_is_not_asked_does_not_end_a_wait<B: Backend>() {
    const TIME: Duration = Duration::from_millis(20);
    let ((reader, writer), (gone, _writer)) = (empty_pipe(), full_pipe());
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::empty());
    rig.watch(&gone, 2, Interest::READABLE);
    rig.deregister(&gone);
    let begin = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| {
            iomux::wait(&mut [], TIME / 4).expect("a pause");
            write(&writer);
        });
        assert_eq!(rig.wait(TIME), []);
        assert!(begin.elapsed() >= TIME, "cut to {:?}", begin.elapsed());
    });
}
