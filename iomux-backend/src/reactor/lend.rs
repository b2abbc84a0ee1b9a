//! The one place where sources and multiplexer meet, and where all `unsafe` of the reactor is.
//!
//! The multiplexer is given the fds as `'static`, though they live only as long as their sources. It is
//! sound for these facts, which hold because nothing outside this file can reach the fields:
//! - A source is in its place before it is registered, and leaves it after it was deregistered.
//! - Meanwhile it is only ever shared. A type that lends its fd from `&self` can't close it through
//!   `&self`; and it can't be swapped out without `&mut`, which only the `unsafe` `get_mut` gives.
//! - Its fd is asked for once, and remembered by number: it need not answer the same again.
//! - The multiplexer lets go of an fd when it is deregistered, as [`TrustedMultiplexer`] promises, and
//!   is dropped before the sources.

use super::Reactor;
use super::error::InsertError;
use super::key::{Key, Ready};
use super::slab::Slab;
use crate::error::Error;
use crate::event::{Event, Events, Token};
use crate::multiplexer::{Mode, TrustedMultiplexer};
use crate::waker::Waker;
use iomux::{Interest, SigSet, Timeout};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

pub(super) struct Lent<S, T, M> {
    // Fields are dropped in this order: the multiplexer is gone before the sources close its fds.
    multiplexer: M,
    residents: Slab<Resident<S, T>>,
    wakers: usize,
    /// How many waits have begun.
    waits: u64,
}

/// Who has a place, and with it a token.
enum Resident<S, T> {
    Source(Source<S, T>),
    /// Of the multiplexer, which keeps it.
    Waker,
}

/// Two sources, each with its state.
type Pair<'a, S, T> = ((&'a S, &'a mut T), (&'a S, &'a mut T));

struct Source<S, T> {
    source: S,
    state: T,
    /// What `source` said its fd is when it was inserted.
    fd: RawFd,
    interest: Interest,
    mode: Mode,
    asked: Asked,
}

/// What the multiplexer asks of a source.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// What was wanted of it.
    All,
    /// Nothing, once: paused, after so many waits.
    Nothing { waits: u64 },
    /// It is not registered: paused, where the multiplexer can't ask for nothing.
    Not,
}

impl<S, T> Resident<S, T> {
    fn source(&self) -> Option<&Source<S, T>> {
        match self {
            Self::Source(source) => Some(source),
            Self::Waker => None,
        }
    }

    fn source_mut(&mut self) -> Option<&mut Source<S, T>> {
        match self {
            Self::Source(source) => Some(source),
            Self::Waker => None,
        }
    }
}

impl<S, T> Source<S, T> {
    fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: `source`, which is borrowed here, has lent it, and has not been handed out mutably
        // since, except to who has promised that it keeps its fd.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }

    fn parts(&mut self) -> (&S, &mut T) {
        (&self.source, &mut self.state)
    }
}

impl<S, T, M> Lent<S, T, M> {
    pub(super) fn new(multiplexer: M) -> Self {
        Self { multiplexer, residents: Slab::new(), wakers: 0, waits: 0 }
    }

    pub(super) fn multiplexer(&self) -> &M {
        &self.multiplexer
    }

    /// Not for callers outside: a multiplexer that is taken away would be dropped after its sources.
    pub(super) fn multiplexer_mut(&mut self) -> &mut M {
        &mut self.multiplexer
    }

    /// The number of sources.
    pub(super) fn len(&self) -> usize {
        self.residents.len() - self.wakers
    }

    pub(super) fn source(&self, key: Key) -> Option<&S> {
        self.residents.get(key)?.source().map(|source| &source.source)
    }

    pub(super) fn get(&mut self, key: Key) -> Option<(&S, &mut T)> {
        self.residents.get_mut(key)?.source_mut().map(Source::parts)
    }

    pub(super) fn get_pair(&mut self, first: Key, second: Key) -> Option<Pair<'_, S, T>> {
        let (first, second) = self.residents.get_pair_mut(first, second)?;
        Some((first.source_mut()?.parts(), second.source_mut()?.parts()))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.residents.iter().filter(|(_, resident)| resident.source().is_some()).map(|(key, _)| key)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &S, &mut T)> {
        self.residents.iter_mut().filter_map(|(key, resident)| {
            let (source, state) = resident.source_mut()?.parts();
            Some((key, source, state))
        })
    }

    /// The first in `place` or after it, wakers included.
    pub(super) fn first_from(&self, place: usize) -> Option<Key> {
        self.residents.first_from(place)
    }

    /// Whatever is inserted from now on is not older than this.
    pub(super) fn generation(&self) -> u64 {
        self.residents.generation()
    }

    /// Whom an event is for, if it is for anyone: who has the token now must be older than the wait.
    pub(super) fn recipient(&self, event: Event, wait_began: u64) -> Option<Ready> {
        let (key, resident) = self.residents.at(event.token().0)?;
        let is_asked = match resident.source().map_or(Asked::All, |source| source.asked) {
            Asked::All => true,
            // What was found before is found again: a hangup by a later wait, all else when it is resumed.
            Asked::Nothing { waits } => waits < self.waits,
            Asked::Not => false,
        };
        let ready = Ready { key, readiness: event.readiness() };
        (key.generation < wait_began && is_asked).then_some(ready)
    }
}

