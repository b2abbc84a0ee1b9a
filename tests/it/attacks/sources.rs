//! Sources that lie, panic, come back and share their files.

use super::{LONG, READABLE, insert, panics, ready_keys};
use crate::support::{empty_pipe, full_pipe};
use crate::traced::with_subscriber;
use iomux_backend::{
    ALL_NAMES as NAMES, Capabilities, Error, Events, Interest, Mode, Multiplexer, Poll, Reactor, Readiness,
    Timeout, Token, Traced, WakerSource, by_name,
};
use std::cell::RefCell;
use std::io::{PipeReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

/// A source that does something before it says its fd, and something when it goes.
struct Odd {
    fd: OwnedFd,
    when_asked: fn(),
    when_dropped: fn(),
}

impl Odd {
    fn new(fd: impl Into<OwnedFd>, when_asked: fn(), when_dropped: fn()) -> Self {
        Self { fd: fd.into(), when_asked, when_dropped }
    }
}

impl AsFd for Odd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        (self.when_asked)();
        self.fd.as_fd()
    }
}

impl Drop for Odd {
    fn drop(&mut self) {
        (self.when_dropped)();
    }
}

const NOTHING: fn() = || {};
const PANICS: fn() = || assert!(std::thread::panicking(), "a source that panics, on purpose");

/// Whether the other end of a pair is closed.
fn is_closed(mut theirs: &UnixStream) -> bool {
    theirs.set_nonblocking(true).unwrap();
    theirs.read(&mut [0]).is_ok_and(|count| count == 0)
}

#[test]
fn panic_in_as_fd_inserts_nothing() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut reactor = Reactor::new().unwrap();
    let key = insert(&mut reactor, Odd::new(full_pipe().0, NOTHING, NOTHING), ());
    let odd = Odd::new(ours, || panic!("on purpose"), NOTHING);
    assert!(panics(|| reactor.insert(odd, (), READABLE, Mode::Level).is_ok()));
    assert!(is_closed(&theirs));
    assert_eq!((reactor.len(), reactor.keys().count()), (1, 1));
    assert_eq!(reactor.wait(LONG), Ok(1));
    assert_eq!(ready_keys(&mut reactor), [key]);
}

#[test]
fn panicking_drops_leak_no_source() {
    let pairs: Vec<_> = (0..9).map(|_| UnixStream::pair().unwrap()).collect();
    let mut reactor = Reactor::with(Poll::new(), 16);
    let (ours, theirs): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    for (number, ours) in ours.into_iter().enumerate() {
        let odd = Odd::new(ours, NOTHING, if number % 3 == 1 { PANICS } else { NOTHING });
        reactor.insert(odd, number, Interest::WRITABLE, Mode::Level).unwrap();
    }
    assert!(panics(|| reactor.retain(|_, _, number| *number > 4)), "at the second");
    assert_eq!(reactor.len(), 7, "which is gone even so");
    assert_eq!(reactor.wait(LONG), Ok(7));
    assert!(panics(|| drop(reactor)));
    assert!(theirs.iter().all(is_closed));
}

#[test]
fn nested_reactor_in_as_fd_is_harmless() {
    thread_local! {
        static OTHER: RefCell<Reactor<PipeReader>> = RefCell::new(Reactor::new().unwrap());
    }
    let wait_there: fn() = || {
        OTHER.with_borrow_mut(|other| {
            insert(other, full_pipe().0, ());
            let count = other.len();
            assert_eq!(other.wait(LONG), Ok(count));
        });
    };
    let mut reactor = Reactor::new().unwrap();
    for _ in 0..3 {
        insert(&mut reactor, Odd::new(full_pipe().0, wait_there, wait_there), ());
    }
    assert_eq!(reactor.wait(LONG), Ok(3));
    let first = reactor.next_ready().unwrap().key();
    reactor.retain(|key, _, ()| key != first);
    assert_eq!(ready_keys(&mut reactor).len(), 2);
    drop(reactor);
    assert_eq!(OTHER.with_borrow(Reactor::len), 6);
}

