//! What is submitted to a reactor: when it runs, and what it leaves of the wait that it runs in.

use super::{LONG, readable, ready_keys};
use iomux_backend::{Reactor, Timeout};
use std::io::PipeReader;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

#[test]
fn tasks_run_in_order_of_submission() {
    let mut reactor = Reactor::<PipeReader, usize>::new().unwrap();
    let handle = reactor.handle().unwrap();
    let workers: Vec<_> = (0..4)
        .map(|worker| {
            let handle = handle.clone();
            std::thread::spawn(move || {
                for number in 0..50 {
                    let task = move |reactor: &mut Reactor<PipeReader, usize>| {
                        let key = readable(reactor, worker * 50 + number);
                        reactor.pause(key).unwrap();
                    };
                    handle.submit(task).unwrap();
                }
            })
        })
        .collect();
    while reactor.len() < 200 {
        reactor.wait(Duration::from_millis(1)).unwrap();
        assert!(std::iter::from_fn(|| reactor.next_ready()).all(|ready| ready.readiness().is_closed()));
    }
    workers.into_iter().for_each(|worker| worker.join().unwrap());
    let mut states: Vec<usize> = reactor.iter_mut().map(|(_, _, state)| *state).collect();
    let of_the_first: Vec<usize> = states.iter().copied().filter(|state| *state < 50).collect();
    assert!(of_the_first.is_sorted(), "one thread's come in its order");
    states.sort_unstable();
    assert_eq!(states, (0..200).collect::<Vec<_>>());
    drop(reactor);
    assert!(handle.submit(|_| {}).is_err(), "the reactor is gone");
}

#[test]
fn submission_does_not_shorten_a_wait() {
    let mut reactor = Reactor::<PipeReader>::new().unwrap();
    let handle = reactor.handle().unwrap();
    handle.submit(|_| {}).unwrap();
    let begin = Instant::now();
    assert_eq!(reactor.wait(Duration::from_millis(20)), Ok(0));
    assert!(begin.elapsed() >= Duration::from_millis(20));
    assert!(reactor.next_ready().is_none(), "its wake is no event");
}

#[test]
fn flood_of_tasks_does_not_end_a_wait() {
    const TASKS: usize = 100_000;
    let mut reactor = Reactor::<PipeReader>::new().unwrap();
    let (key, waker) = reactor.waker().unwrap();
    let handle = reactor.handle().unwrap();
    let flood = || (0..TASKS).for_each(|_| handle.submit(|_| {}).unwrap());
    std::thread::scope(|scope| {
        let floods = [scope.spawn(flood), scope.spawn(flood)];
        scope.spawn(move || {
            floods.into_iter().for_each(|flood| flood.join().unwrap());
            waker.wake();
        });
        assert_eq!(reactor.wait(Timeout::Infinite), Ok(1));
        assert_eq!(ready_keys(&mut reactor), [key]);
    });
}

#[test]
fn one_wait_runs_the_tasks_of_all_handles() {
    let mut reactor = Reactor::<PipeReader>::new().unwrap();
    let handles = [reactor.handle().unwrap(), reactor.handle().unwrap()];
    let run = Arc::new(AtomicUsize::new(0));
    for handle in handles.iter().cycle().take(7) {
        let run = Arc::clone(&run);
        let task = move |_: &mut Reactor<PipeReader>| {
            run.fetch_add(1, Ordering::SeqCst);
        };
        handle.submit(task).unwrap();
    }
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
    assert_eq!(run.load(Ordering::SeqCst), 7);
}

#[test]
fn wait_inside_a_task_runs_no_task() {
    let mut reactor = Reactor::<PipeReader>::new().unwrap();
    let handle = reactor.handle().unwrap();
    let run = Arc::new(AtomicUsize::new(0));
    // One inside the other, they would overflow the stack.
    for _ in 0..100_000 {
        let run = Arc::clone(&run);
        let task = move |reactor: &mut Reactor<PipeReader>| {
            let before = run.fetch_add(1, Ordering::SeqCst);
            assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
            assert_eq!(run.load(Ordering::SeqCst), before + 1, "a task ran inside another");
        };
        handle.submit(task).unwrap();
    }
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
    assert_eq!(run.load(Ordering::SeqCst), 100_000);
}

#[test]
fn waiting_task_takes_no_later_wake() {
    let mut reactor = Reactor::<PipeReader>::new().unwrap();
    let handle = reactor.handle().unwrap();
    let (key, waker) = reactor.waker().unwrap();
    let again = handle.clone();
    let task = move |reactor: &mut Reactor<PipeReader>| {
        again.submit(move |_| waker.wake()).unwrap();
        assert_eq!(reactor.wait(Timeout::Nowait), Ok(0), "the wake of the submission is taken here");
    };
    handle.submit(task).unwrap();
    assert_eq!(reactor.wait(LONG), Ok(1));
    assert_eq!(ready_keys(&mut reactor), [key]);
}

#[test]
fn moved_reactor_runs_its_tasks() {
    let mut reactor = Reactor::<PipeReader>::new().unwrap();
    let handle = reactor.handle().unwrap();
    let (key, waker) = reactor.waker().unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    handle
        .submit(move |reactor| send.send(std::mem::replace(reactor, Reactor::new().unwrap())).unwrap())
        .unwrap();
    handle.submit(move |_| waker.wake()).unwrap();
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
    let mut moved = receive.recv().unwrap();
    assert_eq!(moved.wait(LONG), Ok(1));
    assert_eq!(ready_keys(&mut moved), [key]);
}

