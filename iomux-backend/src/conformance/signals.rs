//! Signals and masks: no signal is lost, and none hides an event.

use super::os::{Handler, SIGNAL, Thread};
use super::rig::{LIMIT, Rig, empty_pipe, full_pipe, write};
use super::{Backend, lacks};
use crate::{Capabilities, Error, Interest, Mode, Multiplexer, SigSet, Timeout, Token};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

const READABLE: Interest = Interest::READABLE;

/// Sets a flag when dropped, also if a property panics, so that threads that check the flag end.
struct Ends<'a>(&'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Runs `during` while another thread sends signals to this thread continuously. The first has arrived by then.
fn in_a_storm_of_signals(handler: &Handler, during: impl FnOnce()) {
    let (waiter, is_over) = (Thread::this(), AtomicBool::new(false));
    std::thread::scope(|scope| {
        let ends = Ends(&is_over);
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                waiter.signal();
                iomux::wait(&mut [], Duration::from_micros(50)).expect("a pause by iomux::wait");
            }
        });
        while handler.runs() == 0 {
            std::thread::yield_now();
        }
        during();
        drop(ends);
    });
}

pub(super) fn signals_hide_no_event<B: Backend>() {
    for timeout in [LIMIT.into(), Timeout::Infinite] {
        let handler = Handler::new();
        let (reader, writer) = empty_pipe();
        let mut rig = Rig::<B>::new();
        rig.watch(&reader, 1, READABLE);
        in_a_storm_of_signals(&handler, || {
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    iomux::wait(&mut [], Duration::from_millis(10)).expect("a pause by iomux::wait");
                    write(&writer);
                });
                assert_eq!(rig.wait(timeout).len(), 1, "{timeout:?}");
            });
            assert!(rig.only(1).is_readable());
        });
    }
}

pub(super) fn interrupted_wait_loses_no_event<B: Backend>() {
    if lacks::<B>("interrupted_wait_loses_no_event", Capabilities::MASK) {
        return;
    }
    let handler = Handler::new();
    let blocked = SigSet::from(SIGNAL).block().expect("block the signal");
    let (a, b) = (full_pipe(), full_pipe());
    let mut rig = Rig::<B>::new();
    let once = if rig.has(Capabilities::ONE_SHOT) { Mode::OneShot } else { Mode::Level };
    let change = if rig.has(Capabilities::EDGE) { Mode::Edge } else { Mode::Level };
    rig.watch_in(&a.0, 1, READABLE, once);
    rig.watch_in(&b.0, 2, READABLE, change);
    let waker = rig.has(Capabilities::WAKER).then(|| rig.mux.waker(Token(3)).expect("waker"));
    let mut expected = vec![1, 2];
    if let Some(waker) = waker {
        waker.wake();
        expected.push(3);
    }
    Thread::this().signal();
    assert_eq!(rig.masked(LIMIT, &blocked.wait_mask()), Err(Error::Interrupted));
    assert_eq!(handler.runs(), 1);
    assert_eq!(rig.tokens(), expected, "all events are still pending");
}

pub(super) fn empty_mask_delivers_signal<B: Backend>() {
    if lacks::<B>("empty_mask_delivers_signal", Capabilities::MASK) {
        return;
    }
    let handler = Handler::new();
    let _blocked = SigSet::from(SIGNAL).block().expect("block the signal");
    let mut rig = Rig::<B>::new();
    Thread::this().signal();
    assert_eq!(rig.wait(Duration::from_millis(1)), [], "no mask: the signal stays blocked");
    assert_eq!(handler.runs(), 0);
    assert_eq!(rig.masked(LIMIT, &SigSet::empty()), Err(Error::Interrupted));
    assert_eq!(handler.runs(), 1);
}

pub(super) fn full_mask_keeps_signal_pending<B: Backend>() {
    if lacks::<B>("full_mask_keeps_signal_pending", Capabilities::MASK) {
        return;
    }
    const TIME: Duration = Duration::from_millis(5);
    let handler = Handler::new();
    let blocked = SigSet::from(SIGNAL).block().expect("block the signal");
    let mut rig = Rig::<B>::new();
    Thread::this().signal();
    let begin = Instant::now();
    assert_eq!(rig.masked(TIME, &SigSet::full()), Ok(vec![]));
    assert!(begin.elapsed() >= TIME, "cut to {:?}", begin.elapsed());
    assert_eq!(handler.runs(), 0);
    assert_eq!(
        rig.masked(LIMIT, &blocked.wait_mask()),
        Err(Error::Interrupted),
        "the signal is still pending"
    );
}

pub(super) fn full_mask_blocks_unblocked_signal<B: Backend>() {
    if lacks::<B>("full_mask_blocks_unblocked_signal", Capabilities::MASK) {
        return;
    }
    let handler = Handler::new();
    let mut rig = Rig::<B>::new();
    in_a_storm_of_signals(&handler, || {
        for _ in 0..3 {
            assert_eq!(rig.masked(Duration::from_millis(5), &SigSet::full()), Ok(vec![]));
        }
    });
}

pub(super) fn no_signal_is_lost_before_masked_wait<B: Backend>() {
    if lacks::<B>("no_signal_is_lost_before_masked_wait", Capabilities::MASK) {
        return;
    }
    const ROUNDS: u32 = 2_000;
    let handler = Handler::new();
    let blocked = SigSet::from(SIGNAL).block().expect("block the signal");
    let (waiter, round, is_over) = (Thread::this(), AtomicU32::new(0), AtomicBool::new(false));
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, READABLE);
    std::thread::scope(|scope| {
        let _ends = Ends(&is_over);
        scope.spawn(|| {
            // Each round sends a little later, so that the signal hits every point of check and wait.
            for (sent, pause) in (1..=ROUNDS).zip((0..512).cycle()) {
                while round.load(Ordering::Acquire) < sent {
                    if is_over.load(Ordering::Acquire) {
                        return;
                    }
                    std::thread::yield_now();
                }
                (0..pause).for_each(|_| std::hint::spin_loop());
                waiter.signal();
            }
        });
        // Alternate between a timeout of whole ms and one that requires ppoll(2) or epoll_pwait2(2).
        let limits = [LIMIT, LIMIT.saturating_add(Duration::from_nanos(1))];
        for (number, limit) in (1..=ROUNDS).zip(limits.into_iter().cycle()) {
            round.store(number, Ordering::Release);
            assert_eq!(rig.masked(limit, &blocked.wait_mask()), Err(Error::Interrupted), "round {number}");
            assert_eq!(handler.runs(), number);
        }
    });
}
