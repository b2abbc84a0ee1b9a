//! Several backends compared with each other: the same steps lead to the same readiness after each wait.

use super::channel::Kind;
use super::signal;
use super::support::Thread;
use super::words::Words;
use iomux_backend::{
    Capabilities, Error, Events, Interest, Mode, Multiplexer, Readiness, SigSet, Timeout, Token, Waker,
    WakerSource,
};
use std::collections::BTreeMap;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

/// More room than there are sources.
const ROOM: usize = 64;

type Side = Box<dyn Multiplexer<'static>>;
/// The readiness of a wait by fd, in flags that all sides have.
type Reported = BTreeMap<RawFd, Readiness>;

/// A multiplexer over several others, which panics if they differ.
pub(crate) struct Sides {
    sides: Vec<Side>,
    capabilities: Capabilities,
    /// The caller's tokens and interests. The sides use the fd number as token.
    asked: BTreeMap<RawFd, (Token, Interest)>,
    /// A waker source that is registered in all sides.
    waker: Option<WakerSource>,
}

impl Sides {
    /// Creates it from `sides`. The side with the fewest flags comes first, since only the first has limited room.
    pub(crate) fn new(sides: Vec<Side>) -> Self {
        let capabilities = sides.iter().map(|side| side.capabilities()).reduce(|all, its| all & its).unwrap();
        Self { sides, capabilities, asked: BTreeMap::new(), waker: None }
    }

    /// Returns the result of all sides, which must be the same.
    fn same(&mut self, call: impl Fn(&mut Side) -> Result<(), Error>) -> Result<(), Error> {
        let answers: Vec<_> = self.sides.iter_mut().map(call).collect();
        assert!(answers.iter().all(|answer| *answer == answers[0]), "{}: {answers:?}", self.names());
        answers[0]
    }

    fn names(&self) -> String {
        self.sides.iter().map(|side| side.name()).collect::<Vec<_>>().join(", ")
    }

    /// Rejects an interest that not all sides support.
    fn check(&self, interest: Interest) -> Result<(), Error> {
        if interest.intersects(Interest::READ_CLOSED)
            && !self.capabilities.contains(Capabilities::READ_CLOSED)
        {
            return Err(Error::Unsupported { what: "Interest::READ_CLOSED", backend: self.name() });
        }
        Ok(())
    }

    /// Makes `call` on all sides, and stores the interest if they succeed.
    fn ask(
        &mut self,
        fd: RawFd,
        own: Token,
        interest: Interest,
        call: impl Fn(&mut Side) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.check(interest)?;
        self.same(call)?;
        self.asked.insert(fd, (own, interest));
        Ok(())
    }

    fn reported(&self, events: &Events) -> Reported {
        let reported = events.iter().map(|event| {
            let fd = RawFd::try_from(event.token().0).unwrap();
            // The kind matters only to kqueue.
            (fd, Words::of(self).say(event.readiness(), Kind::Socket, self.asked[&fd].1))
        });
        reported.filter(|(_, readiness)| !readiness.is_empty()).collect()
    }

    /// Returns the readiness of a wait on one side. The first side has the caller's room, the others have room for all.
    /// The next wait compares the sources that did not fit.
    fn answer(
        &mut self,
        side: usize,
        room: usize,
        wait: impl FnOnce(&mut Side, &mut Events) -> Result<usize, Error>,
    ) -> Result<Reported, Error> {
        let mut events = Events::with_capacity(if side == 0 { room } else { ROOM });
        wait(&mut self.sides[side], &mut events)?;
        Ok(self.reported(&events))
    }

    /// Compares the results, and returns the events of the first side.
    fn compare(&mut self, answers: &[Result<Reported, Error>], events: &mut Events) -> Result<usize, Error> {
        events.clear();
        let is_full = answers[0].as_ref().is_ok_and(|reported| reported.len() == events.capacity());
        for answer in answers {
            let is_same = if is_full { answer.is_ok() } else { *answer == answers[0] };
            assert!(is_same, "{}: {answers:?}", self.names());
        }
        for (fd, readiness) in answers[0].as_ref().map_err(|error| *error)? {
            assert!(events.push(self.asked[fd].0, *readiness));
            // Drained once the first side has returned it, which is never before the others.
            if let Some(source) = self.waker.as_ref().filter(|source| source.as_fd().as_raw_fd() == *fd) {
                source.drain();
            }
        }
        Ok(events.len())
    }
}

fn token(fd: RawFd) -> Token {
    Token(usize::try_from(fd).unwrap())
}

impl Multiplexer<'static> for Sides {
    fn name(&self) -> &'static str {
        "sides"
    }

    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    fn register(
        &mut self,
        fd: BorrowedFd<'static>,
        own: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        let number = fd.as_raw_fd();
        self.ask(number, own, interest, |side| side.register(fd, token(number), interest, mode))
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        own: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        let number = fd.as_raw_fd();
        self.ask(number, own, interest, |side| side.modify(fd, token(number), interest, mode))
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        self.same(|side| side.deregister(fd))?;
        self.asked.remove(&fd.as_raw_fd());
        Ok(())
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        let room = events.capacity();
        let plain = |side: &mut Side, events: &mut Events| side.wait(events, timeout);
        let answers: Vec<_> = (0..self.sides.len()).map(|side| self.answer(side, room, plain)).collect();
        self.compare(&answers, events)
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        if !self.capabilities.contains(Capabilities::MASK) {
            return Err(Error::Unsupported { what: "a signal mask", backend: self.name() });
        }
        let (room, is_pending) = (events.capacity(), signal::is_pending());
        let masked = |side: &mut Side, events: &mut Events| side.wait_masked(events, timeout, mask);
        let mut answers = Vec::new();
        for side in 0..self.sides.len() {
            // An earlier side may have taken it.
            if is_pending {
                signal::send(Thread::this());
            }
            answers.push(self.answer(side, room, masked));
        }
        // Each side may decide whether an interruption without readiness counts for fairness.
        let has_reported = answers.iter().any(Result::is_ok);
        for (side, answer) in answers.iter_mut().enumerate() {
            if is_pending && has_reported && *answer == Err(Error::Interrupted) {
                *answer = self.answer(side, room, masked);
            }
        }
        self.compare(&answers, events)
    }

    fn waker(&mut self, own: Token) -> Result<Waker, Error> {
        let source = WakerSource::new()?;
        let (waker, fd) = (source.waker(), source.as_fd().as_raw_fd());
        self.same(|side| {
            // SAFETY: `waker` keeps the source as long as the sides.
            unsafe { side.register_raw(fd, token(fd), Interest::READABLE, Mode::Level) }
        })?;
        self.asked.insert(fd, (own, Interest::READABLE));
        self.waker = Some(source);
        Ok(waker)
    }
}
