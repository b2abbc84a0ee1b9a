//! The sources of a reactor and its multiplexer, and the `unsafe` of the reactor with the invariants that make it sound.
//!
//! The multiplexer borrows the fds as `'static`, though they live only as long as their sources. These invariants make
//! that sound. Code outside this file can't break them, since the fields are private:
//! - A source is in the slab before it is registered, and leaves it after it was deregistered.
//! - Meanwhile it is only lent as `&S`. A type that lends its fd from `&self` can't close it through `&self`. Replacing
//!   the source needs `&mut`, which only the `unsafe` [`get_mut`](Sources::get_mut) returns.
//! - `as_fd` is called once, and the number is stored: a second call could return another one.
//! - The multiplexer gives up an fd when it is deregistered, as [`TrustedMultiplexer`] promises, and is dropped before the
//!   sources. It is not lent either: `&Epoll` could register, deregister and wait.

use super::error::InsertError;
use super::key::{Cause, Key, Ready};
use super::slab::Slab;
use crate::capabilities::Capabilities;
use crate::error::Error;
use crate::event::{Event, Events, Token};
use crate::mode::Mode;
use crate::multiplexer::TrustedMultiplexer;
use crate::waker::Waker;
use iomux::{Interest, Readiness, SigSet, Timeout};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

pub(super) struct Sources<S, T, M> {
    // Fields are dropped in this order: the multiplexer before the sources, which close its fds.
    multiplexer: M,
    slab: Slab<Entry<S, T>>,
    wakers: usize,
    /// How many waits have begun, counted from 1.
    waits: NonZeroU32,
    /// The places of the sources whose last change is deferred: the next wait submits them.
    deferred: Vec<u32>,
    /// How many of `deferred`, from the first, the multiplexer has rejected. `next` reports them.
    rejected: usize,
    /// Whether changes may be deferred.
    defers: bool,
}

/// An entry of the slab: its place is its token.
pub(super) enum Entry<S, T> {
    Source(Source<S, T>),
    /// A waker, which the multiplexer owns.
    Waker,
    /// The waker of the handles. Its events are not reported.
    Inbox,
}

/// Two sources, each with its state.
type Pair<'a, S, T> = ((&'a S, &'a mut T), (&'a S, &'a mut T));

pub(super) struct Source<S, T> {
    source: S,
    state: T,
    /// The fd of `source` when it was inserted.
    fd: RawFd,
    /// The interest and mode while the source is not paused.
    wanted: (Interest, Mode),
    /// How many waits had begun when it was paused.
    paused: Option<NonZeroU32>,
    /// The registration that the multiplexer has. `None` if the source is paused and had to be deregistered for that.
    registered: Option<(Interest, Mode)>,
    /// Its index in `Sources::deferred`, plus 1.
    deferred: Option<NonZeroU32>,
}

// With its generation, a source with no state takes 32 bytes in the slab: memory per source counts where there are many.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Entry<std::net::TcpStream, ()>>() == 24);

/// The registration of a paused source: it reports a hangup once.
const PAUSED: (Interest, Mode) = (Interest::empty(), Mode::OneShot);

impl<S, T> Entry<S, T> {
    #[inline]
    pub(super) fn is_source(&self) -> bool {
        matches!(self, Self::Source(_))
    }

    #[inline]
    fn source(&self) -> Option<&Source<S, T>> {
        match self {
            Self::Source(source) => Some(source),
            Self::Waker | Self::Inbox => None,
        }
    }

    #[inline]
    fn source_mut(&mut self) -> Option<&mut Source<S, T>> {
        match self {
            Self::Source(source) => Some(source),
            Self::Waker | Self::Inbox => None,
        }
    }
}