#[test]
fn panic_in_retain_loses_no_event() {
    let mut reactor = Reactor::new().unwrap();
    let keys: Vec<_> = (0..5).map(|number| insert(&mut reactor, full_pipe().0, number)).collect();
    assert_eq!(reactor.wait(LONG), Ok(5));
    let closure = |_, _: &PipeReader, number: &mut i32| {
        assert_ne!(*number, 2, "on purpose");
        *number != 1
    };
    assert!(panics(|| reactor.retain(closure)));
    assert_eq!(ready_keys(&mut reactor), [keys[0], keys[2], keys[3], keys[4]]);
}

#[test]
fn swapped_states_leave_the_sources() {
    let mut reactor = Reactor::new().unwrap();
    let keys = ["a", "b"].map(|name| insert(&mut reactor, full_pipe().0, name.to_owned()));
    let numbers = keys.map(|key| reactor.source(key).unwrap().as_raw_fd());
    {
        let mut all: Vec<_> = reactor.iter_mut().collect();
        let (first, second) = all.split_at_mut(1);
        std::mem::swap(first[0].2, second[0].2);
        std::mem::swap(&mut first[0].1, &mut second[0].1);
    }
    assert_eq!(keys.map(|key| reactor.source(key).unwrap().as_raw_fd()), numbers);
    assert_eq!(keys.map(|key| reactor.get(key).unwrap().1.clone()), ["b", "a"]);
}

#[test]
fn stale_key_finds_nothing_after_100_000_reuses() {
    let mut reactor = Reactor::with(Poll::new(), 1);
    let mut source = full_pipe().0;
    let (mut first, mut before) = (None, None);
    for number in 0..100_000 {
        let key = insert(&mut reactor, source, number);
        assert!(before < Some(key), "and they are in their order");
        let first = *first.get_or_insert(key);
        assert!(first == key || reactor.get(first).is_none() && reactor.remove(first).is_none());
        assert!(before.is_none_or(|before| reactor.pause(before) == Err(Error::NoSuchKey)));
        source = reactor.remove(key).unwrap().0;
        before = Some(key);
    }
}

#[test]
fn dups_are_reported_independently() {
    for name in NAMES {
        let mut reactor = Reactor::with(by_name(name).unwrap(), 8);
        let mut other = Reactor::with(by_name(name).unwrap(), 8);
        let (reader, _writer) = full_pipe();
        let keys = [0, 1].map(|_| insert(&mut reactor, reader.try_clone().unwrap(), ()));
        let elsewhere = insert(&mut other, reader, ());
        assert_eq!(reactor.wait(LONG), Ok(2), "{name}");
        drop(reactor.remove(keys[0]).unwrap());
        assert_eq!(reactor.wait(LONG), Ok(1), "{name}");
        assert_eq!(ready_keys(&mut reactor), [keys[1]]);
        drop(reactor);
        assert_eq!(other.wait(LONG), Ok(1), "{name}");
        assert_eq!(ready_keys(&mut other), [elsewhere]);
        drop(other.remove(elsewhere));
        assert_eq!(other.wait(Timeout::Nowait), Ok(0), "{name}");
    }
}

#[test]
fn deleted_file_and_shut_down_socket_are_reported() {
    let mut reactor = Reactor::<OwnedFd, (), _>::with(Poll::new(), 8);
    let file = tempfile::NamedTempFile::new().unwrap().into_file();
    let deleted = insert(&mut reactor, file.into(), ());
    let (ours, _theirs) = UnixStream::pair().unwrap();
    ours.shutdown(std::net::Shutdown::Both).unwrap();
    let shut = insert(&mut reactor, ours.into(), ());
    for _ in 0..3 {
        assert_eq!(reactor.wait(LONG), Ok(2));
        assert_eq!(ready_keys(&mut reactor), [deleted, shut]);
    }
    reactor.pause(deleted).unwrap();
    reactor.pause(shut).unwrap();
    let heard: usize = (0..10).map(|_| reactor.wait(Timeout::Nowait).unwrap()).sum();
    assert!(heard <= 1, "{heard} times");
}

