//! The helpers of the properties: a multiplexer with a buffer, waits with a limit, pipes.

use super::Backend;
use super::os;
use crate::{Capabilities, Error, Events, Interest, Mode, Multiplexer, Readiness, SigSet, Timeout, Token};
use iomux::MaskGuard;
use std::fs::File;
use std::io::Write;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// The time limit of an expected event. Only a broken backend needs so long.
pub(super) const LIMIT: Duration = Duration::from_secs(10);

/// The duration of a wait that must report nothing. If it is too short, a fault may be missed, but none invented.
const SILENCE: Duration = Duration::from_millis(4);

/// An event: its token and its readiness.
pub(super) type Seen = (usize, Readiness);

/// A multiplexer and a buffer for its events.
pub(super) struct Rig<'fd, B: Backend> {
    pub(super) mux: B::Mux<'fd>,
    pub(super) events: Events,
}

impl<'fd, B: Backend> Rig<'fd, B> {
    #[track_caller]
    pub(super) fn new() -> Self {
        Self::with_room_for(64)
    }

    #[track_caller]
    pub(super) fn with_room_for(capacity: usize) -> Self {
        let mux = B::create().expect("Backend::create");
        Self { mux, events: Events::with_capacity(capacity) }
    }

    pub(super) fn has(&self, capability: Capabilities) -> bool {
        self.mux.capabilities().contains(capability)
    }

    pub(super) fn register(
        &mut self,
        fd: &'fd impl AsFd,
        token: usize,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        self.mux.register(fd.as_fd(), Token(token), interest, mode)
    }

    /// Registers in level mode.
    #[track_caller]
    pub(super) fn watch(&mut self, fd: &'fd impl AsFd, token: usize, interest: Interest) {
        self.watch_in(fd, token, interest, Mode::Level);
    }

    #[track_caller]
    pub(super) fn watch_in(&mut self, fd: &'fd impl AsFd, token: usize, interest: Interest, mode: Mode) {
        self.register(fd, token, interest, mode).expect("register");
    }

    pub(super) fn try_modify(
        &mut self,
        fd: &impl AsFd,
        token: usize,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        self.mux.modify(fd.as_fd(), Token(token), interest, mode)
    }

    #[track_caller]
    pub(super) fn modify(&mut self, fd: &impl AsFd, token: usize, interest: Interest, mode: Mode) {
        self.try_modify(fd, token, interest, mode).expect("modify");
    }

    #[track_caller]
    pub(super) fn deregister(&mut self, fd: &impl AsFd) {
        self.mux.deregister(fd.as_fd()).expect("deregister");
    }

    /// Waits, and checks the return value.
    #[track_caller]
    pub(super) fn wait(&mut self, timeout: impl Into<Timeout>) -> Vec<Seen> {
        let count = self.mux.wait(&mut self.events, timeout.into()).expect("wait");
        self.seen(count)
    }

    /// Waits with a mask, and checks the return value.
    #[track_caller]
    pub(super) fn masked(&mut self, timeout: impl Into<Timeout>, mask: &SigSet) -> Result<Vec<Seen>, Error> {
        let count = self.mux.wait_masked(&mut self.events, timeout.into(), mask)?;
        Ok(self.seen(count))
    }

    #[track_caller]
    pub(super) fn seen(&self, count: usize) -> Vec<Seen> {
        assert_eq!(count, self.events.len(), "a wait returns the number of events");
        self.events.iter().map(|event| (event.token().0, event.readiness())).collect()
    }

    /// Returns the events of a wait without a timeout.
    #[track_caller]
    pub(super) fn now(&mut self) -> Vec<Seen> {
        self.wait(Timeout::Nowait)
    }

    /// Returns the events of a wait, at least one.
    #[track_caller]
    pub(super) fn ready(&mut self) -> Vec<Seen> {
        let seen = self.wait(LIMIT);
        assert!(!seen.is_empty(), "nothing was reported within {LIMIT:?}");
        seen
    }

