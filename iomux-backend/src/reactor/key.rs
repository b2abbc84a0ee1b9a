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

/// A source that is ready, from [`next_ready`](crate::Reactor::next_ready).
///
/// ```
/// use iomux_backend::{Interest, Mode, Reactor, Timeout};
///
/// let (_reader, writer) = std::io::pipe()?;
/// let mut reactor = Reactor::new()?;
/// let key = reactor.insert(writer, "the writer", Interest::WRITABLE, Mode::Level)?;
/// reactor.wait(Timeout::Infinite)?;
/// let ready = reactor.next_ready().unwrap();
/// assert_eq!(ready.key(), key);
/// assert!(ready.readiness().is_writable());
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    pub(super) key: Key,
    pub(super) readiness: Readiness,
}

impl Ready {
    /// The source's key, or the waker's.
    #[inline]
    #[must_use]
    pub fn key(&self) -> Key {
        self.key
    }

    /// What was reported; never empty.
    #[inline]
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.readiness
    }
}
