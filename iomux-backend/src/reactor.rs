//! A multiplexer that owns its sources, which may come and go.

mod deadlines;
mod error;
mod handle;
mod key;
mod slab;
mod sources;

pub use error::{InsertError, SubmitError};
pub use handle::Handle;
pub use key::{Cause, Key, Ready};

use crate::capabilities::Capabilities;
use crate::error::Error;
use crate::event::Events;
use crate::mode::Mode;
use crate::multiplexer::TrustedMultiplexer;
use crate::waker::Waker;
use crate::{Native, native};
use deadlines::Deadlines;
use handle::Inbox;
use iomux::{Chunk, Interest, Interrupt, Outcome, SigSet, Timeout, WaitCall, wait_with};
use sources::{Entry, Sources};
use std::fmt;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How many events a wait of [`Reactor::new`] can report.
const EVENTS: usize = 1024;

/// Owns sources, each with a state, and waits for them: for programs whose connections come and go.
///
/// A source is anything with an fd, [`AsFd`]; its state is whatever the program wants to find beside it.
/// A [`Key`] names both, and is never used again. Since the reactor owns the source, it can't be closed
/// while it is registered, and is deregistered before it is handed out or dropped. Dropping the reactor
/// closes all that it owns.
///
/// [`next`](Self::next) lends the ready sources one by one; between two, sources may be inserted, modified and
/// removed. An event of a source that was removed meanwhile is not reported, least of all under the key of another
/// source. That holds unless a program puts another file under the number of a registered source, as dup2(2) over
/// stdin does.
///
/// A listener with its connections, an idle timeout and SIGTERM (`examples/listener.rs`):
///
/// ```no_run
#[doc = include_str!("../examples/listener.rs")]
/// ```
///
/// # The source is shared
/// [`next`](Self::next) and [`get`](Self::get) lend `&S`, so that a source can't be swapped out under its registration.
/// [`TryRead`](crate::TryRead) and [`TryWrite`](crate::TryWrite) read and write `&TcpStream` and the like; for other types
/// there is [`get_mut`](Self::get_mut), which is `unsafe`.
/// [`as_fd`](AsFd::as_fd) is called once, by [`insert`](Self::insert): whatever a source answers later, it
/// is deregistered by the number that it was registered by.
///
/// # The multiplexer is trusted
/// It is lent fds that live only as long as their sources, and promises to let go of them:
/// [`TrustedMultiplexer`]. It is [`Native`] unless [`with`](Self::with) is given another.
pub struct Reactor<S, T = (), M = Native<'static>> {
    inbox: Inbox<S, T, M>,
    sources: Sources<S, T, M>,
    /// The waker of a first handle for which there was no memory: for the next attempt.
    unused_waker: Option<(Key, Waker)>,
    events: Events,
    deadlines: Deadlines,
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
    /// assert_eq!(reactor.name(), "poll");
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
        Self {
            inbox: Inbox::closed(),
            sources: Sources::new(multiplexer),
            unused_waker: None,
            events,
            deadlines: Deadlines::default(),
            next: 0,
            wait_began: 0,
        }
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
        self.sources.insert(source, interest, mode, |_| state)
    }

    /// Inserts `source` with a state that knows its own key, as [`insert`](Self::insert).
    ///
    /// ```
    /// use iomux_backend::{Interest, Key, Mode, Reactor};
    ///
    /// struct Connection {
    ///     key: Key,
    /// }
    ///
    /// let mut reactor = Reactor::new()?;
    /// let (reader, _writer) = std::io::pipe()?;
    /// let key = reactor.insert_with(reader, Interest::READABLE, Mode::Level, |key| Connection { key })?;
    /// assert_eq!(reactor.get(key).map(|(_, connection)| connection.key), Some(key));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`insert`](Self::insert). The key that `state` was given then names nothing.
    pub fn insert_with(
        &mut self,
        source: S,
        interest: Interest,
        mode: Mode,
        state: impl FnOnce(Key) -> T,
    ) -> Result<Key, InsertError<S, T>> {
        self.sources.insert(source, interest, mode, state)
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
        let removed = self.sources.remove(key)?;
        self.deadlines.remove(key.place);
        Some(removed)
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
        while let Some(key) = self.sources.first_from(place) {
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
    /// - Returns [`Error::NoSuchKey`] if there is no source under `key`.
    /// - Returns what [`Multiplexer::modify`](crate::Multiplexer::modify) returns. Nothing has changed then.
    ///
    /// Where a modify costs a system call ([`Capabilities::DEFERRABLE`]), one to [`Mode::Level`] is made by the next wait: what
    /// the kernel rejects then is handed out as [`INVALID`](iomux::Readiness::INVALID).
    pub fn modify(&mut self, key: Key, interest: Interest, mode: Mode) -> Result<(), Error> {
        self.sources.modify(key, interest, mode)
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
        self.sources.pause(key)
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
        self.sources.resume(key)
    }

    /// Moves a source in [`Mode::Exclusive`] to the end of the kernel's queue of those to wake, so that workers that share a
    /// listener are woken in turn.
    ///
    /// The kernel wakes the first in the queue that sleeps. Without this call that is always the worker that registered
    /// first, for as long as it keeps up. Call it after an accept; it takes two system calls.
    /// [`listening`](crate::guide::listening) compares it with other ways. A source that is paused, or in another mode, stays
    /// as it is.
    ///
    /// ```
    /// use iomux_backend::{Capabilities, Interest, Mode, Reactor, Timeout, try_io};
    /// use std::net::{TcpListener, TcpStream};
    ///
    /// let listener = TcpListener::bind(("127.0.0.1", 0))?;
    /// listener.set_nonblocking(true)?;
    /// let mut reactor = Reactor::new()?; // each worker has one, with its own `try_clone` of the listener
    /// # if !reactor.capabilities().contains(Capabilities::EXCLUSIVE) { return Ok(()) }
    /// let key = reactor.insert(listener.try_clone()?, (), Interest::READABLE, Mode::Exclusive)?;
    /// let _client = TcpStream::connect(listener.local_addr()?)?;
    /// reactor.wait(Timeout::Infinite)?;
    /// while let Some((_key, _cause, listener, ())) = reactor.next() {
    ///     if try_io(|| listener.accept())?.is_some() {
    ///         reactor.requeue(key)?;
    ///     }
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// - Returns [`Error::NoSuchKey`] if there is no source under `key`.
    /// - Returns what [`Multiplexer::register`](crate::Multiplexer::register) returns. The source then reports nothing until
    ///   it is [resumed](Self::resume) or [modified](Self::modify).
    #[doc(alias = "EPOLLEXCLUSIVE")]
    pub fn requeue(&mut self, key: Key) -> Result<(), Error> {
        self.sources.requeue(key)
    }

    /// Sets, moves or removes the deadline of a source: [`next`](Self::next) hands the source out as
    /// [`Cause::Expired`] once the deadline has passed and the source was not found ready.
    ///
    /// A [`Duration`](std::time::Duration) counts from now, an [`Instant`] is the deadline itself, and `None` or
    /// [`Timeout::Infinite`] removes it. Moving a deadline to later takes constant time, so it may be moved with every byte.
    ///
    /// - A source whose bytes arrived in time comes as [`Cause::Ready`], whatever the process did meanwhile.
    /// - A source that is ready when its deadline has passed comes as `Ready` first and then, in the same turn, as
    ///   `Expired`, unless the deadline was moved in between: so an idle timeout is moved by what arrives, and a hard deadline
    ///   is kept though the peer keeps sending.
    /// - Whatever is not reported expires: a paused source, a one-shot that has reported, an edge that was not drained.
    /// - A deadline that has expired is removed as the source is handed out. One that is not handed out, since the program
    ///   did not call [`next`](Self::next) to the end, comes again with the next wait.
    ///
    /// ```
    /// use iomux_backend::{Cause, Interest, Mode, Reactor, Timeout};
    /// use std::time::Duration;
    ///
    /// let mut reactor = Reactor::new()?;
    /// let (silent, _writer) = std::io::pipe()?;
    /// let key = reactor.insert(silent, (), Interest::READABLE, Mode::Level)?;
    /// reactor.set_deadline(key, Duration::from_millis(2))?;
    /// reactor.wait(Timeout::Infinite)?;
    /// assert!(matches!(reactor.next(), Some((found, Cause::Expired, _, _)) if found == key));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// - Returns [`Error::NoSuchKey`] if there is no source under `key`.
    /// - Returns [`Error::OutOfMemory`] if there is no memory for a first deadline of this source.
    pub fn set_deadline(&mut self, key: Key, deadline: impl Into<Timeout>) -> Result<(), Error> {
        if !self.contains(key) {
            return Err(Error::NoSuchKey);
        }
        let deadline = match deadline.into() {
            Timeout::Infinite => None,
            Timeout::Nowait => Some(Instant::now()),
            // A time that `Instant` can't hold never comes.
            Timeout::After(time) => Instant::now().checked_add(time),
            Timeout::Until(end) => Some(end),
        };
        self.deadlines.set(key.place, deadline)
    }

    /// Returns a time until which no source expires, or `None` if no source has a deadline.
    ///
    /// It is for an outer loop that waits for the fd of a shared epoll, which becomes readable by what is ready and not by
    /// a deadline. The time may be early where a deadline was moved or removed, and is never late.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
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
        self.sources.waker()
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
        let (key, waker) = match self.unused_waker.take() {
            Some(waker) => waker,
            None => self.sources.inbox()?,
        };
        if let Err(error) = Inbox::<S, T, M>::check_room() {
            self.unused_waker = Some((key, waker));
            return Err(error);
        }
        Ok(self.inbox.open(key, waker))
    }

    /// Waits until a source is ready, a [deadline](Self::set_deadline) expires or a waker is woken, and returns how many
    /// there are for [`next`](Self::next) and [`next_ready`](Self::next_ready).
    ///
    /// It returns 0 only when the time has passed, and not before; signals don't end it, nor does what is
    /// [submitted](Handle::submit), which it runs. (A wait inside what was submitted runs nothing.)
    ///
    /// Events of the last wait that were not taken are forgotten. In [`Mode::Level`](crate::Mode::Level) they are found again;
    /// in the others they are lost, so take them all.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor};
    /// use std::time::{Duration, Instant};
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut reactor = Reactor::new()?;
    /// reactor.insert(reader, (), Interest::READABLE, Mode::Level)?;
    /// let begin = Instant::now();
    /// assert_eq!(reactor.wait(Duration::from_millis(2))?, 0);
    /// assert!(begin.elapsed() >= Duration::from_millis(2));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`Multiplexer::wait`](crate::Multiplexer::wait).
    #[inline]
    pub fn wait(&mut self, timeout: impl Into<Timeout>) -> Result<usize, Error> {
        self.wait_for(timeout.into(), None)
    }

    /// As [`wait`](Self::wait), with the calling thread's signal mask replaced by `mask` meanwhile:
    /// [`SigSet`] shows how no signal is lost so.
    ///
    /// What is [submitted](Handle::submit) runs under the thread's own mask.
    ///
    /// ```
    /// use iomux_backend::{Error, Reactor, SigSet, Timeout};
    ///
    /// let mut reactor = Reactor::<std::net::TcpStream>::new()?;
    /// let _handle = reactor.handle()?;
    /// match reactor.wait_masked(Timeout::Nowait, &SigSet::empty()) {
    ///     Ok(count) => assert_eq!(count, 0),
    ///     // A signal is here, or there are none here: this system has no ppoll(2).
    ///     Err(error) => assert!(matches!(error, Error::Interrupted | Error::Unsupported { .. })),
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`Multiplexer::wait_masked`](crate::Multiplexer::wait_masked): [`Error::Interrupted`] when a handler has run,
    /// or the process was stopped and continues.
    pub fn wait_masked(&mut self, timeout: impl Into<Timeout>, mask: &SigSet) -> Result<usize, Error> {
        self.wait_for(timeout.into(), Some(mask))
    }

    /// Takes the next source that the last wait found ready or expired, with its state; `None` if that was all.
    ///
    /// First come the sources that are ready, then those whose [deadline](Self::set_deadline) has expired. Between two calls,
    /// sources may be inserted, modified and removed: what is no longer there is skipped. A [waker](Self::waker) is skipped
    /// as well: it has ended the wait, and what it was about is looked at after the sources.
    ///
    /// ```
    /// use iomux_backend::{Cause, Interest, Mode, Reactor, Timeout};
    /// use std::io::{Read, Write};
    ///
    /// let mut reactor = Reactor::new()?;
    /// let (reader, mut writer) = std::io::pipe()?;
    /// reactor.insert(reader, Vec::new(), Interest::READABLE, Mode::Level)?;
    /// writer.write_all(b"hello")?;
    /// reactor.wait(Timeout::Infinite)?;
    /// while let Some((key, cause, mut source, bytes)) = reactor.next() {
    ///     assert!(matches!(cause, Cause::Ready(readiness) if readiness.is_readable()));
    ///     bytes.resize(16, 0);
    ///     let count = source.read(bytes)?;
    ///     bytes.truncate(count);
    ///     assert_eq!(bytes, b"hello");
    ///     reactor.remove(key);
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    #[expect(clippy::should_implement_trait, reason = "an iterator could not lend the source")]
    // Inlined, as is all that it needs for a ready source: a program has one such loop.
    #[inline]
    pub fn next(&mut self) -> Option<(Key, Cause, &S, &mut T)> {
        if !self.sources.has_rejected() {
            if let Some(Ready { key, cause }) = self.take_ready(Entry::is_source) {
                return self.sources.get(key).map(|(source, state)| (key, cause, source, state));
            }
            if !self.deadlines.has_more() {
                return None;
            }
        }
        let Ready { key, cause } = self.next_rejected_or_expired()?;
        self.sources.get(key).map(|(source, state)| (key, cause, source, state))
    }

    /// Takes the next key that the last wait found ready or expired, wakers included; `None` if that was all.
    ///
    /// It is [`next`](Self::next) for a program that tells its wakers apart, or needs more than one source at a time.
    #[must_use]
    #[inline]
    pub fn next_ready(&mut self) -> Option<Ready> {
        if !self.sources.has_rejected() {
            if let Some(ready) = self.take_ready(|_| true) {
                return Some(ready);
            }
        }
        self.next_rejected_or_expired()
    }

    /// Takes the next source or waker of the last wait's events that is wanted.
    #[inline(always)]
    fn take_ready(&mut self, is_wanted: impl Fn(&Entry<S, T>) -> bool) -> Option<Ready> {
        while let Some(event) = self.events.get(self.next) {
            self.next += 1;
            let ready = self.sources.owner(event, self.wait_began, &is_wanted);
            if ready.is_some() {
                return ready;
            }
        }
        None
    }

    /// Takes the next source whose change was rejected, or else the next that has expired.
    #[inline(never)]
    fn next_rejected_or_expired(&mut self) -> Option<Ready> {
        if let Some(ready) = self.sources.next_rejected() {
            return Some(ready);
        }
        let key = self.sources.key_at(self.deadlines.next_expired()?)?;
        Some(Ready { key, cause: Cause::Expired })
    }

    /// The source that `key` is of, and its state. `None` if there is none, or no longer.
    #[must_use]
    pub fn get(&mut self, key: Key) -> Option<(&S, &mut T)> {
        self.sources.get(key)
    }

    /// The source that `key` is of, to be looked at where the reactor is only shared.
    #[must_use]
    pub fn source(&self, key: Key) -> Option<&S> {
        self.sources.source(key)
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
        self.sources.get_pair(first, second)
    }

    /// Whether there is a source under `key`.
    #[must_use]
    pub fn contains(&self, key: Key) -> bool {
        self.source(key).is_some()
    }

    /// The number of sources. A [waker](Self::waker) is none.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Whether there are no sources.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The keys of all sources, in no order.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.sources.keys()
    }

    /// All sources with their states, in no order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &S, &mut T)> {
        self.sources.iter_mut()
    }

    /// Frees memory of sources that were removed, where it can without changing a key: after a burst, say.
    pub fn shrink_to_fit(&mut self) {
        self.sources.shrink_to_fit();
        if self.deadlines.is_empty() {
            self.deadlines = Deadlines::default();
        }
    }

    /// The source that `key` is of, and its state, both to be changed: for a source whose
    /// [`Read`](std::io::Read) or [`Write`](std::io::Write) is there for `&mut` only.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor};
    /// use std::io::{PipeReader, Read, Write};
    /// use std::os::fd::{AsFd, BorrowedFd};
    ///
    /// struct Counted {
    ///     reader: PipeReader,
    ///     bytes: usize, // a buffer here would hide bytes from the kernel, and so from the reactor
    /// }
    /// impl AsFd for Counted {
    ///     fn as_fd(&self) -> BorrowedFd<'_> {
    ///         self.reader.as_fd()
    ///     }
    /// }
    ///
    /// let (reader, mut writer) = std::io::pipe()?;
    /// let mut reactor = Reactor::new()?;
    /// let key = reactor.insert(Counted { reader, bytes: 0 }, (), Interest::READABLE, Mode::Level)?;
    /// writer.write_all(b"hello")?;
    /// // SAFETY: reading from it does not close it.
    /// let (source, ()) = unsafe { reactor.get_mut(key) }.unwrap();
    /// source.bytes += source.reader.read(&mut [0; 16])?;
    /// assert_eq!(source.bytes, 5);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Safety
    /// The source keeps its fd: it is not closed, and the source neither replaced nor swapped with another.
    pub unsafe fn get_mut(&mut self, key: Key) -> Option<(&mut S, &mut T)> {
        // SAFETY: the caller keeps the fd, as this asks for.
        unsafe { self.sources.get_mut(key) }
    }

    /// Runs what was [submitted](Handle::submit) so far without waiting, and returns `true` if there was anything.
    ///
    /// What comes meanwhile is left to the next call, or to the next wait, which runs it by itself.
    pub fn run_submitted(&mut self) -> bool {
        let Some(mut turn) = self.inbox.turn() else { return false };
        // One by one: if one panics, the others are still there; and one may put another reactor in this
        // one's place.
        while let Some(task) = self.inbox.pop(&mut turn) {
            task(self);
        }
        true
    }

    /// Returns the name of its multiplexer's mechanism.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.sources.name()
    }

    /// Returns what its multiplexer can do.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.sources.capabilities()
    }

    #[inline(always)]
    fn wait_for(&mut self, timeout: Timeout, mask: Option<&SigSet>) -> Result<usize, Error> {
        // First of all: a task sees no event of the wait before.
        self.forget_events();
        if self.inbox.is_open() || !self.deadlines.is_empty() {
            return self.wait_with_tasks(timeout, mask);
        }
        self.wait_once(timeout, mask)
    }

    /// Waits, and meanwhile runs what is submitted and watches the deadlines.
    #[inline(never)]
    fn wait_with_tasks(&mut self, timeout: Timeout, mask: Option<&SigSet>) -> Result<usize, Error> {
        let timeout = self.run_before(timeout);
        // Of a wait inside a task.
        self.forget_events();
        wait_with(&mut ReactorCall { reactor: self, mask }, timeout, Interrupt::Resume, true)
    }

    #[inline(always)]
    fn wait_once(&mut self, timeout: Timeout, mask: Option<&SigSet>) -> Result<usize, Error> {
        self.wait_began = self.sources.generation();
        self.sources.wait(&mut self.events, timeout, mask).inspect_err(|_| self.forget_events())
    }

    fn wait_step(&mut self, timeout: Option<Duration>, mask: Option<&SigSet>) -> Result<usize, Error> {
        self.wait_once(timeout.into(), mask)
    }

    #[inline]
    fn forget_events(&mut self) {
        self.sources.forget_rejected();
        self.deadlines.forget_expired();
        self.events.clear();
        self.next = 0;
    }

    /// Ends a wait of the multiplexer that has found `count` events: runs what was submitted, if nothing else was found.
    fn after(&mut self, count: usize, expired: usize) -> Outcome {
        let inbox = self.inbox.key().map(|key| key.place);
        let wakes = match inbox {
            Some(inbox) => self.events.iter().filter(|event| event.token().0 == inbox).count(),
            None => 0,
        };
        if count + expired > wakes || wakes == 0 || !self.inbox.was_woken() {
            // A wake that is not the inbox's belongs to what was registered before the reactor had the
            // multiplexer: `next_ready` skips it, but the wait would not end without it.
            return Outcome::Ready(if count + expired > wakes { count + expired - wakes } else { count });
        }
        // Its wake may have taken the place of a source in a small buffer, which then comes first.
        self.run_submitted();
        // Of a wait inside a task.
        self.forget_events();
        Outcome::Interrupted
    }

    /// Runs what was submitted before the wait, and returns the wait's timeout: the time runs meanwhile.
    fn run_before(&mut self, timeout: Timeout) -> Timeout {
        if !self.inbox.has_tasks() {
            return timeout;
        }
        let timeout = match timeout {
            Timeout::After(time) => {
                Instant::now().checked_add(time).map_or(Timeout::Infinite, Timeout::Until)
            }
            timeout => timeout,
        };
        self.run_submitted();
        timeout
    }
}

