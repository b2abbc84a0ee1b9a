//! The sources of a reactor and its multiplexer, and the `unsafe` of the reactor with the invariants that make it sound.
//!
//! The multiplexer borrows the fds as `'static`, though they live only as long as their sources. These invariants make
//! that sound. Code outside this file can't break them, since the fields are private:
//! - A source is in the slab before it is registered, and leaves it after it was deregistered.
//! - Meanwhile it is only lent as `&S`. A type that lends its fd from `&self` can't close it through `&self`. Replacing
//!   the source needs `&mut`, which only the `unsafe` [`get_mut`](Sources::get_mut) returns.
//! - `as_fd` is called once, and the fd is stored: a second call could return another one.
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
use std::mem;
use std::num::NonZeroU32;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

pub(super) struct Sources<S, T, M> {
    // Fields are dropped in this order: the multiplexer before the sources, which close its fds.
    multiplexer: M,
    slab: Slab<Entry<S, T>>,
    wakers: usize,
    /// The places of the sources that the next wait has to update, because a change is deferred or a pause is new.
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
    /// The fd that `source` lent when it was inserted.
    fd: BorrowedFd<'static>,
    /// The interest and mode while the source is not paused.
    wanted: (Interest, Mode),
    pause: Pause,
    /// The registration that the multiplexer has. `None` if a pause had to deregister the source, or a requeue has failed.
    registered: Option<(Interest, Mode)>,
    /// Its index in `Sources::deferred`, plus 1.
    deferred: Option<NonZeroU32>,
}

/// Whether a source is paused, and what that does to its events.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pause {
    /// Its events are reported.
    No,
    /// It was paused after the last wait, or has no registration. An event of it is older than the pause: a later wait
    /// reports a hangup again, and the rest after the resume.
    New,
    /// Its registration reports a hangup once.
    Settled,
}

// With its generation, a source with no state takes 32 bytes in the slab: memory per source counts where there are many.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Entry<std::net::TcpStream, ()>>() == 24);

/// The registration of a paused source: it reports a hangup once.
const PAUSED: (Interest, Mode) = (Interest::empty(), Mode::OneShot);

/// Stands for a registration that may have changed: it equals no [`target`](Source::target) of a deferred source, so that the
/// next change is submitted whatever it is.
const UNKNOWN: (Interest, Mode) = (Interest::empty(), Mode::Edge);

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
    #[inline]
    fn parts(&mut self) -> (&S, &mut T) {
        (&self.source, &mut self.state)
    }

    /// Returns the interest and mode that the registration should have.
    #[inline]
    fn target(&self) -> (Interest, Mode) {
        if self.pause == Pause::No { self.wanted } else { PAUSED }
    }

    /// Returns its index in `Sources::deferred`.
    fn deferred(&self) -> Option<usize> {
        self.deferred.map(|index| index.get() as usize - 1)
    }

    /// Leaves its update to the next wait.
    #[inline]
    fn defer(&mut self, place: usize, deferred: &mut Vec<u32>) {
        if self.deferred.is_none() {
            self.set_deferred(deferred.len());
            deferred.push(narrow(place));
        }
    }

    fn set_deferred(&mut self, index: usize) {
        self.deferred = NonZeroU32::new(narrow(index) + 1);
    }

    /// Returns `true` if the registration is what it should be. Only of a source that is paused or in [`Mode::Level`]: another
    /// one may have to be rearmed.
    #[inline]
    fn is_up_to_date(&self) -> bool {
        self.registered == Some(self.target())
    }

    /// Makes the registration what it should be. Returns `false` if the multiplexer rejects that.
    #[inline]
    fn submit<M: TrustedMultiplexer<'static>>(&mut self, multiplexer: &mut M, token: Token) -> bool {
        if self.is_up_to_date() {
            return true;
        }
        let target = self.target();
        // If the call unwinds or fails, the next change is submitted whatever it is.
        self.registered = Some(UNKNOWN);
        let is_submitted = multiplexer.modify(self.fd, token, target.0, target.1).is_ok();
        if is_submitted {
            self.registered = Some(target);
        }
        is_submitted
    }
}

