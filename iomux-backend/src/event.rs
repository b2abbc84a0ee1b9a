//! What a wait reports, and the buffer that it fills.

use iomux::Readiness;

/// The caller's name for a registration: any number, an index or a pointer; none is reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub usize);

/// A registration that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    token: Token,
    readiness: Readiness,
}

impl Event {
    #[inline]
    pub(crate) fn new(token: Token, readiness: Readiness) -> Self {
        Self { token, readiness }
    }

    /// The token that the fd, or the waker, was registered with.
    #[inline]
    #[must_use]
    pub fn token(&self) -> Token {
        self.token
    }

    /// What was reported; never empty.
    #[inline]
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.readiness
    }
}

/// A buffer for events, of the size that the caller chose. No wait allocates.
///
/// A small one loses nothing: what does not fit comes first the next time.
///
/// ```
/// use iomux_backend::{Events, Readiness, Token};
///
/// let mut events = Events::with_capacity(1);
/// assert!(events.push(Token(7), Readiness::READABLE));
/// assert!(!events.push(Token(8), Readiness::READABLE), "full");
/// assert_eq!(events.iter().map(|event| event.token()).collect::<Vec<_>>(), [Token(7)]);
/// ```
#[derive(Clone, Debug)]
pub struct Events {
    events: Vec<Event>,
    capacity: usize,
}

impl Events {
    /// A buffer for at most `capacity` events a wait.
    ///
    /// # Panics
    /// As [`Vec::with_capacity`], past `isize::MAX` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { events: Vec::with_capacity(capacity), capacity }
    }

    /// The number of events that a wait can report.
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The number of events in the buffer.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events of the last wait.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Event> {
        self.events.iter()
    }

    /// The event at `index`, in the order in which they were reported.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Event> {
        self.events.get(index).copied()
    }

    /// For a backend: empties the buffer, which is the first thing that a wait does.
    #[inline]
    pub fn clear(&mut self) {
        self.events.clear();
    }

    /// For a backend: how many more events there is room for.
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.capacity - self.events.len()
    }

    /// For a backend: reports that the registration with `token` is ready. `false` if the buffer is
    /// full, or `readiness` empty: then nothing was added, and it is the backend's to report it at the
    /// next wait.
    #[inline]
    #[must_use = "what did not fit has to be reported at the next wait"]
    pub fn push(&mut self, token: Token, readiness: Readiness) -> bool {
        let fits = self.events.len() < self.capacity && !readiness.is_empty();
        if fits {
            self.events.push(Event { token, readiness });
        }
        fits
    }

    /// Adds all of `events`, of which there are no more than there is room for.
    #[inline]
    pub(crate) fn extend(&mut self, events: impl ExactSizeIterator<Item = Event>) {
        debug_assert!(events.len() <= self.remaining());
        self.events.extend(events);
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = &'a Event;
    type IntoIter = std::slice::Iter<'a, Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.events.iter()
    }
}
