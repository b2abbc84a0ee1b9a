//! Storages that panic, change or leak under a table; odd bits, sizes and times.

use super::{LONG, panics};
use crate::support::{empty_pipe, full_pipe};
use iomux::{Error, Interest, PollFd, Readiness, SigSet, Signal, Slots, Timeout};
use iomux_backend::{ALL_NAMES as NAMES, Events, Mode, Multiplexer, Reactor, Token, by_name};
use std::cell::Cell;
use std::os::fd::{AsFd, AsRawFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// A storage that panics when it has been asked for so many times.
struct Bomb<'fd> {
    slots: [PollFd<'fd>; 4],
    fuse: Rc<Cell<usize>>,
}

impl Bomb<'_> {
    fn burn(&self) {
        let left = self.fuse.get().checked_sub(1).expect("a storage that panics, on purpose");
        self.fuse.set(left);
    }
}

impl<'fd> AsRef<[PollFd<'fd>]> for Bomb<'fd> {
    fn as_ref(&self) -> &[PollFd<'fd>] {
        self.burn();
        &self.slots
    }
}

impl<'fd> AsMut<[PollFd<'fd>]> for Bomb<'fd> {
    fn as_mut(&mut self) -> &mut [PollFd<'fd>] {
        self.burn();
        &mut self.slots
    }
}

#[test]
fn panicking_storage_leaves_a_usable_table() {
    let ((full, _writer), (empty, _other)) = (full_pipe(), empty_pipe());
    let survives = |steps: usize| {
        let fuse = Rc::new(Cell::new(usize::MAX));
        let slots = [const { PollFd::EMPTY }; 4];
        let mut slots = Slots::over(Bomb { slots, fuse: Rc::clone(&fuse) });
        slots.set(0, full.as_fd(), Interest::READABLE).unwrap();
        slots.set(3, empty.as_fd(), Interest::READABLE).unwrap();
        fuse.set(steps);
        let has_panicked = panics(|| {
            slots.poll(Timeout::Nowait).unwrap();
            while slots.next_ready().is_some() {}
            slots.pause(0).unwrap();
            slots.resume(0).unwrap();
            slots.wait(Timeout::Nowait).unwrap();
            slots.clear(3).unwrap();
            let _ = (slots.readiness(0), format!("{slots:?}"));
            slots.set(2, full.as_fd(), Interest::READABLE).unwrap();
            slots.poll_first(3, Timeout::Nowait).unwrap();
        });
        fuse.set(usize::MAX);
        slots.resume(0).unwrap();
        assert!(slots.ready().count() <= 2);
        slots.set(3, full.as_fd(), Interest::READABLE).unwrap();
        assert!(slots.poll(Timeout::Nowait).unwrap() >= 2, "after {steps} steps");
        assert!(slots.ready().all(|ready| ready.readiness() == Readiness::READABLE));
        !has_panicked
    };
    assert!(!survives(0) && (0..100).any(survives));
}

/// A storage with two faces: it shows one, then the other.
struct TwoFaced<'fd> {
    faces: [Vec<PollFd<'fd>>; 2],
    asked: Cell<usize>,
}

impl TwoFaced<'_> {
    fn next(&self) -> usize {
        self.asked.replace(self.asked.get() + 1) % 2
    }
}

impl<'fd> AsRef<[PollFd<'fd>]> for TwoFaced<'fd> {
    fn as_ref(&self) -> &[PollFd<'fd>] {
        &self.faces[self.next()]
    }
}

impl<'fd> AsMut<[PollFd<'fd>]> for TwoFaced<'fd> {
    fn as_mut(&mut self) -> &mut [PollFd<'fd>] {
        let face = self.next();
        &mut self.faces[face]
    }
}

#[test]
fn changing_storage_reports_no_foreign_fd() {
    let pipes = [full_pipe(), full_pipe()];
    let numbers = [0, 1].map(|pipe| pipes[pipe].0.as_raw_fd());
    for first in 0..2 {
        let faces = [3, 200].map(|length| vec![PollFd::EMPTY; length]);
        let mut slots = Slots::over(TwoFaced { faces, asked: Cell::new(first) });
        for round in 0..100 {
            let _ = slots.set(round % 3, pipes[round % 2].0.as_fd(), Interest::READABLE);
            let _ = slots.set(199, pipes[0].0.as_fd(), Interest::READABLE);
            let _ = slots.poll(Timeout::Nowait);
            assert!(slots.ready().all(|ready| numbers.contains(&ready.fd().as_raw_fd())));
            while let Some(ready) = slots.next_ready() {
                assert!(numbers.contains(&ready.fd().as_raw_fd()) && !ready.readiness().is_empty());
            }
            let _ = slots.clear(round % 200);
        }
    }
}

/// A storage that gives out new memory each time, and never any of it back.
struct Fresh;

impl<'fd> AsRef<[PollFd<'fd>]> for Fresh {
    fn as_ref(&self) -> &[PollFd<'fd>] {
        vec![PollFd::EMPTY; 5].leak()
    }
}

impl<'fd> AsMut<[PollFd<'fd>]> for Fresh {
    fn as_mut(&mut self) -> &mut [PollFd<'fd>] {
        vec![PollFd::EMPTY; 5].leak()
    }
}

