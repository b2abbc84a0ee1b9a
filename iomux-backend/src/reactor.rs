//! The reactor: a multiplexer that owns its sources.

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
use std::time::Instant;

/// The number of events per wait that [`Reactor::new`] has room for.
const EVENTS: usize = 1024;

/// A multiplexer that owns its sources, each with a state, for sources that come and go, such as connections.
///
/// All sources of a reactor have one type, which implements [`AsFd`]. To mix types, convert them to one, such as `OwnedFd`
/// or `socket2::Socket`, or wrap them in an enum that implements `AsFd`. The reactor does not make sources non-blocking.
/// A state is any value. A [`Key`] identifies a source and its state, and is never reused.
///
/// The program can't close a registered source, because the reactor owns it. The reactor deregisters a source
/// before it returns or drops the source. Dropping the reactor closes all its sources.
///
/// [`next`](Self::next) lends the ready sources one by one. Between two calls, the program may insert, modify and remove
/// sources. Each change ends the borrow. After it, [`get`](Self::get) lends the source and its state again.
/// The reactor skips the events of removed sources, and never returns them under the key of another source. The
/// only exception is a source whose open file description the program replaces, as with dup2(2).
///
/// # Examples
/// An echo server with idle timeouts, which exits on SIGTERM (`iomux-backend/examples/listener.rs`):
///
/// ```no_run
#[doc = include_str!("../examples/listener.rs")]
/// ```
///
/// # Shared sources
/// [`next`](Self::next) and [`get`](Self::get) lend `&S`, so that a source can't be replaced while it is registered.
/// [`TryRead`](crate::TryRead) and [`TryWrite`](crate::TryWrite) read and write through a shared reference, such as
/// `&TcpStream`. For other types, use [`get_mut`](Self::get_mut), which is `unsafe`.
/// [`insert`](Self::insert) calls [`as_fd`](AsFd::as_fd) once and stores the number. The reactor later deregisters that
/// number, even if `as_fd` would return another one by then.
///
/// # The trusted multiplexer
/// The multiplexer borrows fds that live only as long as their sources. A [`TrustedMultiplexer`] promises not to use an fd
/// after it is deregistered. The default is [`Native`], and [`with`](Self::with) takes another one.
pub struct Reactor<S, T = (), M = Native<'static>> {
    inbox: Inbox<S, T, M>,
    sources: Sources<S, T, M>,
    /// The waker of a first handle that could not be created for lack of memory. The next attempt uses it.
    unused_waker: Option<(Key, Waker)>,
    events: Events,
    deadlines: Deadlines,
    /// The index of the event that `next` and `next_ready` take next.
    next: usize,
    /// The generation at which the last wait began. An event can only belong to an older source.
    wait_began: u64,
}

impl<S: AsFd, T> Reactor<S, T> {
    /// Creates a reactor over the best multiplexer of the platform, with room for 1,024 events per wait.
    ///
    /// # Errors
    /// Returns [`Error::Os`] if the multiplexer needs an fd and the process is out of file descriptors (EMFILE).
    pub fn new() -> Result<Self, Error> {
        Ok(Self::with(native()?, EVENTS))
    }
}

