//! What a wait reports, and the buffer that it fills.

#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) mod epoll_bits;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod plain;

#[cfg(any(target_os = "linux", target_os = "android"))]
use epoll::Raw;
use iomux::Readiness;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use plain::Raw;
use std::fmt;

/// The caller's name for a registration: any number, an index or a pointer; none is reserved.
///
/// ```
/// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
/// use std::os::fd::AsFd;
///
/// let pipes = [std::io::pipe()?, std::io::pipe()?];
/// let mut poll = Poll::new();
/// for (index, (_reader, writer)) in pipes.iter().enumerate() {
///     poll.register(writer.as_fd(), Token(index), Interest::WRITABLE, Mode::Level)?;
/// }
/// let mut events = Events::with_capacity(8);
/// poll.wait(&mut events, Timeout::Infinite)?;
/// let writers = events.iter().map(|event| &pipes[event.token().0].1);
/// assert_eq!(writers.count(), 2);
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub usize);

/// A registration that is ready.
///
/// ```
/// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
/// use std::os::fd::AsFd;
///
/// let (reader, writer) = std::io::pipe()?;
/// let mut poll = Poll::new();
/// poll.register(reader.as_fd(), Token(usize::MAX), Interest::READABLE, Mode::Level)?;
/// drop(writer);
/// let mut events = Events::with_capacity(1);
/// poll.wait(&mut events, Timeout::Infinite)?;
/// let event = events.get(0).unwrap(); // a copy, so that the buffer may be used again
/// assert_eq!(event.token(), Token(usize::MAX));
/// assert!(event.readiness().is_readable(), "to find that this was the end");
/// # std::io::Result::Ok(())
/// ```
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
    /// ```
    /// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
    /// use std::os::fd::AsFd;
    ///
    /// let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    /// let mut poll = Poll::new();
    /// poll.register(ours.as_fd(), Token(1), Interest::WRITABLE, Mode::Level)?;
    /// poll.register(theirs.as_fd(), Token(2), Interest::WRITABLE, Mode::Level)?;
    /// let mut events = Events::with_capacity(1);
    /// assert_eq!(poll.wait(&mut events, Timeout::Infinite)?, 1);
    /// let first = events.get(0);
    /// assert_eq!(poll.wait(&mut events, Timeout::Infinite)?, 1);
    /// assert_ne!(events.get(0), first, "each has its turn");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Panics
    /// As [`Vec::with_capacity`], past `isize::MAX` bytes.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { events: vec![Event(Raw::EMPTY); capacity].into(), count: 0 }
    }

    /// The number of events that a wait can report.
    ///
    /// ```
    /// use iomux_backend::{Error, Events, Multiplexer, Poll, Timeout};
    ///
    /// let mut events = Events::with_capacity(0);
    /// assert_eq!(events.capacity(), 0, "it does not grow by itself");
    /// assert_eq!(Poll::new().wait(&mut events, Timeout::Nowait), Err(Error::NoRoomForEvents));
    /// ```
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.events.len()
    }

    /// The number of events in the buffer.
    ///
    /// ```
    /// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut poll = Poll::new();
    /// poll.register(writer.as_fd(), Token(0), Interest::WRITABLE, Mode::Level)?;
    /// let mut events = Events::with_capacity(8);
    /// for _ in 0..3 {
    ///     assert_eq!(poll.wait(&mut events, Timeout::Infinite)?, events.len());
    ///     assert_eq!(events.len(), 1, "of the last wait alone");
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    ///
    /// ```
    /// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
    /// use std::os::fd::AsFd;
    /// use std::time::Duration;
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut poll = Poll::new();
    /// poll.register(reader.as_fd(), Token(0), Interest::READABLE, Mode::Level)?;
    /// let mut events = Events::with_capacity(8);
    /// poll.wait(&mut events, Timeout::After(Duration::from_millis(1)))?;
    /// assert!(events.is_empty(), "the time has passed");
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The events of the last wait.
    ///
    /// ```
    /// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
    /// use std::os::fd::AsFd;
    ///
    /// let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    /// let mut poll = Poll::new();
    /// poll.register(ours.as_fd(), Token(1), Interest::WRITABLE, Mode::Level)?;
    /// poll.register(theirs.as_fd(), Token(2), Interest::WRITABLE, Mode::Level)?;
    /// let mut events = Events::with_capacity(8);
    /// poll.wait(&mut events, Timeout::Infinite)?;
    /// let mut tokens: Vec<Token> = events.iter().map(|event| event.token()).collect();
    /// tokens.sort(); // their order is the backend's own
    /// assert_eq!(tokens, [Token(1), Token(2)]);
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Event> {
        self.into_iter()
    }

    /// The event at `index`, in the order in which they were reported.
    ///
    /// ```
    /// use iomux_backend::{Events, Readiness, Token};
    ///
    /// let mut events = Events::with_capacity(8);
    /// assert!(events.push(Token(7), Readiness::READABLE));
    /// assert_eq!(events.get(0).map(|event| event.token()), Some(Token(7)));
    /// assert_eq!(events.get(1), None, "there is room, but no event");
    /// ```
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Event> {
        self.events[..self.count].get(index).copied()
    }

    /// For a backend: empties the buffer, which is the first thing that a wait does.
    ///
    /// ```
    /// use iomux_backend::{Events, Readiness, Token};
    ///
    /// let mut events = Events::with_capacity(1);
    /// assert!(events.push(Token(1), Readiness::READABLE)); // of the wait before
    /// events.clear();
    /// assert_eq!((events.len(), events.capacity()), (0, 1));
    /// assert!(events.push(Token(2), Readiness::READABLE));
    /// ```
    #[inline]
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// For a backend: how many more events there is room for.
    ///
    /// ```
    /// use iomux_backend::{Events, Readiness, Token};
    ///
    /// let mut events = Events::with_capacity(4);
    /// assert!(events.push(Token(0), Readiness::READABLE)); // of a waker, say
    /// assert_eq!(events.remaining(), 3, "what the kernel may be asked for");
    /// ```
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.events.len() - self.count
    }

    /// For a backend: reports that the registration with `token` is ready. `false` if the buffer is
    /// full, or `readiness` empty: then nothing was added, and it is the backend's to report it at the
    /// next wait.
    ///
    /// ```
    /// use iomux_backend::{Events, Readiness, Token};
    ///
    /// let found = [(Token(1), Readiness::READABLE), (Token(2), Readiness::HANGUP), (Token(3), Readiness::WRITABLE)];
    /// let mut events = Events::with_capacity(2);
    /// let reported = found.iter().take_while(|(token, readiness)| events.push(*token, *readiness)).count();
    /// assert_eq!(reported, 2, "the next wait begins with the third");
    /// events.clear();
    /// assert!(!events.push(Token(4), Readiness::empty()), "no event, though there is room");
    /// ```
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
