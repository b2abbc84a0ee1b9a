//! Tables indexed by fd: 4 bytes per number for an index, no hash.

use crate::error::Error;
use std::os::fd::RawFd;

/// The index of each registered fd in a dense array.
#[derive(Debug)]
pub(crate) struct FdTable(Vec<u32>);

/// An index that no registration has.
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

    /// Returns `true` if `set` needs no `reserve` for `fd`.
    #[inline]
    pub(crate) fn has_room_for(&self, fd: RawFd) -> bool {
        index(fd) < self.0.len()
    }

    /// Makes room for the index of `fd`.
    pub(crate) fn reserve(&mut self, fd: RawFd) -> Result<(), Error> {
        reach(&mut self.0, fd, NONE)
    }

    /// Sets the index of an fd that there is room for.
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

/// Returns where a table indexed by fd holds `fd`; of a negative number, past every end.
#[inline]
#[allow(clippy::cast_sign_loss, reason = "a negative number is past every end")]
pub(crate) fn index(fd: RawFd) -> usize {
    fd as usize
}

/// Grows a table indexed by fd until it holds `fd`, with room for an eighth more; new entries are `empty`.
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
    fn an_fd_has_an_index_from_set_to_remove() {
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
