//! Changes that a reactor leaves to the next wait: what the multiplexer is given of them, and when.

use super::{LONG, ready_keys};
use crate::support::full_pipe;
use iomux_backend::{
    Capabilities, Epoll, Error, Events, Interest, Key, Mode, Multiplexer, Poll, Reactor, Readiness, SigSet,
    Timeout, Token, TrustedMultiplexer, Waker,
};
use std::cell::Cell;
use std::io::{PipeReader, PipeWriter};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

const NOTHING: Interest = Interest::empty();
const READABLE: Interest = Interest::READABLE;
const WRITABLE: Interest = Interest::WRITABLE;

/// A multiplexer that counts what it is given, and may lack capabilities.
struct Counted<M> {
    multiplexer: M,
    modified: Rc<Cell<usize>>,
    waits: Rc<Cell<usize>>,
    lacks: Capabilities,
    /// Whether the next register panics when it is done, or the next modify or deregister before it begins.
    panics: Rc<Cell<bool>>,
    /// The fd whose modifies are rejected.
    rejects: Rc<Cell<Option<RawFd>>>,
}

impl<M: Multiplexer<'static>> Multiplexer<'static> for Counted<M> {
    fn name(&self) -> &'static str {
        self.multiplexer.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.multiplexer.capabilities() - self.lacks
    }

    fn register(
        &mut self,
        fd: BorrowedFd<'static>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        let result = self.multiplexer.register(fd, token, interest, mode);
        assert!(!self.panics.take(), "on purpose");
        result
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        self.modified.set(self.modified.get() + 1);
        if self.rejects.get() == Some(fd.as_raw_fd()) {
            return Err(Error::OutOfMemory);
        }
        assert!(!self.panics.take(), "on purpose");
        self.multiplexer.modify(fd, token, interest, mode)
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        assert!(!self.panics.take(), "on purpose");
        self.multiplexer.deregister(fd)
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        self.waits.set(self.waits.get() + 1);
        self.multiplexer.wait(events, timeout)
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        self.multiplexer.wait_masked(events, timeout, mask)
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        self.multiplexer.waker(token)
    }
}

// SAFETY: it forwards each call to a multiplexer of its own, which makes the promise.
unsafe impl<M: TrustedMultiplexer<'static>> TrustedMultiplexer<'static> for Counted<M> {}

type Pipes<M = Epoll<'static>> = Reactor<PipeReader, (), Counted<M>>;

/// A reactor over `multiplexer`, and a function that returns how many modifies it was given since the last call.
fn counted<M: TrustedMultiplexer<'static>>(
    multiplexer: M,
    lacks: Capabilities,
) -> (Pipes<M>, impl Fn() -> usize) {
    let modified = Rc::new(Cell::new(0));
    let multiplexer = Counted {
        multiplexer,
        modified: Rc::clone(&modified),
        waits: Rc::default(),
        lacks,
        panics: Rc::default(),
        rejects: Rc::default(),
    };
    (Reactor::with(multiplexer, 8), move || modified.take())
}

fn over_epoll() -> (Pipes, impl Fn() -> usize) {
    counted(Epoll::new().unwrap(), Capabilities::empty())
}

fn insert<M: TrustedMultiplexer<'static>>(reactor: &mut Pipes<M>, mode: Mode) -> Key {
    reactor.insert(full_pipe().0, (), READABLE, mode).unwrap()
}

/// What a wait reports, and only `READABLE` of it: the pipes have no writer.
#[track_caller]
pub(super) fn found<S: AsFd, T, M: TrustedMultiplexer<'static>>(
    reactor: &mut Reactor<S, T, M>,
) -> Vec<(Key, Readiness)> {
    let count = reactor.wait(Timeout::Nowait).unwrap();
    let mut found: Vec<_> = std::iter::from_fn(|| reactor.next_ready())
        .map(|ready| (ready.key(), ready.readiness() - Readiness::HANGUP))
        .collect();
    found.sort_by_key(|(key, _)| *key);
    assert_eq!(found.len(), count);
    found
}