/// A wait of the multiplexer, interrupted by what is submitted.
struct ReactorCall<'a, S, T, M> {
    reactor: &'a mut Reactor<S, T, M>,
    mask: Option<&'a SigSet>,
}

impl<S: AsFd, T, M: TrustedMultiplexer<'static>> WaitCall for ReactorCall<'_, S, T, M> {
    type Error = Error;

    fn call(&mut self, chunk: Chunk) -> Result<Outcome, Error> {
        let reactor = &mut *self.reactor;
        if reactor.deadlines.is_empty() {
            let count = reactor.wait_step(chunk.duration(), self.mask)?;
            return Ok(reactor.after(count, 0));
        }
        // Only what has passed by now may expire: what passes while the process is stopped in the wait was not looked at.
        let now = Instant::now();
        let full_waits = reactor.sources.registered() / reactor.events.capacity().max(1) + 2;
        if reactor.deadlines.begin_wait(now, full_waits) {
            let count = reactor.wait_step(Some(Duration::ZERO), self.mask)?;
            let is_full = reactor.events.len() == reactor.events.capacity();
            let ready = reactor.events.iter().map(|event| event.token().0);
            let expired = reactor.deadlines.end_wait(is_full, ready);
            return Ok(reactor.after(count, expired));
        }
        let left = reactor.deadlines.next().map(|next| next.saturating_duration_since(now));
        let is_cut = left.is_some_and(|left| chunk.duration().is_none_or(|chunk| left <= chunk));
        let time = if is_cut { left } else { chunk.duration() };
        let count = reactor.wait_step(time, self.mask)?;
        match reactor.after(count, 0) {
            // The deadline has ended the sleep: look again.
            Outcome::Ready(0) if is_cut => Ok(Outcome::Interrupted),
            outcome => Ok(outcome),
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl<S: AsFd, T> Reactor<S, T, crate::Epoll<'static>> {
    /// Returns an fd of the reactor's epoll, for another multiplexer to wait for, as [`Epoll::share`](crate::Epoll::share).
    ///
    /// From here on the reactor makes every modify immediately.
    ///
    /// # Errors
    /// Returns [`Error::Os`] if the process is out of file descriptors (EMFILE).
    pub fn share(&mut self) -> Result<std::os::fd::OwnedFd, Error> {
        self.sources.stop_deferring().share()
    }
}

impl<S: AsFd, T, M: TrustedMultiplexer<'static>> fmt::Debug for Reactor<S, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut reactor = f.debug_struct("Reactor");
        reactor.field("multiplexer", &self.name()).field("len", &self.len()).finish_non_exhaustive()
    }
}
