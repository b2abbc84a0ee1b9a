//! What a wait reports, and the buffer that it fills.

use crate::raw::Raw;
use iomux::Readiness;
use std::fmt;

/// The caller's name for a registration: any number, an index or a pointer; none is reserved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub usize);

/// A registration that is ready.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Event(Raw);

impl Event {
    /// The token that the fd, or the waker, was registered with.
    #[inline]
    #[must_use]
    pub fn token(&self) -> Token {
        self.0.token()
    }

    /// What was reported; never empty.
    #[inline]
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.0.readiness()
    }
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        self.token() == other.token() && self.readiness() == other.readiness()
    }
}

impl Eq for Event {}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event").field("token", &self.token()).field("readiness", &self.readiness()).finish()
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
#[derive(Clone)]
pub struct Events {
    /// As many as there is room for; those from `count` on are of no meaning.
    pub(crate) events: Box<[Event]>,
    pub(crate) count: usize,
}

impl Events {
    /// A buffer for at most `capacity` events a wait.
    ///
    /// # Panics
    /// As [`Vec::with_capacity`], past `isize::MAX` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { events: vec![Event(Raw::EMPTY); capacity].into(), count: 0 }
    }

    /// The number of events that a wait can report.
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.events.len()
    }

    /// The number of events in the buffer.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The events of the last wait.
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Event> {
        self.into_iter()
    }

    /// The event at `index`, in the order in which they were reported.
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Event> {
        self.events[..self.count].get(index).copied()
    }

    /// For a backend: empties the buffer, which is the first thing that a wait does.
    #[inline]
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// For a backend: how many more events there is room for.
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.events.len() - self.count
    }

    /// For a backend: reports that the registration with `token` is ready. `false` if the buffer is
    /// full, or `readiness` empty: then nothing was added, and it is the backend's to report it at the
    /// next wait.
    #[inline]
    #[must_use = "what did not fit has to be reported at the next wait"]
    pub fn push(&mut self, token: Token, readiness: Readiness) -> bool {
        if readiness.is_empty() {
            return false;
        }
        let Some(place) = self.events.get_mut(self.count) else { return false };
        *place = Event(Raw::new(token, readiness));
        self.count += 1;
        true
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self).finish()
    }
}

impl<'a> IntoIterator for &'a Events {
    type Item = &'a Event;
    type IntoIter = std::slice::Iter<'a, Event>;

    fn into_iter(self) -> Self::IntoIter {
        self.events[..self.count].iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_the_events_and_the_room_in_memory() {
        let mut events = Events::with_capacity(100);
        assert!(events.push(Token(1), Readiness::READABLE));
        let copy = events.clone();
        assert_eq!((copy.get(0), copy.len(), copy.capacity()), (events.get(0), 1, 100));
        assert_eq!(format!("{copy:?}"), "[Event { token: Token(1), readiness: Readiness(READABLE) }]");
    }

    #[test]
    fn events_are_equal_in_token_and_readiness_and_show_both() {
        let event = |token, readiness| Event(Raw::new(Token(token), readiness));
        let one = event(1, Readiness::READABLE);
        assert_eq!(one, event(1, Readiness::READABLE));
        assert_ne!(one, event(2, Readiness::READABLE));
        assert_ne!(one, event(1, Readiness::WRITABLE));
        assert_eq!(format!("{one:?}"), "Event { token: Token(1), readiness: Readiness(READABLE) }");
    }
}
