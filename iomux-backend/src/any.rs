//! A backend that is chosen by name at run time.

use crate::capabilities::Capabilities;
use crate::error::Error;
use crate::event::{Events, Token};
use crate::mode::Mode;
use crate::multiplexer::{Multiplexer, TrustedMultiplexer};
use crate::native::{NAMES, Native, native};
use crate::poll::Poll;
use crate::waker::Waker;
use iomux::{Interest, SigSet, Timeout};
use std::io;
use std::os::fd::BorrowedFd;
use std::str::FromStr;

/// The error of [`by_name`].
///
/// # Examples
/// ```
/// use iomux_backend::{ByNameError, by_name};
/// use std::io;
///
/// let error = by_name("Poll").unwrap_err();
/// assert_eq!(error, ByNameError::Unknown { name: "Poll".to_owned() }, "names are lower case");
/// assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotFound);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ByNameError {
    /// This platform has no backend of that name.
    #[error("unknown backend '{name}'; available: {}", NAMES.join(", "))]
    Unknown {
        /// The name that was given.
        name: String,
    },
    /// The multiplexer could not be created.
    #[error("{0}")]
    Failed(#[from] Error),
}

impl From<ByNameError> for io::Error {
    fn from(error: ByNameError) -> Self {
        match error {
            ByNameError::Unknown { .. } => Self::new(io::ErrorKind::NotFound, error),
            ByNameError::Failed(error) => error.into(),
        }
    }
}

/// A multiplexer of a backend that [`by_name`] chooses at run time.
///
/// # Examples
/// ```
/// use iomux_backend::{Any, Events, Interest, Mode, Multiplexer, NAMES, Timeout, Token, by_name};
/// use std::os::fd::AsFd;
///
/// let (_reader, writer) = std::io::pipe()?;
/// for name in NAMES {
///     let mut mux: Any = by_name(name)?;
///     mux.register(writer.as_fd(), Token(0), Interest::WRITABLE, Mode::Level)?;
///     assert_eq!(mux.wait(&mut Events::with_capacity(1), Timeout::Infinite)?, 1, "{name}");
/// }
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum Any<'fd> {
    /// The best backend of this platform.
    Native(Native<'fd>),
    /// kqueue(2) in user space, by libkqueue.
    #[cfg(iomux_libkqueue)]
    Kqueue(crate::kqueue::Kqueue<'fd>),
    /// poll(2).
    Poll(Poll<'fd>),
}

/// Creates a multiplexer of the backend called `name`.
///
/// A user of the program can then compare backends without a rebuild.
///
/// # Errors
/// - Returns [`ByNameError::Unknown`] if `name` is not one of [`NAMES`].
/// - Returns [`ByNameError::Failed`] if the process is out of file descriptors (EMFILE), and the backend needs one.
///
/// # Examples
/// ```
/// use iomux_backend::{Multiplexer, NAMES, by_name};
///
/// assert_eq!(by_name("poll")?.name(), "poll", "available on every platform");
/// assert_eq!(
///     by_name("devpoll").unwrap_err().to_string(),
///     format!("unknown backend 'devpoll'; available: {}", NAMES.join(", ")),
/// );
/// # Ok::<(), iomux_backend::ByNameError>(())
/// ```
pub fn by_name<'fd>(name: &str) -> Result<Any<'fd>, ByNameError> {
    Ok(match name {
        "poll" => Any::Poll(Poll::new()),
        "poll-without-ppoll" => Any::Poll(Poll::without_ppoll()),
        #[cfg(any(target_os = "linux", target_os = "android"))]
        "epoll-without-pwait2" => Any::Native(Native::without_pwait2()?),
        #[cfg(iomux_libkqueue)]
        "kqueue" => Any::Kqueue(crate::kqueue::Kqueue::new()?),
        _ if name == NAMES[0] => Any::Native(native()?),
        _ => return Err(ByNameError::Unknown { name: name.to_owned() }),
    })
}

/// Parses the name of a backend, as [`by_name`] does.
///
/// # Examples
/// ```
/// use iomux_backend::{Any, Multiplexer};
///
/// let backend: Any = "poll".parse()?;
/// assert_eq!(backend.name(), "poll");
/// # Ok::<(), iomux_backend::ByNameError>(())
/// ```
impl FromStr for Any<'_> {
    type Err = ByNameError;

    fn from_str(name: &str) -> Result<Self, ByNameError> {
        by_name(name)
    }
}

macro_rules! each {
    ($any:expr, $mux:ident => $call:expr) => {
        match $any {
            Any::Native($mux) => $call,
            #[cfg(iomux_libkqueue)]
            Any::Kqueue($mux) => $call,
            Any::Poll($mux) => $call,
        }
    };
}

impl<'fd> Multiplexer<'fd> for Any<'fd> {
    fn name(&self) -> &'static str {
        each!(self, mux => mux.name())
    }

    fn capabilities(&self) -> Capabilities {
        each!(self, mux => mux.capabilities())
    }

    fn register(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        each!(self, mux => mux.register(fd, token, interest, mode))
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        each!(self, mux => mux.modify(fd, token, interest, mode))
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        each!(self, mux => mux.deregister(fd))
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        each!(self, mux => mux.wait(events, timeout))
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        each!(self, mux => mux.wait_masked(events, timeout, mask))
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        each!(self, mux => mux.waker(token))
    }
}

// SAFETY: it forwards every call to the one multiplexer that it owns, which is trusted.
unsafe impl<'fd> TrustedMultiplexer<'fd> for Any<'fd> {}
