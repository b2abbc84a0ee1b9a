//! `Spin`: which calls it makes of the multiplexer inside, and what it leaves as it is.

use crate::support::{Thread, empty_pipe, full_pipe};
use iomux_backend::{
    Capabilities, Error, Events, Interest, Mode, Multiplexer, Poll, Reactor, SigSet, Signal, Spin, Timeout,
    Token, Waker,
};
use std::cell::Cell;
use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const NO_TIME: Timeout = Timeout::After(Duration::from_nanos(1));
/// A spin that is to end by an event.
const LONG: Duration = Duration::from_secs(60);

/// A multiplexer that remembers the timeouts of its waits.
struct Counted<'a> {
    poll: Poll<'a>,
    waits: Vec<Timeout>,
    count: &'a AtomicUsize,
    /// What happens in the second wait, before it checks.
    meanwhile: Rc<Cell<Option<(Waker, PipeWriter)>>>,
}

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        Self { poll: Poll::new(), waits: Vec::new(), count, meanwhile: Rc::default() }
    }

    fn note(&mut self, timeout: Timeout) {
        self.waits.push(timeout);
        self.count.fetch_add(1, Ordering::AcqRel);
        let meanwhile = if self.waits.len() == 2 { self.meanwhile.take() } else { None };
        if let Some((waker, mut writer)) = meanwhile {
            waker.wake();
            writer.write_all(b"!").unwrap();
        }
    }
}

impl<'a> Multiplexer<'a> for Counted<'a> {
    fn name(&self) -> &'static str {
        self.poll.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.poll.capabilities()
    }

    fn register(
        &mut self,
        fd: BorrowedFd<'a>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        self.poll.register(fd, token, interest, mode)
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        self.poll.modify(fd, token, interest, mode)
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        self.poll.deregister(fd)
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        self.note(timeout);
        self.poll.wait(events, timeout)
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        self.note(timeout);
        self.poll.wait_masked(events, timeout, mask)
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        self.poll.waker(token)
    }
}

/// Returns once a wait has checked some times, and so is spinning.
fn begun(count: &AtomicUsize) {
    let before = count.load(Ordering::Acquire);
    while count.load(Ordering::Acquire) < before + 3 {
        thread::yield_now();
    }
}

/// Waits for a nanosecond for what does not come, and returns `true` if the wait began with a check.
fn spins(spin: &mut Spin<Counted<'_>>, events: &mut Events) -> bool {
    let before = spin.get_ref().waits.len();
    assert_eq!(spin.wait(events, NO_TIME), Ok(0));
    spin.get_ref().waits[before] == Timeout::Nowait
}

#[test]
fn spin_keeps_capabilities() {
    let (poll, spin) = (Poll::new(), Spin::new(Poll::new()));
    assert_eq!((spin.name(), spin.capabilities()), (poll.name(), poll.capabilities()));
}

#[test]
fn ready_sources_need_one_check() {
    let ((reader, _writer), count) = (full_pipe(), AtomicUsize::new(0));
    let (mut spin, mut events) = (Spin::new(Counted::new(&count)), Events::with_capacity(4));
    assert_eq!(spin.wait(&mut events, Timeout::Nowait), Ok(0));
    assert_eq!(spin.wait(&mut events, Duration::ZERO.into()), Ok(0));
    assert_eq!(spin.get_ref().waits, [Timeout::Nowait, Timeout::After(Duration::ZERO)]);
    spin.register(reader.as_fd(), Token(1), Interest::READABLE, Mode::Level).unwrap();
    for timeout in [Timeout::Infinite, LONG.into()] {
        assert_eq!(spin.wait(&mut events, timeout), Ok(1));
    }
    assert_eq!(spin.into_inner().waits[2..], [Timeout::Nowait; 2]);
}

#[test]
fn event_ends_a_spin() {
    let ((reader, mut writer), count) = (empty_pipe(), AtomicUsize::new(0));
    let (mut spin, mut events) = (Spin::with_limit(Counted::new(&count), LONG), Events::with_capacity(4));
    spin.register(reader.as_fd(), Token(1), Interest::READABLE, Mode::Level).unwrap();
    let waker = spin.waker(Token(2)).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            begun(&count);
            waker.wake();
            begun(&count);
            writer.write_all(b"!").unwrap();
        });
        for token in [2, 1] {
            assert_eq!(spin.wait(&mut events, Timeout::Infinite), Ok(1));
            assert_eq!(events.get(0).unwrap().token(), Token(token));
        }
    });
    assert!(spin.into_inner().waits.iter().all(|timeout| *timeout == Timeout::Nowait));
}