#[test]
fn static_storage_keeps_no_fd() {
    let mut slots = Slots::over(Fresh);
    let (reader, _writer) = full_pipe();
    slots.set(4, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.used(), 5, "so it believes");
    assert_eq!(slots.poll(Timeout::Nowait), Ok(0));
    assert!(slots.fd(4).unwrap().is_none() && slots.iter().next().is_none());
    assert_eq!(slots.wait(Timeout::Infinite), Err(Error::NothingToWaitFor));
}

#[test]
fn reused_buffer_has_no_readiness() {
    let (reader, _writer) = full_pipe();
    let mut buffer = [const { PollFd::EMPTY }; 2];
    let mut first = Slots::over(&mut buffer);
    first.set(1, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(first.poll(Timeout::Nowait), Ok(1));
    let _forgotten = std::mem::ManuallyDrop::new(first);
    let mut second = Slots::over(&mut buffer);
    assert_eq!(second.readiness(1), Ok(Readiness::empty()), "it has not polled yet");
    assert!(second.next_ready().is_none() && second.ready().next().is_none());
    assert_eq!(second.poll(Timeout::Nowait), Ok(1));
}

#[test]
fn any_interest_bits_are_safe() {
    let (reader, _writer) = full_pipe();
    let mut events = Events::with_capacity(1);
    for bits in (0..16).map(|bit| (1_u16 << bit).cast_signed()).chain([0, -1, i16::MIN, i16::MAX]) {
        let interest = Interest::from_bits_retain(bits);
        let mut slots = Slots::with_capacity(1);
        if slots.set(0, reader.as_fd(), interest).is_ok() {
            assert!(slots.poll(Timeout::Nowait).is_ok_and(|ready| ready <= 1), "{bits:#x}");
        }
        let _ = format!("{slots:?} {interest:?} {interest}");
        for name in NAMES {
            let mut multiplexer = by_name(name).unwrap();
            let registered = multiplexer.register(reader.as_fd(), Token(1), interest, Mode::Level);
            let waited = multiplexer.wait(&mut events, Timeout::Nowait);
            assert!(waited.is_ok_and(|count| count <= usize::from(registered.is_ok())), "{name} {bits:#x}");
            let odd = Readiness::from_bits_retain(bits);
            events.clear();
            assert_eq!(events.push(Token(usize::MAX), odd), !odd.is_empty());
            let _ = format!("{events:?}");
        }
    }
}

#[test]
fn huge_capacity_is_an_error() {
    let (reader, _writer) = full_pipe();
    let mut slots = Slots::with_capacity(1);
    slots.set(0, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(1));
    // More bytes than any allocation has: an eighth of them would fit on a 32-bit processor.
    for capacity in [1 << (usize::BITS - 4), usize::MAX / 8, usize::MAX - 1] {
        assert_eq!(slots.grow(capacity), Err(Error::OutOfMemory { capacity }));
    }
    assert_eq!(slots.ready().count(), 1);
    let fds = [PollFd::new(reader.as_fd(), Interest::READABLE).unwrap()];
    for from in [1, 15, 16, 17, usize::MAX - 1, usize::MAX] {
        assert!(iomux::next_ready(&fds, from).is_none());
    }
    assert!(Events::with_capacity(0).get(usize::MAX).is_none());
}

#[test]
fn extreme_timeouts_end_when_ready() {
    let now = Instant::now();
    let past =
        (0..40).rev().find_map(|shift| now.checked_sub(Duration::from_secs(1 << shift))).unwrap_or(now);
    let future = (0..63).rev().find_map(|shift| now.checked_add(Duration::from_secs(1 << shift))).unwrap();
    for timeout in [Timeout::Until(past), Timeout::Until(future), Duration::MAX.into(), LONG] {
        for name in NAMES {
            let mut reactor = Reactor::with(by_name(name).unwrap(), 1);
            let (key, waker) = reactor.waker().unwrap();
            waker.wake();
            let key_of = |reactor: &mut Reactor<std::io::PipeReader, (), _>| {
                reactor.next_ready().map(|ready| ready.key())
            };
            assert_eq!(reactor.wait(timeout), Ok(1), "{name} {timeout:?}");
            assert_eq!(key_of(&mut reactor), Some(key));
        }
    }
    let mut reactor = Reactor::<std::io::PipeReader>::new().unwrap();
    let _handle = reactor.handle().unwrap();
    assert_eq!(reactor.wait(Timeout::Until(past)), Ok(0));
}

#[test]
fn leaked_mask_guard_is_harmless() {
    let tried = || {
        let kill = SigSet::from_iter([Signal::KILL, Signal::STOP]).block().unwrap();
        assert!(SigSet::current().unwrap().is_empty() && !kill.wait_mask().contains(Signal::KILL));
        drop(kill);
        let (outer, inner) = (SigSet::full().block().unwrap(), SigSet::full().block().unwrap());
        std::mem::forget(inner);
        drop(outer);
        assert!(SigSet::current().unwrap().is_empty(), "who blocked them first has let them through");
        std::mem::forget(SigSet::from(Signal::WINCH).block().unwrap());
        assert_eq!(SigSet::current().unwrap(), SigSet::from(Signal::WINCH));
    };
    // A thread of its own: its mask ends with it.
    let before = SigSet::current().unwrap();
    let guards = std::thread::spawn(move || {
        let _open = SigSet::full().unblock().unwrap();
        tried();
    });
    guards.join().unwrap();
    assert_eq!(SigSet::current().unwrap(), before);
}
