//! An event as epoll(7) writes it, so that none is copied: other backends write the same.

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
        Self(epoll_event { events: epoll_bits::kept(readiness), data: token.0 as u64 })
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "a token, as it was given to the kernel")]
    pub(crate) fn token(self) -> Token {
        Token(self.0.data as usize)
    }

    #[inline]
    pub(crate) fn readiness(self) -> Readiness {
        epoll_bits::reported(self.0.events)
    }
}

impl Events {
    /// Where the kernel may write events.
    #[inline]
    pub(crate) fn room(&mut self) -> &mut [Event] {
        &mut self.events[self.count..]
    }

    /// The kernel has written `count` events.
    #[inline]
    pub(crate) fn filled(&mut self, count: usize) {
        self.count = (self.count + count).min(self.events.len());
    }
}
