//! Many threads at a reactor that goes away under them.

use crate::support::is_emulated;
use iomux_backend::{ALL_NAMES as NAMES, Handle, Poll, Reactor, Timeout, Waker, by_name};
use std::cell::RefCell;
use std::io::PipeReader;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;

/// Counts how often it was dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn submits_during_the_drop_lose_no_task() {
    let threads = if is_emulated() { 4 } else { 64 };
    for name in NAMES {
        let mut reactor = Reactor::<PipeReader, (), _>::with(by_name(name).unwrap(), 4);
        let (handle, (_, waker)) = (reactor.handle().unwrap(), reactor.waker().unwrap());
        let [run, dropped, refused] = [0, 0, 0].map(|_| Arc::new(AtomicUsize::new(0)));
        let start = Arc::new(Barrier::new(threads + 1));
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let (handle, waker, start) = (handle.clone(), waker.clone(), Arc::clone(&start));
                let (run, dropped, refused) = (Arc::clone(&run), Arc::clone(&dropped), Arc::clone(&refused));
                thread::spawn(move || {
                    start.wait();
                    for _ in 0..100 {
                        let (run, counted) = (Arc::clone(&run), Counted(Arc::clone(&dropped)));
                        let task = move |_: &mut Reactor<PipeReader, (), _>| {
                            run.fetch_add(1, Ordering::SeqCst);
                            drop(counted);
                        };
                        refused.fetch_add(usize::from(handle.submit(task).is_err()), Ordering::SeqCst);
                        waker.clone().wake();
                    }
                })
            })
            .collect();
        start.wait();
        for _ in 0..10 {
            assert!(reactor.wait(Timeout::Nowait).is_ok_and(|count| count <= 1), "{name}");
        }
        drop(reactor);
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        let all = threads * 100;
        assert_eq!(dropped.load(Ordering::SeqCst), all, "{name}: each of them once");
        assert!(run.load(Ordering::SeqCst) + refused.load(Ordering::SeqCst) <= all);
        assert!(handle.submit(|_| {}).is_err());
    }
}

/// A state that wakes when it is dropped.
struct WakesAtLast(Waker, Handle<PipeReader, Self>);

impl Drop for WakesAtLast {
    fn drop(&mut self) {
        self.0.wake();
        let _ = self.1.submit(|_| {});
    }
}

#[test]
fn state_may_wake_its_reactor_in_drop() {
    let mut reactor = Reactor::<PipeReader, WakesAtLast>::new().unwrap();
    let (key, waker) = reactor.waker().unwrap();
    let handle = reactor.handle().unwrap();
    for _ in 0..3 {
        let state = WakesAtLast(waker.clone(), handle.clone());
        super::insert(&mut reactor, std::io::pipe().unwrap().0, state);
    }
    assert_eq!(super::ready_keys(&mut reactor), []);
    let kept = reactor.keys().next().unwrap();
    reactor.retain(|key, _, _| key == kept);
    reactor.pause(kept).unwrap();
    let mut woken = 0;
    while reactor.wait(Timeout::Nowait).unwrap() > 0 {
        woken += super::ready_keys(&mut reactor).iter().filter(|found| **found == key).count();
    }
    assert_eq!(woken, 1, "two wakes were one");
    drop(reactor);
    waker.wake();
}

#[test]
fn single_threaded_state_stays_in_its_thread() {
    type State = Rc<RefCell<Vec<thread::ThreadId>>>;
    let mut reactor = Reactor::<PipeReader, State, _>::with(Poll::new(), 4);
    let handle = reactor.handle().unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            let handle = handle.clone();
            scope.spawn(move || {
                let source = std::io::pipe().unwrap().0;
                let task = move |reactor: &mut Reactor<PipeReader, State, Poll<'static>>| {
                    let state = Rc::new(RefCell::new(vec![thread::current().id()]));
                    super::insert(reactor, source, Rc::clone(&state));
                    reactor.iter_mut().for_each(|(_, _, other)| *other = Rc::clone(&state));
                };
                assert!(handle.submit(task).is_ok());
            });
        }
    });
    reactor.wait(Timeout::Nowait).unwrap();
    assert_eq!(reactor.len(), 4);
    let here = thread::current().id();
    assert!(reactor.iter_mut().all(|(_, _, state)| *state.borrow() == [here]));
}
