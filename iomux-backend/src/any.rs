//! A backend chosen by name, while the program runs.

use crate::NAMES;
use crate::error::Error;
use std::io;

/// Why there is no backend of that name.
///
/// ```
/// use iomux_backend::{ByNameError, by_name};
/// use std::io;
///
/// let error = by_name("Poll").unwrap_err();
/// assert_eq!(error, ByNameError::Unknown { name: "Poll".to_owned() }, "names are in lower case");
/// assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotFound);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ByNameError {
    /// There is none here.
    #[error("no backend '{name}': here are {}", NAMES.join(", "))]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// It is there, and could not be made.
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

/// Declares the backends of a system, the best one first: `Native`, and `Any` over all of them with their names.
macro_rules! backends {
    (
        native $native:ident;
        $($(#[$doc:meta])* $backend:ident { $($name:literal => $create:expr,)* })*
    ) => {
        use crate::any::ByNameError;
        use crate::error::Error;
        use crate::event::{Events, Token};
        use crate::multiplexer::{Capabilities, Mode, Multiplexer, TrustedMultiplexer};
        use crate::waker::Waker;
        use iomux::{Interest, SigSet, Timeout};
        use std::os::fd::BorrowedFd;
        use std::str::FromStr;

        /// The best multiplexer of this system.
        ///
        /// ```
        /// use iomux_backend::{Events, Multiplexer, NAMES, Native, native};
        ///
        /// struct Loop<'fd> {
        ///     multiplexer: Native<'fd>,
        ///     events: Events,
        /// }
        ///
        /// let idle = Loop { multiplexer: native()?, events: Events::with_capacity(64) };
        /// assert_eq!((idle.multiplexer.name(), idle.events.len()), (NAMES[0], 0));
        /// # Ok::<(), iomux_backend::Error>(())
        /// ```
        pub type Native<'fd> = $native<'fd>;

        /// The names that [`by_name`] knows here; the first is [`Native`]'s.
        ///
        /// ```
        /// use iomux_backend::{NAMES, by_name};
        ///
        /// for name in NAMES {
        ///     assert!(by_name(name).is_ok(), "{name}");
        /// }
        /// assert!(NAMES.contains(&"poll"), "it is everywhere");
        /// ```
        pub const NAMES: &[&str] = &[$($($name,)*)*];

        /// One of the backends that this system has: [`by_name`].
        ///
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
            $($(#[$doc])* $backend($backend<'fd>),)*
        }

        /// A backend by its name, so that a user can compare them without a rebuild.
        ///
        /// # Errors
        /// [`ByNameError`]: there is none of that name, and it says which there are; or the system had no fd
        /// for it.
        ///
        /// ```
        /// use iomux_backend::{Multiplexer, NAMES, by_name};
        ///
        /// assert_eq!(by_name("poll")?.name(), "poll", "it is everywhere");
        /// assert_eq!(
        ///     by_name("devpoll").unwrap_err().to_string(),
        ///     format!("no backend 'devpoll': here are {}", NAMES.join(", ")),
        /// );
        /// # Ok::<(), iomux_backend::ByNameError>(())
        /// ```
        pub fn by_name<'fd>(name: &str) -> Result<Any<'fd>, ByNameError> {
            Ok(match name {
                $($($name => Any::$backend($create),)*)*
                _ => return Err(ByNameError::Unknown { name: name.to_owned() }),
            })
        }

        /// [`by_name`], for parsers of arguments.
        ///
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
            ($any:expr, $one:ident => $call:expr) => {
                match $any {
                    $(Any::$backend($one) => $call,)*
                }
            };
        }

        impl<'fd> Multiplexer<'fd> for Any<'fd> {
            fn name(&self) -> &'static str {
                each!(self, one => one.name())
            }

            fn capabilities(&self) -> Capabilities {
                each!(self, one => one.capabilities())
            }

            fn register(
                &mut self,
                fd: BorrowedFd<'fd>,
                token: Token,
                interest: Interest,
                mode: Mode,
            ) -> Result<(), Error> {
                each!(self, one => one.register(fd, token, interest, mode))
            }

            fn modify(
                &mut self,
                fd: BorrowedFd<'_>,
                token: Token,
                interest: Interest,
                mode: Mode,
            ) -> Result<(), Error> {
                each!(self, one => one.modify(fd, token, interest, mode))
            }

            fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
                each!(self, one => one.deregister(fd))
            }

            fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
                each!(self, one => one.wait(events, timeout))
            }

            fn wait_masked(
                &mut self,
                events: &mut Events,
                timeout: Timeout,
                mask: &SigSet,
            ) -> Result<usize, Error> {
                each!(self, one => one.wait_masked(events, timeout, mask))
            }

            fn waker(&mut self, token: Token) -> Result<Waker, Error> {
                each!(self, one => one.waker(token))
            }
        }

        // SAFETY: it passes every call on to the one backend that it owns, which has promised.
        unsafe impl<'fd> TrustedMultiplexer<'fd> for Any<'fd> {}
    };
}