#[test]
fn change_there_and_back_makes_no_modify() {
    let (mut reactor, modified) = over_epoll();
    let key = insert(&mut reactor, Mode::Level);
    for _ in 0..3 {
        reactor.pause(key).unwrap();
        reactor.resume(key).unwrap();
        reactor.modify(key, NOTHING, Mode::Level).unwrap();
        reactor.modify(key, READABLE, Mode::Level).unwrap();
    }
    assert_eq!(found(&mut reactor), [(key, Readiness::READABLE)]);
    assert_eq!(modified(), 0);
    reactor.modify(key, WRITABLE, Mode::Level).unwrap();
    reactor.modify(key, NOTHING, Mode::Level).unwrap();
    reactor.pause(key).unwrap();
    assert_eq!(modified(), 0);
    assert_eq!(found(&mut reactor), [(key, Readiness::empty())], "a hangup, once");
    assert_eq!(modified(), 1);
    assert_eq!(found(&mut reactor), []);
    assert_eq!(modified(), 0);
    reactor.resume(key).unwrap();
    assert_eq!(found(&mut reactor), [(key, Readiness::empty())], "what was asked last is nothing");
    assert_eq!(modified(), 1);
}

#[test]
fn masked_wait_submits_deferred_changes() {
    let (mut reactor, modified) = over_epoll();
    let key = insert(&mut reactor, Mode::Level);
    reactor.modify(key, Interest::PRIORITY, Mode::OneShot).unwrap();
    assert_eq!(modified(), 1);
    reactor.modify(key, READABLE, Mode::Level).unwrap();
    assert_eq!(reactor.wait_masked(LONG, &SigSet::empty()), Ok(1));
    let ready = reactor.next_ready().unwrap();
    assert!(ready.key() == key && ready.readiness().contains(Readiness::READABLE), "{ready:?}");
    assert_eq!(modified(), 1);
}

#[test]
fn every_modify_rearms_one_shot_and_edge() {
    for mode in [Mode::OneShot, Mode::Edge, Mode::EdgeOneShot] {
        let (mut reactor, modified) = over_epoll();
        let key = insert(&mut reactor, mode);
        for round in 0..3 {
            assert_eq!(found(&mut reactor), [(key, Readiness::READABLE)], "{mode:?}, {round}");
            assert_eq!(found(&mut reactor), [], "{mode:?}, {round}");
            reactor.modify(key, READABLE, mode).unwrap();
            assert_eq!(modified(), 1, "{mode:?} is not deferred");
        }
        found(&mut reactor);
        // Paused and resumed, which is a modify as well.
        reactor.pause(key).unwrap();
        reactor.resume(key).unwrap();
        assert_eq!(found(&mut reactor), [(key, Readiness::READABLE)], "{mode:?}");
        assert_eq!(found(&mut reactor), [], "{mode:?}: the pause was not submitted late");
    }
}

#[test]
fn modes_change_in_every_order() {
    const MODES: [Mode; 4] = [Mode::Level, Mode::Edge, Mode::OneShot, Mode::EdgeOneShot];
    for order in 0..4_usize.pow(4) {
        let modes = [0, 1, 2, 3].map(|index| MODES[order / 4_usize.pow(index) % 4]);
        for waits in 0..8 {
            let (mut reactor, _) = over_epoll();
            let key = insert(&mut reactor, modes[0]);
            for (index, mode) in modes.into_iter().enumerate().skip(1) {
                if waits & 1 << (index - 1) != 0 {
                    assert_eq!(found(&mut reactor), [(key, Readiness::READABLE)], "{modes:?}, {waits:b}");
                    let again = found(&mut reactor).len();
                    assert_eq!(again, usize::from(modes[index - 1] == Mode::Level), "{modes:?}, {waits:b}");
                }
                reactor.modify(key, READABLE, mode).unwrap();
            }
            assert_eq!(found(&mut reactor), [(key, Readiness::READABLE)], "{modes:?}, {waits:b}");
            assert_eq!(
                found(&mut reactor).len(),
                usize::from(modes[3] == Mode::Level),
                "{modes:?}, {waits:b}"
            );
        }
    }
}

