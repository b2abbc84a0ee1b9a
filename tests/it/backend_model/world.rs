//! The world of a random program: sources with their peers, what is registered, and what must be ready.

use iomux_backend::{Error, Events, Interest, Mode, Multiplexer, Readiness, Timeout, Token, Waker};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

pub(super) const PLACES: usize = 10;
/// Sources have tokens below this; the waker's is one of theirs, which must not matter.
const WAKER_TOKEN: Token = Token(3);

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    PipeReader,
    PipeWriter,
    Socket,
}

#[derive(Clone, Debug)]
pub(super) enum Step {
    Open(usize, Kind),
    Dup(usize, usize),
    Register(usize, Interest, Mode, usize),
    Modify(usize, Interest, Mode, usize),
    Deregister(usize),
    PeerWrites(usize),
    Read(usize),
    PeerEndsWriting(usize),
    PeerCloses(usize),
    Close(usize),
    Wake,
    Wait(usize),
    WaitInTurns,
}

/// What a source's fd, and each dup of it, is open on.
struct Channel {
    kind: Kind,
    peer: RefCell<Option<OwnedFd>>,
    /// Bytes that can be read.
    pending: Cell<usize>,
    peer_writes_no_more: Cell<bool>,
}

impl Channel {
    fn open(kind: Kind) -> (OwnedFd, Self) {
        let (fd, peer): (OwnedFd, OwnedFd) = match kind {
            Kind::PipeReader => {
                let (reader, writer) = std::io::pipe().unwrap();
                (reader.into(), writer.into())
            }
            Kind::PipeWriter => {
                let (reader, writer) = std::io::pipe().unwrap();
                (writer.into(), reader.into())
            }
            Kind::Socket => {
                let (ours, theirs) = UnixStream::pair().unwrap();
                (ours.into(), theirs.into())
            }
        };
        let (peer, pending) = (RefCell::new(Some(peer)), Cell::new(0));
        (fd, Self { kind, peer, pending, peer_writes_no_more: Cell::new(false) })
    }

    /// What must be reported when `interest` is asked.
    fn readiness(&self, interest: Interest) -> Readiness {
        let peer_is_gone = self.peer.borrow().is_none();
        let has_data = self.pending.get() > 0;
        let has_ended = peer_is_gone || self.peer_writes_no_more.get();
        let (mut is, always) = match self.kind {
            Kind::PipeReader => (Readiness::empty(), Readiness::HANGUP),
            Kind::PipeWriter => (Readiness::WRITABLE, Readiness::ERROR),
            Kind::Socket => (Readiness::WRITABLE, Readiness::HANGUP),
        };
        is.set(Readiness::READABLE, has_data || matches!(self.kind, Kind::Socket) && has_ended);
        is.set(Readiness::READ_CLOSED, matches!(self.kind, Kind::Socket) && has_ended);
        let asked = is & Readiness::from_bits_retain(interest.bits());
        if peer_is_gone { asked | always } else { asked }
    }

    fn peer_can_write(&self) -> bool {
        self.peer.borrow().is_some()
            && !self.peer_writes_no_more.get()
            && !matches!(self.kind, Kind::PipeWriter)
            && self.pending.get() < 100
    }
}

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

pub(super) struct World<M> {
    multiplexer: M,
    waker: Waker,
    is_woken: bool,
    sources: [Option<Source>; PLACES],
}

