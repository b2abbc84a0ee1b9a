//! What a table yields: its slots in use, and those that a poll found ready.

use crate::interest::{Interest, Readiness};
use crate::pollfd::{PollFd, any_ready, strace};
use core::fmt;
use core::iter::FusedIterator;
use std::os::fd::BorrowedFd;

/// A slot that a poll found ready: [`Slots::ready`](crate::Slots::ready) and
/// [`Slots::next_ready`](crate::Slots::next_ready).
///
/// It borrows the fd, not the table.
///
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
/// slots.clear(ready.index())?; // `ready` is what was found then
/// assert_eq!((ready.index(), ready.fd().as_raw_fd()), (5, reader.as_raw_fd()));
/// assert_eq!(ready.interest(), Interest::READABLE);
/// assert!(ready.readiness().is_closed(), "which nobody had to ask for");
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
    /// The index of the slot.
    #[inline]
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The fd in it.
    #[inline]
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'fd> {
        self.fd
    }

    /// What is asked of it: what was reported may be more, errors and hangups above all.
    #[inline]
    #[must_use]
    pub fn interest(&self) -> Interest {
        self.interest
    }

    /// What was reported of it; never empty.
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

/// How many slots are looked at as one: a few vector instructions.
const CHUNK: usize = 16;

/// The first ready slot from `from` on.
///
/// Where many are ready the next is near, so it looks at one after the other up to the end of a chunk;
/// where few are, it passes over idle chunks whole.
#[inline]
pub(crate) fn first_ready<'fd>(polled: &[PollFd<'fd>], from: usize) -> Option<Ready<'fd>> {
    let mut index = from;
    loop {
        let slot = polled.get(index)?;
        if let Some(ready) = Ready::of(index, slot) {
            return Some(ready);
        }
        index += 1;
        if index % CHUNK == 0 {
            index = past_idle_chunks(polled, index);
        }
    }
}

/// Where the first chunk from `from` on begins that is not idle, or is not whole.
fn past_idle_chunks(polled: &[PollFd<'_>], from: usize) -> usize {
    let mut from = from;
    while polled.get(from..).and_then(<[_]>::first_chunk::<CHUNK>).is_some_and(|chunk| !any_ready(chunk)) {
        from += CHUNK;
    }
    from
}

/// The ready slots of a table: [`Slots::ready`](crate::Slots::ready).
///
/// ```
/// use iomux::{Interest, Slots, Timeout};
/// use std::os::fd::AsFd;
///
/// let (_reader, writer) = std::io::pipe()?;
/// let mut slots = Slots::with_capacity(4);
/// slots.set(1, writer.as_fd(), Interest::WRITABLE)?;
/// slots.set(3, writer.as_fd(), Interest::WRITABLE)?;
/// slots.poll(Timeout::Nowait)?;
/// let mut ready = slots.ready();
/// assert_eq!(ready.next().map(|ready| ready.index()), Some(1));
/// assert_eq!(ready.clone().count(), 1, "a copy goes on from here");
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct ReadySlots<'a, 'fd> {
    /// The slots that were polled.
    polled: &'a [PollFd<'fd>],
    next: usize,
    /// How many are still to be found.
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
        let Some(ready) = first_ready(self.polled, self.next) else {
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
///
/// ```
/// use iomux::{Interest, Slots};
/// use std::os::fd::{AsFd, AsRawFd};
///
/// let (reader, _writer) = std::io::pipe()?;
/// let mut slots = Slots::with_capacity(8);
/// slots.set(5, reader.as_fd(), Interest::READABLE)?;
/// let slot = slots.iter().next().unwrap();
/// assert_eq!((slot.index(), slot.fd().as_raw_fd()), (5, reader.as_raw_fd()));
/// assert_eq!(slot.interest(), Interest::READABLE);
/// assert!(slot.readiness().is_empty(), "not polled yet");
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy)]
pub struct Slot<'a, 'fd> {
    index: usize,
    slot: &'a PollFd<'fd>,
    fd: BorrowedFd<'fd>,
    readiness: Readiness,
}

impl<'fd> Slot<'_, 'fd> {
    /// The index of the slot.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The fd in it.
    #[must_use]
    pub fn fd(&self) -> BorrowedFd<'fd> {
        self.fd
    }

    /// What is asked of it.
    #[must_use]
    pub fn interest(&self) -> Interest {
        self.slot.interest()
    }

    /// What the last poll reported of it, as [`Slots::readiness`](crate::Slots::readiness).
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

/// The slots in use of a table: [`Slots::iter`](crate::Slots::iter).
///
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
/// assert_eq!(found.map(|slot| slot.index()), Some(6), "a table finds no fd by itself");
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
pub struct Iter<'a, 'fd> {
    slots: &'a [PollFd<'fd>],
    next: usize,
    /// The number of slots whose `revents` answer the last poll.
    answered: usize,
}

impl<'a, 'fd> Iter<'a, 'fd> {
    pub(crate) fn new(slots: &'a [PollFd<'fd>], answered: usize) -> Self {
        Self { slots, next: 0, answered }
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
                let readiness = if index < self.answered { slot.readiness() } else { Readiness::empty() };
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