impl<S: AsFd, T, M: TrustedMultiplexer<'static>> Reactor<S, T, M> {
    /// Creates a reactor over `multiplexer`, with room for `events` events per wait.
    ///
    /// The multiplexer should have no registrations yet. The reactor can't change or deregister existing registrations. Their
    /// events are skipped, or returned as events of a source that has the same token by chance.
    ///
    /// # Panics
    /// Panics as [`Events::with_capacity`] does.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Multiplexer, Poll, Reactor, TrustedMultiplexer};
    ///
    /// let chosen_at_run_time: Box<dyn TrustedMultiplexer<'static> + Send> = Box::new(Poll::new());
    /// let reactor = Reactor::<std::net::TcpStream, (), _>::with(chosen_at_run_time, 64);
    /// assert_eq!(reactor.name(), "poll");
    /// ```
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

    /// Registers `source` for `interest`, and takes ownership of it and its `state`.
    ///
    /// Only waits that begin after this call report the source.
    ///
    /// # Errors
    /// Returns the errors of [`Multiplexer::register`](crate::Multiplexer::register), as an [`InsertError`] that contains
    /// `source` and `state`.
    ///
    /// # Examples
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
    pub fn insert(
        &mut self,
        source: S,
        state: T,
        interest: Interest,
        mode: Mode,
    ) -> Result<Key, InsertError<S, T>> {
        self.sources.insert(source, interest, mode, |_| state)
    }

    /// Inserts `source` as [`insert`](Self::insert) does, with a state that is created from its key.
    ///
    /// # Errors
    /// Returns the errors of [`insert`](Self::insert). The key that `state` was called with is then invalid.
    ///
    /// # Examples
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
    pub fn insert_with(
        &mut self,
        source: S,
        interest: Interest,
        mode: Mode,
        state: impl FnOnce(Key) -> T,
    ) -> Result<Key, InsertError<S, T>> {
        self.sources.insert(source, interest, mode, state)
    }

    /// Deregisters a source, and returns it with its state, or `None` if there is no source under `key`.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor};
    ///
    /// let mut reactor = Reactor::new()?;
    /// let key = reactor.insert(std::io::pipe()?.0, "mine", Interest::READABLE, Mode::Level)?;
    /// assert!(matches!(reactor.remove(key), Some((_reader, "mine"))));
    /// assert!(reactor.remove(key).is_none());
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn remove(&mut self, key: Key) -> Option<(S, T)> {
        let removed = self.sources.remove(key)?;
        self.deadlines.remove(key.place);
        Some(removed)
    }

    /// Removes and drops every source for which `is_kept` returns `false`.
    ///
    /// # Examples
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

    /// Changes the interest and mode of a source.
    ///
    /// A modify also ends a [pause](Self::pause), and rearms a one-shot source. It does not change an event that the last wait
    /// has returned.
    ///
    /// If a modify costs a system call ([`Capabilities::DEFERRABLE`]), the reactor defers a change to [`Mode::Level`] to the next
    /// wait. If the kernel rejects the change then, the source gets an [`INVALID`](iomux::Readiness::INVALID) event.
    ///
    /// # Errors
    /// - Returns [`Error::NoSuchKey`] if there is no source under `key`.
    /// - Returns the other errors of [`Multiplexer::modify`](crate::Multiplexer::modify). The registration is then unchanged.
    ///
    /// # Examples
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
    pub fn modify(&mut self, key: Key, interest: Interest, mode: Mode) -> Result<(), Error> {
        self.sources.modify(key, interest, mode)
    }

    /// Stops reporting a source until it is [resumed](Self::resume) or [modified](Self::modify).
    ///
    /// Pause a source whose peer sends faster than the program can process the data. A paused source reports a hangup once, but
    /// a source with an empty interest reports it in every wait. A paused source reports no hangup in [`Mode::Exclusive`], or if
    /// the multiplexer lacks [`Capabilities::ONE_SHOT`](crate::Capabilities::ONE_SHOT) or
    /// [`Capabilities::HANGUP`](crate::Capabilities::HANGUP).
    ///
    /// While a source is paused, [`next`](Self::next) skips its event of the last wait. The next wait reports a hangup again, and
    /// the first wait after the resume reports the rest.
    ///
    /// # Errors
    /// Returns [`Error::NoSuchKey`] if there is no source under `key`.
    ///
    /// # Examples
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
    pub fn pause(&mut self, key: Key) -> Result<(), Error> {
        self.sources.pause(key)
    }

    /// Restores the last interest and mode of a source, which ends a [pause](Self::pause) or rearms a one-shot source.
    ///
    /// # Errors
    /// Returns the errors of [`modify`](Self::modify).
    ///
    /// # Examples
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
    pub fn resume(&mut self, key: Key) -> Result<(), Error> {
        self.sources.resume(key)
    }

    /// Moves an exclusive source to the end of the kernel's wake queue, so that workers that share a listener take turns.
    ///
    /// The kernel wakes the first worker in the queue that sleeps. Without this call that is the worker that registered
    /// first, as long as it keeps up. Call `requeue` after each accept. It makes two system calls. It does not change a source
    /// that is paused, or in another mode than [`Mode::Exclusive`]. The guide's page on [listening](crate::guide::listening)
    /// compares this with other designs.
    ///
    /// # Errors
    /// - Returns [`Error::NoSuchKey`] if there is no source under `key`.
    /// - Returns the errors of [`Multiplexer::register`](crate::Multiplexer::register). No wait reports the source then, until
    ///   it is requeued, [resumed](Self::resume) or [modified](Self::modify).
    ///
    /// # Examples
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
    #[doc(alias = "EPOLLEXCLUSIVE")]
    pub fn requeue(&mut self, key: Key) -> Result<(), Error> {
        self.sources.requeue(key)
    }

    /// Sets, moves or removes the deadline of a source.
    ///
    /// If the source is not ready by its deadline, [`next`](Self::next) returns the source with [`Cause::Expired`]. A
    /// [`Duration`](std::time::Duration) counts from now, and an [`Instant`] is the deadline itself. `None` or
    /// [`Timeout::Infinite`] removes the deadline. Moving a deadline to a later time takes constant time, so a program can
    /// move it whenever bytes arrive.
    ///
    /// - A source whose bytes arrived in time is reported as [`Cause::Ready`], even if the process was stopped or busy meanwhile.
    /// - If a source is ready when its deadline has passed, the same wait reports it as `Ready` first, and then as `Expired`. If
    ///   the program moves the deadline in between, as for an idle timeout, the source does not expire. Without a move, the
    ///   deadline is a hard one, which expires even if the peer keeps sending.
    /// - A source that no wait can report expires as well: a paused source, a disarmed one-shot, or an edge that was not drained.
    /// - [`next`](Self::next) removes an expired deadline when it returns the source. If the program does not take the source,
    ///   the next wait reports it again.
    ///
    /// # Errors
    /// - Returns [`Error::NoSuchKey`] if there is no source under `key`.
    /// - Returns [`Error::OutOfMemory`] if there is no memory for the first deadline of this source.
    ///
    /// # Examples
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
    pub fn set_deadline(&mut self, key: Key, deadline: impl Into<Timeout>) -> Result<(), Error> {
        if !self.contains(key) {
            return Err(Error::NoSuchKey);
        }
        let deadline = match deadline.into() {
            Timeout::Infinite => None,
            Timeout::Nowait => Some(Instant::now()),
            // `Instant` can't hold a later time, which never comes.
            Timeout::After(time) => Instant::now().checked_add(time),
            Timeout::Until(end) => Some(end),
        };
        self.deadlines.set(key.place, deadline)
    }

    /// Returns a time before which no source expires, or `None` if no source has a deadline.
    ///
    /// An outer loop that waits for the fd of a shared epoll needs this time. That fd becomes readable when a source is ready, but
    /// not when a deadline passes. The returned time may be too early after a deadline was moved or removed, and is never too late.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.next()
    }

    /// Creates a waker, and returns it with the key of its events.
    ///
    /// A [`Waker`] ends a wait from any thread, or from a signal handler. Its registration lasts as long as the reactor. Its key
    /// is not the key of a source, so `remove`, `modify` and `pause` find no source for it. A waker that outlives the reactor
    /// keeps its fd open.
    ///
    /// # Errors
    /// Returns the errors of [`Multiplexer::waker`](crate::Multiplexer::waker).
    ///
    /// # Examples
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
    pub fn waker(&mut self) -> Result<(Key, Waker), Error> {
        self.sources.waker()
    }

    /// Returns a handle, through which other threads [submit](Handle::submit) tasks to this reactor.
    ///
    /// # Errors
    /// Returns the errors of [`Multiplexer::waker`](crate::Multiplexer::waker), since the first handle needs a waker. Creating
    /// further handles can't fail.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Reactor, Timeout};
    ///
    /// let mut reactor = Reactor::<std::net::TcpStream>::new()?;
    /// let handle = reactor.handle()?;
    /// std::thread::spawn(move || handle.submit(|reactor| println!("{} sources", reactor.len()))).join().unwrap()?;
    /// assert_eq!(reactor.wait(Timeout::Nowait)?, 0, "it runs here, and is no event");
    /// # std::io::Result::Ok(())
    /// ```
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

    /// Waits until a source is ready, a [deadline](Self::set_deadline) has expired, or a [waker](Self::waker) wakes.
    ///
    /// The result is the number of events for [`next`](Self::next) or [`next_ready`](Self::next_ready). It is 0 only after the
    /// timeout has expired. Signals don't end the wait. [Submitted](Handle::submit) tasks don't end it either: the wait runs them
    /// and resumes. A wait inside a task runs no tasks.
    ///
    /// The wait drops events of the previous wait that were not taken. In [`Mode::Level`](crate::Mode::Level), it reports them
    /// again. In the other modes they are lost, so take all events before the next wait.
    ///
    /// # Errors
    /// - Returns [`Error::NothingToWaitFor`] if the timeout is infinite and there is no armed source, waker or deadline.
    /// - Returns the other errors of [`Multiplexer::wait`](crate::Multiplexer::wait).
    ///
    /// # Examples
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
    // Always inlined, as `Epoll::wait` is: a program has few waits, and a timeout that is known at compile time costs nothing.
    #[inline(always)]
    pub fn wait(&mut self, timeout: impl Into<Timeout>) -> Result<usize, Error> {
        self.wait_for(timeout.into(), None)
    }

    /// Waits as [`wait`](Self::wait) does, with `mask` as the calling thread's signal mask until the wait ends.
    ///
    /// [`SigSet`] shows how a program loses no signal that way. [Submitted](Handle::submit) tasks run under the thread's own mask.
    ///
    /// # Errors
    /// Returns the errors of [`Multiplexer::wait_masked`](crate::Multiplexer::wait_masked). One is [`Error::Interrupted`], if a
    /// signal handler has run, or if the process was stopped and continued.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Error, Reactor, SigSet, Timeout};
    ///
    /// let mut reactor = Reactor::<std::net::TcpStream>::new()?;
    /// let _handle = reactor.handle()?;
    /// match reactor.wait_masked(Timeout::Nowait, &SigSet::empty()) {
    ///     Ok(count) => assert_eq!(count, 0),
    ///     // A handler has run, or the backend takes no mask.
    ///     Err(error) => assert!(matches!(error, Error::Interrupted | Error::Unsupported { .. })),
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    pub fn wait_masked(&mut self, timeout: impl Into<Timeout>, mask: &SigSet) -> Result<usize, Error> {
        self.wait_for(timeout.into(), Some(mask))
    }

    /// Returns the next ready or expired source of the last wait, with its state, or `None` after the last one.
    ///
    /// Ready sources come first, then those whose deferred [change](Self::modify) was rejected, and then those whose
    /// [deadline](Self::set_deadline) has expired. Between two calls, the program may insert, modify and remove sources. `next`
    /// skips removed sources and [wakers](Self::waker). After the sources, check the data that the waking threads
    /// share with the program.
    ///
    /// # Examples
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
    // Always inlined, as is all that it needs for a ready source: a program has few such loops.
    #[inline(always)]
    pub fn next(&mut self) -> Option<(Key, Cause, &S, &mut T)> {
        if let Some(Ready { key, cause }) = self.take_ready(Entry::is_source) {
            return self.sources.get(key).map(|(source, state)| (key, cause, source, state));
        }
        let Ready { key, cause } = self.next_rejected_or_expired()?;
        self.sources.get(key).map(|(source, state)| (key, cause, source, state))
    }

    /// Returns the key of the next ready or expired source or waker of the last wait, or `None` after the last one.
    ///
    /// Use it instead of [`next`](Self::next) to distinguish wakers, or to use several sources at the same time.
    #[must_use]
    #[inline]
    pub fn next_ready(&mut self) -> Option<Ready> {
        match self.take_ready(|_| true) {
            Some(ready) => Some(ready),
            None => self.next_rejected_or_expired(),
        }
    }

    /// Takes the next event of the last wait whose source or waker `is_wanted` accepts.
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

    /// Takes the next source whose deferred change was rejected, or else the next expired source.
    #[inline(always)]
    fn next_rejected_or_expired(&mut self) -> Option<Ready> {
        let is_any_left = self.sources.has_rejected() || self.deadlines.has_more();
        if is_any_left { self.take_rejected_or_expired() } else { None }
    }

    // Out of line: both are rare.
    #[inline(never)]
    fn take_rejected_or_expired(&mut self) -> Option<Ready> {
        if let Some(ready) = self.sources.next_rejected() {
            return Some(ready);
        }
        let key = self.sources.key_at(self.deadlines.next_expired()?)?;
        Some(Ready { key, cause: Cause::Expired })
    }

    /// Returns the source under `key` and its state, or `None` if it was removed.
    #[must_use]
    pub fn get(&mut self, key: Key) -> Option<(&S, &mut T)> {
        self.sources.get(key)
    }

    /// Returns the source under `key`, or `None` if it was removed. It needs `&self` only.
    #[must_use]
    pub fn source(&self, key: Key) -> Option<&S> {
        self.sources.source(key)
    }

    /// Returns two sources with their states, in the order of the keys.
    ///
    /// A proxy uses it to read from one source and write to the other. It returns `None` if one of the sources was removed, or if
    /// both keys are the same.
    ///
    /// # Examples
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

    /// Returns `true` if there is a source under `key`.
    #[must_use]
    pub fn contains(&self, key: Key) -> bool {
        self.source(key).is_some()
    }

    /// Returns the number of sources, without [wakers](Self::waker).
    #[must_use]
    pub fn len(&self) -> usize {
        self.sources.len()
    }

    /// Returns `true` if there are no sources.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns an iterator over the keys of all sources, in arbitrary order.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        self.sources.keys()
    }

    /// Returns an iterator over all sources with their keys and states, in arbitrary order.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &S, &mut T)> {
        self.sources.iter_mut()
    }

    /// Frees memory of removed sources, without changing a key.
    ///
    /// Call it after a burst of connections, for example. The remaining sources keep their places, so some memory may remain.
    pub fn shrink_to_fit(&mut self) {
        self.sources.shrink_to_fit();
        if self.deadlines.is_empty() {
            self.deadlines = Deadlines::default();
        }
    }

    /// Returns a mutable reference to the source under `key`, with its state, or `None` if the source was removed.
    ///
    /// Use it for a source that needs `&mut` to read or write, because `&S` does not implement [`Read`](std::io::Read) or
    /// [`Write`](std::io::Write).
    ///
    /// # Safety
    /// The caller must neither close the source's fd nor replace or swap the source.
    ///
    /// # Examples
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
    pub unsafe fn get_mut(&mut self, key: Key) -> Option<(&mut S, &mut T)> {
        // SAFETY: the caller keeps the fd, as this asks for.
        unsafe { self.sources.get_mut(key) }
    }

    /// Runs the tasks that were [submitted](Handle::submit) so far, and returns `true` if there were any. It does not wait.
    ///
    /// Tasks that are submitted during this call run in the next call, or in the next wait. Inside a task, it runs none, and
    /// returns `false`.
    pub fn run_submitted(&mut self) -> bool {
        let Some(mut turn) = self.inbox.turn() else { return false };
        // One by one: the others stay queued if one panics, and a task may replace the reactor itself.
        while let Some(task) = self.inbox.pop(&mut turn) {
            task(self);
        }
        true
    }

    /// Returns the name of the multiplexer's mechanism.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.sources.name()
    }

    /// Returns the capabilities of the multiplexer.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.sources.capabilities()
    }

    #[inline(always)]
    fn wait_for(&mut self, timeout: Timeout, mask: Option<&SigSet>) -> Result<usize, Error> {
        if self.inbox.is_open() || !self.deadlines.is_empty() {
            return self.wait_with_tasks(timeout, mask);
        }
        self.wait_once(timeout, mask)
    }

    /// Waits, runs the tasks that are submitted before and meanwhile, and checks the deadlines.
    #[inline(never)]
    fn wait_with_tasks(&mut self, timeout: Timeout, mask: Option<&SigSet>) -> Result<usize, Error> {
        let timeout = if self.inbox.is_open() { to_deadline(timeout) } else { timeout };
        if self.deadlines.is_empty() && !self.inbox.has_tasks() {
            // Nothing is to be done before the multiplexer's wait, which may last for the whole time.
            let count = self.wait_once(timeout, mask)?;
            if let Outcome::Ready(count) = self.after(count, 0) {
                return Ok(count);
            }
        }
        if self.inbox.has_tasks() {
            // A task must not see the events of the previous wait.
            self.forget_events();
            self.run_submitted();
        }
        wait_with(&mut ReactorCall { reactor: self, mask }, timeout, Interrupt::Resume, true)
    }

    #[inline(always)]
    fn wait_once(&mut self, timeout: Timeout, mask: Option<&SigSet>) -> Result<usize, Error> {
        self.events.clear();
        self.next = 0;
        self.wait_began = self.sources.generation();
        match self.sources.wait(&mut self.events, timeout, mask) {
            Ok(count) => Ok(count),
            Err(error) => {
                self.forget_events();
                Err(error)
            }
        }
    }

    /// Waits as `wait_once` does, with one copy of its code for the three callers.
    #[inline(never)]
    fn wait_step(&mut self, timeout: Timeout, mask: Option<&SigSet>) -> Result<usize, Error> {
        self.wait_once(timeout, mask)
    }

    #[inline]
    fn forget_events(&mut self) {
        self.sources.forget_rejected();
        self.deadlines.forget_expired();
        self.events.clear();
        self.next = 0;
    }

    /// Ends a wait of the multiplexer that has returned `count` events. If nothing else is ready, it runs the submitted tasks.
    fn after(&mut self, count: usize, expired: usize) -> Outcome {
        let inbox = self.inbox.key().map(|key| key.place);
        let wakes = match inbox {
            Some(inbox) => self.events.iter().filter(|event| event.token().0 == inbox).count(),
            None => 0,
        };
        if count + expired > wakes || wakes == 0 || !self.inbox.was_woken() {
            // A wake that the inbox does not know belongs to a registration from before the reactor. `next_ready`
            // skips it, but the wait has to end, or it would be repeated in a busy loop.
            return Outcome::Ready(if count + expired > wakes { count + expired - wakes } else { count });
        }
        // In a small buffer the wake may have displaced a source. The next call of the multiplexer reports that first, unless
        // a task waits.
        self.run_submitted();
        // A task may have waited.
        self.forget_events();
        Outcome::Interrupted
    }
}