impl<M: Multiplexer<'static>> World<M> {
    pub(super) fn new(mut multiplexer: M) -> Self {
        let waker = multiplexer.waker(WAKER_TOKEN).unwrap();
        Self { multiplexer, waker, is_woken: false, sources: [const { None }; PLACES] }
    }

    pub(super) fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Open(place, kind) => {
                self.close(place)?;
                let (fd, channel) = Channel::open(kind);
                self.sources[place] = Some(Source { fd, channel: Rc::new(channel), registration: None });
            }
            Step::Dup(from, to) if from != to => {
                self.close(to)?;
                let copy = self.sources[from].as_ref().map(|source| Source {
                    fd: source.fd.try_clone().unwrap(),
                    channel: Rc::clone(&source.channel),
                    registration: None,
                });
                self.sources[to] = copy;
            }
            Step::Dup(..) => {}
            Step::Register(place, interest, mode, token) => {
                self.register(place, interest, mode, Token(token))?;
            }
            Step::Modify(place, interest, mode, token) => self.modify(place, interest, mode, Token(token))?,
            Step::Deregister(place) => self.deregister(place)?,
            Step::PeerWrites(place) => self.peer_writes(place),
            Step::Read(place) => self.read(place),
            Step::PeerEndsWriting(place) => self.peer_ends_writing(place),
            Step::PeerCloses(place) => {
                if let Some(source) = &self.sources[place] {
                    source.channel.peer.borrow_mut().take();
                }
            }
            Step::Close(place) => self.close(place)?,
            Step::Wake => {
                self.waker.wake();
                self.is_woken = true;
            }
            Step::Wait(capacity) => self.wait(capacity)?,
            Step::WaitInTurns => self.wait_in_turns()?,
        }
        Ok(())
    }

    fn register(
        &mut self,
        place: usize,
        interest: Interest,
        mode: Mode,
        token: Token,
    ) -> Result<(), TestCaseError> {
        let Some(source) = &mut self.sources[place] else { return Ok(()) };
        let fd = source.fd.as_raw_fd();
        // SAFETY: `close` deregisters before it drops the fd, and the multiplexer is dropped first.
        let answer = unsafe { self.multiplexer.register_raw(fd, token, interest, mode) };
        if source.registration.is_some() {
            prop_assert_eq!(answer, Err(Error::AlreadyRegistered { fd }));
        } else {
            prop_assert_eq!(answer, Ok(()));
            source.registration = Some(Registration { token, interest, mode, is_armed: true });
        }
        Ok(())
    }

    fn modify(
        &mut self,
        place: usize,
        interest: Interest,
        mode: Mode,
        token: Token,
    ) -> Result<(), TestCaseError> {
        let Some(source) = &mut self.sources[place] else { return Ok(()) };
        let answer = self.multiplexer.modify(source.fd.as_fd(), token, interest, mode);
        match &mut source.registration {
            Some(registration) => {
                prop_assert_eq!(answer, Ok(()));
                *registration = Registration { token, interest, mode, is_armed: true };
            }
            None => prop_assert_eq!(answer, Err(Error::NotRegistered { fd: source.fd.as_raw_fd() })),
        }
        Ok(())
    }

    fn deregister(&mut self, place: usize) -> Result<(), TestCaseError> {
        let Some(source) = &mut self.sources[place] else { return Ok(()) };
        let answer = self.multiplexer.deregister(source.fd.as_fd());
        let expected = match source.registration.take() {
            Some(_) => Ok(()),
            None => Err(Error::NotRegistered { fd: source.fd.as_raw_fd() }),
        };
        prop_assert_eq!(answer, expected);
        Ok(())
    }

    fn close(&mut self, place: usize) -> Result<(), TestCaseError> {
        if self.sources[place].as_ref().is_some_and(|source| source.registration.is_some()) {
            self.deregister(place)?;
        }
        self.sources[place] = None;
        Ok(())
    }

    fn peer_writes(&self, place: usize) {
        let Some(source) = &self.sources[place] else { return };
        if source.channel.peer_can_write() {
            let peer = source.channel.peer.borrow();
            let mut peer = File::from(peer.as_ref().unwrap().try_clone().unwrap());
            peer.write_all(b"!").unwrap();
            source.channel.pending.set(source.channel.pending.get() + 1);
        }
    }

    fn read(&self, place: usize) {
        let Some(source) = &self.sources[place] else { return };
        if source.channel.pending.get() > 0 {
            let mut file = File::from(source.fd.try_clone().unwrap());
            let count = file.read(&mut [0; 3]).unwrap();
            source.channel.pending.set(source.channel.pending.get() - count);
        }
    }

    fn peer_ends_writing(&self, place: usize) {
        let Some(source) = &self.sources[place] else { return };
        let peer = source.channel.peer.borrow();
        if let (Kind::Socket, Some(peer)) = (source.channel.kind, peer.as_ref()) {
            UnixStream::from(peer.try_clone().unwrap()).shutdown(Shutdown::Write).unwrap();
            source.channel.peer_writes_no_more.set(true);
        }
    }

    /// What must be reported: by token, since several sources may have one.
    fn due(&self) -> BTreeMap<Token, Vec<Readiness>> {
        let mut due: BTreeMap<Token, Vec<Readiness>> = BTreeMap::new();
        for source in self.sources.iter().flatten() {
            let armed = source.registration.filter(|registration| registration.is_armed);
            let Some(registration) = armed else { continue };
            let readiness = source.channel.readiness(registration.interest);
            if !readiness.is_empty() {
                due.entry(registration.token).or_default().push(readiness);
            }
        }
        if self.is_woken {
            due.entry(WAKER_TOKEN).or_default().push(Readiness::READABLE);
        }
        due
    }

    /// Waits with room for `capacity` events; each must be due, and as many as fit.
    fn wait(&mut self, capacity: usize) -> Result<(), TestCaseError> {
        let mut due = self.due();
        let ready: usize = due.values().map(Vec::len).sum();
        let mut events = Events::with_capacity(capacity);
        let answer = self.multiplexer.wait(&mut events, Timeout::Nowait);
        prop_assert_eq!(answer, Ok(ready.min(capacity)));
        prop_assert_eq!(events.len(), ready.min(capacity));
        for event in &events {
            let of_token = due.entry(event.token()).or_default();
            let found = of_token.iter().position(|&readiness| readiness == event.readiness());
            prop_assert!(found.is_some(), "{event:?} is not due: {of_token:?}");
            of_token.swap_remove(found.unwrap());
        }
        if ready > capacity {
            return self.rearm_all();
        }
        self.note_the_reported();
        Ok(())
    }

    /// Takes down what was disarmed.
    fn note_the_reported(&mut self) {
        self.is_woken = false;
        for source in self.sources.iter_mut().flatten() {
            let Some(registration) = &mut source.registration else { continue };
            let was_due = !source.channel.readiness(registration.interest).is_empty();
            registration.is_armed &= !(was_due && registration.mode == Mode::OneShot);
        }
    }

    /// Arms every registration and wakes again, so that it does not matter which of them were reported:
    /// events have tokens, and several sources may have one.
    fn rearm_all(&mut self) -> Result<(), TestCaseError> {
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

    /// With room for one event a wait, and nothing changing, each source has its turn.
    fn wait_in_turns(&mut self) -> Result<(), TestCaseError> {
        let mut due = self.due();
        let ready: usize = due.values().map(Vec::len).sum();
        let mut events = Events::with_capacity(1);
        for turn in 0..ready {
            prop_assert_eq!(self.multiplexer.wait(&mut events, Timeout::Nowait), Ok(1));
            let event = events.get(0).unwrap();
            let of_token = due.entry(event.token()).or_default();
            let found = of_token.iter().position(|&readiness| readiness == event.readiness());
            prop_assert!(found.is_some(), "{event:?} in turn {turn} of {ready}, left: {due:?}");
            of_token.swap_remove(found.unwrap());
        }
        self.note_the_reported();
        Ok(())
    }
}