#[test]
fn deferred_change_dies_with_its_source() {
    let (mut reactor, modified) = over_epoll();
    let mut keys: Vec<_> = (0..4).map(|_| insert(&mut reactor, Mode::Level)).collect();
    for round in 0..100 {
        keys.iter().for_each(|key| reactor.modify(*key, NOTHING, Mode::Level).unwrap());
        // The others' changes stay theirs, whichever goes first.
        reactor.remove(keys.remove(round % 4)).unwrap();
        let new = insert(&mut reactor, Mode::OneShot);
        assert_eq!(modified(), 0);
        let seen: Vec<_> = found(&mut reactor);
        assert_eq!(modified(), 3);
        let quiet = keys.iter().map(|key| (*key, Readiness::empty()));
        let mut expected: Vec<_> = quiet.chain([(new, Readiness::READABLE)]).collect();
        expected.sort_by_key(|(key, _)| *key);
        assert_eq!(seen, expected, "{round}");
        assert_eq!(found(&mut reactor).len(), 3, "the new one is not armed by the old one's change");
        keys.push(new);
        keys.iter().for_each(|key| reactor.modify(*key, READABLE, Mode::Level).unwrap());
        assert_eq!((found(&mut reactor).len(), modified()), (4, 4));
    }
}

#[test]
fn wait_submits_a_thousand_changes() {
    let (mut reactor, modified) = over_epoll();
    let (reader, _writer) = full_pipe();
    let copies = (0..300).map_while(|_| reader.try_clone().ok());
    let keys: Vec<_> = copies.map(|copy| reactor.insert(copy, (), NOTHING, Mode::Level).unwrap()).collect();
    keys.iter().for_each(|key| reactor.modify(*key, READABLE, Mode::Level).unwrap());
    keys.iter().step_by(3).for_each(|key| drop(reactor.remove(*key)));
    let mut left: Vec<_> =
        keys.iter().enumerate().filter(|(index, _)| index % 3 != 0).map(|(_, key)| *key).collect();
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(8));
    assert_eq!(modified(), left.len());
    // A buffer of 8 has room for all in turn.
    for _ in 0..keys.len() {
        let ready = ready_keys(&mut reactor);
        left.retain(|key| !ready.contains(key));
        reactor.wait(Timeout::Nowait).unwrap();
    }
    assert_eq!(left, []);
}

#[test]
fn exclusive_registration_is_not_deferred() {
    let (mut reactor, modified) = over_epoll();
    let key = insert(&mut reactor, Mode::Exclusive);
    let result = reactor.modify(key, READABLE, Mode::Level);
    assert!(matches!(result, Err(Error::Unsupported { .. })), "{result:?}");
    assert_eq!(modified(), 1);
    reactor.pause(key).unwrap();
    assert_eq!((modified(), found(&mut reactor)), (1, vec![]));
    reactor.modify(key, READABLE, Mode::Level).unwrap();
    assert_eq!(found(&mut reactor), [(key, Readiness::READABLE)], "it was registered again");
    let result = reactor.modify(key, READABLE, Mode::Exclusive);
    assert!(matches!(result, Err(Error::Unsupported { .. })), "{result:?}");
    assert_eq!(found(&mut reactor), [(key, Readiness::READABLE)], "as it was");
}

