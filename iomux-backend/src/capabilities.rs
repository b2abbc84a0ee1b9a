//! The capabilities of a backend.

use core::fmt;

bitflags::bitflags! {
    /// The features that a backend supports, and the properties in which backends differ.
    ///
    /// A caller need not check capabilities in advance, since an unsupported call returns an [`Error`](crate::Error) and
    /// changes nothing. The conformance suite uses capabilities to choose the properties to test.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Capabilities, Interest, Mode, Multiplexer, Token, native};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut mux = native()?;
    /// let has_edges = mux.capabilities().contains(Capabilities::EDGE);
    /// let mode = if has_edges { Mode::Edge } else { Mode::Level };
    /// mux.register(reader.as_fd(), Token(0), Interest::READABLE, mode)?;
    /// # std::io::Result::Ok(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Capabilities: u32 {
        /// Supports [`Mode::Edge`].
        const EDGE = 1;
        /// Supports [`Mode::OneShot`].
        const ONE_SHOT = 1 << 1;
        /// Supports [`Mode::EdgeOneShot`].
        const EDGE_ONE_SHOT = 1 << 2;
        /// Supports [`Mode::Exclusive`].
        const EXCLUSIVE = 1 << 3;
        /// Supports [`Multiplexer::wait_masked`](crate::Multiplexer::wait_masked).
        const MASK = 1 << 4;
        /// Supports [`Multiplexer::waker`](crate::Multiplexer::waker).
        const WAKER = 1 << 5;
        /// Reports [`Interest::PRIORITY`](iomux::Interest::PRIORITY).
        const PRIORITY = 1 << 6;
        /// Reports [`Interest::READ_CLOSED`](iomux::Interest::READ_CLOSED).
        const READ_CLOSED = 1 << 7;
        /// Reports hangups and errors as `HANGUP` and `ERROR`, also for an empty interest.
        const HANGUP = 1 << 8;
        /// Accepts regular files, directories and `/dev/null`, and reports them as always ready. Without it, files and
        /// directories are [`Error::NotPollable`](crate::Error::NotPollable), and `/dev/null` may be.
        const FILES = 1 << 9;
        /// Reports an fd that was closed while registered as `INVALID` in the next wait. Without it, the closing may
        /// go unnoticed.
        const REPORTS_CLOSED = 1 << 10;
        /// Accepts fds of any number. Without it, an fd must be below `FD_SETSIZE`.
        const ANY_FD = 1 << 11;
        /// Works in a child made by fork(2), except for its wakers. Parent and child would get each other's wakes, so
        /// one of the two must create new ones.
        const FORK = 1 << 12;
        /// A modify makes a system call, so a [`Reactor`](crate::Reactor) may defer it to the next wait.
        ///
        /// A modify to [`Mode::Level`], or to an empty interest in [`Mode::OneShot`], then succeeds for every named
        /// interest, unless the registration is exclusive.
        const DEFERRABLE = 1 << 13;
    }
}

/// Writes the names of the flags, joined by ` | `.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bitflags::parser::to_writer(self, f)
    }
}
