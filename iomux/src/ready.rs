//! The slots that a table yields: those in use, and those that a poll found ready.

use crate::interest::{Interest, Readiness};
use crate::pollfd::{PollFd, any_ready, strace};
use core::fmt;
use core::iter::FusedIterator;
use std::os::fd::BorrowedFd;

/// A slot that a poll found ready: [`Slots::ready`](crate::Slots::ready),
/// [`Slots::next_ready`](crate::Slots::next_ready), [`next_ready`].
///
/// It borrows the fd, not the table.
///
/// # Examples
/// ```
/// use iomux::{Interest, Slots, Timeout};
/// use std::os::fd::{AsFd, AsRawFd};
///
/// let (reader, writer) = std::io::pipe()?;
/// let mut slots = Slots::with_capacity(8);
/// slots.set(5, reader.as_fd(), Interest::READABLE)?;
/// drop(writer);
/// slots.poll(Timeout::Infinite)?;
/// let ready = slots.ready().next().unwrap();
/// slots.clear(ready.index())?; // `ready` stays as the poll found it
/// assert_eq!((ready.index(), ready.fd().as_raw_fd()), (5, reader.as_raw_fd()));
/// assert_eq!(ready.interest(), Interest::READABLE);
/// assert!(ready.readiness().is_closed(), "reported whatever the interest");
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Ready<'fd> {
    index: usize,
    fd: BorrowedFd<'fd>,
    interest: Interest,
    readiness: Readiness,
}

impl<'fd> Ready<'fd> {
    /// Returns the index of the slot.
    #[inline]
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns the slot's fd.
    #[inline]
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'fd> {
        self.fd
    }

    /// Returns the slot's interest. The readiness may have further events, such as errors and hangups.
    #[inline]
    #[must_use]
    pub fn interest(&self) -> Interest {
        self.interest
    }

    /// Returns the slot's readiness, which is not empty.
    #[inline]
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.readiness
    }

    #[inline]
    fn of(index: usize, slot: &PollFd<'fd>) -> Option<Self> {
        let readiness = slot.readiness();
        if readiness.is_empty() {
            return None;
        }
        slot.fd().map(|fd| Self { index, fd, interest: slot.interest(), readiness })
    }
}

/// The number of slots that a few vector instructions check together.
const CHUNK: usize = 16;

/// Returns the first slot of `fds`, from index `from` on, that the last call found ready.
///
/// It finds the few ready slots of a large slice faster than a loop over all slots.
///
/// # Examples
/// ```
/// use iomux::{Interest, PollFd, Timeout};
/// use std::os::fd::AsFd;
///
/// let (_reader, writer) = std::io::pipe()?;
/// let mut fds = vec![PollFd::EMPTY; 1000];
/// fds[700] = PollFd::new(writer.as_fd(), Interest::WRITABLE)?;
/// iomux::poll(&mut fds, Timeout::Nowait)?;
/// let mut from = 0;
/// while let Some(ready) = iomux::next_ready(&fds, from) {
///     println!("{}: {:?}", ready.index(), ready.readiness());
///     from = ready.index() + 1;
/// }
/// # std::io::Result::Ok(())
/// ```
// If many slots are ready, the next one is near, so single slots are checked up to the end of a chunk. If few are
// ready, whole chunks are skipped.
#[inline]
#[must_use]
pub fn next_ready<'fd>(fds: &[PollFd<'fd>], from: usize) -> Option<Ready<'fd>> {
    let mut index = from;
    loop {
        let slot = fds.get(index)?;
        if let Some(ready) = Ready::of(index, slot) {
            return Some(ready);
        }
        index += 1;
        if index % CHUNK == 0 {
            index = past_idle_chunks(fds, index);
        }
    }
}