impl<S: AsFd, T, M: TrustedMultiplexer<'static>> Lent<S, T, M> {
    pub(super) fn insert(
        &mut self,
        source: S,
        state: T,
        interest: Interest,
        mode: Mode,
    ) -> Result<Key, InsertError<S, T>> {
        if let Err(error) = self.residents.reserve() {
            return Err(InsertError { error, source, state });
        }
        let fd = source.as_fd().as_raw_fd();
        let source = Source { source, state, fd, interest, mode, asked: Asked::All };
        // Before it is registered: if that panics, the source stays, and is deregistered before it goes.
        let key = self.residents.insert(Resident::Source(source));
        // SAFETY: the source is in its place, and is deregistered, or the multiplexer dropped, before
        // it leaves it.
        let answer = unsafe { self.multiplexer.register_raw(fd, Token(key.place), interest, mode) };
        let Err(error) = answer else {
            return Ok(key);
        };
        match self.residents.remove(key) {
            Some(Resident::Source(Source { source, state, .. })) => Err(InsertError { error, source, state }),
            _ => unreachable!("it was put there above"),
        }
    }

    pub(super) fn remove(&mut self, key: Key) -> Option<(S, T)> {
        let source = self.residents.get(key)?.source()?;
        if source.asked != Asked::Not {
            // It is forgotten whatever the answer is.
            let _ = self.multiplexer.deregister(source.fd());
        }
        match self.residents.remove(key)? {
            Resident::Source(Source { source, state, .. }) => Some((source, state)),
            Resident::Waker => None,
        }
    }

    pub(super) fn modify(&mut self, key: Key, interest: Interest, mode: Mode) -> Result<(), Error> {
        let source = self.residents.get_mut(key).and_then(Resident::source_mut);
        let source = source.ok_or(Error::NoSuchKey)?;
        let token = Token(key.place);
        if source.asked == Asked::Not {
            // Before it is registered: if that panics, the source is deregistered before it goes.
            source.asked = Asked::All;
            // SAFETY: as in `insert`.
            let answer = unsafe { self.multiplexer.register_raw(source.fd, token, interest, mode) };
            answer.inspect_err(|_| source.asked = Asked::Not)?;
        } else {
            self.multiplexer.modify(source.fd(), token, interest, mode)?;
        }
        source.asked = Asked::All;
        source.interest = interest;
        source.mode = mode;
        Ok(())
    }

    pub(super) fn resume(&mut self, key: Key) -> Result<(), Error> {
        let source = self.residents.get(key).and_then(Resident::source).ok_or(Error::NoSuchKey)?;
        self.modify(key, source.interest, source.mode)
    }

    pub(super) fn pause(&mut self, key: Key) -> Result<(), Error> {
        let source = self.residents.get_mut(key).and_then(Resident::source_mut);
        let source = source.ok_or(Error::NoSuchKey)?;
        if source.asked != Asked::All {
            // Asked again, a hangup that was heard already would be heard again.
            return Ok(());
        }
        let nothing = Interest::empty();
        if self.multiplexer.modify(source.fd(), Token(key.place), nothing, Mode::OneShot).is_ok() {
            source.asked = Asked::Nothing { waits: self.waits };
        } else {
            let _ = self.multiplexer.deregister(source.fd());
            source.asked = Asked::Not;
        }
        Ok(())
    }

    pub(super) fn waker(&mut self) -> Result<(Key, Waker), Error> {
        self.residents.reserve()?;
        let key = self.residents.insert(Resident::Waker);
        self.wakers += 1;
        match self.multiplexer.waker(Token(key.place)) {
            Ok(waker) => Ok((key, waker)),
            Err(error) => {
                self.wakers -= 1;
                self.residents.remove(key);
                Err(error)
            }
        }
    }

    pub(super) fn wait(
        &mut self,
        events: &mut Events,
        timeout: Timeout,
        mask: Option<&SigSet>,
    ) -> Result<usize, Error> {
        self.waits += 1;
        match mask {
            None => self.multiplexer.wait(events, timeout),
            Some(mask) => self.multiplexer.wait_masked(events, timeout, mask),
        }
    }
}

impl<S: AsFd, T, M: TrustedMultiplexer<'static>> Reactor<S, T, M> {
    /// The source that `key` is of, and its state, both to be changed: for a source whose
    /// [`Read`](std::io::Read) or [`Write`](std::io::Write) is there for `&mut` only.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor};
    /// use std::io::{BufReader, Read, Write};
    /// use std::os::fd::{AsFd, BorrowedFd};
    ///
    /// struct Lines(BufReader<std::io::PipeReader>);
    /// impl AsFd for Lines {
    ///     fn as_fd(&self) -> BorrowedFd<'_> {
    ///         self.0.get_ref().as_fd()
    ///     }
    /// }
    ///
    /// let (reader, mut writer) = std::io::pipe()?;
    /// let mut reactor = Reactor::new()?;
    /// let lines = Lines(BufReader::new(reader));
    /// let key = reactor.insert(lines, String::new(), Interest::READABLE, Mode::Level)?;
    /// writer.write_all(b"a line\n")?;
    /// drop(writer);
    /// // SAFETY: reading from it does not close it.
    /// let (lines, text) = unsafe { reactor.get_mut(key) }.unwrap();
    /// lines.0.read_to_string(text)?;
    /// assert_eq!(text, "a line\n");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Safety
    /// The source keeps its fd: it is not closed, and the source neither replaced nor swapped with another.
    pub unsafe fn get_mut(&mut self, key: Key) -> Option<(&mut S, &mut T)> {
        let source = self.lent.residents.get_mut(key)?.source_mut()?;
        Some((&mut source.source, &mut source.state))
    }
}