impl<S, T> Source<S, T> {
    fn fd(&self) -> BorrowedFd<'_> {
        // SAFETY: `source`, which is borrowed here, has lent the fd, and was not lent mutably since, except to a
        // caller of `get_mut`, who promised that it keeps its fd.
        unsafe { BorrowedFd::borrow_raw(self.fd) }
    }

    #[inline]
    fn parts(&mut self) -> (&S, &mut T) {
        (&self.source, &mut self.state)
    }

    /// Returns the interest and mode that the registration should have.
    #[inline]
    fn target(&self) -> (Interest, Mode) {
        if self.paused.is_some() { PAUSED } else { self.wanted }
    }

    /// Returns its index in `Sources::deferred`.
    fn deferred(&self) -> Option<usize> {
        self.deferred.map(|index| index.get() as usize - 1)
    }

    fn set_deferred(&mut self, index: usize) {
        self.deferred = NonZeroU32::new(narrow(index) + 1);
    }

    /// Returns `true` if a modify would change nothing. In the other modes than level it would rearm the source.
    #[inline]
    fn is_up_to_date(&self) -> bool {
        let target = self.target();
        target.1 == Mode::Level && self.registered == Some(target)
    }
}

/// Converts a place, or an index into `deferred`, to 32 bits. [`Slab::reserve`] keeps both below 2^32.
#[allow(clippy::cast_possible_truncation, reason = "the slab has fewer places")]
fn narrow(place: usize) -> u32 {
    place as u32
}

impl<S, T, M> Sources<S, T, M> {
    /// Returns the number of sources.
    pub(super) fn len(&self) -> usize {
        self.slab.len() - self.wakers
    }

    /// Frees memory, but keeps room for a deferred change of each source.
    pub(super) fn shrink_to_fit(&mut self) {
        self.slab.shrink_to_fit();
        self.deferred.shrink_to(self.slab.len());
    }

    /// Returns the number of sources and wakers.
    pub(super) fn registered(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn source(&self, key: Key) -> Option<&S> {
        self.slab.get(key)?.source().map(|source| &source.source)
    }

    #[inline]
    pub(super) fn get(&mut self, key: Key) -> Option<(&S, &mut T)> {
        self.slab.get_mut(key)?.source_mut().map(Source::parts)
    }

    /// Returns a source mutably, with its state.
    ///
    /// # Safety
    /// The caller must neither close the source's fd nor replace or swap the source.
    pub(super) unsafe fn get_mut(&mut self, key: Key) -> Option<(&mut S, &mut T)> {
        let source = self.slab.get_mut(key)?.source_mut()?;
        Some((&mut source.source, &mut source.state))
    }

    pub(super) fn get_pair(&mut self, first: Key, second: Key) -> Option<Pair<'_, S, T>> {
        let (first, second) = self.slab.get_pair_mut(first, second)?;
        Some((first.source_mut()?.parts(), second.source_mut()?.parts()))
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.slab.iter().filter(|(_, entry)| entry.source().is_some()).map(|(key, _)| key)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &S, &mut T)> {
        self.slab.iter_mut().filter_map(|(key, entry)| {
            let (source, state) = entry.source_mut()?.parts();
            Some((key, source, state))
        })
    }

    /// Returns the key of the source in `place`, if there is one.
    pub(super) fn key_at(&self, place: usize) -> Option<Key> {
        self.slab.at(place).map(|(key, _)| key)
    }

    /// Returns the first entry in `place` or after it, wakers included.
    pub(super) fn first_from(&self, place: usize) -> Option<Key> {
        self.slab.first_from(place)
    }

    /// Returns a generation that is at most that of every later source.
    pub(super) fn generation(&self) -> u64 {
        self.slab.generation()
    }

    /// Returns the source or waker that an event belongs to, if it is registered, accepted by `is_wanted`, and
    /// older than the wait.
    #[inline(always)]
    pub(super) fn owner(
        &self,
        event: Event,
        wait_began: u64,
        is_wanted: impl Fn(&Entry<S, T>) -> bool,
    ) -> Option<Ready> {
        let (key, entry) = self.slab.at(event.token().0)?;
        if !is_wanted(entry) {
            return None;
        }
        let is_owner = match entry {
            Entry::Source(source) => match source.paused {
                None => true,
                // The event is older than the pause: a later wait reports a hangup again, and the rest after the resume.
                Some(waits) => waits != self.waits && source.registered.is_some(),
            },
            Entry::Waker => true,
            Entry::Inbox => false,
        };
        if !is_owner || key.generation >= wait_began {
            return None;
        }
        Some(Ready { key, cause: Cause::Ready(event.readiness()) })
    }

    /// Returns `true` if the multiplexer has rejected a deferred change, and the source was not reported yet.
    #[inline]
    pub(super) fn has_rejected(&self) -> bool {
        self.rejected > 0
    }