/// Returns a timeout that stays the same while tasks run.
#[inline]
fn to_deadline(timeout: Timeout) -> Timeout {
    match timeout {
        Timeout::After(time) if !time.is_zero() => {
            Instant::now().checked_add(time).map_or(Timeout::Infinite, Timeout::Until)
        }
        timeout => timeout,
    }
}

/// A wait of the multiplexer, which submitted tasks interrupt.
struct ReactorCall<'a, S, T, M> {
    reactor: &'a mut Reactor<S, T, M>,
    mask: Option<&'a SigSet>,
}

impl<S: AsFd, T, M: TrustedMultiplexer<'static>> WaitCall for ReactorCall<'_, S, T, M> {
    type Error = Error;

    fn call(&mut self, chunk: Chunk) -> Result<Outcome, Error> {
        let reactor = &mut *self.reactor;
        if reactor.deadlines.is_empty() {
            let count = reactor.wait_step(chunk.duration().into(), self.mask)?;
            return Ok(reactor.after(count, 0));
        }
        // Only a deadline that has passed by now may expire: a later one could pass while the process is stopped in the wait.
        let now = Instant::now();
        let full_waits = reactor.sources.registered() / reactor.events.capacity().max(1) + 2;
        if reactor.deadlines.begin_wait(now, full_waits) {
            let count = reactor.wait_step(Timeout::Nowait, self.mask)?;
            let is_full = reactor.events.len() == reactor.events.capacity();
            let ready = reactor.events.iter().map(|event| event.token().0);
            let expired = reactor.deadlines.end_wait(is_full, ready);
            return Ok(reactor.after(count, expired));
        }
        let next = reactor.deadlines.next();
        let is_first = |next: &Instant| {
            chunk.duration().is_none_or(|chunk| next.saturating_duration_since(now) <= chunk)
        };
        let cut = next.filter(is_first);
        let is_cut = cut.is_some();
        let timeout = cut.map_or_else(|| chunk.duration().into(), Timeout::Until);
        let count = reactor.wait_step(timeout, self.mask)?;
        match reactor.after(count, 0) {
            // The deadline has ended the sleep: check once more.
            Outcome::Ready(0) if is_cut => Ok(Outcome::Interrupted),
            outcome => Ok(outcome),
        }
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
impl<S: AsFd, T> Reactor<S, T, crate::Epoll<'static>> {
    /// Returns an fd of the reactor's epoll, for another multiplexer to wait for, as [`Epoll::share`](crate::Epoll::share) does.
    ///
    /// From this call on, the reactor submits every modify immediately.
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
