//! The masked wait: like a plain wait, except that signals end it.

use super::os::Handler;
use super::rig::{LIMIT, Rig, empty_pipe, ends_in_time, full_pipe, pending_signal, read, write};
use super::{Backend, lacks, skip};
use crate::{Capabilities, Error, Events, Interest, Mode, Multiplexer, Readiness, SigSet, Timeout, Token};
use std::thread;
use std::time::{Duration, Instant};

const READABLE: Interest = Interest::READABLE;

pub(super) fn masked_wait_is_interrupted<B: Backend>() {
    if lacks::<B>("masked_wait_is_interrupted", Capabilities::MASK) {
        return;
    }
    let handler = Handler::new();
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, READABLE);
    let (_blocked, mask) = pending_signal();
    assert_eq!(handler.runs(), 0, "the signal is blocked");
    let result = rig.mux.wait_masked(&mut rig.events, LIMIT.into(), &mask);
    assert_eq!(result, Err(Error::Interrupted));
    assert_eq!(handler.runs(), 1);
    assert!(rig.events.is_empty());
}

pub(super) fn masked_wait_delivers_signal_despite_ready_fds<B: Backend>() {
    if lacks::<B>("masked_wait_delivers_signal_despite_ready_fds", Capabilities::MASK) {
        return;
    }
    let handler = Handler::new();
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, READABLE);
    let (_blocked, mask) = pending_signal();
    let result = rig.mux.wait_masked(&mut rig.events, LIMIT.into(), &mask);
    assert_eq!(result, Err(Error::Interrupted));
    assert_eq!(handler.runs(), 1);
    assert!(rig.only(1).is_readable(), "and no event was lost");
}

pub(super) fn masked_wait_reports_events<B: Backend>() {
    if lacks::<B>("masked_wait_reports_events", Capabilities::MASK) {
        return;
    }
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, READABLE);
    let before = SigSet::current().expect("the signal mask");
    assert_eq!(rig.mux.wait_masked(&mut rig.events, LIMIT.into(), &SigSet::full()), Ok(1));
    assert_eq!(rig.events.len(), 1);
    assert_eq!(SigSet::current().expect("the signal mask"), before, "the mask of the thread is restored");
}

pub(super) fn masked_wait_is_not_early<B: Backend>() {
    if lacks::<B>("masked_wait_is_not_early", Capabilities::MASK) {
        return;
    }
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, READABLE);
    for time in [Duration::from_micros(300), Duration::from_millis(5)] {
        let begin = Instant::now();
        assert_eq!(rig.mux.wait_masked(&mut rig.events, time.into(), &SigSet::full()), Ok(0));
        assert!(begin.elapsed() >= time, "{:?} of {time:?}", begin.elapsed());
    }
}

pub(super) fn unsupported_mask_is_an_error<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    if rig.has(Capabilities::MASK) {
        return skip("unsupported_mask_is_an_error", "it has a mask");
    }
    rig.watch(&reader, 1, READABLE);
    let result = rig.mux.wait_masked(&mut rig.events, Timeout::Nowait, &SigSet::empty());
    assert!(matches!(result, Err(Error::Unsupported { .. })), "{result:?}: a mask must not be ignored");
    assert!(rig.only(1).is_readable());
}

pub(super) fn masked_wait_reports_one_shot_once<B: Backend>() {
    let needed = Capabilities::MASK | Capabilities::ONE_SHOT;
    if lacks::<B>("masked_wait_reports_one_shot_once", needed) {
        return;
    }
    let pipes = [full_pipe(), full_pipe()];
    let mut rig = Rig::<B>::new();
    rig.watch_in(&pipes[0].0, 1, READABLE, Mode::OneShot);
    assert!(rig.only(1).is_readable());
    rig.watch_in(&pipes[1].0, 2, READABLE, Mode::OneShot);
    let seen = rig.masked(LIMIT, &SigSet::full());
    assert_eq!(seen, Ok(vec![(2, Readiness::READABLE)]), "the first is disarmed");
    assert_eq!(rig.masked(Timeout::Nowait, &SigSet::full()), Ok(vec![]), "both are disarmed");
    rig.silent();
}

pub(super) fn interrupted_wait_clears_buffer<B: Backend>() {
    if lacks::<B>("interrupted_wait_clears_buffer", Capabilities::MASK) {
        return;
    }
    let _handler = Handler::new();
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, READABLE);
    assert_eq!(rig.ready().len(), 1);
    read(&reader);
    let (_blocked, mask) = pending_signal();
    assert_eq!(rig.masked(LIMIT, &mask), Err(Error::Interrupted));
    assert!(rig.events.is_empty(), "stale events of an earlier wait: {:?}", rig.events);
}

pub(super) fn masked_wait_rejects_empty_buffer<B: Backend>() {
    if lacks::<B>("masked_wait_rejects_empty_buffer", Capabilities::MASK) {
        return;
    }
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::with_room_for(0);
    assert_eq!(rig.masked(Timeout::Nowait, &SigSet::full()), Err(Error::NoRoomForEvents));
    rig.watch(&reader, 1, READABLE);
    assert_eq!(rig.masked(Timeout::Nowait, &SigSet::full()), Err(Error::NoRoomForEvents));
    rig.events = Events::with_capacity(1);
    assert_eq!(rig.masked(LIMIT, &SigSet::full()).map(|seen| seen.len()), Ok(1), "no event was lost");
}

