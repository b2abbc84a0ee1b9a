//! What is asked of each registered fd, and what of that the kernel has not been told yet.

use crate::error::Error;
use crate::fd_table::{index, reach};
use iomux_sys::epoll::{EPOLLEXCLUSIVE, EPOLLWAKEUP};
use std::os::fd::RawFd;

/// What is asked of an fd: 12 bytes, also in the table by fd number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed(4))]
pub(super) struct Asked {
    /// The caller's token; of a deferred change, its index.
    word: usize,
    /// `EPOLL*`, and `FLAGS` among the bits that epoll has no use for.
    events: u32,
}

const REGISTERED: u32 = 1 << 16;
const WAKER: u32 = 1 << 17;
/// The kernel has not been told of the last change.
const DEFERRED: u32 = 1 << 18;
/// The kernel has no registration of that file under that number any more.
const LOST: u32 = 1 << 19;
const FLAGS: u32 = REGISTERED | WAKER | DEFERRED | LOST;

impl Asked {
    const NOTHING: Self = Self { word: 0, events: 0 };

    #[inline]
    pub(super) fn of_source(token: usize, events: u32) -> Self {
        Self { word: token, events: events | REGISTERED }
    }

    pub(super) fn of_waker(token: usize, events: u32) -> Self {
        Self { word: token, events: events | REGISTERED | WAKER }
    }

    /// What the kernel is told.
    #[inline]
    pub(super) fn events(self) -> u32 {
        self.events & !FLAGS
    }

    #[inline]
    pub(super) fn token(self) -> usize {
        self.word
    }

    fn is(self, flag: u32) -> bool {
        self.events & flag != 0
    }

    pub(super) fn is_lost(self) -> bool {
        self.is(LOST)
    }
}

/// A level-mode modify that waits for the next wait. (Of 32 bytes, an index is a shift.)
#[derive(Clone, Copy, Debug)]
#[repr(align(8))]
pub(super) struct Change {
    pub(super) fd: RawFd,
    /// What the kernel has.
    made: Asked,
    pub(super) wanted: Asked,
}

impl Change {
    pub(super) fn is_nothing(&self) -> bool {
        self.made == self.wanted
    }
}

#[derive(Debug)]
pub(super) struct Registrations {
    /// By fd number.
    table: Vec<Asked>,
    /// Never more than there are registrations.
    changes: Vec<Change>,
    count: usize,
}

impl Registrations {
    pub(super) fn new() -> Self {
        Self { table: Vec::new(), changes: Vec::new(), count: 0 }
    }

    /// How many fds are registered, wakers among them.
    #[inline]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    #[inline]
    fn entry(&self, fd: RawFd) -> Asked {
        match self.table.get(index(fd)) {
            Some(entry) => *entry,
            None => Asked::NOTHING,
        }
    }

    #[inline]
    fn set_entry(&mut self, fd: RawFd, asked: Asked) {
        if let Some(entry) = self.table.get_mut(index(fd)) {
            *entry = asked;
        }
    }

    #[inline]
    pub(super) fn is_registered(&self, fd: RawFd) -> bool {
        self.entry(fd).is(REGISTERED)
    }

    /// The caller's own registration; wakers are not the caller's.
    #[inline]
    pub(super) fn source(&self, fd: RawFd) -> Result<Asked, Error> {
        let entry = self.entry(fd);
        if entry.events & (REGISTERED | WAKER) == REGISTERED {
            Ok(entry)
        } else {
            Err(Error::NotRegistered { fd })
        }
    }

    /// Makes room for `fd`.
    #[inline]
    pub(super) fn reserve(&mut self, fd: RawFd) -> Result<(), Error> {
        if index(fd) < self.table.len() { Ok(()) } else { reach(&mut self.table, fd, Asked::NOTHING) }
    }

    /// Takes down what the kernel has been told of `fd`, for which there is room; a deferred change is void.
    #[inline]
    pub(super) fn told(&mut self, fd: RawFd, asked: Asked) {
        let entry = self.entry(fd);
        self.count += usize::from(!entry.is(REGISTERED));
        self.drop_change(entry);
        self.set_entry(fd, asked);
    }

    /// Forgets `fd`, and what was to be changed about it.
    #[inline]
    pub(super) fn remove(&mut self, fd: RawFd) {
        let entry = self.entry(fd);
        self.count -= usize::from(entry.is(REGISTERED));
        self.drop_change(entry);
        self.set_entry(fd, Asked::NOTHING);
    }

    #[inline]
    fn drop_change(&mut self, entry: Asked) {
        if entry.is(DEFERRED) {
            self.take_change(entry.word);
        }
    }

