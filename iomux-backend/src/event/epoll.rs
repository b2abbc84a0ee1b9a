//! An event as epoll(7) writes it, so that no event is copied. Other backends write the same form.

use super::epoll_bits;
use super::{Event, Events, Token};
use iomux::Readiness;
use iomux_sys::epoll::epoll_event;

#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Raw(epoll_event);

impl Raw {
    pub(super) const EMPTY: Self = Self(epoll_event { events: 0, data: 0 });

    #[inline]
    pub(crate) fn new(token: Token, readiness: Readiness) -> Self {
        Self(epoll_event { events: epoll_bits::from_readiness(readiness), data: token.0 as u64 })
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "a token that was a `usize` before")]
    pub(crate) fn token(self) -> Token {
        Token(self.0.data as usize)
    }

    #[inline]
    pub(crate) fn readiness(self) -> Readiness {
        epoll_bits::to_readiness(self.0.events)
    }
}

impl Events {
    /// Returns the whole buffer, so that the kernel can write events to it.
    #[inline]
    pub(crate) fn buffer(&mut self) -> &mut [Event] {
        &mut self.events
    }

    /// Sorts the events by token, as [`has_sorted`](Self::has_sorted) requires.
    pub(crate) fn sort_by_token(&mut self) {
        self.events[..self.count].sort_unstable_by_key(|event| event.token());
    }

    /// Returns `true` if an event has this token. The events must be sorted.
    pub(crate) fn has_sorted(&self, token: Token) -> bool {
        self.events[..self.count].binary_search_by_key(&token, |event| event.token()).is_ok()
    }

    /// Sets the number of events to `count`, after the kernel wrote so many.
    #[inline]
    pub(crate) fn set_len(&mut self, count: usize) {
        self.count = count.min(self.events.len());
    }
}