#[test]
fn requeue_changes_exclusive_sources_only() {
    let (mut reactor, modified) = over_epoll();
    let once = insert(&mut reactor, Mode::OneShot);
    assert_eq!(found(&mut reactor), [(once, Readiness::READABLE)]);
    assert_eq!(reactor.requeue(once), Ok(()));
    assert_eq!(found(&mut reactor), [], "not rearmed");
    let exclusive = insert(&mut reactor, Mode::Exclusive);
    for _ in 0..2 {
        assert_eq!(reactor.requeue(exclusive), Ok(()));
        assert_eq!(found(&mut reactor), [(exclusive, Readiness::READABLE)]);
    }
    assert_eq!(modified(), 0);
    reactor.pause(exclusive).unwrap();
    assert_eq!(reactor.requeue(exclusive), Ok(()));
    assert_eq!(found(&mut reactor), [], "still paused");
    reactor.remove(exclusive);
    assert_eq!(reactor.requeue(exclusive), Err(Error::NoSuchKey));
}

#[test]
fn unnamed_interest_is_not_deferred() {
    let (mut reactor, modified) = over_epoll();
    let key = insert(&mut reactor, Mode::Level);
    let result = reactor.modify(key, Interest::from_bits_retain(0x4000), Mode::Level);
    assert!(matches!(result, Err(Error::Unsupported { .. })), "{result:?}");
    assert_eq!((modified(), found(&mut reactor)), (1, vec![(key, Readiness::READABLE)]));
}

#[test]
fn without_deferrable_each_change_is_immediate() {
    fn is_given_every_change<M: TrustedMultiplexer<'static>>(multiplexer: M, lacks: Capabilities) {
        let (mut reactor, modified) = counted(multiplexer, lacks);
        let key = insert(&mut reactor, Mode::Level);
        for _ in 0..2 {
            reactor.modify(key, NOTHING, Mode::Level).unwrap();
            reactor.modify(key, READABLE, Mode::Level).unwrap();
            reactor.pause(key).unwrap();
            reactor.resume(key).unwrap();
            assert_eq!(modified(), 4);
        }
        assert_eq!(found(&mut reactor), [(key, Readiness::READABLE)]);
    }
    is_given_every_change(Poll::new(), Capabilities::empty());
    is_given_every_change(Epoll::new().unwrap(), Capabilities::DEFERRABLE);
}

#[test]
fn sharing_submits_and_stops_deferring() {
    let mut inner = Reactor::with(Epoll::new().unwrap(), 8);
    let key = inner.insert(full_pipe().0, (), Interest::PRIORITY, Mode::OneShot).unwrap();
    found(&mut inner);
    let mut outer = Reactor::with(Poll::new(), 8);
    inner.modify(key, READABLE, Mode::Level).unwrap();
    let shared = inner.share().unwrap();
    outer.insert(shared, (), READABLE, Mode::Level).unwrap();
    assert_eq!(outer.wait(Timeout::Nowait), Ok(1), "what was modified before");
    for _ in 0..2 {
        inner.pause(key).unwrap();
        assert_eq!(found(&mut inner).len(), 1, "the hangup, which disarms it");
        assert_eq!(outer.wait(Timeout::Nowait), Ok(0));
        inner.resume(key).unwrap();
        assert_eq!(outer.wait(Timeout::Nowait), Ok(1), "what is modified after, without a wait");
        inner.modify(key, READABLE, Mode::Level).unwrap();
        assert_eq!(outer.wait(Timeout::Nowait), Ok(1));
    }
    assert_eq!(found(&mut inner), [(key, Readiness::READABLE)]);
}

#[test]
fn foreign_token_of_the_handles_makes_no_busy_loop() {
    let pipe: &'static PipeReader = Box::leak(Box::new(full_pipe().0));
    let mut multiplexer = Poll::new();
    multiplexer.register(pipe.as_fd(), Token(0), READABLE, Mode::Level).unwrap();
    let (modified, waits, lacks) = (Rc::default(), Rc::new(Cell::new(0)), Capabilities::empty());
    let counted = Counted {
        multiplexer,
        modified,
        waits: Rc::clone(&waits),
        lacks,
        panics: Rc::default(),
        rejects: Rc::default(),
    };
    let mut reactor: Pipes<Poll<'static>> = Reactor::with(counted, 8);
    let handle = reactor.handle().unwrap();
    (0..1000).for_each(|_| handle.submit(|_| {}).unwrap());
    for most in [4, 1] {
        reactor.wait(LONG).unwrap();
        assert!(waits.take() <= most);
    }
}