#[test]
fn slow_task_does_not_stretch_a_wait() {
    let mut reactor = Reactor::new().unwrap();
    let handle = reactor.handle().unwrap();
    let key = readable(&mut reactor, ());
    // As long as the wait: what time is left afterwards is none, and it would take as long once more.
    let time = Duration::from_secs(1);
    let slow = move |reactor: &mut Reactor<PipeReader>| assert_eq!(reactor.wait(time), Ok(0));
    let again = handle.clone();
    handle.submit(move |_| again.submit(slow).unwrap()).unwrap();
    assert_eq!(reactor.wait(LONG), Ok(1), "which has taken the wake, and left the slow task");
    reactor.remove(key).unwrap();
    let begin = Instant::now();
    assert_eq!(reactor.wait(time), Ok(0));
    let took = begin.elapsed();
    assert!(took >= time && took < time * 2, "{took:?}");
}

#[test]
fn outer_wait_finds_what_a_task_waited_for() {
    let mut reactor = Reactor::new().unwrap();
    let key = readable(&mut reactor, ());
    let task = |reactor: &mut Reactor<PipeReader>| {
        assert_eq!(reactor.wait(LONG), Ok(1));
        assert!(std::iter::from_fn(|| reactor.next_ready()).count() == 1);
    };
    reactor.handle().unwrap().submit(task).unwrap();
    assert_eq!(reactor.wait(LONG), Ok(1));
    assert_eq!(ready_keys(&mut reactor), [key]);
}

#[test]
fn task_sees_no_earlier_event() {
    let mut reactor = Reactor::new().unwrap();
    let handle = reactor.handle().unwrap();
    readable(&mut reactor, ());
    readable(&mut reactor, ());
    assert_eq!(reactor.wait(LONG), Ok(2));
    assert!(reactor.next_ready().is_some(), "and another is left");
    handle.submit(|reactor| assert_eq!(reactor.next_ready(), None)).unwrap();
    assert_eq!(reactor.wait(LONG), Ok(2));
    assert_eq!(ready_keys(&mut reactor).len(), 2);
}

#[test]
fn panicking_task_loses_no_other() {
    let mut reactor = Reactor::<PipeReader>::new().unwrap();
    let handle = reactor.handle().unwrap();
    static RUN: AtomicUsize = AtomicUsize::new(0);
    handle
        .submit(|_| assert_ne!(RUN.fetch_add(1, Ordering::SeqCst), 0, "the first one, on purpose"))
        .unwrap();
    let count = |_: &mut Reactor<PipeReader>| {
        RUN.fetch_add(1, Ordering::SeqCst);
    };
    handle.submit(count).unwrap();
    let wait = std::panic::AssertUnwindSafe(|| reactor.wait(Timeout::Nowait));
    assert!(std::panic::catch_unwind(wait).is_err());
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
    assert_eq!(RUN.load(Ordering::SeqCst), 2);
}

#[test]
fn wake_of_a_nested_submission_is_no_event() {
    let mut reactor = Reactor::<PipeReader>::new().unwrap();
    let handle = reactor.handle().unwrap();
    let again = handle.clone();
    let waits = move |reactor: &mut Reactor<PipeReader>| {
        assert_eq!(reactor.wait(Timeout::Nowait), Ok(0), "its own wake");
        again.submit(|_| {}).unwrap();
        assert_eq!(reactor.wait(Timeout::Nowait), Ok(0), "that of the other, which has to wait");
    };
    handle.submit(waits).unwrap();
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
}

#[test]
fn key_does_not_outlive_a_replaced_reactor() {
    let mut reactor = Reactor::new().unwrap();
    let old = readable(&mut reactor, ());
    let replace = |reactor: &mut Reactor<PipeReader>| {
        *reactor = Reactor::new().unwrap();
        readable(reactor, ());
    };
    reactor.handle().unwrap().submit(replace).unwrap();
    assert_eq!(reactor.wait(LONG), Ok(1));
    assert!(!reactor.contains(old) && reactor.len() == 1);
    assert_ne!(ready_keys(&mut reactor), [old]);
}

#[test]
fn result_arrives_after_the_task() {
    let mut reactor = Reactor::<PipeReader, usize>::new().unwrap();
    let handle = reactor.handle().unwrap();
    let result = handle.submit_with_result(|reactor| reactor.len()).unwrap();
    let dropped = handle.submit_with_result(|reactor| reactor.is_empty()).unwrap();
    readable(&mut reactor, 1);
    assert!(result.try_recv().is_err(), "not before a wait");
    drop(dropped);
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(1));
    assert_eq!(result.try_recv(), Ok(1));
    let lost = handle.submit_with_result(|reactor| reactor.len()).unwrap();
    drop(reactor);
    assert!(lost.recv().is_err(), "the reactor is gone");
    let error = handle.submit_with_result(|reactor| reactor.len()).unwrap_err();
    assert_eq!(error.to_string(), "the reactor is gone");
}

#[test]
fn run_submitted_needs_no_wait() {
    let mut reactor = Reactor::<PipeReader, usize>::new().unwrap();
    assert!(!reactor.run_submitted(), "there is no handle");
    let handle = reactor.handle().unwrap();
    assert!(!reactor.run_submitted(), "nothing was submitted");
    let again = handle.clone();
    let task = move |reactor: &mut Reactor<PipeReader, usize>| {
        readable(reactor, 1);
        assert!(!reactor.run_submitted(), "a task runs no other");
        let second = |reactor: &mut Reactor<PipeReader, usize>| {
            readable(reactor, 2);
        };
        again.submit(second).unwrap();
    };
    handle.submit(task).unwrap();
    assert!(reactor.run_submitted());
    assert_eq!(reactor.len(), 1, "what came meanwhile is left to the next call");
    assert!(reactor.run_submitted());
    assert_eq!((reactor.len(), reactor.run_submitted()), (2, false));
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(2), "no wake of what has run is in the way");
}