    /// Returns the sorted tokens of a wait, at least one.
    #[track_caller]
    pub(super) fn tokens(&mut self) -> Vec<usize> {
        let mut tokens: Vec<_> = self.ready().into_iter().map(|(token, _)| token).collect();
        tokens.sort_unstable();
        tokens
    }

    /// Returns the readiness of `token`, the only one that is ready.
    #[track_caller]
    pub(super) fn only(&mut self, token: usize) -> Readiness {
        let seen = self.ready();
        assert_eq!(seen.len(), 1, "expected one event, for token {token}: {seen:?}");
        assert_eq!(seen[0].0, token, "expected an event for token {token}: {seen:?}");
        seen[0].1
    }

    /// Waits until the readiness of `token` satisfies `is_it`, and returns it. Several waits may be needed.
    #[track_caller]
    pub(super) fn eventually(&mut self, token: usize, is_it: impl Fn(Readiness) -> bool) -> Readiness {
        let begin = Instant::now();
        loop {
            let seen = self.ready();
            if let Some(&(_, readiness)) = seen.iter().find(|event| event.0 == token && is_it(event.1)) {
                return readiness;
            }
            assert!(
                begin.elapsed() < LIMIT,
                "the expected readiness did not come within {LIMIT:?}: {seen:?}"
            );
        }
    }

    /// Checks that nothing is reported.
    #[track_caller]
    pub(super) fn silent(&mut self) {
        assert_eq!(self.now(), [], "expected no event");
        assert_eq!(self.wait(SILENCE), [], "expected no event");
    }
}

/// Creates an empty pipe, and returns its reader and its writer.
#[track_caller]
pub(super) fn empty_pipe() -> (File, File) {
    os::pipe().expect("a pipe")
}

/// Creates a pipe with a byte in it, and returns its reader and its writer.
#[track_caller]
pub(super) fn full_pipe() -> (File, File) {
    let (reader, writer) = empty_pipe();
    write(&writer);
    (reader, writer)
}

/// Writes a byte.
#[track_caller]
pub(super) fn write(mut to: impl Write) {
    to.write_all(b"!").expect("room for a byte");
}

/// Reads a byte.
#[track_caller]
pub(super) fn read(mut from: impl std::io::Read) {
    from.read_exact(&mut [0]).expect("a byte");
}

/// Blocks the signal, sends it to this thread, and returns the mask that unblocks it.
#[track_caller]
pub(super) fn pending_signal() -> (MaskGuard, SigSet) {
    let blocked = SigSet::from(os::SIGNAL).block().expect("the signal mask");
    os::Thread::this().signal();
    let mask = blocked.wait_mask();
    (blocked, mask)
}

/// Returns `true` if a wait until a deadline ends soon after it, and panics if it ends before.
///
/// It tries several times, since a busy machine delays some waits, but not all.
#[track_caller]
pub(super) fn ends_in_time(mut wait: impl FnMut(Instant)) -> bool {
    (0..10).any(|_| {
        let end = Instant::now() + Duration::from_millis(5);
        wait(end);
        let now = Instant::now();
        assert!(now >= end, "{:?} early", end - now);
        now - end < Duration::from_millis(200)
    })
}

/// Returns the capability that a mode needs.
pub(super) fn needs(mode: Mode) -> Capabilities {
    match mode {
        Mode::Level => Capabilities::empty(),
        Mode::Edge => Capabilities::EDGE,
        Mode::OneShot => Capabilities::ONE_SHOT,
        Mode::EdgeOneShot => Capabilities::EDGE_ONE_SHOT,
        Mode::Exclusive => Capabilities::EXCLUSIVE,
    }
}

/// All modes.
pub(super) const MODES: [Mode; 5] =
    [Mode::Level, Mode::Edge, Mode::OneShot, Mode::EdgeOneShot, Mode::Exclusive];
