//! A multiplexer that owns its sources, which may come and go.

mod access;
mod error;
mod handle;
mod key;
mod lend;
mod slab;
mod wait;

pub use error::{InsertError, SubmitError};
pub use handle::Handle;
pub use key::{Key, Ready};

use crate::error::Error;
use crate::event::Events;
use crate::multiplexer::{Capabilities, Mode, TrustedMultiplexer};
use crate::waker::Waker;
use crate::{Native, native};
use handle::Inbox;
use iomux::Interest;
use lend::Lent;
use std::fmt;
use std::os::fd::AsFd;

/// How many events a wait of [`Reactor::new`] can report.
const EVENTS: usize = 1024;

/// Owns sources, each with a state, and waits for them: for programs whose connections come and go.
///
/// A source is anything with an fd, [`AsFd`]; its state is whatever the program wants to find beside it.
/// A [`Key`] names both, and is never used again. Since the reactor owns the source, it can't be closed
/// while it is registered, and is deregistered before it is handed out or dropped. Dropping the reactor
/// closes all that it owns.
///
/// What is ready comes one by one from [`next_ready`](Self::next_ready); between two, anything may be
/// inserted, changed and removed. An event of a source that has been removed meanwhile is not reported,
/// least of all under the key of another that has taken its place. That holds for as long as nobody puts another file
/// under the number of a source that is registered, as dup2(2) over stdin does.
///
/// ```
/// use iomux_backend::{Interest, Mode, Reactor, Timeout};
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// let (ours, mut theirs) = UnixStream::pair()?;
/// let mut reactor = Reactor::new()?;
/// reactor.insert(ours, String::new(), Interest::READABLE, Mode::Level)?;
/// theirs.write_all(b"hello")?;
/// drop(theirs);
/// while !reactor.is_empty() {
///     reactor.wait(Timeout::Infinite)?;
///     while let Some(ready) = reactor.next_ready() {
///         let Some((mut stream, text)) = reactor.get(ready.key()) else { continue };
///         let mut buffer = [0; 16];
///         let count = stream.read(&mut buffer)?;
///         text.push_str(&String::from_utf8_lossy(&buffer[..count]));
///         if count == 0 {
///             let (_stream, text) = reactor.remove(ready.key()).unwrap();
///             assert_eq!(text, "hello");
///         }
///     }
/// }
/// # std::io::Result::Ok(())
/// ```
///
/// # The source is shared
/// [`get`](Self::get) gives `&S`, so that a source can't be swapped out under its registration. `&TcpStream`
/// and the like read and write; for others there is [`get_mut`](Self::get_mut), which is `unsafe`.
/// [`as_fd`](AsFd::as_fd) is called once, by [`insert`](Self::insert): whatever a source answers later, it
/// is deregistered by the number that it was registered by.
///
/// # The multiplexer is trusted
/// It is lent fds that live only as long as their sources, and promises to let go of them:
/// [`TrustedMultiplexer`]. It is [`Native`] unless [`with`](Self::with) is given another.
pub struct Reactor<S, T = (), M = Native<'static>> {
    inbox: Inbox<S, T, M>,
    lent: Lent<S, T, M>,
    events: Events,
    /// The index of the event that `next_ready` looks at next.
    next: usize,
    /// The generation at which the last wait began: an event is for who is older.
    wait_began: u64,
}

impl<S: AsFd, T> Reactor<S, T> {
    /// A reactor over the best multiplexer of this system, with room for 1024 events a wait.
    ///
    /// ```
    /// use iomux_backend::Reactor;
    ///
    /// let reactor = Reactor::<std::net::TcpStream>::new()?;
    /// assert!(reactor.is_empty());
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Os`], where a multiplexer is an fd and there is none left.
    pub fn new() -> Result<Self, Error> {
        Ok(Self::with(native()?, EVENTS))
    }
}

impl<S: AsFd, T, M: TrustedMultiplexer<'static>> Reactor<S, T, M> {
    /// A reactor over `multiplexer`, in which nothing is registered, with room for `events` events a wait.
    ///
    /// ```
    /// use iomux_backend::{Multiplexer, Poll, Reactor, TrustedMultiplexer};
    ///
    /// let chosen_at_run_time: Box<dyn TrustedMultiplexer<'static> + Send> = Box::new(Poll::new());
    /// let reactor = Reactor::<std::net::TcpStream, (), _>::with(chosen_at_run_time, 64);
    /// assert_eq!(reactor.backend().name(), "poll");
    /// ```
    ///
    /// It should have nothing registered yet. What it has, it keeps, for as long as it lives: nothing here can
    /// change or deregister it, and its events are passed over, or reported as those of a source that happens
    /// to have its token.
    ///
    /// # Panics
    /// As [`Events::with_capacity`].
    #[must_use]
    pub fn with(multiplexer: M, events: usize) -> Self {
        let events = Events::with_capacity(events);
        Self { inbox: Inbox::closed(), lent: Lent::new(multiplexer), events, next: 0, wait_began: 0 }
    }