/// Converts a place, or an index into `deferred`, to 32 bits. [`Slab::grow`] keeps both below 2^32.
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
        self.deferred.shrink_to(self.slab.places());
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
            Entry::Source(source) => source.pause != Pause::New,
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

    /// Takes a source from the list if its change was rejected: another change follows.
    #[cold]
    #[inline(never)]
    fn drop_rejected(&mut self, key: Key) {
        let source = self.slab.get(key).and_then(Entry::source);
        if source.and_then(Source::deferred).is_some_and(|index| index < self.rejected) {
            self.drop_deferred(key);
        }
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
        Self { multiplexer, slab, wakers: 0, deferred, rejected: 0, defers }
    }

    pub(super) fn name(&self) -> &'static str {
        self.multiplexer.name()
    }

    pub(super) fn capabilities(&self) -> Capabilities {
        self.multiplexer.capabilities()
    }

    /// Makes room for one more entry, and for a change of each, so that no modify allocates.
    #[inline]
    fn reserve(&mut self) -> Result<(), Error> {
        if self.slab.has_room() { Ok(()) } else { self.grow() }
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) -> Result<(), Error> {
        let more = self.slab.places() + 1 - self.deferred.len();
        self.deferred.try_reserve(more).map_err(|_| Error::OutOfMemory)?;
        self.slab.grow()
    }

    #[inline]
    pub(super) fn insert(
        &mut self,
        source: S,
        interest: Interest,
        mode: Mode,
        state: impl FnOnce(Key) -> T,
    ) -> Result<Key, InsertError<S, T>> {
        if let Err(error) = self.reserve() {
            let state = state(self.slab.next_key());
            return Err(InsertError { error, source, state });
        }
        let key = self.slab.next_key();
        let state = state(key);
        let fd = source.as_fd().as_raw_fd();
        // SAFETY: `source` keeps it open, and goes into the slab together with it. It leaves the slab after the multiplexer
        // has given the fd up.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        let wanted = (interest, mode);
        let source =
            Source { source, state, fd, wanted, pause: Pause::No, registered: Some(wanted), deferred: None };
        // Before the registration: if that panics, the source stays here, and is deregistered before it is dropped.
        self.slab.insert(key, Entry::Source(source));
        match self.multiplexer.register(fd, Token(key.place), interest, mode) {
            Ok(()) => Ok(key),
            Err(error) => Err(self.take_back(key, error)),
        }
    }

    /// Takes a source back that was not registered.
    #[cold]
    #[inline(never)]
    fn take_back(&mut self, key: Key, error: Error) -> InsertError<S, T> {
        match self.slab.remove(key) {
            Some(Entry::Source(Source { source, state, .. })) => InsertError { error, source, state },
            _ => unreachable!("`insert` has put it there"),
        }
    }

    #[inline]
    pub(super) fn remove(&mut self, key: Key) -> Option<(S, T)> {
        let source = self.slab.get_mut(key)?.source_mut()?;
        // Before the call, which may unwind: the source then stays, and the next change is submitted whatever it is.
        if source.registered.replace(UNKNOWN).is_some() {
            // The source leaves the slab whatever this returns.
            let _ = self.multiplexer.deregister(source.fd);
        }
        if source.deferred.is_some() {
            self.drop_deferred(key);
        }
        match self.slab.remove(key)? {
            Entry::Source(Source { source, state, .. }) => Some((source, state)),
            Entry::Waker | Entry::Inbox => None,
        }
    }

    #[inline]
    pub(super) fn modify(&mut self, key: Key, interest: Interest, mode: Mode) -> Result<(), Error> {
        let is_deferrable = self.defers && mode == Mode::Level && Interest::all().contains(interest);
        if self.has_rejected() && is_deferrable {
            self.drop_rejected(key);
        }
        let source = self.slab.get_mut(key).and_then(Entry::source_mut).ok_or(Error::NoSuchKey)?;
        if is_deferrable && source.registered.is_some_and(|(_, mode)| mode != Mode::Exclusive) {
            source.wanted = (interest, mode);
            source.pause = Pause::No;
            if !source.is_up_to_date() {
                source.defer(key.place, &mut self.deferred);
            }
            return Ok(());
        }
        // Before the call, which may unwind: the source is then deregistered before it is dropped, and the next change
        // is submitted whatever it is.
        let before = (source.registered.replace(UNKNOWN), mem::replace(&mut source.pause, Pause::No));
        let result = if before.0.is_some() {
            self.multiplexer.modify(source.fd, Token(key.place), interest, mode)
        } else {
            self.multiplexer.register(source.fd, Token(key.place), interest, mode)
        };
        result.inspect_err(|_| (source.registered, source.pause) = before)?;
        source.wanted = (interest, mode);
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
        if source.pause != Pause::No {
            return Ok(());
        }
        // It is registered, unless the last requeue failed. It counts as registered before each call, which may unwind, so that
        // it is deregistered before it is dropped.
        if source.registered.replace(source.wanted).is_some() {
            // The kernel forgets it whatever this returns.
            let _ = self.multiplexer.deregister(source.fd);
        }
        let result = self.multiplexer.register(source.fd, Token(key.place), interest, Mode::Exclusive);
        result.inspect_err(|_| source.registered = None)
    }

    pub(super) fn pause(&mut self, key: Key) -> Result<(), Error> {
        let source = self.slab.get(key).and_then(Entry::source).ok_or(Error::NoSuchKey)?;
        if source.pause != Pause::No {
            // A second modify would report a hangup a second time.
            return Ok(());
        }
        if self.has_rejected() {
            self.drop_rejected(key);
        }
        let source = self.slab.get_mut(key).and_then(Entry::source_mut).ok_or(Error::NoSuchKey)?;
        if self.defers && source.registered.is_some_and(|(_, mode)| mode != Mode::Exclusive) {
            source.pause = Pause::New;
            if source.registered == Some(PAUSED) {
                // It may have reported its hangup before, and has to be rearmed.
                source.registered = Some(UNKNOWN);
            }
            source.defer(key.place, &mut self.deferred);
            return Ok(());
        }
        if source.registered.is_some() {
            let (interest, mode) = PAUSED;
            source.registered = match self.multiplexer.modify(source.fd, Token(key.place), interest, mode) {
                Ok(()) => Some(PAUSED),
                Err(_) => {
                    let _ = self.multiplexer.deregister(source.fd);
                    None
                }
            };
        }
        // After the calls, which may unwind.
        source.pause = Pause::New;
        if source.registered.is_some() {
            source.defer(key.place, &mut self.deferred);
        } else {
            // Its pause stays new, since there is no registration that could report anything.
            self.drop_deferred(key);
        }
        Ok(())
    }

    /// Updates the deferred sources. Those whose change is rejected stay in the list for
    /// [`next_rejected`](Self::next_rejected).
    #[inline(never)]
    fn update_deferred(&mut self) {
        self.rejected = 0;
        // The list is consistent before each call, which may unwind.
        while self.deferred.len() > self.rejected {
            let place = self.deferred[self.deferred.len() - 1];
            let token = Token(place as usize);
            let Some(source) = self.slab.at_mut(token.0).and_then(Entry::source_mut) else {
                self.deferred.pop();
                continue;
            };
            // Every later event is newer than the pause.
            if source.pause == Pause::New {
                source.pause = Pause::Settled;
            }
            if source.submit(&mut self.multiplexer, token) {
                source.deferred = None;
                self.deferred.pop();
            } else {
                self.keep_rejected();
            }
        }
    }

    /// Moves the last of the list, whose change was rejected, to the other rejected ones.
    #[cold]
    #[inline(never)]
    fn keep_rejected(&mut self) {
        let last = self.deferred.len() - 1;
        self.deferred.swap(self.rejected, last);
        for index in [self.rejected, last] {
            let place = self.deferred[index] as usize;
            if let Some(source) = self.slab.at_mut(place).and_then(Entry::source_mut) {
                source.set_deferred(index);
            }
        }
        self.rejected += 1;
    }

    /// Submits the deferred changes, and defers no more. Another multiplexer that waits for this one would not see a deferred
    /// change.
    #[allow(dead_code, reason = "only epoll can be shared")]
    pub(super) fn stop_deferring(&mut self) -> &mut M {
        for place in self.deferred.iter().map(|place| *place as usize) {
            if let Some(source) = self.slab.at_mut(place).and_then(Entry::source_mut) {
                // The next wait tries a rejected change once more, and reports the source.
                source.submit(&mut self.multiplexer, Token(place));
            }
        }
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
        self.reserve()?;
        let key = self.slab.next_key();
        self.slab.insert(key, entry);
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
    #[inline(always)]
    pub(super) fn wait(
        &mut self,
        events: &mut Events,
        timeout: Timeout,
        mask: Option<&SigSet>,
    ) -> Result<usize, Error> {
        if !self.deferred.is_empty() {
            self.update_deferred();
            if self.has_rejected() {
                return self.wait_beside_rejected(events, mask);
            }
        }
        self.wait_for_events(events, timeout, mask)
    }

    /// Waits without sleeping, since the sources whose change was rejected are ready.
    #[cold]
    #[inline(never)]
    fn wait_beside_rejected(&mut self, events: &mut Events, mask: Option<&SigSet>) -> Result<usize, Error> {
        Ok(self.rejected + self.wait_for_events(events, Timeout::Nowait, mask)?)
    }

    #[inline(always)]
    fn wait_for_events(
        &mut self,
        events: &mut Events,
        timeout: Timeout,
        mask: Option<&SigSet>,
    ) -> Result<usize, Error> {
        match mask {
            None => self.multiplexer.wait(events, timeout),
            Some(mask) => self.multiplexer.wait_masked(events, timeout, mask),
        }
    }
}
