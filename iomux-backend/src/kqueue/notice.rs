//! What is watched beside fds, and what a wait says of it.

use crate::event::Token;
use core::fmt;
use iomux::Signal;
use iomux_sys::kqueue as c;
use std::os::fd::RawFd;

/// What is watched, by a name that is given once: two timers have two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Watched {
    /// A timer, by the number that the caller gave it.
    Timer(usize),
    /// A signal that is sent to this process.
    Signal(Signal),
    /// A process, by its number, until it exits.
    Exit(u32),
    /// A file, by the number of an fd of it.
    File(RawFd),
    /// What the program itself triggers, by the number that the caller gave it.
    User(usize),
}

bitflags::bitflags! {
    /// What may happen to a file: [`Kqueue::watch_file`].
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct FileChanges: u32 {
        /// `NOTE_DELETE`: it was unlinked.
        const DELETE = c::NOTE_DELETE;
        /// `NOTE_WRITE`: it was written.
        const WRITE = c::NOTE_WRITE;
        /// `NOTE_EXTEND`: it grew.
        const EXTEND = c::NOTE_EXTEND;
        /// `NOTE_ATTRIB`: its attributes changed.
        const ATTRIBUTES = c::NOTE_ATTRIB;
        /// `NOTE_LINK`: the number of its links changed.
        const LINK = c::NOTE_LINK;
        /// `NOTE_RENAME`: it was renamed.
        const RENAME = c::NOTE_RENAME;

        // Whatever else a kernel reports is a bit like any other.
        const _ = !0;
    }
}

/// The names of the flags, joined by ` | `.
impl fmt::Display for FileChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bitflags::parser::to_writer(self, f)
    }
}

/// What happened to what is watched: [`Kqueue::notices`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    pub(super) token: Token,
    pub(super) watched: Watched,
    pub(super) data: i64,
    pub(super) fflags: u32,
}

impl Notice {
    /// The token that it is watched with.
    #[must_use]
    pub fn token(&self) -> Token {
        self.token
    }

    /// What is watched.
    #[must_use]
    pub fn watched(&self) -> Watched {
        self.watched
    }

    /// How often it happened since the last notice: a timer ran out, a signal was sent. Of others it is 1.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self.watched {
            Watched::Timer(_) | Watched::Signal(_) => u64::try_from(self.data).unwrap_or(1).max(1),
            _ => 1,
        }
    }

    /// What happened to a file; of others it is nothing.
    #[must_use]
    pub fn changes(&self) -> FileChanges {
        match self.watched {
            Watched::File(_) => FileChanges::from_bits_retain(self.fflags),
            _ => FileChanges::empty(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_shown_by_name() {
        assert_eq!((FileChanges::DELETE | FileChanges::LINK).to_string(), "DELETE | LINK");
    }
}