    /// Takes `source`, asks its fd for `interest`, and keeps `state` beside it.
    ///
    /// The first wait that reports it is one that begins after this.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor};
    /// use std::net::TcpListener;
    ///
    /// let mut reactor = Reactor::new()?;
    /// let listener = TcpListener::bind(("127.0.0.1", 0))?;
    /// let key = reactor.insert(listener, "the listener", Interest::READABLE, Mode::Level)?;
    /// assert!(reactor.contains(key));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`Multiplexer::register`](crate::Multiplexer::register); [`InsertError`] hands `source` and `state` back.
    pub fn insert(
        &mut self,
        source: S,
        state: T,
        interest: Interest,
        mode: Mode,
    ) -> Result<Key, InsertError<S, T>> {
        self.lent.insert(source, state, interest, mode)
    }

    /// Deregisters a source, and hands it and its state back. `None` if there is none under that key.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor};
    ///
    /// let mut reactor = Reactor::new()?;
    /// let key = reactor.insert(std::io::pipe()?.0, "mine", Interest::READABLE, Mode::Level)?;
    /// assert!(matches!(reactor.remove(key), Some((_reader, "mine"))));
    /// assert!(reactor.remove(key).is_none());
    /// # std::io::Result::Ok(())
    /// ```
    pub fn remove(&mut self, key: Key) -> Option<(S, T)> {
        self.lent.remove(key)
    }