    /// Takes the next source whose deferred change the multiplexer has rejected: its fd was closed.
    #[cold]
    pub(super) fn next_rejected(&mut self) -> Option<Ready> {
        let place = *self.deferred[..self.rejected].last()?;
        let (key, _) = self.slab.at(place as usize)?;
        self.drop_deferred(key);
        Some(Ready { key, cause: Cause::Ready(Readiness::INVALID) })
    }

    /// Leaves the rejected changes to the next wait, which submits them again.
    #[inline]
    pub(super) fn forget_rejected(&mut self) {
        self.rejected = 0;
    }

    /// Takes a source from the list of deferred changes.
    fn drop_deferred(&mut self, key: Key) {
        let source = self.slab.get_mut(key).and_then(Entry::source_mut);
        let Some(source) = source else { return };
        let Some(mut hole) = source.deferred() else { return };
        source.deferred = None;
        if hole < self.rejected {
            // The rejected ones come first: the last of them fills the hole, and one of the others fills its place.
            self.rejected -= 1;
            self.move_deferred(self.rejected, hole);
            hole = self.rejected;
        }
        self.move_deferred(self.deferred.len() - 1, hole);
        self.deferred.pop();
    }

    fn move_deferred(&mut self, from: usize, to: usize) {
        if from == to {
            return;
        }
        let place = self.deferred[from];
        self.deferred[to] = place;
        if let Some(source) = self.slab.at_mut(place as usize).and_then(Entry::source_mut) {
            source.set_deferred(to);
        }
    }
}

