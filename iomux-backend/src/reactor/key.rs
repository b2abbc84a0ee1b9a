//! The names of sources, and how they are reported.

use iomux::Readiness;

/// The name of a source in its [`Reactor`](crate::Reactor), from [`insert`](crate::Reactor::insert).
///
/// A key is never reused: after its source was removed, it names no source, whatever is inserted later. It names no source
/// of another reactor either.
///
/// # Examples
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
    /// The source's place in the slab, and its token.
    pub(super) place: usize,
    /// The number of the source among all that any reactor has ever owned: 64 bits, also where a token has 32.
    pub(super) generation: u64,
}

/// The reason why [`Reactor::next`](crate::Reactor::next) returns a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The source is ready; the readiness is never empty.
    Ready(Readiness),
    /// The source's [deadline](crate::Reactor::set_deadline) has passed, and was removed.
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

    /// Returns the reason why it was reported.
    #[inline]
    #[must_use]
    pub fn cause(&self) -> Cause {
        self.cause
    }

    /// Returns the readiness, which is empty if the source's deadline has passed.
    #[inline]
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        match self.cause {
            Cause::Ready(readiness) => readiness,
            Cause::Expired => Readiness::empty(),
        }
    }
}
