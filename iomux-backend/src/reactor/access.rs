//! The sources of a reactor, looked at and counted.

use super::Reactor;
use super::key::Key;
use crate::multiplexer::TrustedMultiplexer;
use std::os::fd::AsFd;

impl<S: AsFd, T, M: TrustedMultiplexer<'static>> Reactor<S, T, M> {
    /// The source that `key` is of, and its state. `None` if there is none, or no longer.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor};
    ///
    /// let mut reactor = Reactor::new()?;
    /// let key = reactor.insert(std::io::pipe()?.0, 1, Interest::READABLE, Mode::Level)?;
    /// if let Some((_source, count)) = reactor.get(key) {
    ///     *count += 1;
    /// }
    /// assert_eq!(reactor.get(key).map(|(_, count)| *count), Some(2));
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn get(&mut self, key: Key) -> Option<(&S, &mut T)> {
        self.lent.get(key)
    }

    /// The source that `key` is of, to be looked at where the reactor is only shared.
    ///
    /// ```
    /// use iomux_backend::{Interest, Key, Mode, Reactor};
    /// use std::net::{TcpListener, SocketAddr};
    ///
    /// fn address(reactor: &Reactor<TcpListener>, key: Key) -> Option<SocketAddr> {
    ///     reactor.source(key)?.local_addr().ok()
    /// }
    ///
    /// let mut reactor = Reactor::new()?;
    /// let listener = TcpListener::bind(("127.0.0.1", 0))?;
    /// let key = reactor.insert(listener, (), Interest::READABLE, Mode::Level)?;
    /// assert!(address(&reactor, key).is_some_and(|address| address.ip().is_loopback()));
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn source(&self, key: Key) -> Option<&S> {
        self.lent.source(key)
    }

    /// Two sources at once, each with its state, in the order of the keys: for a proxy, which reads from one
    /// and writes to the other. `None` if one of them is not there, or both keys are the same.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor, Timeout};
    /// use std::io::{Read, Write};
    /// use std::os::unix::net::UnixStream;
    ///
    /// let ((mut client, ours), (theirs, mut server)) = (UnixStream::pair()?, UnixStream::pair()?);
    /// let mut reactor = Reactor::new()?;
    /// let from = reactor.insert(ours, 0, Interest::READABLE, Mode::Level)?;
    /// let to = reactor.insert(theirs, 0, Interest::READABLE, Mode::Level)?;
    /// client.write_all(b"hello")?;
    /// reactor.wait(Timeout::Infinite)?;
    /// if let Some(((mut from, received), (mut to, sent))) = reactor.get_pair(from, to) {
    ///     let mut buffer = [0; 16];
    ///     *received += from.read(&mut buffer)?;
    ///     *sent += to.write(&buffer[..*received])?;
    /// }
    /// assert_eq!(server.read(&mut [0; 16])?, 5);
    /// assert!(reactor.get_pair(from, from).is_none());
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    #[expect(clippy::type_complexity, reason = "a name for it would say less")]
    pub fn get_pair(&mut self, first: Key, second: Key) -> Option<((&S, &mut T), (&S, &mut T))> {
        self.lent.get_pair(first, second)
    }

    /// Whether there is a source under `key`.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor};
    ///
    /// let mut reactor = Reactor::new()?;
    /// let key = reactor.insert(std::io::pipe()?.0, (), Interest::READABLE, Mode::Level)?;
    /// assert!(reactor.contains(key));
    /// reactor.remove(key);
    /// assert!(!reactor.contains(key));
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn contains(&self, key: Key) -> bool {
        self.source(key).is_some()
    }

    /// The number of sources. A [waker](Self::waker) is none.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor};
    ///
    /// let mut reactor = Reactor::new()?;
    /// reactor.waker()?;
    /// reactor.insert(std::io::pipe()?.0, (), Interest::READABLE, Mode::Level)?;
    /// assert_eq!(reactor.len(), 1);
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn len(&self) -> usize {
        self.lent.len()
    }

    /// Whether there are no sources.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor};
    ///
    /// let mut reactor = Reactor::new()?;
    /// assert!(reactor.is_empty());
    /// reactor.insert(std::io::pipe()?.0, (), Interest::READABLE, Mode::Level)?;
    /// assert!(!reactor.is_empty());
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys of all sources, in no order.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor};
    ///
    /// let mut reactor = Reactor::new()?;
    /// let key = reactor.insert(std::io::pipe()?.0, (), Interest::READABLE, Mode::Level)?;
    /// assert_eq!(reactor.keys().collect::<Vec<_>>(), [key]);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.lent.keys()
    }

    /// All sources with their states, in no order.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor};
    ///
    /// let mut reactor = Reactor::new()?;
    /// reactor.insert(std::io::pipe()?.0, 1, Interest::READABLE, Mode::Level)?;
    /// reactor.insert(std::io::pipe()?.0, 2, Interest::READABLE, Mode::Level)?;
    /// reactor.iter_mut().for_each(|(_key, _source, number)| *number *= 10);
    /// assert_eq!(reactor.iter_mut().map(|(_, _, number)| *number).sum::<i32>(), 30);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &S, &mut T)> {
        self.lent.iter_mut()
    }
}