    /// Takes a change out; the last one moves to its place.
    #[inline(never)]
    fn take_change(&mut self, index: usize) {
        self.changes.swap_remove(index);
        if let Some(moved) = self.changes.get(index) {
            let fd = moved.fd;
            let entry = Asked { word: index, ..self.entry(fd) };
            self.set_entry(fd, entry);
        }
    }

    /// Remembers what is to be asked of `fd`, in level mode, from the next wait on. `false`, and nothing is
    /// remembered, if `fd` is no source, exclusive, or there is no memory for it.
    #[inline]
    pub(super) fn defer(&mut self, fd: RawFd, token: usize, events: u32) -> bool {
        let Some(entry) = self.table.get_mut(index(fd)) else { return false };
        let Asked { word, events: old } = *entry;
        if old & (REGISTERED | WAKER | EPOLLEXCLUSIVE) != REGISTERED {
            return false;
        }
        let wanted = Asked { word: token, events: events | old & EPOLLWAKEUP | REGISTERED };
        if old & DEFERRED != 0 {
            if let Some(change) = self.changes.get_mut(word) {
                change.wanted = wanted;
            }
            return true;
        }
        if *entry == wanted {
            return true;
        }
        let made = *entry;
        self.remember(Change { fd, made, wanted })
    }

    #[inline(never)]
    fn remember(&mut self, change: Change) -> bool {
        if self.changes.try_reserve(1).is_err() {
            return false;
        }
        let Change { fd, made, .. } = change;
        self.set_entry(fd, Asked { word: self.changes.len(), events: made.events | DEFERRED });
        self.changes.push(change);
        true
    }

    #[inline]
    pub(super) fn has_changes(&self) -> bool {
        !self.changes.is_empty()
    }

    pub(super) fn change(&self, index: usize) -> Option<Change> {
        self.changes.get(index).copied()
    }

    /// The kernel has been told of the change at `index`, and has the registration or not.
    pub(super) fn settle(&mut self, index: usize, has_it: bool) {
        let Some(Change { fd, wanted, .. }) = self.change(index) else { return };
        self.take_change(index);
        let flag = if has_it { 0 } else { LOST };
        self.set_entry(fd, Asked { word: wanted.word, events: wanted.events | flag });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iomux_sys::epoll::{EPOLLET, EPOLLIN, EPOLLOUT};

    #[test]
    fn a_waker_is_registered_and_not_the_callers() {
        let mut registrations = Registrations::new();
        registrations.reserve(5).unwrap();
        registrations.told(5, Asked::of_waker(1, EPOLLIN | EPOLLET));
        assert!(registrations.is_registered(5));
        assert_eq!(registrations.source(5), Err(Error::NotRegistered { fd: 5 }));
        assert!(!registrations.defer(5, 2, EPOLLOUT));
    }

    #[test]
    fn the_kernel_is_told_what_was_asked_and_none_of_our_flags() {
        let mut registrations = Registrations::new();
        registrations.reserve(5).unwrap();
        assert_eq!(Asked::of_waker(1, EPOLLIN | EPOLLET).events(), EPOLLIN | EPOLLET);
        registrations.told(5, Asked::of_source(1, EPOLLIN));
        assert!(registrations.defer(5, 2, EPOLLOUT));
        let change = registrations.change(0).unwrap();
        assert_eq!((change.fd, change.wanted.token(), change.wanted.events()), (5, 2, EPOLLOUT));
        let deferred = registrations.source(5).unwrap();
        assert_eq!((deferred.events(), deferred.is_lost()), (EPOLLIN, false));
        registrations.settle(0, false);
        let lost = registrations.source(5).unwrap();
        assert_eq!((lost.token(), lost.events(), lost.is_lost()), (2, EPOLLOUT, true));
        assert!(!registrations.has_changes());
    }

    #[test]
    fn a_waker_with_the_number_of_a_source_that_was_closed_is_not_changed_for_it() {
        let mut registrations = Registrations::new();
        registrations.reserve(5).unwrap();
        registrations.told(5, Asked::of_source(1, EPOLLIN));
        assert!(registrations.defer(5, 2, EPOLLOUT));
        registrations.told(5, Asked::of_waker(3, EPOLLIN));
        assert!(!registrations.has_changes());
        assert_eq!(registrations.count(), 1);
    }

    #[test]
    fn what_was_removed_is_not_counted() {
        let mut registrations = Registrations::new();
        for fd in 0..3 {
            registrations.reserve(fd).unwrap();
            registrations.told(fd, Asked::of_source(0, EPOLLIN));
        }
        registrations.remove(1);
        registrations.remove(1);
        assert_eq!(registrations.count(), 2);
    }
}
