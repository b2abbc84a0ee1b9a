//! Wakers: wakes before, during and after a wait, and from many threads.

use super::rig::{LIMIT, Rig, empty_pipe, full_pipe};
use super::{Backend, lacks};
use crate::{Capabilities, Error, Interest, Mode, Multiplexer, Readiness, Timeout, Token, Waker};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

/// Returns a rig with a waker, or `None` if the backend has no wakers.
fn rig_with_a_waker<'fd, B: Backend>(property: &str) -> Option<(Rig<'fd, B>, Waker)> {
    if lacks::<B>(property, Capabilities::WAKER) {
        return None;
    }
    let mut rig = Rig::<B>::new();
    let waker = rig.mux.waker(Token(9)).expect("waker");
    Some((rig, waker))
}

pub(super) fn wake_before_wait_ends_it<B: Backend>() {
    let Some((mut rig, waker)) = rig_with_a_waker::<B>("wake_before_wait_ends_it") else { return };
    rig.silent();
    waker.wake();
    assert_eq!(rig.only(9), Readiness::READABLE, "a wake is reported as READABLE");
}

pub(super) fn wake_during_wait_ends_it<B: Backend>() {
    let Some((mut rig, waker)) = rig_with_a_waker::<B>("wake_during_wait_ends_it") else { return };
    thread::scope(|scope| {
        scope.spawn(|| {
            iomux::wait(&mut [], std::time::Duration::from_millis(5)).expect("a pause by iomux::wait");
            waker.wake();
        });
        assert!(rig.only(9).is_readable());
    });
}

pub(super) fn thousand_wakes_are_one_event<B: Backend>() {
    let Some((mut rig, waker)) = rig_with_a_waker::<B>("thousand_wakes_are_one_event") else { return };
    for _ in 0..1000 {
        waker.wake();
    }
    assert!(rig.only(9).is_readable());
    rig.silent();
}

pub(super) fn wake_is_reported_once<B: Backend>() {
    let Some((mut rig, waker)) = rig_with_a_waker::<B>("wake_is_reported_once") else { return };
    for _ in 0..3 {
        waker.wake();
        assert!(rig.only(9).is_readable());
        rig.silent();
    }
    for _ in 0..3 {
        waker.wake();
        assert_eq!(rig.wait(Timeout::Infinite).len(), 1, "with an infinite timeout");
        assert_eq!(rig.wait(Timeout::Nowait), []);
    }
}

pub(super) fn wakes_of_eight_threads_are_kept<B: Backend>() {
    const ROUNDS: usize = 10_000;
    let Some((mut rig, waker)) = rig_with_a_waker::<B>("wakes_of_eight_threads_are_kept") else { return };
    let sent = [const { AtomicUsize::new(0) }; 8];
    let seen = [const { AtomicUsize::new(0) }; 8];
    let (is_lost, is_late, begin) = (AtomicBool::new(false), AtomicBool::new(false), Instant::now());
    thread::scope(|scope| {
        for (sent, seen) in sent.iter().zip(&seen) {
            let (waker, is_lost, is_late) = (&waker, &is_lost, &is_late);
            scope.spawn(move || {
                let mut round = 0;
                while round < ROUNDS {
                    // On one CPU, each round takes a time slice of nine threads: skip the rest if it is late.
                    round = if is_late.load(Ordering::Relaxed) { ROUNDS } else { round + 1 };
                    sent.store(round, Ordering::Release);
                    waker.wake();
                    // Each thread waits until its own wake was seen.
                    while seen.load(Ordering::Acquire) < round && !is_lost.load(Ordering::Relaxed) {
                        thread::yield_now();
                    }
                }
            });
        }
        while seen.iter().any(|seen| seen.load(Ordering::Relaxed) < ROUNDS) {
            let woken = rig.mux.wait(&mut rig.events, LIMIT.into());
            is_late.store(begin.elapsed() > LIMIT, Ordering::Relaxed);
            is_lost.store(woken != Ok(1), Ordering::Relaxed);
            assert_eq!(woken, Ok(1), "a wake was lost");
            for (sent, seen) in sent.iter().zip(&seen) {
                seen.store(sent.load(Ordering::Acquire), Ordering::Release);
            }
        }
    });
}

