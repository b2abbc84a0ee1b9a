//! A backend chosen by name, while the program runs.

use crate::error::Error;
use crate::event::{Events, Token};
use crate::multiplexer::{Capabilities, Mode, Multiplexer, TrustedMultiplexer};
use crate::poll::Poll;
use crate::waker::Waker;
use iomux::{Interest, SigSet, Timeout};
use std::os::fd::BorrowedFd;

/// The names that [`by_name`] knows here.
pub const NAMES: &[&str] = &["poll", "poll-without-ppoll"];

/// One of the backends that this system has: [`by_name`].
#[derive(Debug)]
#[non_exhaustive]
pub enum Any<'fd> {
    /// Over poll(2).
    Poll(Poll<'fd>),
}

/// There is no backend of that name here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no backend '{name}': here are {}", NAMES.join(", "))]
pub struct UnknownBackend {
    name: String,
}

/// A backend by its name, so that a user can compare them without a rebuild.
///
/// # Errors
/// [`UnknownBackend`], which says what there is.
///
/// ```
/// use iomux_backend::{Multiplexer, by_name};
///
/// assert_eq!(by_name("poll")?.name(), "poll");
/// assert_eq!(
///     by_name("devpoll").unwrap_err().to_string(),
///     "no backend 'devpoll': here are poll, poll-without-ppoll",
/// );
/// # Ok::<(), iomux_backend::UnknownBackend>(())
/// ```
pub fn by_name<'fd>(name: &str) -> Result<Any<'fd>, UnknownBackend> {
    match name {
        "poll" => Ok(Any::Poll(Poll::new())),
        "poll-without-ppoll" => Ok(Any::Poll(Poll::without_ppoll())),
        _ => Err(UnknownBackend { name: name.to_owned() }),
    }
}

impl<'fd> Any<'fd> {
    fn as_dyn(&self) -> &dyn Multiplexer<'fd> {
        match self {
            Self::Poll(poll) => poll,
        }
    }
}

impl<'fd> Multiplexer<'fd> for Any<'fd> {
    fn name(&self) -> &'static str {
        self.as_dyn().name()
    }

    fn capabilities(&self) -> Capabilities {
        self.as_dyn().capabilities()
    }

    fn register(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        match self {
            Self::Poll(poll) => poll.register(fd, token, interest, mode),
        }
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        match self {
            Self::Poll(poll) => poll.modify(fd, token, interest, mode),
        }
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        match self {
            Self::Poll(poll) => poll.deregister(fd),
        }
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        match self {
            Self::Poll(poll) => poll.wait(events, timeout),
        }
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        match self {
            Self::Poll(poll) => poll.wait_masked(events, timeout, mask),
        }
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        match self {
            Self::Poll(poll) => poll.waker(token),
        }
    }
}

// SAFETY: it passes every call on to the one backend that it owns, which has promised.
unsafe impl<'fd> TrustedMultiplexer<'fd> for Any<'fd> {}