#[test]
fn signal_ends_a_masked_spin() {
    if !iomux::HAS_PPOLL {
        return crate::support::skip("signal_ends_a_masked_spin", "no ppoll(2) here");
    }
    let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    signal_hook::flag::register(Signal::USR1.as_raw(), std::sync::Arc::clone(&flag)).unwrap();
    let ((reader, _writer), count) = (empty_pipe(), AtomicUsize::new(0));
    let (mut spin, mut events) = (Spin::with_limit(Counted::new(&count), LONG), Events::with_capacity(4));
    spin.register(reader.as_fd(), Token(1), Interest::READABLE, Mode::Level).unwrap();
    let blocked = SigSet::from(Signal::USR1).block().unwrap();
    let waiter = Thread::this();
    thread::scope(|scope| {
        scope.spawn(|| {
            begun(&count);
            waiter.send(Signal::USR1);
        });
        let result = spin.wait_masked(&mut events, Timeout::Infinite, &blocked.wait_mask());
        assert_eq!(result, Err(Error::Interrupted));
    });
    assert!(flag.load(Ordering::Acquire));
}

#[test]
fn spin_and_sleep_share_the_timeout() {
    const TIME: Duration = Duration::from_millis(3);
    let ((reader, _writer), count) = (empty_pipe(), AtomicUsize::new(0));
    let mut events = Events::with_capacity(4);
    let after: fn() -> Timeout = || Timeout::After(TIME);
    for (limit, timeout) in
        [(LONG, after), (LONG, || Timeout::Until(Instant::now() + TIME)), (Duration::ZERO, after)]
    {
        let mut spin = Spin::with_limit(Counted::new(&count), limit);
        spin.register(reader.as_fd(), Token(1), Interest::READABLE, Mode::Level).unwrap();
        let (begin, timeout) = (Instant::now(), timeout());
        assert_eq!(spin.wait(&mut events, timeout), Ok(0));
        assert!(begin.elapsed() < LONG / 2);
        let last = *spin.get_ref().waits.last().unwrap();
        let Timeout::Until(end) = last else {
            assert!(matches!(timeout, Timeout::Until(_)), "only a deadline can have passed before the wait");
            continue;
        };
        assert!(Instant::now() >= end && end <= begin + TIME + LONG / 2);
        assert!(matches!(timeout, Timeout::Until(until) if until == end) || end >= begin + TIME);
    }
}

#[test]
fn past_deadline_takes_one_check() {
    let ((reader, _writer), count) = (empty_pipe(), AtomicUsize::new(0));
    let (mut spin, mut events) = (Spin::with_limit(Counted::new(&count), LONG), Events::with_capacity(4));
    spin.register(reader.as_fd(), Token(1), Interest::READABLE, Mode::Level).unwrap();
    for _ in 0..4 {
        assert_eq!(spin.wait(&mut events, Timeout::Until(Instant::now())), Ok(0));
    }
    assert_eq!(spin.get_ref().waits, [Timeout::Nowait; 4]);
    assert!(spins(&mut spin, &mut events));
}

#[test]
fn failed_spins_are_followed_by_more_sleeps() {
    let ((reader, _writer), count) = (empty_pipe(), AtomicUsize::new(0));
    let (mut spin, mut events) = (Spin::with_limit(Counted::new(&count), LONG), Events::with_capacity(4));
    spin.register(reader.as_fd(), Token(1), Interest::READABLE, Mode::Level).unwrap();
    let mut skipped = Vec::new();
    for _ in 0..12 {
        let skips = std::iter::repeat_with(|| spins(&mut spin, &mut events)).take_while(|spins| !spins);
        skipped.push(skips.count());
    }
    assert_eq!(skipped, [0, 0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 256]);
}

