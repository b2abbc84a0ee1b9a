//! What a table remembers of its last poll: which of its slots have something to say.

use crate::error::Error;

/// What the last poll said, and how far [`Slots::next_ready`](crate::Slots::next_ready) has read it.
#[derive(Clone, Copy, Default)]
pub(crate) struct Answer {
    /// The number of slots polled; 0 if it failed.
    pub(crate) slots: u32,
    /// The number of them that were ready.
    pub(crate) ready: u32,
    /// Where the cursor goes on.
    pub(crate) next: u32,
    /// How many ready slots it has found.
    pub(crate) found: u32,
}

impl Answer {
    pub(crate) const NONE: Self = Self { slots: 0, ready: 0, next: 0, found: 0 };

    /// Takes down that so many slots were polled, and how many were ready.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "a poll that succeeded had at most `i32::MAX` slots")]
    pub(crate) fn note(&mut self, slots: usize, ready: usize) -> usize {
        *self = Self { slots: slots as u32, ready: ready as u32, ..Self::NONE };
        ready
    }

    /// Takes down what a poll said, whether it failed or not.
    pub(crate) fn note_either(&mut self, slots: usize, answer: Result<usize, Error>) -> Result<usize, Error> {
        *self = Self::NONE;
        answer.map(|ready| self.note(slots, ready))
    }

    /// The number of slots that have something to report: none of them if none was ready, whatever a
    /// kernel left in them.
    #[inline]
    pub(crate) fn reported(&self) -> usize {
        if self.ready == 0 { 0 } else { self.slots as usize }
    }
}
