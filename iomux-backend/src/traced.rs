//! A multiplexer that logs each call and its result with the crate tracing.

use crate::capabilities::Capabilities;
use crate::error::Error;
use crate::event::{Events, Token};
use crate::mode::Mode;
use crate::multiplexer::{Multiplexer, TrustedMultiplexer};
use crate::waker::Waker;
use iomux::{Interest, SigSet, Timeout};
use std::os::fd::{AsRawFd, BorrowedFd};
use tracing::trace;

/// A multiplexer that logs each call and its result with the crate tracing (feature `tracing`).
///
/// The log events have the level `TRACE` and the target `iomux`. Each message is the name of the method. Without a
/// subscriber, each call costs one comparison.
///
/// # Examples
/// ```
/// use iomux_backend::{Interest, Mode, Native, Reactor, Timeout, Traced, native};
///
/// let mut reactor = Reactor::<_, (), Traced<Native>>::with(Traced::new(native()?), 64);
/// let (_reader, writer) = std::io::pipe()?;
/// reactor.insert(writer, (), Interest::WRITABLE, Mode::Level)?;
/// assert_eq!(reactor.wait(Timeout::Infinite)?, 1);
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Traced<M>(M);

impl<M> Traced<M> {
    /// Creates a multiplexer that logs the calls of `multiplexer`. It has the same name and capabilities.
    pub fn new(multiplexer: M) -> Self {
        Self(multiplexer)
    }

    /// Returns the inner multiplexer, for example to call a method that only its type has.
    #[must_use]
    pub fn get_ref(&self) -> &M {
        &self.0
    }

    /// Returns the inner multiplexer, with its registrations.
    #[must_use]
    pub fn into_inner(self) -> M {
        self.0
    }
}

impl<'fd, M: Multiplexer<'fd>> Multiplexer<'fd> for Traced<M> {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn register(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        let result = self.0.register(fd, token, interest, mode);
        let (backend, fd) = (self.name(), fd.as_raw_fd());
        trace!(target: "iomux", backend, fd, token = token.0, %interest, ?mode, ?result, "register");
        result
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        let result = self.0.modify(fd, token, interest, mode);
        let (backend, fd) = (self.name(), fd.as_raw_fd());
        trace!(target: "iomux", backend, fd, token = token.0, %interest, ?mode, ?result, "modify");
        result
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        let result = self.0.deregister(fd);
        let (backend, fd) = (self.name(), fd.as_raw_fd());
        trace!(target: "iomux", backend, fd, ?result, "deregister");
        result
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        let result = self.0.wait(events, timeout);
        trace!(target: "iomux", backend = self.name(), ?timeout, ?result, ?events, "wait");
        result
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        let result = self.0.wait_masked(events, timeout, mask);
        trace!(target: "iomux", backend = self.name(), ?timeout, ?mask, ?result, ?events, "wait_masked");
        result
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        let result = self.0.waker(token);
        trace!(target: "iomux", backend = self.name(), token = token.0, is_made = result.is_ok(), "waker");
        result
    }
}

// SAFETY: it forwards every call to the one multiplexer that it owns, which is trusted.
unsafe impl<'fd, M: TrustedMultiplexer<'fd>> TrustedMultiplexer<'fd> for Traced<M> {}
