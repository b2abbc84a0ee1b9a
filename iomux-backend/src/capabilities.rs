//! What a backend can do.

use core::fmt;

bitflags::bitflags! {
    /// What a backend can do, and how it naturally differs from others.
    ///
    /// A caller need not ask: what is not there is an [`Error`](crate::Error), before anything is changed. It is how
    /// the conformance suite knows which properties to hold a backend to.
    ///
    /// ```
    /// use iomux_backend::{Capabilities, Error, Interest, Mode, Multiplexer, Poll, Token};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut poll = Poll::new();
    /// assert!(!poll.capabilities().contains(Capabilities::EDGE));
    /// let refused = poll.register(reader.as_fd(), Token(0), Interest::READABLE, Mode::Edge);
    /// assert_eq!(refused, Err(Error::UnsupportedMode { mode: Mode::Edge, backend: "poll" }));
    /// # std::io::Result::Ok(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Capabilities: u32 {
        /// [`Mode::Edge`].
        const EDGE = 1;
        /// [`Mode::OneShot`].
        const ONE_SHOT = 1 << 1;
        /// [`Mode::EdgeOneShot`].
        const EDGE_ONE_SHOT = 1 << 2;
        /// [`Mode::Exclusive`].
        const EXCLUSIVE = 1 << 3;
        /// [`Multiplexer::wait_masked`](crate::Multiplexer::wait_masked).
        const MASK = 1 << 4;
        /// [`Multiplexer::waker`](crate::Multiplexer::waker).
        const WAKER = 1 << 5;
        /// [`Interest::PRIORITY`](iomux::Interest::PRIORITY) is reported.
        const PRIORITY = 1 << 6;
        /// [`Interest::READ_CLOSED`](iomux::Interest::READ_CLOSED) is reported.
        const READ_CLOSED = 1 << 7;
        /// Hangups and errors are told apart from data: `HANGUP` and `ERROR` are reported as such, and
        /// also where nothing is asked.
        const HANGUP = 1 << 8;
        /// Regular files, directories and `/dev/null` are taken, and are always ready; where this is
        /// missing files and directories are [`Error::NotPollable`](crate::Error::NotPollable), and
        /// `/dev/null` may be.
        const FILES = 1 << 9;
        /// An fd that is closed while registered is reported `INVALID` at the next wait. Where this is
        /// missing it may never be noticed.
        const REPORTS_CLOSED = 1 << 10;
        /// fds of any number are taken; where this is missing, those below `FD_SETSIZE` only.
        const ANY_FD = 1 << 11;
        /// It goes on working in a child after fork(2), but for wakers: both processes would hear each
        /// other's, so make new ones in one of the two.
        const FORK = 1 << 12;
        /// A modify makes a system call, and one to [`Mode::Level`], or to an empty interest in [`Mode::OneShot`], succeeds
        /// for every interest with a name, unless the registration is exclusive. [`Reactor`](crate::Reactor) may
        /// then defer it to the next wait.
        const DEFERRABLE = 1 << 13;
    }
}

/// The names of the flags, joined by ` | `.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bitflags::parser::to_writer(self, f)
    }
}
