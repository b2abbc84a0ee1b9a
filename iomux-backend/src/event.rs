//! The events of a wait, and the buffer that holds them.

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

/// A number that the caller chooses for a registration, and that its events carry.
///
/// A token may be an index or an address, for example. No value is reserved.
///
/// # Examples
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
/// for event in &events {
///     let (_reader, writer) = &pipes[event.token().0];
///     println!("{writer:?} is writable");
/// }
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub usize);

/// A registration that is ready: its token and its readiness.
///
/// # Examples
/// ```
/// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
/// use std::io::{Read, Write};
/// use std::os::fd::AsFd;
///
/// let (mut reader, mut writer) = std::io::pipe()?;
/// writer.write_all(b"hello")?;
/// let copy = reader.try_clone()?;
/// let mut poll = Poll::new();
/// poll.register(copy.as_fd(), Token(7), Interest::READABLE, Mode::Level)?;
/// let mut events = Events::with_capacity(8);
/// poll.wait(&mut events, Timeout::Infinite)?;
/// for event in &events {
///     if event.token() == Token(7) && event.readiness().is_readable() {
///         assert_eq!(reader.read(&mut [0; 64])?, 5);
///     }
/// }
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Event(Raw);

impl Event {
    /// Returns the token of the registration or of the waker.
    #[inline]
    #[must_use]
    pub fn token(&self) -> Token {
        self.0.token()
    }

    /// Returns the readiness, which is never empty.
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

/// A buffer for the events of a wait, with a capacity that the caller chooses.
///
/// No wait allocates. A small buffer loses no event: a source that does not fit is reported by the next wait.
///
/// # Examples
/// ```
/// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
/// use std::os::fd::AsFd;
/// use std::os::unix::net::UnixStream;
///
/// let (ours, theirs) = UnixStream::pair()?;
/// let mut poll = Poll::new();
/// poll.register(ours.as_fd(), Token(1), Interest::WRITABLE, Mode::Level)?;
/// poll.register(theirs.as_fd(), Token(2), Interest::WRITABLE, Mode::Level)?;
/// let mut events = Events::with_capacity(64);
/// assert_eq!(poll.wait(&mut events, Timeout::Infinite)?, events.len());
/// let mut tokens: Vec<Token> = events.iter().map(|event| event.token()).collect();
/// tokens.sort(); // the order of events is unspecified
/// assert_eq!(tokens, [Token(1), Token(2)]);
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct Events {
    /// Its length is the capacity. Elements from `count` on are meaningless.
    pub(crate) events: Box<[Event]>,
    pub(crate) count: usize,
}

impl Events {
    /// Creates a buffer for at most `capacity` events per wait.
    ///
    /// # Panics
    /// Panics if the buffer would be larger than `isize::MAX` bytes, as [`Vec::with_capacity`] does.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { events: vec![Event(Raw::EMPTY); capacity].into(), count: 0 }
    }

    /// Returns the largest number of events that a wait can report. It never changes.
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.events.len()
    }

    /// Returns the number of events of the last wait.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.count
    }

    /// Returns `true` if the last wait returned no event.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns an iterator over the events of the last wait.
    #[inline]
    #[must_use]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Event> {
        self.into_iter()
    }

    /// Returns a copy of the event at `index`, or `None` if `index` is not below [`len`](Self::len).
    #[inline]
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Event> {
        if index < self.count { Some(self.events[index]) } else { None }
    }

    /// Removes all events. A custom backend calls it at the start of each wait.
    #[inline]
    pub fn clear(&mut self) {
        self.count = 0;
    }

    /// Returns the number of events that can be added. A custom backend passes it to its kernel as the maximum.
    #[inline]
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.events.len() - self.count
    }

    /// Adds an event, and returns `true` if it was added. A custom backend calls it in its wait.
    ///
    /// It returns `false` if the buffer is full or `readiness` is empty. If the buffer is full, the backend has to report
    /// the event in the next wait.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Events, Readiness, Token};
    ///
    /// let ready = [(Token(1), Readiness::READABLE), (Token(2), Readiness::HANGUP), (Token(3), Readiness::WRITABLE)];
    /// let mut events = Events::with_capacity(2);
    /// let reported = ready.iter().take_while(|(token, readiness)| events.push(*token, *readiness)).count();
    /// assert_eq!(reported, 2, "the next wait begins with the third");
    /// ```
    #[inline]
    #[must_use = "the next wait has to report an event that was not added"]
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

    #[inline]
    fn into_iter(self) -> Self::IntoIter {
        self.events[..self.count].iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clone_keeps_events_and_capacity() {
        let mut events = Events::with_capacity(100);
        assert!(events.push(Token(1), Readiness::READABLE));
        let copy = events.clone();
        assert_eq!((copy.get(0), copy.len(), copy.capacity()), (events.get(0), 1, 100));
        assert_eq!(format!("{copy:?}"), "[Event { token: Token(1), readiness: Readiness(READABLE) }]");
    }

    #[test]
    fn equality_and_debug_use_token_and_readiness() {
        let event = |token, readiness| Event(Raw::new(Token(token), readiness));
        let one = event(1, Readiness::READABLE);
        assert_eq!(one, event(1, Readiness::READABLE));
        assert_ne!(one, event(2, Readiness::READABLE));
        assert_ne!(one, event(1, Readiness::WRITABLE));
        assert_eq!(format!("{one:?}"), "Event { token: Token(1), readiness: Readiness(READABLE) }");
    }
}
