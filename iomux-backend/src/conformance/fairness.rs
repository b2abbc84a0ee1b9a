//! Fairness: a buffer that is too small loses no event and starves no source.

use super::rig::{LIMIT, Rig, full_pipe, read, write};
use super::{Backend, lacks};
use crate::{Capabilities, Interest, Multiplexer, Token};
use std::fs::File;
use std::time::Instant;

fn full_pipes(count: usize) -> Vec<(File, File)> {
    (0..count).map(|_| full_pipe()).collect()
}

/// Returns the tokens of the next `waits` waits, in the order of the events.
#[track_caller]
fn turns<B: Backend>(rig: &mut Rig<'_, B>, waits: usize) -> Vec<usize> {
    (0..waits).flat_map(|_| rig.ready()).map(|(token, _)| token).collect()
}

/// Checks that each of `tokens` was reported once, in any order.
#[track_caller]
fn assert_each_once(mut turns: Vec<usize>, tokens: &[usize]) {
    let order = turns.clone();
    turns.sort_unstable();
    assert_eq!(turns, tokens, "each is reported before any is reported again: {order:?}");
}

pub(super) fn one_event_per_registration_and_wait<B: Backend>() {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a socket pair");
    write(&theirs);
    write(&theirs);
    let mut rig = Rig::<B>::new();
    rig.watch(&ours, 1, Interest::READABLE | Interest::WRITABLE);
    for _ in 0..3 {
        let readiness = rig.only(1);
        assert!(readiness.is_readable() && readiness.is_writable(), "{readiness:?}");
    }
    // A hangup goes without WRITABLE in POSIX, and with it on Linux.
    drop(theirs);
    for _ in 0..3 {
        assert!(rig.only(1).is_readable());
    }
}

pub(super) fn wait_overwrites_buffer<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    assert_eq!(rig.ready().len(), 1);
    assert_eq!(rig.ready().len(), 1);
    assert_eq!(rig.events.len(), 1);
    read(&reader);
    rig.silent();
    assert!(rig.events.is_empty());
}

pub(super) fn buffer_of_one_starves_none<B: Backend>() {
    let pipes = full_pipes(3);
    let mut rig = Rig::<B>::with_room_for(1);
    for (token, (reader, _)) in pipes.iter().enumerate() {
        rig.watch(reader, token, Interest::READABLE);
    }
    for _ in 0..3 {
        assert_each_once(turns(&mut rig, 3), &[0, 1, 2]);
    }
}

pub(super) fn buffer_of_two_starves_none<B: Backend>() {
    let pipes = full_pipes(5);
    let mut rig = Rig::<B>::with_room_for(2);
    for (token, (reader, _)) in pipes.iter().enumerate() {
        rig.watch(reader, token, Interest::READABLE);
    }
    let seen = turns(&mut rig, 2);
    let last: Vec<usize> = (0..5).filter(|token| !seen.contains(token)).collect();
    assert_eq!(last.len(), 1, "none is reported again before all were reported: {seen:?}");
    // The order within a wait is unspecified.
    assert!(turns(&mut rig, 1).contains(&last[0]), "{last:?} comes after {seen:?}");
}

pub(super) fn order_survives_deregister<B: Backend>() {
    let pipes = full_pipes(6);
    let mut rig = Rig::<B>::with_room_for(2);
    for (token, (reader, _)) in pipes.iter().enumerate() {
        rig.watch(reader, token, Interest::READABLE);
    }
    let first = turns(&mut rig, 1);
    rig.deregister(&pipes[first[0]].0);
    let left: Vec<usize> = (0..6).filter(|token| !first.contains(token)).collect();
    assert_each_once(turns(&mut rig, 2), &left);
}

pub(super) fn always_ready_source_starves_none<B: Backend>() {
    let pipes = full_pipes(2);
    let (late, late_writer) = super::rig::empty_pipe();
    let mut rig = Rig::<B>::with_room_for(1);
    rig.watch(&pipes[0].0, 0, Interest::READABLE);
    rig.watch(&late, 2, Interest::READABLE);
    rig.watch(&pipes[1].0, 1, Interest::READABLE);
    turns(&mut rig, 4);
    write(&late_writer);
    assert!(turns(&mut rig, 3).contains(&2));
}

pub(super) fn constant_wakes_starve_none<B: Backend>() {
    if lacks::<B>("constant_wakes_starve_none", Capabilities::WAKER) {
        return;
    }
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::with_room_for(1);
    let waker = rig.mux.waker(Token(9)).expect("waker");
    rig.watch(&reader, 1, Interest::READABLE);
    let mut seen = Vec::new();
    for _ in 0..4 {
        waker.wake();
        seen.extend(turns(&mut rig, 1));
    }
    assert!(seen.contains(&1) && seen.contains(&9), "{seen:?}");
}

pub(super) fn always_ready_sources_starve_no_waker<B: Backend>() {
    if lacks::<B>("always_ready_sources_starve_no_waker", Capabilities::WAKER) {
        return;
    }
    let pipes = full_pipes(4);
    let mut rig = Rig::<B>::with_room_for(1);
    for (token, (reader, _)) in pipes.iter().enumerate() {
        rig.watch(reader, token, Interest::READABLE);
    }
    let waker = rig.mux.waker(Token(9)).expect("waker");
    turns(&mut rig, 2);
    waker.wake();
    assert!(turns(&mut rig, 5).contains(&9));
}

pub(super) fn large_buffer_takes_all<B: Backend>() {
    let pipes = full_pipes(50);
    let mut rig = Rig::<B>::with_room_for(1 << 20);
    for (token, (reader, _)) in pipes.iter().enumerate() {
        rig.watch(reader, token, Interest::READABLE);
    }
    let begin = Instant::now();
    assert_eq!(rig.tokens(), (0..50).collect::<Vec<_>>());
    assert!(begin.elapsed() < LIMIT);
}