pub(super) fn masked_wait_starves_none<B: Backend>() {
    if lacks::<B>("masked_wait_starves_none", Capabilities::MASK) {
        return;
    }
    let pipes = [full_pipe(), full_pipe(), full_pipe(), full_pipe()];
    let mut rig = Rig::<B>::with_room_for(1);
    for (token, (reader, _)) in pipes.iter().enumerate() {
        rig.watch(reader, token, READABLE);
    }
    for _ in 0..3 {
        let mut tokens = Vec::new();
        for _ in 0..4 {
            let seen = rig.masked(LIMIT, &SigSet::full()).expect("wait");
            tokens.extend(seen.iter().map(|event| event.0));
        }
        tokens.sort_unstable();
        assert_eq!(tokens, [0, 1, 2, 3], "each is reported before any is reported again");
    }
}

pub(super) fn masked_wait_meets_deadline<B: Backend>() {
    if lacks::<B>("masked_wait_meets_deadline", Capabilities::MASK) {
        return;
    }
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, READABLE);
    assert_eq!(rig.masked(Instant::now(), &SigSet::full()), Ok(vec![]), "the deadline has passed");
    assert!(ends_in_time(|end| assert_eq!(rig.masked(end, &SigSet::full()), Ok(vec![]))));
}

pub(super) fn zero_masked_wait_delivers_signal<B: Backend>() {
    if lacks::<B>("zero_masked_wait_delivers_signal", Capabilities::MASK) {
        return;
    }
    let handler = Handler::new();
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, READABLE);
    let (_blocked, mask) = pending_signal();
    assert_eq!(rig.masked(Timeout::Nowait, &SigSet::full()), Ok(vec![]), "this mask blocks the signal");
    assert_eq!(handler.runs(), 0);
    assert_eq!(rig.masked(Timeout::Nowait, &mask), Err(Error::Interrupted));
    assert_eq!(handler.runs(), 1);
}

pub(super) fn masked_wait_submits_modify<B: Backend>() {
    if lacks::<B>("masked_wait_submits_modify", Capabilities::MASK) {
        return;
    }
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::empty());
    for token in [2, 3] {
        rig.modify(&reader, token, READABLE, Mode::Level);
        assert_eq!(rig.masked(LIMIT, &SigSet::empty()).map(|seen| seen.len()), Ok(1));
        rig.modify(&reader, token, Interest::empty(), Mode::Level);
        assert_eq!(rig.masked(Timeout::Nowait, &SigSet::empty()), Ok(vec![]));
    }
}

pub(super) fn masked_wait_reports_wake_once<B: Backend>() {
    if lacks::<B>("masked_wait_reports_wake_once", Capabilities::MASK | Capabilities::WAKER) {
        return;
    }
    let mut rig = Rig::<B>::new();
    let waker = rig.mux.waker(Token(9)).expect("waker");
    for _ in 0..3 {
        waker.wake();
        let seen = rig.masked(LIMIT, &SigSet::full());
        assert_eq!(seen, Ok(vec![(9, Readiness::READABLE)]));
        assert_eq!(rig.masked(Timeout::Nowait, &SigSet::full()), Ok(vec![]), "once");
    }
}

pub(super) fn infinite_masked_wait_ends_when_ready<B: Backend>() {
    if lacks::<B>("infinite_masked_wait_ends_when_ready", Capabilities::MASK) {
        return;
    }
    for timeout in [Timeout::Infinite, Duration::MAX.into()] {
        let (reader, writer) = empty_pipe();
        let mut rig = Rig::<B>::new();
        rig.watch(&reader, 1, READABLE);
        thread::scope(|scope| {
            scope.spawn(|| {
                iomux::wait(&mut [], Duration::from_millis(20)).expect("a pause by iomux::wait");
                write(&writer);
            });
            let seen = rig.masked(timeout, &SigSet::full()).expect("wait");
            assert_eq!(seen.len(), 1, "{timeout:?} ended before anything was ready");
        });
    }
}

pub(super) fn signal_ends_masked_wait_for_nothing<B: Backend>() {
    if lacks::<B>("signal_ends_masked_wait_for_nothing", Capabilities::MASK) {
        return;
    }
    let handler = Handler::new();
    let mut rig = Rig::<B>::new();
    let (_blocked, mask) = pending_signal();
    assert_eq!(rig.masked(Timeout::Infinite, &mask), Err(Error::Interrupted));
    assert_eq!(handler.runs(), 1);
}

pub(super) fn masked_waits_alternate_signals_and_events<B: Backend>() {
    if lacks::<B>("masked_waits_alternate_signals_and_events", Capabilities::MASK) {
        return;
    }
    let _handler = Handler::new();
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, READABLE);
    let mut was_interrupted = Vec::new();
    for _ in 0..8 {
        let (_blocked, mask) = pending_signal();
        match rig.masked(LIMIT, &mask) {
            Ok(seen) => assert_eq!(seen, [(1, Readiness::READABLE)]),
            Err(error) => assert_eq!(error, Error::Interrupted),
        }
        was_interrupted.push(rig.events.is_empty());
    }
    let takes_turns = was_interrupted.windows(2).all(|two| two[0] != two[1]);
    assert!(takes_turns, "waits alternate between an event and an interruption: {was_interrupted:?}");
}
