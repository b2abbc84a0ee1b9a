//! The deadlines of a reactor's sources: which have passed, and which of those have expired.
//!
//! A deadline that has passed is not yet expired: the source may be ready, and the process may just not have looked.
//! So a wait takes the deadlines that have passed when it *begins*, and looks then. What it does not find ready
//! has expired.

use crate::error::Error;
use crate::timers::{TimerKey, Timers};
use std::time::Instant;

#[derive(Default)]
pub(super) struct Deadlines {
    /// The places of sources whose deadline is still to come, as far as the clock was read.
    timers: Timers<usize>,
    /// By place.
    states: Vec<State>,
    /// Those whose deadline had passed when the last wait began.
    passed: Vec<Passed>,
    /// Where [`next_expired`](Deadlines::next_expired) continues.
    next: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// There is no deadline.
    None,
    /// It is to come.
    Timer(TimerKey),
    /// It has passed, and is at this index of `Deadlines::passed`.
    Passed(usize),
}

struct Passed {
    place: usize,
    /// How many waits with a full buffer may still hide that the source is ready.
    full_waits: usize,
    has_expired: bool,
}

impl Deadlines {
    /// Returns `true` if no source has a deadline.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.timers.is_empty() && self.passed.is_empty()
    }

    /// Returns a time until which none passes: now, if some have passed that were not handed out.
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
        // Room for all, so that no wait allocates.
        self.passed.try_reserve(self.timers.len() + 1).map_err(|_| Error::OutOfMemory)?;
        self.states[place] = State::Timer(self.timers.insert(deadline, place));
        Ok(())
    }

    /// Removes the deadline of the source in `place`, which may be there no longer.
    #[inline]
    pub(super) fn remove(&mut self, place: usize) {
        let Some(state) = self.states.get_mut(place) else { return };
        if let State::Timer(timer) = std::mem::replace(state, State::None) {
            self.timers.remove(timer);
        }
    }

    /// Begins a wait at `now`: takes the deadlines that have passed. A source among them may be hidden by `full_waits`
    /// waits whose buffer is full. Returns `true` if there are any.
    pub(super) fn begin_wait(&mut self, now: Instant, full_waits: usize) -> bool {
        let (states, mut kept) = (&mut self.states, 0);
        for index in 0..self.passed.len() {
            let place = self.passed[index].place;
            // What was handed out, moved or removed meanwhile is none of them any more.
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
            // It was the check: what it did not find is not ready, and what it found comes first.
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

    /// Leaves what was not taken to the next wait.
    #[inline]
    pub(super) fn forget_expired(&mut self) {
        self.next = self.passed.len();
    }

    /// Returns `true` if [`next_expired`](Self::next_expired) may find one.
    #[inline]
    pub(super) fn has_more(&self) -> bool {
        self.next < self.passed.len()
    }

    /// Takes the next source that has expired: its deadline is removed.
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