#[test]
fn waker_fd_works_as_a_source() {
    for name in NAMES {
        let mut reactor = Reactor::with(by_name(name).unwrap(), 8);
        let source = Rc::new(WakerSource::new().unwrap());
        let waker = source.waker();
        let (own, own_waker) = reactor.waker().unwrap();
        let key = insert(&mut reactor, Shared(Rc::clone(&source)), ());
        waker.wake();
        for _ in 0..2 {
            assert_eq!(reactor.wait(LONG), Ok(1), "{name}: it was not drained");
            assert_eq!(ready_keys(&mut reactor), [key]);
        }
        source.drain();
        own_waker.wake();
        assert_eq!(reactor.wait(LONG), Ok(1), "{name}");
        assert_eq!(ready_keys(&mut reactor), [own]);
        drop(reactor);
        waker.wake();
    }
}

struct Shared(Rc<WakerSource>);

impl AsFd for Shared {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[test]
fn events_buffer_moves_between_multiplexers() {
    let ((full, _writer), (empty, _other)) = (full_pipe(), empty_pipe());
    let mut events = Events::with_capacity(2);
    for (first, second) in NAMES.iter().flat_map(|first| NAMES.iter().map(move |second| (first, second))) {
        let [mut first, mut second] = [first, second].map(|name| by_name(name).unwrap());
        first.register(full.as_fd(), Token(1), READABLE, Mode::Level).unwrap();
        second.register(empty.as_fd(), Token(1), READABLE, Mode::Level).unwrap();
        let waker = second.waker(Token(2)).unwrap();
        assert_eq!(first.wait(&mut events, LONG), Ok(1));
        assert_eq!(second.wait(&mut events, Timeout::Nowait), Ok(0));
        assert!(events.is_empty() && events.get(0).is_none());
        // An event without an owner is dropped. One with a waker's token takes no wake away.
        assert!(events.push(Token(2), Readiness::READABLE));
        waker.wake();
        assert_eq!(second.wait(&mut events, LONG), Ok(1));
        assert_eq!(events.get(0).map(|event| event.token()), Some(Token(2)));
        waker.wake();
        assert_eq!(second.wait(&mut events, LONG), Ok(1), "the next wake is heard, too");
    }
}

#[test]
fn forgotten_reactor_keeps_its_sources_open() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let mut reactor = Reactor::new().unwrap();
    insert(&mut reactor, ours, ());
    let (handle, (_, waker)) = (reactor.handle().unwrap(), reactor.waker().unwrap());
    std::mem::forget(reactor);
    waker.wake();
    assert!(handle.submit(|_| unreachable!("no reactor waits")).is_ok());
    drop(handle);
    assert!(!is_closed(&theirs) && (&theirs).write_all(b"!").is_ok());
}

/// A subscriber that panics at every event.
struct Panics;