impl<S: AsFd, T, M: TrustedMultiplexer<'static>> Sources<S, T, M> {
    pub(super) fn new(multiplexer: M) -> Self {
        let defers = multiplexer.capabilities().contains(Capabilities::DEFERRABLE);
        let (slab, deferred) = (Slab::new(), Vec::new());
        Self { multiplexer, slab, wakers: 0, waits: NonZeroU32::MIN, deferred, rejected: 0, defers }
    }

    pub(super) fn name(&self) -> &'static str {
        self.multiplexer.name()
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.multiplexer.capabilities()
    }

    /// Makes room for one more source, and for a change of each, so that no modify allocates.
    #[inline]
    fn reserve(&mut self) -> Result<(), Error> {
        let changes = self.slab.len() + 1;
        if self.deferred.capacity() < changes {
            let more = changes - self.deferred.len();
            self.deferred.try_reserve(more).map_err(|_| Error::OutOfMemory)?;
        }
        self.slab.reserve()
    }

    #[inline]
    pub(super) fn insert(
        &mut self,
        source: S,
        interest: Interest,
        mode: Mode,
        state: impl FnOnce(Key) -> T,
    ) -> Result<Key, InsertError<S, T>> {
        let reserved = self.reserve();
        let state = state(self.slab.next_key());
        if let Err(error) = reserved {
            return Err(InsertError { error, source, state });
        }
        let fd = source.as_fd().as_raw_fd();
        let wanted = (interest, mode);
        let source =
            Source { source, state, fd, wanted, paused: None, registered: Some(wanted), deferred: None };
        // Before the registration: if that panics, the source stays here, and is deregistered before it is dropped.
        let key = self.slab.insert(Entry::Source(source));
        // SAFETY: the source is in the slab, and is deregistered, or the multiplexer dropped, before it leaves it.
        let result = unsafe { self.multiplexer.register_raw(fd, Token(key.place), interest, mode) };
        let Err(error) = result else {
            return Ok(key);
        };
        match self.slab.remove(key) {
            Some(Entry::Source(Source { source, state, .. })) => Err(InsertError { error, source, state }),
            _ => unreachable!("it was put there above"),
        }
    }

    #[inline]
    pub(super) fn remove(&mut self, key: Key) -> Option<(S, T)> {
        let mut source = self.slab.get_mut(key)?.source_mut()?;
        if source.deferred.is_some() {
            self.drop_deferred(key);
            source = self.slab.get_mut(key)?.source_mut()?;
        }
        // Before the call, which may unwind: the source then stays, and the next change is submitted whatever it is.
        if source.registered.replace(PAUSED).is_some() {
            // The source leaves the slab whatever this returns.
            let _ = self.multiplexer.deregister(source.fd());
        }
        match self.slab.remove(key)? {
            Entry::Source(Source { source, state, .. }) => Some((source, state)),
            Entry::Waker | Entry::Inbox => None,
        }
    }

    #[inline]
    pub(super) fn modify(&mut self, key: Key, interest: Interest, mode: Mode) -> Result<(), Error> {
        let source = self.slab.get_mut(key).and_then(Entry::source_mut).ok_or(Error::NoSuchKey)?;
        let is_deferrable = mode == Mode::Level && Interest::all().contains(interest);
        if is_deferrable && self.defers && source.registered.is_some_and(|(_, mode)| mode != Mode::Exclusive)
        {
            source.wanted = (interest, mode);
            source.paused = None;
            if !source.is_up_to_date() {
                self.defer(key);
            }
            return Ok(());
        }
        // Before the call, which may unwind: the source is then deregistered before it is dropped, and the next change
        // is submitted whatever it is.
        let before = source.registered.replace(PAUSED);
        let result = if before.is_some() {
            self.multiplexer.modify(source.fd(), Token(key.place), interest, mode)
        } else {
            // SAFETY: as in `insert`.
            unsafe { self.multiplexer.register_raw(source.fd, Token(key.place), interest, mode) }
        };
        result.inspect_err(|_| source.registered = before)?;
        source.wanted = (interest, mode);
        source.paused = None;
        source.registered = Some(source.wanted);
        if source.deferred.is_some() {
            self.drop_deferred(key);
        }
        Ok(())
    }

    pub(super) fn resume(&mut self, key: Key) -> Result<(), Error> {
        let source = self.slab.get(key).and_then(Entry::source).ok_or(Error::NoSuchKey)?;
        let (interest, mode) = source.wanted;
        self.modify(key, interest, mode)
    }

    /// Registers an exclusive source again, after those of other multiplexers.
    pub(super) fn requeue(&mut self, key: Key) -> Result<(), Error> {
        let source = self.slab.get_mut(key).and_then(Entry::source_mut).ok_or(Error::NoSuchKey)?;
        let (interest, Mode::Exclusive) = source.wanted else { return Ok(()) };
        if source.paused.is_some() {
            return Ok(());
        }
        // It is registered, unless the last requeue failed. It counts as registered before each call, which may unwind, so that
        // it is deregistered before it is dropped.
        if source.registered.replace(source.wanted).is_some() {
            // The kernel forgets it whatever this returns.
            let _ = self.multiplexer.deregister(source.fd());
        }
        // SAFETY: as in `insert`.
        let result =
            unsafe { self.multiplexer.register_raw(source.fd, Token(key.place), interest, Mode::Exclusive) };
        result.inspect_err(|_| source.registered = None)
    }

    pub(super) fn pause(&mut self, key: Key) -> Result<(), Error> {
        let source = self.slab.get_mut(key).and_then(Entry::source_mut).ok_or(Error::NoSuchKey)?;
        if source.paused.is_some() {
            // A second modify would report a hangup a second time.
            return Ok(());
        }
        if self.defers && source.registered.is_some_and(|(_, mode)| mode != Mode::Exclusive) {
            source.paused = Some(self.waits);
            self.defer(key);
            return Ok(());
        }
        let (interest, mode) = PAUSED;
        if self.multiplexer.modify(source.fd(), Token(key.place), interest, mode).is_ok() {
            source.registered = Some(PAUSED);
        } else {
            let _ = self.multiplexer.deregister(source.fd());
            source.registered = None;
        }
        // After the calls, which may unwind.
        source.paused = Some(self.waits);
        // A change from before the reactor was shared.
        self.drop_deferred(key);
        Ok(())
    }

    /// Defers a change to the next wait.
    #[inline]
    fn defer(&mut self, key: Key) {
        let Some(source) = self.slab.get_mut(key).and_then(Entry::source_mut) else { return };
        match source.deferred() {
            None => {
                source.set_deferred(self.deferred.len());
                self.deferred.push(narrow(key.place));
            }
            // The rejection by the last wait is obsolete.
            Some(index) if index < self.rejected => {
                self.drop_deferred(key);
                self.defer(key);
            }
            Some(_) => {}
        }
    }

    /// Submits the deferred changes. The rejected ones stay in the list for [`next_rejected`](Self::next_rejected).
    #[inline(never)]
    fn submit(&mut self) {
        self.rejected = 0;
        // The list is consistent before each call, which may unwind.
        while let Some(&place) = self.deferred[self.rejected..].last() {
            let token = Token(place as usize);
            let Some(source) = self.slab.at_mut(token.0).and_then(Entry::source_mut) else {
                self.deferred.pop();
                continue;
            };
            let (target, is_up_to_date) = (source.target(), source.is_up_to_date());
            // If the call unwinds or fails, the next change is submitted whatever it is.
            source.registered = Some(PAUSED);
            let fd = source.fd();
            if is_up_to_date || self.multiplexer.modify(fd, token, target.0, target.1).is_ok() {
                source.registered = Some(target);
                source.deferred = None;
                self.deferred.pop();
                continue;
            }
            source.set_deferred(self.rejected);
            self.move_deferred(self.rejected, self.deferred.len() - 1);
            self.deferred[self.rejected] = place;
            self.rejected += 1;
        }
    }

    /// Submits the deferred changes, and defers no more. Another multiplexer that waits for this one would not see a deferred
    /// change.
    #[allow(dead_code, reason = "only epoll can be shared")]
    pub(super) fn stop_deferring(&mut self) -> &mut M {
        self.submit();
        self.defers = false;
        &mut self.multiplexer
    }

    /// Creates a waker for the program.
    pub(super) fn waker(&mut self) -> Result<(Key, Waker), Error> {
        self.add_waker(Entry::Waker)
    }

    /// Creates the waker of the handles.
    pub(super) fn inbox(&mut self) -> Result<(Key, Waker), Error> {
        self.add_waker(Entry::Inbox)
    }

    fn add_waker(&mut self, entry: Entry<S, T>) -> Result<(Key, Waker), Error> {
        self.slab.reserve()?;
        let key = self.slab.insert(entry);
        self.wakers += 1;
        match self.multiplexer.waker(Token(key.place)) {
            Ok(waker) => Ok((key, waker)),
            Err(error) => {
                self.wakers -= 1;
                self.slab.remove(key);
                Err(error)
            }
        }
    }

    /// Submits the deferred changes, and waits. Returns the number of events and of rejected changes.
    #[inline]
    pub(super) fn wait(
        &mut self,
        events: &mut Events,
        timeout: Timeout,
        mask: Option<&SigSet>,
    ) -> Result<usize, Error> {
        match self.waits.checked_add(1) {
            Some(waits) => self.waits = waits,
            None => self.restart_waits(),
        }
        if !self.deferred.is_empty() {
            self.submit();
        }
        let timeout = if self.rejected > 0 { Timeout::Nowait } else { timeout };
        let count = match mask {
            None => self.multiplexer.wait(events, timeout),
            Some(mask) => self.multiplexer.wait_masked(events, timeout, mask),
        }?;
        Ok(count + self.rejected)
    }

    /// Restarts the count of waits at 2 after 2^32 waits. Every pause then dates from the first.
    #[cold]
    fn restart_waits(&mut self) {
        const FIRST: NonZeroU32 = NonZeroU32::MIN;
        let sources = self.slab.iter_mut().filter_map(|(_, entry)| entry.source_mut());
        sources.for_each(|source| source.paused = source.paused.and(Some(FIRST)));
        self.waits = FIRST.saturating_add(1);
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Poll;

    #[test]
    fn a_pause_outlasts_the_count_of_waits() {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut sources = Sources::new(Poll::new());
        let mut events = Events::with_capacity(1);
        let key = sources.insert(reader, Interest::READABLE, Mode::Level, |_| ()).ok().unwrap();
        sources.waits = NonZeroU32::MAX;
        sources.pause(key).unwrap();
        drop(writer);
        assert_eq!(sources.wait(&mut events, Timeout::Nowait, None), Ok(1));
        let hangup = events.get(0).unwrap();
        for waits in [sources.waits, NonZeroU32::MAX] {
            sources.waits = waits;
            let found = sources.owner(hangup, sources.generation(), |_| true).map(|ready| ready.key);
            assert_eq!(found, Some(key), "{waits}");
        }
    }
}
