//! The deadlines of a reactor's sources: which have passed, and which of those have expired.
//!
//! A deadline that has passed has not expired yet: the source may be ready, and the reactor may not have checked it.
//! So a wait takes the deadlines that have passed when it *begins*, and checks their sources then. Those that it does
//! not find ready have expired.

use crate::error::Error;
use crate::timers::{TimerKey, Timers};
use std::time::Instant;

#[derive(Default)]
pub(super) struct Deadlines {
    /// The places of the sources whose deadline had not passed when the clock was last read.
    timers: Timers<usize>,
    /// Indexed by place.
    states: Vec<State>,
    /// The sources whose deadline had passed when the last wait began.
    passed: Vec<Passed>,
    /// Where [`next_expired`](Deadlines::next_expired) continues.
    next: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The source has no deadline.
    None,
    /// The deadline has not passed.
    Timer(TimerKey),
    /// The deadline has passed. The source is at this index of `Deadlines::passed`.
    Passed(usize),
}

struct Passed {
    place: usize,
    /// How many more waits with a full buffer may hide that the source is ready.
    full_waits: usize,
    has_expired: bool,
}

impl Deadlines {
    /// Returns `true` if no source has a deadline.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.timers.is_empty() && self.passed.is_empty()
    }

    /// Returns a time before which no deadline passes: now, if a source that has passed was not taken yet.
    pub(super) fn next(&self) -> Option<Instant> {
        let mut passed = self.passed.iter().enumerate();
        if passed.any(|(index, passed)| self.states[passed.place] == State::Passed(index)) {
            return Some(Instant::now());
        }
        self.timers.next_deadline()
    }

    /// Sets, moves or removes the deadline of the source in `place`.
    #[inline]
    pub(super) fn set(&mut self, place: usize, deadline: Option<Instant>) -> Result<(), Error> {
        if let (Some(State::Timer(timer)), Some(deadline)) = (self.states.get(place), deadline) {
            self.timers.reset(*timer, deadline);
            return Ok(());
        }
        match deadline {
            Some(deadline) => self.insert(place, deadline),
            None => {
                self.remove(place);
                Ok(())
            }
        }
    }

    fn insert(&mut self, place: usize, deadline: Instant) -> Result<(), Error> {
        if self.states.len() <= place {
            let more = place + 1 - self.states.len();
            self.states.try_reserve(more).map_err(|_| Error::OutOfMemory)?;
            self.states.resize(place + 1, State::None);
        }
        self.timers.try_reserve(1)?;
        // With room for all of them no wait allocates.
        self.passed.try_reserve(self.timers.len() + 1).map_err(|_| Error::OutOfMemory)?;
        self.states[place] = State::Timer(self.timers.insert(deadline, place));
        Ok(())
    }

    /// Removes the deadline of the source in `place`, which may have been removed itself.
    #[inline]
    pub(super) fn remove(&mut self, place: usize) {
        let Some(state) = self.states.get_mut(place) else { return };
        if let State::Timer(timer) = std::mem::replace(state, State::None) {
            self.timers.remove(timer);
        }
    }

    /// Begins a wait at `now`: takes the deadlines that have passed, and returns `true` if there are any.
    ///
    /// Up to `full_waits` waits whose buffer is full may hide that such a source is ready.
    pub(super) fn begin_wait(&mut self, now: Instant, full_waits: usize) -> bool {
        let (states, mut kept) = (&mut self.states, 0);
        for index in 0..self.passed.len() {
            let place = self.passed[index].place;
            // A deadline that was taken, moved or removed meanwhile is dropped from the list.
            if states[place] == State::Passed(index) {
                self.passed.swap(kept, index);
                self.passed[kept].has_expired = false;
                states[place] = State::Passed(kept);
                kept += 1;
            }
        }
        self.passed.truncate(kept);
        while let Some((_, place)) = self.timers.pop_expired(now) {
            states[place] = State::Passed(self.passed.len());
            self.passed.push(Passed { place, full_waits, has_expired: false });
        }
        !self.passed.is_empty()
    }

    /// Ends a wait that has found the sources in `ready`, and returns how many have expired.
    pub(super) fn end_wait(&mut self, is_full: bool, ready: impl Iterator<Item = usize>) -> usize {
        self.next = 0;
        if !is_full {
            // The wait was the check: a source that it did not return is not ready. The ready ones come first.
            self.passed.iter_mut().for_each(|passed| passed.has_expired = true);
            return self.passed.len();
        }
        for place in ready {
            if let Some(State::Passed(index)) = self.states.get(place) {
                self.passed[*index].has_expired = true;
            }
        }
        for passed in self.passed.iter_mut().filter(|passed| !passed.has_expired) {
            passed.full_waits = passed.full_waits.saturating_sub(1);
            passed.has_expired = passed.full_waits == 0;
        }
        self.passed.iter().filter(|passed| passed.has_expired).count()
    }

    /// Leaves the expired sources that were not taken to the next wait.
    #[inline]
    pub(super) fn forget_expired(&mut self) {
        self.next = self.passed.len();
    }

    /// Returns `true` if [`next_expired`](Self::next_expired) may find one.
    #[inline]
    pub(super) fn has_more(&self) -> bool {
        self.next < self.passed.len()
    }

    /// Takes the next source that has expired, and removes its deadline.
    pub(super) fn next_expired(&mut self) -> Option<usize> {
        while let Some(passed) = self.passed.get(self.next) {
            let index = self.next;
            self.next += 1;
            if passed.has_expired && self.states[passed.place] == State::Passed(index) {
                self.states[passed.place] = State::None;
                return Some(passed.place);
            }
        }
        None
    }
}
