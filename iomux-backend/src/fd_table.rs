//! Tables indexed by fd, without hashing. `FdTable` takes 4 bytes per fd number.

use crate::error::Error;
use std::os::fd::RawFd;

/// The index of each registered fd in a dense array.
#[derive(Debug)]
pub(crate) struct FdTable(Vec<u32>);

/// The entry of an fd that is not registered.
const NONE: u32 = u32::MAX;

impl FdTable {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    #[inline]
    pub(crate) fn get(&self, fd: RawFd) -> Option<usize> {
        match self.0.get(index(fd)) {
            Some(&entry) if entry != NONE => Some(entry as usize),
            _ => None,
        }
    }

    /// Returns `true` if `set` accepts `fd` without `reserve`.
    #[inline]
    pub(crate) fn has_room_for(&self, fd: RawFd) -> bool {
        index(fd) < self.0.len()
    }

    /// Grows the table until it has an entry for `fd`.
    pub(crate) fn reserve(&mut self, fd: RawFd) -> Result<(), Error> {
        reach(&mut self.0, fd, NONE)
    }

    /// Sets the index of `fd`, for which the table must have an entry.
    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "there are fewer indices than fd numbers: below 2^31")]
    pub(crate) fn set(&mut self, fd: RawFd, index_of_fd: usize) {
        self.put(fd, index_of_fd as u32);
    }

    #[inline]
    pub(crate) fn remove(&mut self, fd: RawFd) {
        self.put(fd, NONE);
    }

    #[inline]
    fn put(&mut self, fd: RawFd, entry: u32) {
        if let Some(place) = self.0.get_mut(index(fd)) {
            *place = entry;
        }
    }
}

/// Returns the position of `fd` in a table indexed by fd. For a negative number it is past the end of any table.
#[inline]
#[allow(clippy::cast_sign_loss, reason = "a negative number is past the end of any table")]
pub(crate) fn index(fd: RawFd) -> usize {
    fd as usize
}

/// Grows a table indexed by fd until it has an entry for `fd`. New entries are `empty`.
///
/// It reserves memory for an eighth more, so that growth by one fd at a time takes amortized constant time.
#[cold]
pub(crate) fn reach<T: Copy>(table: &mut Vec<T>, fd: RawFd, empty: T) -> Result<(), Error> {
    let number = usize::try_from(fd).map_err(|_| Error::NegativeFd { fd })?;
    if number >= table.capacity() {
        let more = number + 1 - table.len();
        table.try_reserve_exact(more + number / 8).map_err(|_| Error::OutOfMemory)?;
    }
    if number >= table.len() {
        table.resize(number + 1, empty);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reach_reserves_an_eighth_more() {
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
        assert_eq!(table, [7; 903], "never shrinks");
        assert_eq!(reach(&mut table, -1, 7), Err(Error::NegativeFd { fd: -1 }));
    }

    #[test]
    fn entry_lasts_from_set_to_remove() {
        let mut table = FdTable::new();
        table.reserve(5).unwrap();
        assert_eq!(table.get(5), None);
        table.set(5, 3);
        assert_eq!((table.get(5), table.get(4)), (Some(3), None));
        assert_eq!((table.get(6), table.get(-1)), (None, None));
        table.remove(5);
        assert_eq!(table.get(5), None);
    }
}
