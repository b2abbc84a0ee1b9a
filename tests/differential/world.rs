//! The world of a random program: sources with their peers, children, registrations, and the expected readiness.

use super::channel::Channel;
use super::child::Child;
use super::signal::{self, SIGNAL};
use super::steps::{PLACES, Step};
use super::support::Thread;
use super::words::Words;
use iomux_backend::{
    Capabilities, Error, Events, Interest, MaskGuard, Mode, Multiplexer, Readiness, SigSet, Timeout, Token,
    Waker,
};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::AddAssign;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Sources have tokens below this. The waker's token is one of them, which must not matter.
const WAKER_TOKEN: Token = Token(3);
/// The limit of children, over all tests on the machine.
const MOST_CHILDREN: usize = 2;

/// The expected readiness by token. Several sources may have the same token.
type Due = BTreeMap<Token, Vec<Readiness>>;
type Checked = Result<(), TestCaseError>;

struct Source {
    fd: OwnedFd,
    channel: Rc<Channel>,
    registration: Option<Registration>,
}

#[derive(Clone, Copy)]
struct Registration {
    token: Token,
    interest: Interest,
    mode: Mode,
    is_armed: bool,
}

/// The next winner, if a masked wait finds both readiness and an unblocked signal. Neither may starve the other.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Turn {
    Signal,
    /// After an interruption without readiness.
    Either,
    Events,
}

/// Counts that show how much a program did.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) waits: usize,
    pub(crate) events: usize,
    pub(crate) interruptions: usize,
    pub(crate) children: usize,
}

impl AddAssign for Tally {
    fn add_assign(&mut self, more: Self) {
        self.waits += more.waits;
        self.events += more.events;
        self.interruptions += more.interruptions;
        self.children += more.children;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { waits, events, interruptions, children } = self;
        write!(f, "{waits} waits, {events} events, {interruptions} interruptions, {children} children")
    }
}

pub(crate) struct World<M> {
    multiplexer: M,
    words: Words,
    capabilities: Capabilities,
    waker: Waker,
    is_woken: bool,
    sources: [Option<Source>; PLACES],
    children: Vec<Child>,
    turn: Turn,
    blocked: MaskGuard,
    pub(crate) tally: Tally,
}

