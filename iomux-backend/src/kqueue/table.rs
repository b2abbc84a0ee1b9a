//! The registrations by fd number, and which of them have something to tell: the kernel, or the caller.

use super::registration::{Filter, Registration};
use super::sys::Kevent;
use crate::error::Error;
use crate::event::Token;
use crate::fd_table::{index, reach};
use iomux::Readiness;
use std::os::fd::RawFd;

/// The registrations, by fd number.
#[derive(Debug)]
pub(super) struct Table {
    places: Vec<Option<Registration>>,
    len: usize,
    /// Those whose filters in the kernel may not be the ones that are wanted, each once.
    changed: Vec<RawFd>,
    /// Those that have something to be reported, each once, in the order in which it came.
    ready: Vec<RawFd>,
}

impl Table {
    pub(super) const fn new() -> Self {
        Self { places: Vec::new(), len: 0, changed: Vec::new(), ready: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn get_mut(&mut self, fd: RawFd) -> Option<&mut Registration> {
        self.places.get_mut(usize::try_from(fd).ok()?)?.as_mut()
    }

    /// Registers `fd`, which is not registered. Nothing allocates on its behalf from here on.
    pub(super) fn insert(&mut self, fd: RawFd, registration: Registration) -> Result<(), Error> {
        reach(&mut self.places, fd, None)?;
        reserve(&mut self.changed, self.len + 1)?;
        reserve(&mut self.ready, self.len + 1)?;
        self.places[index(fd)] = Some(registration);
        self.len += 1;
        Ok(())
    }

    pub(super) fn remove(&mut self, fd: RawFd) -> Option<Registration> {
        let registration = self.places.get_mut(usize::try_from(fd).ok()?)?.take()?;
        self.len -= 1;
        if registration.is_listed {
            self.changed.retain(|&listed| listed != fd);
        }
        self.forget_ready(fd, &registration);
        Some(registration)
    }

    /// Takes back what was to be reported of `registration`.
    fn forget_ready(&mut self, fd: RawFd, registration: &Registration) {
        if !registration.reported().is_empty() {
            self.ready.retain(|&ready| ready != fd);
        }
    }

    /// Changes a registration, and remembers that the kernel may have to be told. What it had to report
    /// is forgotten.
    pub(super) fn modify(&mut self, fd: RawFd, change: impl FnOnce(&mut Registration)) {
        let Some(&mut before) = self.get_mut(fd) else { return };
        self.forget_ready(fd, &before);
        if let Some(registration) = self.get_mut(fd) {
            change(registration);
        }
        self.list(fd);
    }

    /// Remembers that the kernel is to be told, if it is.
    fn list(&mut self, fd: RawFd) {
        let Some(registration) = self.get_mut(fd) else { return };
        if !registration.is_listed && registration.is_changed() {
            registration.is_listed = true;
            self.changed.push(fd);
        }
    }

    pub(super) fn has_changes(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Tells `changes` what the kernel is to be told of those that were modified.
    pub(super) fn settle(&mut self, changes: &mut Vec<Kevent>) -> Result<(), Error> {
        // Three filters, taken and added again.
        reserve(changes, changes.len() + 6 * self.changed.len())?;
        let Self { places, changed, .. } = self;
        for fd in changed.drain(..) {
            let place = usize::try_from(fd).ok().and_then(|number| places.get_mut(number)?.as_mut());
            if let Some(registration) = place {
                registration.is_listed = false;
                registration.settle(fd, |change| changes.push(change));
            }
        }
        Ok(())
    }

    /// The registration that an event is of, if it still is one, and its filter.
    pub(super) fn owner(&mut self, event: &Kevent) -> Option<(RawFd, &mut Registration, Filter)> {
        let fd = RawFd::try_from(event.ident()).ok()?;
        let filter = Filter::of(event)?;
        let registration = self.get_mut(fd)?;
        registration.is_of(event, filter).then_some((fd, registration, filter))
    }

    /// Whether the next wait will report an event again if it is still so: it is of a level-triggered filter.
    pub(super) fn is_reported_again(&mut self, event: &Kevent) -> bool {
        self.owner(event).is_some_and(|(_, registration, filter)| registration.is_level(filter))
    }

    /// Remembers that `fd`, of which `before` was to be reported so far, may have more.
    pub(super) fn list_ready(&mut self, fd: RawFd, before: bool) {
        let Some(registration) = self.get_mut(fd) else { return };
        if before && !registration.reported().is_empty() {
            self.ready.push(fd);
        }
        self.list(fd);
    }

    pub(super) fn ready_len(&self) -> usize {
        self.ready.len()
    }

    /// Those that have something to be reported, `count` of them at most, and no longer after.
    pub(super) fn take_ready(&mut self, count: usize) -> impl Iterator<Item = (Token, Readiness)> {
        let Self { places, changed, ready, .. } = self;
        ready.drain(..count.min(ready.len())).filter_map(|fd| {
            let registration = places.get_mut(usize::try_from(fd).ok()?)?.as_mut()?;
            let reported = (registration.token, registration.take_reported());
            if !registration.is_listed && registration.is_changed() {
                registration.is_listed = true;
                changed.push(fd);
            }
            Some(reported)
        })
    }
}

/// Makes room for `len` in all, an eighth more than is needed now.
fn reserve<T>(list: &mut Vec<T>, len: usize) -> Result<(), Error> {
    if len <= list.capacity() {
        return Ok(());
    }
    list.try_reserve_exact(len - list.len() + len / 8).map_err(|_| Error::OutOfMemory)
}

#[cfg(test)]
mod tests {
    use super::super::sys::Kind;
    use super::*;
    use crate::multiplexer::Mode;
    use iomux::Interest;
    use iomux_sys::kqueue::EVFILT_READ;

    #[test]
    fn what_is_pending_is_no_more_than_what_is_registered() {
        let mut table = Table::new();
        for round in 0..1000 {
            let read = Interest::READABLE;
            let mut registration = Registration::new(Token(0), read, Mode::Level, Kind::Other, round);
            registration.settle(7, drop);
            table.insert(7, registration).unwrap();
            for interest in [Interest::WRITABLE, Interest::empty()] {
                table.modify(7, |registration| registration.modify(Token(1), interest, Mode::Level));
            }
            assert_eq!(table.changed, [7]);
            assert!(table.remove(7).is_some());
        }
        assert!(!table.has_changes());
        assert!(table.changed.capacity() < 16, "{}", table.changed.capacity());
    }

    #[test]
    fn there_is_room_for_all_that_may_come_and_for_an_eighth_more_than_is_needed() {
        let mut table = Table::new();
        for fd in 80..90 {
            let registration = Registration::new(Token(0), Interest::empty(), Mode::Level, Kind::Other, 7);
            table.insert(fd, registration).unwrap();
            assert!(table.changed.capacity() >= table.len && table.ready.capacity() >= table.len);
        }
        assert_eq!((table.len, table.places.len(), table.places.capacity()), (10, 90, 81 + 80 / 8));
        let mut changes = Vec::new();
        for fd in 80..90 {
            table.modify(fd, |registration| registration.modify(Token(1), Interest::READABLE, Mode::Level));
        }
        table.settle(&mut changes).unwrap();
        assert_eq!(changes.capacity(), 60 + 60 / 8, "three filters of ten, taken and added again");
        assert!(matches!(table.insert(-1, table.places[80].unwrap()), Err(Error::NegativeFd { fd: -1 })));
    }

    /// A table with 7, which asks for `interest`, as the kernel has been told.
    fn table_with_7(interest: Interest, mode: Mode) -> Table {
        let mut table = Table::new();
        let mut registration = Registration::new(Token(0), interest, mode, Kind::Other, 1);
        registration.settle(7, drop);
        table.insert(7, registration).unwrap();
        table
    }

    /// Takes an event of 7 that it can be read, if it is armed.
    fn take_readable(table: &mut Table) {
        let event = Kevent::change(7, EVFILT_READ, 0, 0, 0, 1);
        if let Some((_, registration, filter)) = table.owner(&event) {
            let before = registration.reported().is_empty();
            registration.take(&event, filter);
            table.list_ready(7, before);
        }
    }

    #[test]
    fn what_is_ready_is_listed_once_and_if_there_is_something_to_say() {
        let mut table = table_with_7(Interest::READABLE, Mode::Level);
        for _ in 0..2 {
            take_readable(&mut table);
            assert_eq!(table.ready, [7]);
        }
        let mut table = table_with_7(Interest::empty(), Mode::Level);
        take_readable(&mut table);
        assert!(table.ready.is_empty(), "nobody asked for data");
    }

    #[test]
    fn what_was_to_be_reported_is_forgotten_by_a_modify_and_a_remove() {
        let mut table = table_with_7(Interest::READABLE, Mode::Level);
        take_readable(&mut table);
        table.modify(7, |registration| registration.modify(Token(1), Interest::READABLE, Mode::Level));
        assert!(table.ready.is_empty());
        take_readable(&mut table);
        table.remove(7);
        assert!(table.ready.is_empty());
    }

    #[test]
    fn of_what_was_reported_the_kernel_is_told_if_something_changed_and_once() {
        for (mode, changed) in [(Mode::Level, &[][..]), (Mode::OneShot, &[7])] {
            let mut table = table_with_7(Interest::READABLE, mode);
            for _ in 0..2 {
                take_readable(&mut table);
                let _ = table.take_ready(1).count();
                assert_eq!(table.changed, changed, "{mode:?}");
            }
        }
    }

    #[test]
    fn room_is_made_beyond_what_is_there_and_only_when_it_is_full() {
        let mut list = Vec::with_capacity(8);
        list.extend([0_u8; 6]);
        reserve(&mut list, 8).unwrap();
        assert_eq!(list.capacity(), 8);
        reserve(&mut list, 16).unwrap();
        assert_eq!(list.capacity(), 6 + (16 - 6) + 16 / 8);
    }
}
