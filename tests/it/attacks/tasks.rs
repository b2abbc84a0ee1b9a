//! Tasks of a handle that do what they can to the reactor that they run in.

use super::{LONG, READABLE, insert, panics, ready_keys};
use crate::support::{empty_pipe, full_pipe};
use iomux_backend::{ALL_NAMES as NAMES, Handle, Mode, Multiplexer, Reactor, Timeout, Token, by_name};
use std::io::{PipeReader, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

type Any = iomux_backend::Any<'static>;

#[test]
fn wait_sees_changes_of_its_tasks() {
    let mut reactor = Reactor::new().unwrap();
    for number in 0..5 {
        insert(&mut reactor, full_pipe().0, number);
    }
    let handle = reactor.handle().unwrap();
    assert_eq!(reactor.wait(LONG), Ok(5));
    handle.submit(|reactor| reactor.retain(|_, _, _| false)).unwrap();
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
    assert!(reactor.next_ready().is_none());
    let many = |reactor: &mut Reactor<PipeReader, i32>| {
        let reader = full_pipe().0;
        for number in 0..100 {
            insert(reactor, reader.try_clone().unwrap(), number);
        }
    };
    handle.submit(many).unwrap();
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(100));
    assert_eq!(ready_keys(&mut reactor).len(), 100);
}

/// Submits itself again, indefinitely.
fn again(handle: Handle<PipeReader, (), Any>, run: Arc<AtomicUsize>) {
    run.fetch_add(1, Ordering::Relaxed);
    let next = handle.clone();
    let _ = handle.submit(move |_| again(next, run));
}

#[test]
fn self_submitting_task_does_not_starve_sources() {
    for name in NAMES {
        // With room for one event, the wake and the source take turns.
        for room in [1, 2] {
            let mut reactor = Reactor::with(by_name(name).unwrap(), room);
            let run = Arc::new(AtomicUsize::new(0));
            again(reactor.handle().unwrap(), Arc::clone(&run));
            for timeout in [Timeout::Nowait, Duration::from_millis(3).into()] {
                assert_eq!(reactor.wait(timeout), Ok(0), "{name}");
            }
            let key = insert(&mut reactor, full_pipe().0, ());
            for timeout in [Timeout::Infinite, Timeout::Nowait, Duration::from_millis(3).into()] {
                assert_eq!(reactor.wait(timeout), Ok(1), "{name}, room for {room}");
                assert_eq!(ready_keys(&mut reactor), [key]);
            }
            assert!(run.load(Ordering::Relaxed) >= 5);
        }
    }
}

#[test]
fn nested_wait_in_a_replaced_reactor_runs_no_task() {
    let (mut first, mut second) = (Reactor::<PipeReader>::new().unwrap(), Reactor::new().unwrap());
    let (to_first, to_second) = (first.handle().unwrap(), second.handle().unwrap());
    let run = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let run = Arc::clone(&run);
        let task = move |reactor: &mut Reactor<PipeReader>| {
            let before = run.fetch_add(1, Ordering::SeqCst);
            assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
            assert_eq!(run.load(Ordering::SeqCst), before + 1, "a task ran inside another");
        };
        to_second.submit(task).unwrap();
    }
    to_first.submit(move |reactor| *reactor = second).unwrap();
    to_first.submit(|_| unreachable!("it has gone with its reactor")).unwrap();
    assert_eq!(first.wait(Timeout::Nowait), Ok(0));
    assert_eq!(run.load(Ordering::SeqCst), 3, "and all have run");
    assert!(to_first.submit(|_| {}).is_err() && to_second.submit(|_| {}).is_ok());
}

/// Submits when it is dropped.
struct SubmitsAtLast(Handle<UnixStream>, Arc<AtomicUsize>);

impl Drop for SubmitsAtLast {
    fn drop(&mut self) {
        let refused = self.0.submit(|_| {}).is_err();
        self.1.fetch_add(usize::from(refused), Ordering::SeqCst);
    }
}

#[test]
fn submit_in_a_drop_fails_after_the_reactor() {
    let refused = Arc::new(AtomicUsize::new(0));
    let mut reactor = Reactor::<UnixStream>::new().unwrap();
    let handle = reactor.handle().unwrap();
    for _ in 0..10 {
        let last = SubmitsAtLast(handle.clone(), Arc::clone(&refused));
        handle.submit(move |_| drop(last)).unwrap();
    }
    drop(reactor);
    assert_eq!(refused.load(Ordering::SeqCst), 10);
    drop(SubmitsAtLast(handle, Arc::clone(&refused)));
    assert_eq!(refused.load(Ordering::SeqCst), 11);
}

/// Panics when it is dropped.
struct PanicsAtLast;

impl Drop for PanicsAtLast {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "a task that panics as it is dropped, on purpose");
    }
}