impl<M: Multiplexer<'static>> World<M> {
    pub(crate) fn new(mut multiplexer: M) -> Self {
        signal::handle();
        let waker = multiplexer.waker(WAKER_TOKEN).unwrap();
        Self {
            words: Words::of(&multiplexer),
            capabilities: multiplexer.capabilities(),
            multiplexer,
            waker,
            is_woken: false,
            sources: [const { None }; PLACES],
            children: Vec::new(),
            turn: Turn::Signal,
            blocked: SigSet::from(SIGNAL).block().unwrap(),
            tally: Tally::default(),
        }
    }

    pub(crate) fn take(&mut self, step: &Step) -> Checked {
        let kind = |place: usize| self.sources[place].as_ref().map(|source| source.channel.kind);
        let Some(step) = self.words.ask(step, kind) else { return Ok(()) };
        match step {
            Step::Open(place, kind) => {
                self.close(place)?;
                let (fd, channel) = Channel::open(kind);
                self.sources[place] = Some(Source { fd, channel: Rc::new(channel), registration: None });
            }
            Step::Dup(from, to) => self.dup(from, to)?,
            Step::Register(place, interest, mode, token) => {
                self.register(place, interest, mode, Token(token))?;
            }
            Step::Modify(place, interest, mode, token) => self.modify(place, interest, mode, Token(token))?,
            Step::Deregister(place) => self.deregister(place)?,
            Step::Close(place) => self.close(place)?,
            Step::PeerWrites(place) => self.with(place, |source| source.channel.peer_writes()),
            Step::Read(place) => self.with(place, |source| source.channel.read(source.fd.as_fd())),
            Step::Write(place) => self.with(place, |source| source.channel.write(source.fd.as_fd())),
            Step::PeerReads(place) => self.with(place, |source| source.channel.peer_reads()),
            Step::PeerEndsWriting(place) => self.with(place, |source| source.channel.peer_ends_writing()),
            Step::PeerCloses(place) => self.with(place, |source| source.channel.peer_closes()),
            Step::Wake => {
                self.waker.wake();
                self.is_woken = true;
            }
            Step::Signal => signal::send(Thread::this()),
            Step::Fork => self.fork(),
            Step::ChildEnds(child) if child < self.children.len() => drop(self.children.remove(child)),
            Step::ChildEnds(_) => {}
            Step::Wait(room) => self.wait(room, Timeout::Nowait)?,
            Step::WaitInTurns(leaves) => self.wait_in_turns(leaves)?,
            Step::WaitMasked(room, lets_through) => self.wait_masked(room, lets_through)?,
            Step::WaitInterrupted(time) => self.wait_interrupted(time)?,
        }
        Ok(())
    }

    fn with(&self, place: usize, act: impl FnOnce(&Source)) {
        if let Some(source) = &self.sources[place] {
            act(source);
        }
    }

    fn dup(&mut self, from: usize, to: usize) -> Checked {
        if from == to {
            return Ok(());
        }
        self.close(to)?;
        let copy = self.sources[from].as_ref().map(|source| Source {
            fd: source.fd.try_clone().unwrap(),
            channel: Rc::clone(&source.channel),
            registration: None,
        });
        self.sources[to] = copy;
        Ok(())
    }

    /// Forks a child, which has a copy of each fd. Its peers do not hang up, and its deregistered sources have no
    /// events.
    fn fork(&mut self) {
        if self.children.len() < MOST_CHILDREN {
            let peers = self.sources.iter().flatten().filter_map(|source| source.channel.copy_of_peer());
            self.children.push(Child::fork(peers.collect()));
            self.tally.children += 1;
        }
    }

    /// Returns `true` if the limit is reached.
    fn lacks(&self, interest: Interest) -> bool {
        let lacks = |asked, capability| interest.intersects(asked) && !self.capabilities.contains(capability);
        lacks(Interest::READ_CLOSED, Capabilities::READ_CLOSED)
            || lacks(Interest::PRIORITY, Capabilities::PRIORITY)
    }

    fn register(&mut self, place: usize, interest: Interest, mode: Mode, token: Token) -> Checked {
        let lacks = self.lacks(interest);
        let Some(source) = &mut self.sources[place] else { return Ok(()) };
        let fd = source.fd.as_raw_fd();
        // SAFETY: `close` deregisters before it drops the fd, and the multiplexer is dropped first.
        let answer = unsafe { self.multiplexer.register_raw(fd, token, interest, mode) };
        if lacks {
            prop_assert!(matches!(answer, Err(Error::Unsupported { .. })), "{answer:?}");
        } else if source.registration.is_some() {
            prop_assert_eq!(answer, Err(Error::AlreadyRegistered { fd }));
        } else {
            prop_assert_eq!(answer, Ok(()));
            source.registration = Some(Registration { token, interest, mode, is_armed: true });
        }
        Ok(())
    }

    fn modify(&mut self, place: usize, interest: Interest, mode: Mode, token: Token) -> Checked {
        let lacks = self.lacks(interest);
        let Some(source) = &mut self.sources[place] else { return Ok(()) };
        let answer = self.multiplexer.modify(source.fd.as_fd(), token, interest, mode);
        match &mut source.registration {
            _ if lacks => prop_assert!(matches!(answer, Err(Error::Unsupported { .. })), "{answer:?}"),
            Some(registration) => {
                prop_assert_eq!(answer, Ok(()));
                *registration = Registration { token, interest, mode, is_armed: true };
            }
            None => prop_assert_eq!(answer, Err(Error::NotRegistered { fd: source.fd.as_raw_fd() })),
        }
        Ok(())
    }

    fn deregister(&mut self, place: usize) -> Checked {
        let Some(source) = &mut self.sources[place] else { return Ok(()) };
        let answer = self.multiplexer.deregister(source.fd.as_fd());
        let expected = match source.registration.take() {
            Some(_) => Ok(()),
            None => Err(Error::NotRegistered { fd: source.fd.as_raw_fd() }),
        };
        prop_assert_eq!(answer, expected);
        Ok(())
    }

    fn close(&mut self, place: usize) -> Checked {
        if self.sources[place].as_ref().is_some_and(|source| source.registration.is_some()) {
            self.deregister(place)?;
        }
        self.sources[place] = None;
        Ok(())
    }

    fn due(&self) -> Due {
        let mut due = Due::new();
        for source in self.sources.iter().flatten() {
            let armed = source.registration.filter(|registration| registration.is_armed);
            let Some(registration) = armed else { continue };
            let readiness = self.readiness(source, registration.interest);
            if !readiness.is_empty() {
                due.entry(registration.token).or_default().push(readiness);
            }
        }
        if self.is_woken {
            due.entry(WAKER_TOKEN).or_default().push(Readiness::READABLE);
        }
        due
    }

    fn readiness(&self, source: &Source, interest: Interest) -> Readiness {
        self.words.say(source.channel.readiness(interest), source.channel.kind, interest)
    }

    /// Waits with room for `room` events.
    fn wait(&mut self, room: usize, timeout: Timeout) -> Checked {
        let due = self.due();
        let mut events = Events::with_capacity(room);
        let answer = self.multiplexer.wait(&mut events, timeout);
        self.check(due, answer, &events)
    }

    /// Checks that each event is expected, and that as many came as fit.
    fn check(&mut self, mut due: Due, answer: Result<usize, Error>, events: &Events) -> Checked {
        let ready = count(&due);
        let fit = ready.min(events.capacity());
        prop_assert_eq!(answer, Ok(fit));
        prop_assert_eq!(events.len(), fit);
        for event in events {
            let of_token = due.entry(event.token()).or_default();
            let found =
                of_token.iter().position(|&readiness| readiness == self.words.heard(event.readiness()));
            prop_assert!(found.is_some(), "{event:?} is not due: {of_token:?}");
            of_token.swap_remove(found.unwrap());
        }
        self.tally.waits += 1;
        self.tally.events += fit;
        if ready > fit {
            return self.rearm_all();
        }
        self.note_the_reported();
        Ok(())
    }

    /// Notes which registrations were disarmed.
    fn note_the_reported(&mut self) {
        self.is_woken = false;
        let words = self.words;
        for source in self.sources.iter_mut().flatten() {
            let Some(registration) = &mut source.registration else { continue };
            let is = source.channel.readiness(registration.interest);
            let was_due = !words.say(is, source.channel.kind, registration.interest).is_empty();
            registration.is_armed &= !(was_due && registration.mode == Mode::OneShot);
        }
    }

    /// Rearms every registration and wakes again. Sources may share a token, so an event does not tell which of them
    /// was disarmed.
    fn rearm_all(&mut self) -> Checked {
        for place in 0..PLACES {
            let registration = self.sources[place].as_ref().and_then(|source| source.registration);
            if let Some(Registration { token, interest, mode, .. }) = registration {
                self.modify(place, interest, mode, token)?;
            }
        }
        if self.is_woken {
            self.waker.wake();
        }
        Ok(())
    }

    /// Checks that waits with room for one event starve no source, even if one is removed after the first wait.
    fn wait_in_turns(&mut self, leaves: Option<usize>) -> Checked {
        let mut due = self.due();
        let turns = count(&due);
        let (mut events, mut reported) = (Events::with_capacity(1), Due::new());
        for turn in 0..turns {
            let answer = self.multiplexer.wait(&mut events, Timeout::Nowait);
            // The removed source may have come first, and the others may be one-shot.
            let is_over = turn > 0 && leaves.is_some() && answer == Ok(0);
            prop_assert!(answer == Ok(1) || is_over, "{answer:?} in turn {turn} of {turns}: {due:?}");
            for event in &events {
                let is_due = due.get(&event.token()).is_some_and(|all| all.contains(&event.readiness()));
                prop_assert!(is_due, "{event:?} in turn {turn} of {turns}: {due:?}");
                reported.entry(event.token()).or_default().push(event.readiness());
            }
            if let (0, Some(place)) = (turn, leaves) {
                self.deregister(place)?;
                due = self.due();
            }
        }
        for (token, readiness) in due.iter().flat_map(|(token, all)| all.iter().map(move |one| (token, one)))
        {
            let of_token = reported.entry(*token).or_default();
            let found = of_token.iter().position(|reported| reported == readiness);
            prop_assert!(found.is_some(), "{token:?} {readiness:?} was starved in {turns} waits");
            of_token.swap_remove(found.unwrap());
        }
        self.tally.waits += turns;
        self.tally.events += turns;
        self.note_the_reported();
        Ok(())
    }

    /// Checks that a pending unblocked signal ends the wait, and delays readiness at most every second time.
    fn wait_masked(&mut self, room: usize, lets_through: bool) -> Checked {
        let due = self.due();
        let is_ready = count(&due) > 0;
        let comes = lets_through && signal::is_pending();
        let mask = if lets_through { self.blocked.wait_mask() } else { SigSet::full() };
        let mut events = Events::with_capacity(room);
        let was_pending = signal::is_pending();
        let answer = self.multiplexer.wait_masked(&mut events, Timeout::Nowait, &mask);
        if !self.capabilities.contains(Capabilities::MASK) {
            prop_assert!(matches!(answer, Err(Error::Unsupported { .. })), "{answer:?}");
            return Ok(());
        }
        let is_interrupted = answer == Err(Error::Interrupted);
        prop_assert_eq!(signal::is_pending(), was_pending && !is_interrupted, "{:?}", answer);
        if !is_interrupted {
            prop_assert!(!comes || is_ready && self.turn != Turn::Signal, "not interrupted: {answer:?}");
            self.turn = Turn::Signal;
            return self.check(due, answer, &events);
        }
        prop_assert!(comes && !(is_ready && self.turn == Turn::Events), "interrupted, due: {due:?}");
        prop_assert!(events.is_empty());
        self.turn = if is_ready { Turn::Events } else { Turn::Either };
        self.tally.interruptions += 1;
        Ok(())
    }

    /// Checks that an arriving signal neither ends nor shortens the wait.
    fn wait_interrupted(&mut self, time: Duration) -> Checked {
        let (waiter, begin, is_ready) = (Thread::this(), Instant::now(), count(&self.due()) > 0);
        let let_through = SigSet::from(SIGNAL).unblock().unwrap();
        std::thread::scope(|scope| {
            let sender = scope.spawn(move || signal::send(waiter));
            let answer = self.wait(PLACES + 1, time.into());
            // A scope does not wait for the thread's destructors, and a leak check would find its memory.
            sender.join().expect("it does not panic");
            answer
        })?;
        drop(let_through);
        prop_assert!(is_ready || begin.elapsed() >= time, "cut to {:?}", begin.elapsed());
        Ok(())
    }
}

fn count(due: &Due) -> usize {
    due.values().map(Vec::len).sum()
}