    /// Removes and drops every source of which `is_kept` says `false`.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor};
    ///
    /// let mut reactor = Reactor::new()?;
    /// for number in 0..4 {
    ///     reactor.insert(std::io::pipe()?.0, number, Interest::READABLE, Mode::Level)?;
    /// }
    /// reactor.retain(|_key, _source, number| *number % 2 == 0);
    /// assert_eq!(reactor.len(), 2);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn retain(&mut self, mut is_kept: impl FnMut(Key, &S, &mut T) -> bool) {
        let mut place = 0;
        while let Some(key) = self.lent.first_from(place) {
            place = key.place + 1;
            if self.get(key).is_some_and(|(source, state)| !is_kept(key, source, state)) {
                self.remove(key);
            }
        }
    }

    /// Asks a source for something else, in a mode that may be another as well; ends a
    /// [pause](Self::pause), and arms a one-shot again.
    ///
    /// An event that the last wait has found stays as it was found.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor, Timeout};
    /// use std::os::unix::net::UnixStream;
    ///
    /// let (ours, _theirs) = UnixStream::pair()?;
    /// let mut reactor = Reactor::new()?;
    /// let key = reactor.insert(ours, (), Interest::READABLE, Mode::Level)?;
    /// assert_eq!(reactor.wait(Timeout::Nowait)?, 0);
    /// reactor.modify(key, Interest::WRITABLE, Mode::Level)?;
    /// assert_eq!(reactor.wait(Timeout::Nowait)?, 1);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`Multiplexer::modify`](crate::Multiplexer::modify), [`Error::NoSuchKey`] if there is no source under `key`. Nothing has
    /// changed then.
    pub fn modify(&mut self, key: Key, interest: Interest, mode: Mode) -> Result<(), Error> {
        self.lent.modify(key, interest, mode)
    }

    /// Asks a source for nothing until it is [resumed](Self::resume) or [modified](Self::modify): what holds
    /// back a peer that sends faster than it is answered.
    ///
    /// A source that is merely asked for nothing would report a hangup at every wait. One that is paused
    /// reports it once, or not at all where the multiplexer has no
    /// [`Capabilities::ONE_SHOT`](crate::Capabilities::ONE_SHOT). What the last wait has found of it and was
    /// not taken yet is not reported: a hangup comes again with the next wait, the rest when it is resumed.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor, Timeout};
    /// use std::io::Write;
    ///
    /// let (reader, mut writer) = std::io::pipe()?;
    /// let mut reactor = Reactor::new()?;
    /// let key = reactor.insert(reader, (), Interest::READABLE, Mode::Level)?;
    /// writer.write_all(b"!")?;
    /// reactor.pause(key)?;
    /// assert_eq!(reactor.wait(Timeout::Nowait)?, 0);
    /// reactor.resume(key)?;
    /// assert_eq!(reactor.wait(Timeout::Nowait)?, 1);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoSuchKey`] if there is no source under `key`.
    pub fn pause(&mut self, key: Key) -> Result<(), Error> {
        self.lent.pause(key)
    }

    /// Asks a source again for what it was asked for last: ends a [pause](Self::pause), and arms a one-shot
    /// again.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor, Timeout};
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut reactor = Reactor::new()?;
    /// let key = reactor.insert(writer, (), Interest::WRITABLE, Mode::OneShot)?;
    /// assert_eq!(reactor.wait(Timeout::Nowait)?, 1);
    /// assert_eq!(reactor.wait(Timeout::Nowait)?, 0);
    /// reactor.resume(key)?;
    /// assert_eq!(reactor.wait(Timeout::Nowait)?, 1);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`modify`](Self::modify).
    pub fn resume(&mut self, key: Key) -> Result<(), Error> {
        self.lent.resume(key)
    }

    /// A waker, which ends a wait from any thread, or from a signal handler, and the key that it is reported
    /// under. It stays for as long as the reactor; its key is not a source's: it can't be removed, modified or
    /// paused, which answer as if nothing were there. A waker that is kept for longer keeps an fd open.
    ///
    /// ```
    /// use iomux_backend::{Reactor, Timeout};
    ///
    /// let mut reactor = Reactor::<std::net::TcpStream>::new()?;
    /// let (key, waker) = reactor.waker()?;
    /// std::thread::spawn(move || waker.wake());
    /// reactor.wait(Timeout::Infinite)?;
    /// assert_eq!(reactor.next_ready().map(|ready| ready.key()), Some(key));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`Multiplexer::waker`](crate::Multiplexer::waker).
    pub fn waker(&mut self) -> Result<(Key, Waker), Error> {
        self.lent.waker()
    }

    /// A handle, by which other threads [submit](Handle::submit) what is to run here.
    ///
    /// ```
    /// use iomux_backend::{Reactor, Timeout};
    ///
    /// let mut reactor = Reactor::<std::net::TcpStream>::new()?;
    /// let handle = reactor.handle()?;
    /// std::thread::spawn(move || handle.submit(|reactor| println!("{} sources", reactor.len()))).join().unwrap()?;
    /// assert_eq!(reactor.wait(Timeout::Nowait)?, 0, "it runs here, and is no event");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`Multiplexer::waker`](crate::Multiplexer::waker), which the first handle needs; the others are free.
    pub fn handle(&mut self) -> Result<Handle<S, T, M>, Error> {
        if let Some(handle) = self.inbox.handle() {
            return Ok(handle);
        }
        let (key, waker) = self.lent.waker()?;
        Ok(self.inbox.open(key, waker))
    }

    /// What its multiplexer can do.
    ///
    /// ```
    /// use iomux_backend::{Capabilities, Poll, Reactor};
    ///
    /// let reactor = Reactor::<std::net::TcpStream, (), _>::with(Poll::new(), 64);
    /// assert!(!reactor.capabilities().contains(Capabilities::EDGE), "poll(2) has no edges");
    /// ```
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.backend().capabilities()
    }

    /// The multiplexer, to be looked at.
    ///
    /// ```
    /// use iomux_backend::{Capabilities, Multiplexer, Poll, Reactor};
    ///
    /// let reactor = Reactor::<std::net::TcpStream, (), _>::with(Poll::new(), 64);
    /// assert!(reactor.backend().capabilities().contains(Capabilities::ONE_SHOT));
    /// ```
    #[must_use]
    pub fn backend(&self) -> &M {
        self.lent.multiplexer()
    }

    /// What a backend of this crate adds to a reactor over itself begins here.
    #[allow(dead_code, reason = "not every system has such a backend")]
    pub(crate) fn backend_mut(&mut self) -> &mut M {
        self.lent.multiplexer_mut()
    }
}

impl<S: AsFd, T, M: TrustedMultiplexer<'static>> fmt::Debug for Reactor<S, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reactor = f.debug_struct("Reactor");
        reactor.field("backend", &self.backend().name()).field("len", &self.len()).finish_non_exhaustive()
    }
}