/// The switches of a reactor's multiplexer.
#[derive(Default)]
struct Switches {
    modified: Rc<Cell<usize>>,
    panics: Rc<Cell<bool>>,
    rejects: Rc<Cell<Option<RawFd>>>,
}

/// A reactor over epoll that panics or rejects on demand.
fn with_switches() -> (Pipes, Switches) {
    let switches = Switches::default();
    let counted = Counted {
        multiplexer: Epoll::new().unwrap(),
        modified: Rc::clone(&switches.modified),
        waits: Rc::default(),
        lacks: Capabilities::empty(),
        panics: Rc::clone(&switches.panics),
        rejects: Rc::clone(&switches.rejects),
    };
    (Reactor::with(counted, 8), switches)
}

/// Inserts five sources that are never ready, and changes each. Returns their keys, and their writers.
fn five_changed(reactor: &mut Pipes) -> (Vec<Key>, Vec<PipeWriter>) {
    let (readers, writers): (Vec<_>, Vec<_>) = (0..5).map(|_| std::io::pipe().unwrap()).unzip();
    let mut insert = |reader| reactor.insert(reader, (), READABLE, Mode::Level).unwrap();
    let keys: Vec<_> = readers.into_iter().map(&mut insert).collect();
    keys.iter().for_each(|key| reactor.modify(*key, NOTHING, Mode::Level).unwrap());
    (keys, writers)
}

#[test]
fn one_rejection_among_several_changes_is_reported() {
    for rejected in 0..5 {
        let (mut reactor, Switches { modified, rejects, .. }) = with_switches();
        let (keys, _writers) = five_changed(&mut reactor);
        rejects.set(reactor.source(keys[rejected]).map(|source| source.as_raw_fd()));
        assert_eq!(found(&mut reactor), [(keys[rejected], Readiness::INVALID)]);
        assert_eq!(modified.take(), 5);
        assert_eq!((found(&mut reactor), modified.take()), (vec![], 0));
    }
}

#[test]
fn removal_after_a_rejection_and_a_panic_loses_no_change() {
    let (mut reactor, Switches { modified, panics, rejects }) = with_switches();
    let (keys, _writers) = five_changed(&mut reactor);
    // The last change is submitted first.
    rejects.set(reactor.source(keys[4]).map(|source| source.as_raw_fd()));
    panics.set(true);
    assert!(catch_unwind(AssertUnwindSafe(|| reactor.wait(Timeout::Nowait))).is_err());
    rejects.set(None);
    assert_eq!(modified.take(), 2);
    keys[..2].iter().for_each(|key| assert!(reactor.remove(*key).is_some()));
    assert_eq!((found(&mut reactor), modified.take()), (vec![], 3), "those of the other three");
}

#[test]
fn source_with_a_new_pause_is_heard_after_a_panic_in_remove() {
    let (mut reactor, Switches { panics, .. }) = with_switches();
    let (reader, writer) = std::io::pipe().unwrap();
    let key = reactor.insert(reader, (), READABLE, Mode::Level).unwrap();
    reactor.pause(key).unwrap();
    panics.set(true);
    assert!(catch_unwind(AssertUnwindSafe(|| reactor.remove(key))).is_err());
    drop(writer);
    assert_eq!(found(&mut reactor), [(key, Readiness::empty())], "a hangup");
    assert!(reactor.remove(key).is_some());
}

#[test]
fn exclusive_source_is_heard_after_a_panic_in_resume() {
    let (mut reactor, Switches { panics, .. }) = with_switches();
    let key = insert(&mut reactor, Mode::Exclusive);
    reactor.pause(key).unwrap();
    panics.set(true);
    assert!(catch_unwind(AssertUnwindSafe(|| reactor.resume(key))).is_err());
    assert_eq!(found(&mut reactor), [(key, Readiness::READABLE)]);
    assert!(reactor.remove(key).is_some());
}
