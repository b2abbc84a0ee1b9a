//! Where a registered fd is in a dense array, found by its number: 4 bytes each, no hash.

use crate::error::Error;
use crate::mode::Mode;
use std::os::fd::RawFd;

/// Where a registration is, and what it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Place {
    /// Of a source that reports for as long as it is ready.
    const LEVEL: Self = Self(0);
    /// Of a source that reports once.
    const ONE_SHOT: Self = Self(1 << 31);
    /// Of a waker.
    pub(crate) const WAKER: Self = Self(1 << 30);
    /// The bits of the index.
    const INDEX: u32 = (1 << 30) - 1;

    pub(crate) fn of(mode: Mode) -> Result<Self, Error> {
        match mode {
            Mode::Level => Ok(Self::LEVEL),
            Mode::OneShot => Ok(Self::ONE_SHOT),
            _ => Err(Error::UnsupportedMode { mode, backend: "poll" }),
        }
    }

    /// The same, at an index, of which there are fewer than fd numbers: less than 2^30.
    #[allow(clippy::cast_possible_truncation, reason = "below 2^30, as `Places::reserve` sees to")]
    #[inline]
    pub(crate) fn at(self, index: usize) -> Self {
        Self(self.0 & !Self::INDEX | index as u32 & Self::INDEX)
    }

    #[inline]
    pub(crate) fn index(self) -> usize {
        (self.0 & Self::INDEX) as usize
    }

    #[inline]
    pub(crate) fn is_one_shot(self) -> bool {
        self.0 & Self::ONE_SHOT.0 != 0
    }
}

/// The places of all registered fds, by number.
#[derive(Debug)]
pub(crate) struct Places(Vec<u32>);

/// No place: an index that no registration has.
const NOWHERE: u32 = u32::MAX;

impl Places {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    #[inline]
    pub(crate) fn get(&self, fd: RawFd) -> Option<Place> {
        match self.0.get(index(fd)) {
            Some(&place) if place != NOWHERE => Some(Place(place)),
            _ => None,
        }
    }

    /// The place of an fd that is the caller's own.
    #[inline]
    pub(crate) fn source(&self, fd: RawFd) -> Option<Place> {
        match self.0.get(index(fd)) {
            // No place has the bit of a waker, too.
            Some(&place) if place & Place::WAKER.0 == 0 => Some(Place(place)),
            _ => None,
        }
    }

    /// Whether the fd is of a source that reports for as long as it is ready.
    #[inline]
    pub(crate) fn is_level(&self, fd: RawFd) -> bool {
        self.0.get(index(fd)).is_some_and(|place| place & !Place::INDEX == Place::LEVEL.0)
    }

    /// Whether `set` would keep the place of `fd`, without `reserve`.
    #[inline]
    pub(crate) fn has_room_for(&self, fd: RawFd) -> bool {
        index(fd) < self.0.len()
    }

    /// Makes room for the place of `fd`.
    pub(crate) fn reserve(&mut self, fd: RawFd) -> Result<(), Error> {
        if usize::try_from(fd).is_ok_and(|number| number >= Place::INDEX as usize) {
            return Err(Error::OutOfMemory);
        }
        reach(&mut self.0, fd, NOWHERE)
    }

    /// Sets the place of an fd that there is room for.
    #[inline]
    pub(crate) fn set(&mut self, fd: RawFd, place: Place) {
        if let Some(entry) = self.0.get_mut(index(fd)) {
            *entry = place.0;
        }
    }

    /// Changes the index of a registered fd, and nothing else.
    pub(crate) fn move_to(&mut self, fd: RawFd, index: usize) {
        if let Some(place) = self.get(fd) {
            self.set(fd, place.at(index));
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, fd: RawFd) {
        self.set(fd, Place(NOWHERE));
    }
}

/// Where what is known of `fd` is in a table by number; of a negative number, past every end.
#[inline]
#[allow(clippy::cast_sign_loss, reason = "as it is meant")]
pub(crate) fn index(fd: RawFd) -> usize {
    fd as usize
}

/// Makes a table by number reach `fd`, with room for an eighth more than is needed; new entries are `nobody`'s.
#[cold]
pub(crate) fn reach<T: Copy>(table: &mut Vec<T>, fd: RawFd, nobody: T) -> Result<(), Error> {
    let number = usize::try_from(fd).map_err(|_| Error::NegativeFd { fd })?;
    if number >= table.capacity() {
        let more = number + 1 - table.len();
        table.try_reserve_exact(more + number / 8).map_err(|_| Error::OutOfMemory)?;
    }
    if number >= table.len() {
        table.resize(number + 1, nobody);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_reaches_an_fd_has_room_for_an_eighth_more() {
        let mut table = Vec::new();
        for fd in [801, 850, 900] {
            reach(&mut table, fd, 7).unwrap();
            assert_eq!(
                (table.len(), table.capacity()),
                (usize::try_from(fd).unwrap() + 1, 801 + 1 + 801 / 8)
            );
        }
        reach(&mut table, 902, 7).unwrap();
        assert_eq!(table.capacity(), 902 + 1 + 902 / 8);
        reach(&mut table, 5, 7).unwrap();
        assert_eq!(table, [7; 903], "it does not shrink");
        assert_eq!(reach(&mut table, -1, 7), Err(Error::NegativeFd { fd: -1 }));
    }

    #[test]
    fn a_waker_has_a_place_and_is_not_the_callers() {
        let mut places = Places::new();
        places.reserve(5).unwrap();
        assert_eq!((places.get(5), places.source(5)), (None, None), "nobody's");
        places.set(5, Place::WAKER.at(3));
        assert_eq!(places.get(5).map(Place::index), Some(3));
        assert_eq!((places.source(5), places.is_level(5)), (None, false));
        for mode in [Mode::Level, Mode::OneShot] {
            places.set(5, Place::of(mode).unwrap().at(3));
            assert_eq!(places.source(5).map(Place::index), Some(3), "{mode:?}");
            assert_eq!(places.is_level(5), mode == Mode::Level);
        }
        assert_eq!((places.source(6), places.source(-1)), (None, None), "past the end");
    }
}
