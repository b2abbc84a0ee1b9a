//! How a source is named, and how it is reported.

use iomux::Readiness;

/// The name of a source in its [`Reactor`](crate::Reactor), from [`insert`](crate::Reactor::insert).
///
/// It is never used again: the key of a source that was removed finds nothing, whatever was inserted
/// since. It means nothing to another reactor, not even to one that has been put in this one's place.
///
/// ```
/// use iomux_backend::{Interest, Mode, Reactor};
///
/// let mut reactor = Reactor::new()?;
/// let old = reactor.insert(std::io::pipe()?.0, (), Interest::READABLE, Mode::Level)?;
/// reactor.remove(old);
/// let new = reactor.insert(std::io::pipe()?.0, (), Interest::READABLE, Mode::Level)?;
/// assert_ne!(old, new);
/// assert!(!reactor.contains(old));
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// What the multiplexer knows the source by: its token.
    pub(super) place: usize,
    /// Which of all that was ever inserted, in any reactor; also where a token has 32 bits only.
    pub(super) generation: u64,
}

/// Why [`Reactor::next`](crate::Reactor::next) hands out a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The source is ready; the readiness is never empty.
    Ready(Readiness),
    /// The source's [deadline](crate::Reactor::set_deadline) has passed, and is removed.
    Expired,
}

/// A key and its cause, from [`Reactor::next_ready`](crate::Reactor::next_ready).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    pub(super) key: Key,
    pub(super) cause: Cause,
}

impl Ready {
    /// Returns the source's key, or the waker's.
    #[inline]
    #[must_use]
    pub fn key(&self) -> Key {
        self.key
    }

    /// Returns why it was handed out.
    #[inline]
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// Returns the readiness; empty if the source's deadline has expired.
    #[inline]
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        match self.cause {
            Cause::Ready(readiness) => readiness,
            Cause::Expired => Readiness::empty(),
        }
    }
}
