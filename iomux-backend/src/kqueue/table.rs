//! The table of registrations, indexed by fd, and which of them have changes to submit or readiness to report.

use super::registration::{Filter, Registration};
use super::sys::Kevent;
use crate::error::Error;
use crate::event::Token;
use crate::fd_table::{index, reach};
use iomux::Readiness;
use std::os::fd::RawFd;

/// The registrations, indexed by fd.
#[derive(Debug, Default)]
pub(super) struct Table {
    places: Vec<Option<Registration>>,
    pub(super) len: usize,
    /// Those whose filters in the kernel may not be the wanted ones, each once.
    changed: Vec<RawFd>,
    /// Those with pending readiness, each once, in the order in which it came.
    pub(super) ready: Vec<RawFd>,
}

impl Table {
    pub(super) fn contains(&self, fd: RawFd) -> bool {
        self.places.get(index(fd)).is_some_and(Option::is_some)
    }

    /// Registers `fd`, which is not registered. No later change of it allocates.
    pub(super) fn insert(&mut self, fd: RawFd, registration: Registration) -> Result<(), Error> {
        reach(&mut self.places, fd, None)?;
        reserve(&mut self.changed, self.len + 1)?;
        reserve(&mut self.ready, self.len + 1)?;
        self.places[index(fd)] = Some(registration);
        self.len += 1;
        Ok(())
    }

    pub(super) fn remove(&mut self, fd: RawFd) -> Option<Registration> {
        let registration = self.places.get_mut(index(fd))?.take()?;
        self.len -= 1;
        if registration.is_listed {
            self.changed.retain(|&listed| listed != fd);
        }
        if !registration.pending.is_empty() {
            self.ready.retain(|&ready| ready != fd);
        }
        Some(registration)
    }

    /// Changes a registration, and lists what follows from the change: filters to submit, readiness to report.
    pub(super) fn update<T>(&mut self, fd: RawFd, change: impl FnOnce(&mut Registration) -> T) -> Option<T> {
        let Self { places, changed, ready, .. } = self;
        let registration = places.get_mut(index(fd))?.as_mut()?;
        let was_ready = !registration.pending.is_empty();
        let result = change(registration);
        match (was_ready, !registration.pending.is_empty()) {
            (false, true) => ready.push(fd),
            (true, false) => ready.retain(|&ready| ready != fd),
            _ => {}
        }
        list(changed, fd, registration);
        Some(result)
    }

    /// Appends to `changes` what turns the kernel's filters into the wanted ones.
    pub(super) fn settle(&mut self, changes: &mut Vec<Kevent>) -> Result<(), Error> {
        // Three filters, deleted and added again.
        reserve(changes, changes.len() + 6 * self.changed.len())?;
        for fd in self.changed.drain(..) {
            if let Some(registration) = self.places.get_mut(index(fd)).and_then(Option::as_mut) {
                registration.is_listed = false;
                registration.settle(fd, changes);
            }
        }
        Ok(())
    }

    /// Returns the registration that an event belongs to, if it is still registered, and the event's filter.
    pub(super) fn owner(&self, event: &Kevent) -> Option<(RawFd, &Registration, Filter)> {
        let (fd, filter) = (RawFd::try_from(event.0.ident).ok()?, Filter::of(event)?);
        let registration = self.places.get(index(fd))?.as_ref()?;
        registration.is_of(event, filter).then_some((fd, registration, filter))
    }

    /// Takes the pending readiness of at most `count` registrations.
    pub(super) fn take_ready(&mut self, count: usize) -> impl Iterator<Item = (Token, Readiness)> {
        let Self { places, changed, ready, .. } = self;
        ready.drain(..count.min(ready.len())).filter_map(|fd| {
            let registration = places.get_mut(index(fd))?.as_mut()?;
            let readiness = registration.take_pending();
            list(changed, fd, registration);
            Some((registration.token, readiness))
        })
    }
}

/// Lists a registration that has changes to submit.
fn list(changed: &mut Vec<RawFd>, fd: RawFd, registration: &mut Registration) {
    if !registration.is_listed && registration.is_changed() {
        registration.is_listed = true;
        changed.push(fd);
    }
}

/// Makes room for `len` entries, and for an eighth more than is needed now.
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
    use crate::mode::Mode;
    use iomux::Interest;
    use iomux_sys::kqueue::EVFILT_READ;

    fn modify(table: &mut Table, fd: RawFd, interest: Interest) {
        table.update(fd, |registration| registration.modify(Token(1), interest, Mode::Level)).unwrap();
    }

    #[test]
    fn what_is_pending_is_no_more_than_what_is_registered() {
        let mut table = Table::default();
        for round in 0..1000 {
            let read = Interest::READABLE;
            let mut registration = Registration::new(Token(0), read, Mode::Level, Kind::Other, round);
            registration.settle(7, &mut Vec::new());
            table.insert(7, registration).unwrap();
            for interest in [Interest::WRITABLE, Interest::empty()] {
                modify(&mut table, 7, interest);
            }
            assert_eq!(table.changed, [7]);
            assert!(table.remove(7).is_some());
        }
        assert!(table.changed.is_empty());
        assert!(table.changed.capacity() < 16, "{}", table.changed.capacity());
    }

    #[test]
    fn there_is_room_for_all_that_may_come_and_for_an_eighth_more_than_is_needed() {
        let mut table = Table::default();
        for fd in 80..90 {
            let registration = Registration::new(Token(0), Interest::empty(), Mode::Level, Kind::Other, 7);
            table.insert(fd, registration).unwrap();
            assert!(table.changed.capacity() >= table.len && table.ready.capacity() >= table.len);
        }
        assert_eq!((table.len, table.places.len(), table.places.capacity()), (10, 90, 81 + 80 / 8));
        let mut changes = Vec::new();
        for fd in 80..90 {
            modify(&mut table, fd, Interest::READABLE);
        }
        table.settle(&mut changes).unwrap();
        assert_eq!(changes.capacity(), 60 + 60 / 8, "three filters of ten, taken and added again");
        assert!(matches!(table.insert(-1, table.places[80].unwrap()), Err(Error::NegativeFd { fd: -1 })));
    }

    /// A table with 7, which asks for `interest`, as the kernel has been told.
    fn table_with_7(interest: Interest, mode: Mode) -> Table {
        let mut table = Table::default();
        let mut registration = Registration::new(Token(0), interest, mode, Kind::Other, 1);
        registration.settle(7, &mut Vec::new());
        table.insert(7, registration).unwrap();
        table
    }

    /// Takes an event of 7 that it can be read, if it is armed.
    fn take_readable(table: &mut Table) {
        let event = Kevent::change(7, EVFILT_READ, 0, 0, 0, 1);
        if let Some((fd, _, filter)) = table.owner(&event) {
            table.update(fd, |registration| registration.take(&event, filter));
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
        modify(&mut table, 7, Interest::READABLE);
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