#[test]
fn panicking_task_drop_leaks_no_source() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut reactor = Reactor::<UnixStream>::new().unwrap();
    insert(&mut reactor, ours, ());
    let handle = reactor.handle().unwrap();
    let panicking = PanicsAtLast;
    handle.submit(move |_| drop(panicking)).unwrap();
    assert!(panics(|| drop(reactor)));
    assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
    assert!(handle.submit(|_| {}).is_err());
}

#[test]
fn task_may_replace_the_reactor_in_its_wait() {
    let mut reactor = Reactor::<PipeReader, (), Any>::with(by_name("poll").unwrap(), 4);
    let key = insert(&mut reactor, full_pipe().0, ());
    let handle = reactor.handle().unwrap();
    let dropped = Arc::new(());
    for _ in 0..2 {
        let counted = Arc::clone(&dropped);
        let replace = |reactor: &mut Reactor<PipeReader, (), Any>| {
            *reactor = Reactor::with(by_name(NAMES[0]).unwrap(), 0);
        };
        handle.submit(move |reactor| (replace(reactor), drop(counted)).0).unwrap();
    }
    assert_eq!(reactor.wait(Timeout::Infinite), Err(iomux_backend::Error::NoRoomForEvents));
    assert_eq!(Arc::strong_count(&dropped), 1, "the second task went with its reactor");
    assert!(handle.submit(|_| {}).is_err() && !reactor.contains(key));
}

#[test]
fn hundred_panicking_tasks_each_run() {
    let mut reactor = Reactor::new().unwrap();
    let handle = reactor.handle().unwrap();
    let key = insert(&mut reactor, full_pipe().0, ());
    let run = Arc::new(AtomicUsize::new(0));
    for _ in 0..100 {
        let run = Arc::clone(&run);
        let task = move |_: &mut Reactor<PipeReader>| {
            run.fetch_add(1, Ordering::SeqCst);
            panic!("on purpose");
        };
        handle.submit(task).unwrap();
    }
    let panicked = (0..100).filter(|_| panics(|| reactor.wait(Timeout::Infinite))).count();
    assert_eq!((panicked, run.load(Ordering::SeqCst)), (100, 100));
    assert_eq!(reactor.wait(Timeout::Infinite), Ok(1));
    assert_eq!(ready_keys(&mut reactor), [key]);
}

#[test]
fn reactor_without_room_runs_tasks() {
    let mut reactor = Reactor::with(by_name("poll").unwrap(), 0);
    let handle = reactor.handle().unwrap();
    let source = empty_pipe().0;
    let task = |reactor: &mut Reactor<PipeReader, (), Any>| {
        insert(reactor, source, ());
    };
    handle.submit(task).unwrap();
    for timeout in [Timeout::Infinite, Timeout::Nowait] {
        assert_eq!(reactor.wait(timeout), Err(iomux_backend::Error::NoRoomForEvents));
        assert_eq!(reactor.len(), 1);
    }
    let failed = reactor.insert(full_pipe().0, (), READABLE, Mode::Edge).unwrap_err();
    assert!(matches!(failed.error(), iomux_backend::Error::UnsupportedMode { .. }));
}

#[test]
fn replaced_reactor_runs_its_own_tasks() {
    let (mut first, mut second) = (Reactor::<PipeReader>::new().unwrap(), Reactor::new().unwrap());
    let (to_first, to_second) = (first.handle().unwrap(), second.handle().unwrap());
    let (quit, waker) = second.waker().unwrap();
    let key = insert(&mut second, full_pipe().0, ());
    let again = to_second.clone();
    to_second.submit(move |_| again.submit(move |_| waker.wake()).unwrap()).unwrap();
    assert_eq!(second.wait(LONG), Ok(1), "which has taken the wake, and left a task");
    second.remove(key).unwrap();
    to_first.submit(move |reactor| *reactor = second).unwrap();
    assert_eq!(first.wait(LONG), Ok(1));
    assert_eq!(ready_keys(&mut first), [quit]);
}

#[test]
fn foreign_token_of_a_handle_makes_no_busy_loop() {
    let (reader, _writer) = full_pipe();
    let reader: &'static PipeReader = Box::leak(Box::new(reader));
    for name in NAMES {
        let mut multiplexer = by_name(name).unwrap();
        multiplexer.register(reader.as_fd(), Token(0), READABLE, Mode::Level).unwrap();
        let mut reactor = Reactor::<PipeReader, (), Any>::with(multiplexer, 8);
        let handle = reactor.handle().unwrap();
        for _ in 0..2 {
            assert_eq!(reactor.wait(LONG), Ok(1), "{name}: an event without an owner");
            assert!(reactor.next_ready().is_none());
            handle.submit(|_| {}).unwrap();
        }
    }
}