#[test]
fn successful_spins_continue() {
    let ((reader, mut writer), count) = (empty_pipe(), AtomicUsize::new(0));
    let (mut spin, mut events) = (Spin::with_limit(Counted::new(&count), LONG), Events::with_capacity(4));
    spin.register(reader.as_fd(), Token(1), Interest::READABLE, Mode::Level).unwrap();
    assert_eq!([0; 4].map(|_| spins(&mut spin, &mut events)), [true, true, false, true]);
    assert_eq!([0; 2].map(|_| spins(&mut spin, &mut events)), [false; 2]);
    thread::scope(|scope| {
        scope.spawn(|| {
            begun(&count);
            writer.write_all(b"!").unwrap();
        });
        assert_eq!(spin.wait(&mut events, Timeout::Infinite), Ok(1));
    });
    spin.deregister(reader.as_fd()).unwrap();
    assert_eq!([0; 3].map(|_| spins(&mut spin, &mut events)), [true, true, false]);
}

#[test]
fn late_event_counts_as_a_failed_spin() {
    let ((reader, mut writer), count) = (empty_pipe(), AtomicUsize::new(0));
    let limit = Duration::from_millis(200);
    let (mut spin, mut events) = (Spin::with_limit(Counted::new(&count), limit), Events::with_capacity(4));
    spin.register(reader.as_fd(), Token(1), Interest::READABLE, Mode::Level).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            begun(&count);
            iomux::wait(&mut [], limit * 5 / 8).unwrap();
            writer.write_all(b"!").unwrap();
        });
        assert_eq!(spin.wait(&mut events, Timeout::Infinite), Ok(1));
    });
    spin.deregister(reader.as_fd()).unwrap();
    assert_eq!([0; 2].map(|_| spins(&mut spin, &mut events)), [true, false]);
}

#[test]
fn each_wake_during_a_spin_is_reported_once() {
    let count = AtomicUsize::new(0);
    let (mut spin, mut events) = (Spin::with_limit(Counted::new(&count), LONG), Events::with_capacity(1));
    let wakers = [1, 2, 3].map(|token| spin.waker(Token(token)).unwrap());
    for _ in 0..50 {
        thread::scope(|scope| {
            scope.spawn(|| {
                begun(&count);
                wakers.iter().for_each(Waker::wake);
            });
            let mut tokens = [0; 3].map(|_| {
                assert_eq!(spin.wait(&mut events, Timeout::Infinite), Ok(1));
                events.get(0).unwrap().token().0
            });
            tokens.sort_unstable();
            assert_eq!(tokens, [1, 2, 3]);
        });
        assert_eq!(spin.wait(&mut events, Timeout::Nowait), Ok(0));
    }
}

#[test]
fn wake_during_a_found_source_comes_next() {
    let ((reader, writer), count) = (empty_pipe(), AtomicUsize::new(0));
    let counted = Counted::new(&count);
    let meanwhile = Rc::clone(&counted.meanwhile);
    let (mut spin, mut events) = (Spin::with_limit(counted, LONG), Events::with_capacity(4));
    spin.register(reader.as_fd(), Token(1), Interest::READABLE, Mode::OneShot).unwrap();
    meanwhile.set(Some((spin.waker(Token(2)).unwrap(), writer)));
    for token in [1, 2] {
        assert_eq!(spin.wait(&mut events, LONG.into()), Ok(1));
        assert_eq!(events.get(0).unwrap().token(), Token(token));
    }
    assert_eq!(spin.wait(&mut events, Timeout::Nowait), Ok(0));
}

#[test]
fn dropped_wakers_are_reused() {
    let mut spin = Spin::new(Poll::new());
    let numbers: std::collections::BTreeSet<_> = (0..20)
        .map(|token| {
            drop(spin.waker(Token(token)).unwrap());
            format!("{:?}", spin.get_ref())
        })
        .collect();
    assert!(numbers.iter().all(|poll| poll.matches("WakerSource").count() == 1), "{numbers:?}");
}

#[test]
fn task_runs_during_a_spin() {
    let spin = Spin::with_limit(Poll::new(), LONG);
    let mut reactor = Reactor::<PipeReader, (), _>::with(spin, 8);
    let (handle, (reader, _writer)) = (reactor.handle().unwrap(), full_pipe());
    let submitting = thread::spawn(move || {
        let submitted = handle.submit(|reactor| {
            reactor.insert(reader, (), Interest::READABLE, Mode::Level).unwrap();
        });
        assert!(submitted.is_ok());
    });
    assert_eq!(reactor.wait(Timeout::Infinite), Ok(1));
    submitting.join().unwrap();
}