pub(super) fn wakers_have_separate_tokens<B: Backend>() {
    let property = "wakers_have_separate_tokens";
    let Some((mut rig, first)) = rig_with_a_waker::<B>(property) else { return };
    let second = rig.mux.waker(Token(10)).expect("waker");
    second.wake();
    assert!(rig.only(10).is_readable());
    first.wake();
    assert!(rig.only(9).is_readable());
    for _ in 0..3 {
        first.wake();
        second.wake();
        assert_eq!(rig.tokens(), [9, 10]);
    }
    rig.silent();
}

pub(super) fn source_can_share_waker_token<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let property = "source_can_share_waker_token";
    let Some((mut rig, waker)) = rig_with_a_waker::<B>(property) else { return };
    rig.watch(&reader, 9, Interest::READABLE);
    assert!(rig.only(9).is_readable());
    waker.wake();
    assert_eq!(rig.tokens(), [9, 9]);
    assert!(rig.only(9).is_readable(), "the source is still ready after the wake");
    super::rig::read(&reader);
    rig.silent();
    waker.wake();
    assert!(rig.only(9).is_readable());
}

pub(super) fn cloned_waker_wakes<B: Backend>() {
    let Some((mut rig, waker)) = rig_with_a_waker::<B>("cloned_waker_wakes") else { return };
    let copy = waker.clone();
    drop(waker);
    copy.wake();
    assert!(rig.only(9).is_readable());
    drop(copy);
    rig.silent();
}

pub(super) fn waker_outlives_multiplexer<B: Backend>() {
    let Some((rig, waker)) = rig_with_a_waker::<B>("waker_outlives_multiplexer") else { return };
    waker.wake();
    drop(rig);
    waker.wake();
    waker.clone().wake();
}

pub(super) fn unsupported_waker_is_an_error<B: Backend>() {
    let mut rig = Rig::<B>::new();
    if rig.has(Capabilities::WAKER) {
        return super::skip("unsupported_waker_is_an_error", "it has wakers");
    }
    let result = rig.mux.waker(Token(9));
    assert!(matches!(result, Err(Error::Unsupported { .. })), "{result:?}");
}

pub(super) fn wake_after_wait_ends_next<B: Backend>() {
    let Some((mut rig, waker)) = rig_with_a_waker::<B>("wake_after_wait_ends_next") else { return };
    for _ in 0..100 {
        waker.wake();
        assert!(rig.only(9).is_readable());
        waker.wake();
        assert!(rig.only(9).is_readable());
        assert_eq!(rig.now(), []);
    }
}

pub(super) fn orphaned_waker_writes_to_no_other_file<B: Backend>() {
    let property = "orphaned_waker_writes_to_no_other_file";
    let Some((rig, waker)) = rig_with_a_waker::<B>(property) else { return };
    drop(rig);
    // If its fd were closed, a wake would write to the next file with that number.
    let pipes: Vec<_> = (0..8).map(|_| empty_pipe()).collect();
    let mut other = Rig::<B>::new();
    for (token, (reader, _)) in pipes.iter().enumerate() {
        other.watch(reader, token, Interest::READABLE);
    }
    waker.wake();
    waker.clone().wake();
    other.silent();
}

pub(super) fn wake_survives_registrations<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let property = "wake_survives_registrations";
    let Some((mut rig, waker)) = rig_with_a_waker::<B>(property) else { return };
    waker.wake();
    rig.watch(&reader, 1, Interest::READABLE);
    rig.modify(&reader, 2, Interest::READABLE, Mode::Level);
    rig.deregister(&reader);
    assert!(rig.only(9).is_readable());
}
