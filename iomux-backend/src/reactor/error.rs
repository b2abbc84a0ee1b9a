//! The errors that return a source or a task to the caller.

use crate::error::Error;
use std::{error, fmt, io};

/// The error of [`Reactor::insert`](crate::Reactor::insert), with the source and its state.
///
/// The reactor is unchanged. `?` works for sources and states of any type, but drops both, which closes the source. To keep
/// them, call [`into_parts`](Self::into_parts).
///
/// # Examples
/// ```
/// use iomux_backend::{Interest, Mode, Poll, Reactor};
///
/// let (reader, _writer) = std::io::pipe()?;
/// let mut reactor = Reactor::with(Poll::new(), 8);
/// let failed = reactor.insert(reader, "its state", Interest::READABLE, Mode::Edge).unwrap_err();
/// assert_eq!(failed.to_string(), "poll does not support Mode::Edge: use Mode::Level or another backend");
/// let (_error, reader, state) = failed.into_parts();
/// reactor.insert(reader, state, Interest::READABLE, Mode::Level)?;
/// # std::io::Result::Ok(())
/// ```
pub struct InsertError<S, T> {
    pub(super) error: Error,
    pub(super) source: S,
    pub(super) state: T,
}

impl<S, T> InsertError<S, T> {
    /// Returns the error.
    #[must_use]
    pub fn error(&self) -> Error {
        self.error
    }

    /// Returns the error, the source and its state.
    #[must_use]
    pub fn into_parts(self) -> (Error, S, T) {
        (self.error, self.source, self.state)
    }
}

impl<S, T> fmt::Debug for InsertError<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InsertError").field("error", &self.error).finish_non_exhaustive()
    }
}

impl<S, T> fmt::Display for InsertError<S, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl<S, T> error::Error for InsertError<S, T> {}

impl<S, T> From<InsertError<S, T>> for Error {
    fn from(failed: InsertError<S, T>) -> Self {
        failed.error
    }
}

impl<S, T> From<InsertError<S, T>> for io::Error {
    fn from(failed: InsertError<S, T>) -> Self {
        failed.error.into()
    }
}

/// The error of [`Handle::submit`](crate::Handle::submit), with the task.
///
/// Either the reactor was dropped, or there is no memory for the task.
///
/// # Examples
/// ```
/// use iomux_backend::Reactor;
/// use std::io::PipeReader;
///
/// let mut reactor = Reactor::<PipeReader>::new()?;
/// let handle = reactor.handle()?;
/// drop(reactor);
/// let failed = handle.submit(|reactor| assert!(reactor.is_empty())).unwrap_err();
/// assert_eq!(failed.to_string(), "the reactor is gone");
/// let _closure = failed.into_inner();
/// # std::io::Result::Ok(())
/// ```
pub struct SubmitError<F> {
    pub(super) task: F,
    pub(super) is_out_of_memory: bool,
}

impl<F> SubmitError<F> {
    /// Returns the task.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::Reactor;
    ///
    /// let mut reactor = Reactor::<std::io::PipeReader>::new()?;
    /// let handle = reactor.handle()?;
    /// drop(reactor);
    /// let failed = handle.submit(|_| println!("never")).unwrap_err();
    /// // Another reactor runs it.
    /// failed.into_inner()(&mut Reactor::new()?);
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn into_inner(self) -> F {
        self.task
    }

    /// Returns `true` if there was no memory for the task, and `false` if the reactor was dropped.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        self.is_out_of_memory
    }
}

impl<F> fmt::Debug for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut error = f.debug_struct("SubmitError");
        error.field("is_out_of_memory", &self.is_out_of_memory).finish_non_exhaustive()
    }
}

impl<F> fmt::Display for SubmitError<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_out_of_memory { "out of memory for a task" } else { "the reactor is gone" })
    }
}

impl<F> error::Error for SubmitError<F> {}

impl<F> From<SubmitError<F>> for io::Error {
    fn from(failed: SubmitError<F>) -> Self {
        let kind =
            if failed.is_out_of_memory { io::ErrorKind::OutOfMemory } else { io::ErrorKind::BrokenPipe };
        Self::new(kind, failed.to_string())
    }
}
