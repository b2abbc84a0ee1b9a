//! Wakers: from many threads, from a signal handler, and none lost.

use crate::support::is_emulated;
use iomux_backend::{ALL_NAMES, Events, Multiplexer, Poll, Timeout, Token, WakerSource, by_name};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// What makes a lost wake-up visible: an endless wait would hang the test.
const LONG: Timeout = Timeout::After(Duration::from_secs(60));

/// `threads` threads wake in bursts, and each waits for the answer to the last wake of a burst: it comes
/// while those before it are being drained, which is when one is lost if any is.
fn bursts(threads: usize, bursts: usize) {
    let mut poll = Poll::new();
    let waker = poll.waker(Token(1)).unwrap();
    let mut events = Events::with_capacity(4);
    let asked: Vec<AtomicUsize> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
    let answered: Vec<AtomicUsize> = (0..threads).map(|_| AtomicUsize::new(0)).collect();
    let is_lost = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for (asked, answered) in asked.iter().zip(&answered) {
            let (waker, is_lost) = (waker.clone(), &is_lost);
            scope.spawn(move || {
                for burst in 1..=bursts {
                    for wake in 0..=burst % 4 {
                        asked.store(4 * burst + wake, Ordering::Release);
                        waker.wake();
                    }
                    while answered.load(Ordering::Acquire) < 4 * burst + burst % 4 {
                        if is_lost.load(Ordering::Relaxed) {
                            return;
                        }
                        std::thread::yield_now();
                    }
                }
            });
        }
        while answered.iter().any(|answer| answer.load(Ordering::Relaxed) < 4 * bursts) {
            let woken = poll.wait(&mut events, LONG);
            is_lost.store(woken != Ok(1), Ordering::Relaxed);
            assert_eq!(woken, Ok(1), "a wake was lost");
            for (asked, answered) in asked.iter().zip(&answered) {
                answered.store(asked.load(Ordering::Acquire), Ordering::Release);
            }
        }
    });
}

#[test]
fn busy_waker_loses_no_wake() {
    bursts(1, if is_emulated() { 1_000 } else { 200_000 });
}

#[test]
fn eight_threads_lose_no_wake() {
    bursts(8, if is_emulated() { 100 } else { 20_000 });
}

#[test]
fn ping_pong_loses_no_wake() {
    let mut here = Poll::new();
    let mut there = Poll::new();
    let (to_here, to_there) = (here.waker(Token(0)).unwrap(), there.waker(Token(0)).unwrap());
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let mut events = Events::with_capacity(1);
            for round in 0..20_000 {
                assert_eq!(there.wait(&mut events, LONG), Ok(1), "round {round}");
                to_here.wake();
            }
        });
        let mut events = Events::with_capacity(1);
        for round in 0..20_000 {
            to_there.wake();
            assert_eq!(here.wait(&mut events, LONG), Ok(1), "round {round}");
        }
    });
}

#[test]
fn wake_between_drains_is_seen() {
    let source = WakerSource::new().unwrap();
    let waker = source.waker();
    let mut fds = [iomux::PollFd::new(source.as_fd(), iomux::Interest::READABLE).unwrap()];
    for _ in 0..1000 {
        waker.wake();
        waker.wake();
        assert_eq!(iomux::poll(&mut fds, Timeout::Nowait), Ok(1));
        source.drain();
        assert_eq!(iomux::poll(&mut fds, Timeout::Nowait), Ok(0), "two wakes were one");
    }
}

#[test]
fn wake_in_a_signal_handler_keeps_errno() {
    let mut poll = Poll::new();
    let waker = poll.waker(Token(5)).unwrap();
    let errno_changed = Arc::new(AtomicUsize::new(0));
    let changed = Arc::clone(&errno_changed);
    let handler = move || {
        let before = std::io::Error::last_os_error().raw_os_error();
        waker.wake();
        if std::io::Error::last_os_error().raw_os_error() != before {
            changed.fetch_add(1, Ordering::SeqCst);
        }
    };
    // SAFETY: a wake and atomics are safe in a signal handler.
    unsafe { signal_hook::low_level::register(libc::SIGVTALRM, handler) }.unwrap();
    let mut events = Events::with_capacity(1);
    for _ in 0..100 {
        signal_hook::low_level::raise(libc::SIGVTALRM).unwrap();
        assert_eq!(poll.wait(&mut events, LONG), Ok(1));
        assert_eq!(events.get(0).map(|event| event.token()), Some(Token(5)));
    }
    assert_eq!(errno_changed.load(Ordering::SeqCst), 0);
}

#[test]
fn waker_outlives_its_multiplexer() {
    let waker = Poll::new().waker(Token(0)).unwrap();
    waker.wake();
    waker.clone().wake();
}

#[test]
fn dropped_waker_is_reused() {
    for name in ALL_NAMES {
        let mut mux = by_name(name).unwrap();
        let mut events = Events::with_capacity(8);
        let kept = mux.waker(Token(0)).unwrap();
        drop(mux.waker(Token(1)).unwrap());
        for token in 2..100 {
            let waker = mux.waker(Token(token)).unwrap();
            assert_eq!(
                mux.wait(&mut events, Timeout::Nowait),
                Ok(0),
                "{name}: nothing is left of the one before"
            );
            // A waker that is dropped immediately is still reported.
            waker.wake();
            drop(waker);
            assert_eq!(mux.wait(&mut events, LONG), Ok(1), "{name}");
            assert_eq!(events.get(0).map(|event| event.token()), Some(Token(token)), "{name}");
            assert_eq!(mux.wait(&mut events, Timeout::Nowait), Ok(0), "{name}: once");
        }
        kept.wake();
        assert_eq!(mux.wait(&mut events, LONG), Ok(1), "{name}");
        assert_eq!(events.get(0).map(|event| event.token()), Some(Token(0)), "{name}");
    }
}

#[test]
fn pending_waker_is_not_reused() {
    for name in ALL_NAMES {
        let mut mux = by_name(name).unwrap();
        let mut events = Events::with_capacity(8);
        mux.waker(Token(1)).unwrap().wake();
        let second = mux.waker(Token(2)).unwrap();
        second.wake();
        assert_eq!(mux.wait(&mut events, LONG), Ok(2), "{name}");
        let mut tokens: Vec<usize> = events.iter().map(|event| event.token().0).collect();
        tokens.sort_unstable();
        assert_eq!(tokens, [1, 2], "{name}");
    }
}
