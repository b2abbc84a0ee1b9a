//! Where a registered fd is in a dense array, found by its number: 4 bytes each, no hash.

use crate::error::Error;
use crate::multiplexer::Mode;
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
    #[allow(clippy::cast_possible_truncation, reason = "below 2^30, as `Places::insert` sees to")]
    #[inline]
    pub(crate) fn at(self, index: usize) -> Self {
        Self(self.0 & !Self::INDEX | index as u32 & Self::INDEX)
    }

    #[inline]
    pub(crate) fn index(self) -> usize {
        (self.0 & Self::INDEX) as usize
    }

    #[inline]
    pub(crate) fn is_level(self) -> bool {
        self.0 & !Self::INDEX == Self::LEVEL.0
    }

    #[inline]
    pub(crate) fn is_one_shot(self) -> bool {
        self.0 & Self::ONE_SHOT.0 != 0
    }

    #[inline]
    pub(crate) fn is_waker(self) -> bool {
        self.0 & Self::WAKER.0 != 0
    }
}

/// The places of all registered fds, by number.
#[derive(Debug)]
pub(crate) struct Places(Vec<u32>);

/// No place: an index that `Places::insert` never gives out.
const NOWHERE: u32 = u32::MAX;

impl Places {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    #[inline]
    pub(crate) fn get(&self, fd: RawFd) -> Option<Place> {
        let fd = usize::try_from(fd).ok()?;
        self.0.get(fd).filter(|&&place| place != NOWHERE).map(|&place| Place(place))
    }

    pub(crate) fn insert(&mut self, fd: RawFd, place: Place) -> Result<(), Error> {
        let Ok(number) = usize::try_from(fd) else {
            return Err(Error::NegativeFd { fd });
        };
        if number >= Place::INDEX as usize {
            return Err(Error::OutOfMemory);
        }
        if number >= self.0.len() {
            let more = number + 1 - self.0.len();
            if number >= self.0.capacity() {
                self.0.try_reserve_exact(more + number / 8).map_err(|_| Error::OutOfMemory)?;
            }
            self.0.resize(number + 1, NOWHERE);
        }
        self.0[number] = place.0;
        Ok(())
    }

    /// Changes the place of a registered fd.
    pub(crate) fn set(&mut self, fd: RawFd, place: Place) {
        if let Some(entry) = usize::try_from(fd).ok().and_then(|fd| self.0.get_mut(fd)) {
            *entry = place.0;
        }
    }

    /// Changes the index of a registered fd, and nothing else.
    pub(crate) fn move_to(&mut self, fd: RawFd, index: usize) {
        if let Some(place) = self.get(fd) {
            self.set(fd, place.at(index));
        }
    }

    pub(crate) fn remove(&mut self, fd: RawFd) {
        self.set(fd, Place(NOWHERE));
    }
}