impl tracing::Subscriber for Panics {
    fn enabled(&self, _: &tracing::Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::span::Id {
        tracing::span::Id::from_u64(1)
    }
    fn record(&self, _: &tracing::span::Id, _: &tracing::span::Record<'_>) {}
    fn record_follows_from(&self, _: &tracing::span::Id, _: &tracing::span::Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        assert_ne!(event.metadata().target(), "iomux", "a subscriber that panics, on purpose");
    }
    fn enter(&self, _: &tracing::span::Id) {}
    fn exit(&self, _: &tracing::span::Id) {}
}

#[test]
fn unwinding_multiplexer_leaks_no_fd() {
    for name in NAMES {
        let mut reactor = Reactor::with(Traced::new(by_name(name).unwrap()), 8);
        let key = insert(&mut reactor, full_pipe().0, 0);
        with_subscriber(Panics, || {
            assert!(panics(|| reactor.insert(full_pipe().0, 1, READABLE, Mode::Level).is_ok()));
            assert!(panics(|| reactor.modify(key, READABLE, Mode::OneShot)));
            // What is deferred calls nothing yet.
            let calls = !reactor.capabilities().contains(Capabilities::DEFERRABLE);
            assert_eq!(panics(|| reactor.pause(key)), calls);
            assert_eq!(panics(|| reactor.resume(key)), calls);
            assert!(panics(|| reactor.waker().is_ok()) && panics(|| reactor.handle().is_ok()));
            assert!(panics(|| reactor.wait(Timeout::Nowait)));
            assert!(panics(|| reactor.remove(key)));
        });
        assert!(reactor.contains(key), "{name}: it was not handed out");
        reactor.wait(Timeout::Nowait).unwrap();
        // It was deregistered before the call unwound, so a change that is deferred is rejected.
        let ready = std::iter::from_fn(|| reactor.next_ready()).filter(|one| !one.readiness().is_invalid());
        let ready: Vec<_> = ready.map(|ready| ready.key()).collect();
        assert_eq!(ready.len(), 1, "{name}: the other, whose key was lost");
        assert_eq!(reactor.remove(ready[0]).unwrap().1, 1);
        assert!(reactor.remove(key).is_some());
        let again = insert(&mut reactor, full_pipe().0, 2);
        assert_eq!(reactor.wait(LONG), Ok(1), "{name}");
        assert_eq!(ready_keys(&mut reactor), [again]);
        assert_eq!(reactor.len(), 1);
    }
}

#[test]
fn unwound_removal_leaves_no_silent_source() {
    for name in NAMES {
        let mut reactor = Reactor::with(Traced::new(by_name(name).unwrap()), 8);
        let key = insert(&mut reactor, full_pipe().0, 0);
        with_subscriber(Panics, || assert!(panics(|| reactor.remove(key))));
        // It was deregistered before the call unwound, so a change that is deferred is rejected.
        if reactor.modify(key, READABLE, Mode::Level).is_ok() {
            assert_eq!(reactor.wait(Timeout::Nowait), Ok(1), "{name}");
            assert!(reactor.next_ready().unwrap().readiness().is_invalid(), "{name}");
        }
        assert!(reactor.remove(key).is_some(), "{name}");
    }
}

#[test]
fn unwound_change_is_submitted_again() {
    for name in NAMES {
        let mut reactor = Reactor::with(Traced::new(by_name(name).unwrap()), 8);
        let mut keys = [0, 1, 2].map(|number| insert(&mut reactor, full_pipe().0, number));
        for round in 0..3 {
            let (from, to) = (Mode::Level, Mode::OneShot);
            with_subscriber(Panics, || {
                keys.iter().for_each(|key| assert!(panics(|| reactor.modify(*key, READABLE, to)), "{name}"));
            });
            // Each call was made before it unwound, so this changes something.
            keys.iter().for_each(|key| reactor.modify(*key, READABLE, from).unwrap());
            assert_eq!((reactor.wait(LONG), reactor.wait(LONG)), (Ok(3), Ok(3)), "{name}");
            with_subscriber(Panics, || {
                for key in keys {
                    let _ = panics(|| reactor.pause(key));
                }
                (0..5).for_each(|_| assert!(panics(|| reactor.wait(Timeout::Nowait)), "{name}"));
                for key in keys {
                    let _ = panics(|| reactor.resume(key));
                }
                assert!(panics(|| reactor.wait(Timeout::Nowait)));
            });
            keys.iter().for_each(|key| reactor.modify(*key, READABLE, from).unwrap());
            assert_eq!(reactor.wait(LONG), Ok(3), "{name}");
            reactor.remove(keys[round]).unwrap();
            keys[round] = reactor.insert(full_pipe().0, 3, READABLE, to).unwrap();
            assert_eq!(
                (reactor.wait(LONG), reactor.wait(LONG)),
                (Ok(3), Ok(2)),
                "{name}: no change is inherited"
            );
        }
    }
}
