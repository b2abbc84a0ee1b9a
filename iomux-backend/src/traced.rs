//! A multiplexer that says what it is asked and what it answers.

use crate::capabilities::Capabilities;
use crate::error::Error;
use crate::event::{Events, Token};
use crate::mode::Mode;
use crate::multiplexer::{Multiplexer, TrustedMultiplexer};
use crate::waker::Waker;
use iomux::{Interest, SigSet, Timeout};
use std::os::fd::{AsRawFd, BorrowedFd};
use tracing::trace;

/// Any multiplexer, with an event of the crate tracing for each call: what was asked, and the answer. With the
/// feature `tracing`.
///
/// The events are of the level `TRACE`, under the target `iomux`, and named for the method; so a program that
/// is not observed pays a comparison a call.
///
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
    /// Begins to tell of `multiplexer`.
    ///
    /// ```
    /// use iomux_backend::{Multiplexer, Poll, Traced};
    ///
    /// let traced = Traced::new(Poll::new());
    /// assert_eq!(traced.name(), "poll", "it takes its place, in error messages too");
    /// ```
    pub fn new(multiplexer: M) -> Self {
        Self(multiplexer)
    }

    /// The multiplexer that is told of.
    ///
    /// ```
    /// use iomux_backend::{Any, Traced, by_name};
    ///
    /// let traced = Traced::new(by_name("poll")?);
    /// assert!(matches!(traced.get_ref(), Any::Poll(_)), "what only it has is still in reach");
    /// # Ok::<(), iomux_backend::ByNameError>(())
    /// ```
    #[must_use]
    pub fn get_ref(&self) -> &M {
        &self.0
    }

    /// The multiplexer, no longer told of.
    ///
    /// ```
    /// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token, Traced};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut traced = Traced::new(Poll::new());
    /// traced.register(writer.as_fd(), Token(0), Interest::WRITABLE, Mode::Level)?;
    /// let mut poll = traced.into_inner(); // with what is registered
    /// assert_eq!(poll.wait(&mut Events::with_capacity(1), Timeout::Infinite)?, 1);
    /// # std::io::Result::Ok(())
    /// ```
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
        let answer = self.0.register(fd, token, interest, mode);
        let (backend, fd) = (self.name(), fd.as_raw_fd());
        trace!(target: "iomux", backend, fd, token = token.0, %interest, ?mode, ?answer, "register");
        answer
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        let answer = self.0.modify(fd, token, interest, mode);
        let (backend, fd) = (self.name(), fd.as_raw_fd());
        trace!(target: "iomux", backend, fd, token = token.0, %interest, ?mode, ?answer, "modify");
        answer
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        let answer = self.0.deregister(fd);
        let (backend, fd) = (self.name(), fd.as_raw_fd());
        trace!(target: "iomux", backend, fd, ?answer, "deregister");
        answer
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        let answer = self.0.wait(events, timeout);
        trace!(target: "iomux", backend = self.name(), ?timeout, ?answer, ?events, "wait");
        answer
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        let answer = self.0.wait_masked(events, timeout, mask);
        trace!(target: "iomux", backend = self.name(), ?timeout, ?mask, ?answer, ?events, "wait_masked");
        answer
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        let answer = self.0.waker(token);
        trace!(target: "iomux", backend = self.name(), token = token.0, is_made = answer.is_ok(), "waker");
        answer
    }
}

// SAFETY: it passes every call on to the one multiplexer that it owns, which has promised.
unsafe impl<'fd, M: TrustedMultiplexer<'fd>> TrustedMultiplexer<'fd> for Traced<M> {}
