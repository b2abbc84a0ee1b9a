//! The keys of sources, and the reasons why a wait reports them.

use iomux::Readiness;

/// The identifier of a source in its [`Reactor`](crate::Reactor).
///
/// [`insert`](crate::Reactor::insert) returns it. A key is never reused. After its source was removed, the key is invalid,
/// even if other sources are inserted later. The key is also invalid in any other reactor.
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
    /// A number that no other source of any reactor has. It has 64 bits, even where a token has 32.
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
