//! The table of registrations, indexed by fd, with lists of those that have changes to submit or readiness to report.

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
    /// The fds that may have changes to submit, each once.
    changed: Vec<RawFd>,
    /// The fds with pending readiness, each once, in the order of arrival.
    pub(super) ready: Vec<RawFd>,
}

impl Table {
    pub(super) fn contains(&self, fd: RawFd) -> bool {
        self.places.get(index(fd)).is_some_and(Option::is_some)
    }

    /// Adds the registration of `fd`, which must not be registered. It reserves the memory for all later changes.
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

    /// Changes a registration, and updates the lists of changes and of readiness.
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

    /// Appends the changes of all listed registrations to `changes`.
    pub(super) fn settle(&mut self, changes: &mut Vec<Kevent>) -> Result<(), Error> {
        // Each of three filters may be deleted and added.
        reserve(changes, changes.len() + 6 * self.changed.len())?;
        for fd in self.changed.drain(..) {
            if let Some(registration) = self.places.get_mut(index(fd)).and_then(Option::as_mut) {
                registration.is_listed = false;
                registration.settle(fd, changes);
            }
        }
        Ok(())
    }

    /// Returns the fd, registration and filter that an event belongs to, if they are still registered.
    pub(super) fn owner(&self, event: &Kevent) -> Option<(RawFd, &Registration, Filter)> {
        let (fd, filter) = (RawFd::try_from(event.0.ident).ok()?, Filter::of(event)?);
        let registration = self.places.get(index(fd))?.as_ref()?;
        registration.is_of(event, filter).then_some((fd, registration, filter))
    }

    /// Removes and returns the pending readiness of at most `count` registrations.
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

/// Adds a registration to the list of changes, if it has any.
fn list(changed: &mut Vec<RawFd>, fd: RawFd, registration: &mut Registration) {
    if !registration.is_listed && registration.is_changed() {
        registration.is_listed = true;
        changed.push(fd);
    }
}

/// Reserves memory for `len` entries and an eighth more.
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
    fn change_list_does_not_outgrow_registrations() {
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
    fn insert_reserves_lists_and_an_eighth_more() {
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
        assert_eq!(changes.capacity(), 60 + 60 / 8, "three filters per fd, deleted and added");
        assert!(matches!(table.insert(-1, table.places[80].unwrap()), Err(Error::NegativeFd { fd: -1 })));
    }

    /// Returns a table with fd 7, whose changes were submitted.
    fn table_with_7(interest: Interest, mode: Mode) -> Table {
        let mut table = Table::default();
        let mut registration = Registration::new(Token(0), interest, mode, Kind::Other, 1);
        registration.settle(7, &mut Vec::new());
        table.insert(7, registration).unwrap();
        table
    }

    /// Takes an event that fd 7 is readable, if it is armed.
    fn take_readable(table: &mut Table) {
        let event = Kevent::change(7, EVFILT_READ, 0, 0, 0, 1);
        if let Some((fd, _, filter)) = table.owner(&event) {
            table.update(fd, |registration| registration.take(&event, filter));
        }
    }

    #[test]
    fn ready_fd_is_listed_once() {
        let mut table = table_with_7(Interest::READABLE, Mode::Level);
        for _ in 0..2 {
            take_readable(&mut table);
            assert_eq!(table.ready, [7]);
        }
        let mut table = table_with_7(Interest::empty(), Mode::Level);
        take_readable(&mut table);
        assert!(table.ready.is_empty(), "data is not in the interest");
    }

    #[test]
    fn modify_and_remove_drop_pending_readiness() {
        let mut table = table_with_7(Interest::READABLE, Mode::Level);
        take_readable(&mut table);
        modify(&mut table, 7, Interest::READABLE);
        assert!(table.ready.is_empty());
        take_readable(&mut table);
        table.remove(7);
        assert!(table.ready.is_empty());
    }

    #[test]
    fn report_lists_one_shot_change_once() {
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
    fn reserve_grows_full_list_only() {
        let mut list = Vec::with_capacity(8);
        list.extend([0_u8; 6]);
        reserve(&mut list, 8).unwrap();
        assert_eq!(list.capacity(), 8);
        reserve(&mut list, 16).unwrap();
        assert_eq!(list.capacity(), 6 + (16 - 6) + 16 / 8);
    }
}