/// Returns the start of the first chunk, from `from` on, that has a ready slot or is shorter than a chunk.
fn past_idle_chunks(polled: &[PollFd<'_>], from: usize) -> usize {
    let mut from = from;
    while polled.get(from..).and_then(<[_]>::first_chunk::<CHUNK>).is_some_and(|chunk| !any_ready(chunk)) {
        from += CHUNK;
    }
    from
}

/// An iterator over the ready slots of a table: [`Slots::ready`](crate::Slots::ready).
///
/// A clone continues from the same slot.
#[derive(Clone)]
pub struct ReadySlots<'a, 'fd> {
    /// The slots that were polled.
    polled: &'a [PollFd<'fd>],
    next: usize,
    /// The number of ready slots that are not found yet.
    left: usize,
}

impl<'a, 'fd> ReadySlots<'a, 'fd> {
    #[inline]
    pub(crate) fn new(polled: &'a [PollFd<'fd>], ready: usize) -> Self {
        Self { polled, next: 0, left: ready }
    }
}

impl<'fd> Iterator for ReadySlots<'_, 'fd> {
    type Item = Ready<'fd>;

    #[inline]
    fn next(&mut self) -> Option<Ready<'fd>> {
        if self.left == 0 {
            return None;
        }
        let Some(ready) = next_ready(self.polled, self.next) else {
            self.left = 0;
            return None;
        };
        self.next = ready.index + 1;
        self.left -= 1;
        Some(ready)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

impl FusedIterator for ReadySlots<'_, '_> {}

impl fmt::Debug for ReadySlots<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// A slot in use: [`Slots::iter`](crate::Slots::iter).
#[derive(Clone, Copy)]
pub struct Slot<'a, 'fd> {
    index: usize,
    slot: &'a PollFd<'fd>,
    fd: BorrowedFd<'fd>,
    readiness: Readiness,
}

impl<'fd> Slot<'_, 'fd> {
    /// Returns the index of the slot.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// Returns the slot's fd.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'fd> {
        self.fd
    }

    /// Returns the slot's interest.
    #[must_use]
    pub fn interest(&self) -> Interest {
        self.slot.interest()
    }

    /// Returns the slot's readiness, as [`Slots::readiness`](crate::Slots::readiness) does.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        self.readiness
    }
}

impl fmt::Debug for Slot<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        strace(f, self.slot, self.readiness)
    }
}

/// An iterator over the slots in use of a table: [`Slots::iter`](crate::Slots::iter).
///
/// # Examples
/// ```
/// use iomux::{Interest, Slots};
/// use std::os::fd::{AsFd, AsRawFd};
///
/// let (reader, writer) = std::io::pipe()?;
/// let mut slots = Slots::with_capacity(8);
/// slots.set(1, reader.as_fd(), Interest::READABLE)?;
/// slots.set(6, writer.as_fd(), Interest::WRITABLE)?;
/// let is_writer = |fd: std::os::fd::BorrowedFd| fd.as_raw_fd() == writer.as_raw_fd();
/// let found = slots.iter().find(|slot| is_writer(slot.fd()));
/// assert_eq!(found.map(|slot| slot.index()), Some(6));
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct Iter<'a, 'fd> {
    slots: &'a [PollFd<'fd>],
    next: usize,
    /// The number of slots whose readiness is that of the last poll.
    reported: usize,
}

impl<'a, 'fd> Iter<'a, 'fd> {
    pub(crate) fn new(slots: &'a [PollFd<'fd>], reported: usize) -> Self {
        Self { slots, next: 0, reported }
    }
}

impl<'a, 'fd> Iterator for Iter<'a, 'fd> {
    type Item = Slot<'a, 'fd>;

    fn next(&mut self) -> Option<Slot<'a, 'fd>> {
        loop {
            let index = self.next;
            let slot = self.slots.get(index)?;
            self.next += 1;
            if let Some(fd) = slot.fd() {
                let readiness = if index < self.reported { slot.readiness() } else { Readiness::empty() };
                return Some(Slot { index, slot, fd, readiness });
            }
        }
    }
}

impl FusedIterator for Iter<'_, '_> {}

impl fmt::Debug for Iter<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}
