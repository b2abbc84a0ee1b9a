//! An epoll that threads share: `&Epoll` is a multiplexer.

use super::{READABLE, WRITABLE};
use crate::support::{empty_pipe, full_pipe, is_emulated, own_folder, sleeps_in};
use iomux_backend::{Epoll, EpollFlags, Error, Events, Mode, Multiplexer, Timeout, Token, Waker};
use std::io::Write;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

/// By when what must happen has happened.
const LONG: Timeout = Timeout::After(Duration::from_secs(60));

#[test]
fn only_owned_epoll_reports_nothing_to_wait_for() {
    let (reader, _writer) = full_pipe();
    let mut epoll = Epoll::new().unwrap();
    let mut events = Events::with_capacity(1);
    let nothing = Err(Error::NothingToWaitFor);
    assert_eq!(epoll.wait(&mut events, Timeout::Infinite), nothing);
    // Registrations count however they come and go.
    (&epoll).register(reader.as_fd(), Token(1), READABLE, Mode::Level).unwrap();
    assert_eq!(epoll.wait(&mut events, Timeout::Infinite), Ok(1));
    epoll.deregister(reader.as_fd()).unwrap();
    assert_eq!(epoll.wait(&mut events, Timeout::Infinite), nothing);
    epoll.register_with(reader.as_fd(), Token(1), READABLE, Mode::Level, EpollFlags::empty()).unwrap();
    assert_eq!(epoll.wait(&mut events, Timeout::Infinite), Ok(1));
    (&epoll).deregister(reader.as_fd()).unwrap();
    assert_eq!(epoll.wait(&mut events, Timeout::Infinite), nothing);
    assert_eq!((&epoll).wait(&mut events, Timeout::Nowait), Ok(0));
    (&epoll).waker(Token(2)).unwrap().wake();
    assert_eq!(epoll.wait(&mut events, Timeout::Infinite), Ok(1));
}

#[test]
fn empty_shared_epoll_sleeps_until_a_register() {
    let (reader, _writer) = full_pipe();
    let epoll = Epoll::new().unwrap();
    let (says, folder) = mpsc::channel();
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            says.send(own_folder()).unwrap();
            let mut events = Events::with_capacity(1);
            ((&epoll).wait(&mut events, Timeout::Infinite), events.get(0).map(|event| event.token()))
        });
        let thread = folder.recv().unwrap();
        // If the call is not readable, it may not wait yet.
        while sleeps_in(&thread).is_ok_and(|call| call.is_none_or(|call| call == libc::SYS_futex)) {
            assert!(!waiter.is_finished(), "it sleeps");
            thread::yield_now();
        }
        (&epoll).register(reader.as_fd(), Token(7), READABLE, Mode::Level).unwrap();
        assert_eq!(waiter.join().unwrap(), (Ok(1), Some(Token(7))));
    });
}

/// Counts each event that is reported until there is none.
fn count(mut epoll: &Epoll<'_>, timeout: Timeout, counts: &[AtomicUsize]) {
    let mut events = Events::with_capacity(5);
    while epoll.wait(&mut events, timeout).unwrap() > 0 {
        for event in events.iter() {
            counts[event.token().0].fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[test]
fn edge_event_goes_to_one_waiting_thread() {
    const THREADS: usize = 4;
    let rounds = if is_emulated() { 10 } else { 100 };
    for mode in [Mode::OneShot, Mode::EdgeOneShot, Mode::Edge] {
        let sources: Vec<_> = (0..32).map(|_| full_pipe()).collect();
        let counts: Vec<_> = sources.iter().map(|_| AtomicUsize::new(0)).collect();
        let (epoll, barrier) = (Epoll::new().unwrap(), Barrier::new(THREADS));
        let mut shared = &epoll;
        for (token, (reader, _)) in sources.iter().enumerate() {
            shared.register(reader.as_fd(), Token(token), READABLE, mode).unwrap();
        }
        let take_turns = || {
            for round in 1..=rounds {
                // One arms the sources again, while the others wait.
                if barrier.wait().is_leader() && round > 1 {
                    for (token, (reader, _)) in sources.iter().enumerate() {
                        (&epoll).modify(reader.as_fd(), Token(token), READABLE, mode).unwrap();
                    }
                }
                count(&epoll, Duration::from_micros(100).into(), &counts);
                barrier.wait();
                count(&epoll, Timeout::Nowait, &counts);
                barrier.wait();
                let all_once = counts.iter().all(|count| count.load(Ordering::Relaxed) == round);
                assert!(all_once, "{mode:?}, {round}: {counts:?}");
            }
        };
        thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(take_turns))));
    }
}

#[test]
fn wakers_of_many_threads_all_work() {
    const THREADS: usize = 8;
    const EACH: usize = 25;
    for _ in 0..if is_emulated() { 1 } else { 10 } {
        let mut epoll = Epoll::new().unwrap();
        let start = Barrier::new(THREADS);
        let create = |number: usize| {
            start.wait();
            let tokens = number * EACH..(number + 1) * EACH;
            tokens.map(|token| (&epoll).waker(Token(token)).unwrap()).collect::<Vec<Waker>>()
        };
        let wakers: Vec<Waker> = thread::scope(|scope| {
            let create = &create;
            let threads: Vec<_> = (0..THREADS).map(|number| scope.spawn(move || create(number))).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let mut events = Events::with_capacity(THREADS * EACH);
        for round in 0..3 {
            wakers.iter().for_each(Waker::wake);
            assert_eq!(epoll.wait(&mut events, LONG), Ok(THREADS * EACH), "{round}");
            let mut tokens: Vec<_> = events.iter().map(|event| event.token().0).collect();
            tokens.sort_unstable();
            assert!(tokens.into_iter().eq(0..THREADS * EACH));
            assert_eq!(epoll.wait(&mut events, Timeout::Nowait), Ok(0), "each wake once");
        }
    }
}

#[test]
fn running_wait_sees_changes_of_other_threads() {
    let (reader, mut writer) = empty_pipe();
    let other = writer.try_clone().unwrap();
    let epoll = Arc::new(Epoll::new().unwrap());
    let mut shared = &*epoll;
    shared.register(reader.as_fd(), Token(1), READABLE, Mode::Level).unwrap();
    thread::scope(|scope| {
        let (sender, tokens) = mpsc::channel();
        let waiting = Arc::clone(&epoll);
        scope.spawn(move || {
            let mut events = Events::with_capacity(1);
            for _ in 0..3 {
                assert_eq!((&*waiting).wait(&mut events, LONG), Ok(1));
                sender.send(events.get(0).unwrap().token().0).unwrap();
            }
        });
        shared.register(other.as_fd(), Token(2), WRITABLE, Mode::OneShot).unwrap();
        assert_eq!(tokens.recv(), Ok(2));
        shared.modify(other.as_fd(), Token(3), WRITABLE, Mode::OneShot).unwrap();
        assert_eq!(tokens.recv(), Ok(3));
        shared.modify(reader.as_fd(), Token(4), READABLE, Mode::OneShot).unwrap();
        writer.write_all(b"!").unwrap();
        assert_eq!(tokens.recv(), Ok(4));
    });
}
