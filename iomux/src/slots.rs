//! The table of fd slots, which are set and read by index. poll(2) takes the table unchanged.

use crate::error::Error;
use crate::interest::{Interest, Readiness};
use crate::poll::{PollCall, sys_poll};
use crate::pollfd::{COUNT_IS_FINAL, PollFd, clear_readiness, rebind, strace};
use crate::ready::{Iter, Ready, ReadySlots, next_ready};
use crate::signal::SigSet;
use crate::timeout::Timeout;
use core::fmt;
use core::marker::PhantomData;
use std::os::fd::{BorrowedFd, RawFd};

/// A table of fd slots, addressed by indices that the caller chooses.
///
/// A slot is empty, or holds an fd and its interest. [`poll`](Self::poll) passes the slots up to the highest one in
/// use to the kernel, without a copy. [`ready`](Self::ready) iterates over the ready slots. Only
/// [`grow`](Self::grow) allocates after construction.
///
/// The storage `S` holds the [`PollFd`]s:
///
/// - a `Vec`, from [`with_capacity`](Self::with_capacity)
/// - an array, from [`array`](Self::array), which needs no heap and may be a `const` or a `static`
/// - a borrowed or a boxed slice, given to [`over`](Self::over)
///
/// The caller chooses the number of slots. Don't use the open-files limit for it, because it
/// [may be huge](crate::max_open_files).
///
/// A slot borrows its fd for `'fd`, so no fd can be closed while its table lives. A program that closes some
/// of its fds either rebuilds the table with [`recycle`](Self::recycle), which keeps the allocation, or uses
/// [`set_raw`](Self::set_raw), which is `unsafe`.
///
/// `Debug` prints the slots up to the highest in use as strace does:
/// `[{fd=3, events=POLLIN, revents=POLLIN}, {fd=-1}, {fd=4, events=POLLOUT}]`.
///
/// # Examples
/// ```
/// use iomux::{Interest, Slots, Timeout};
/// use std::io::{Read, Write};
/// use std::os::fd::AsFd;
///
/// let (mut reader, mut writer) = std::io::pipe()?;
/// let source = reader.try_clone()?;
/// let mut slots = Slots::with_capacity(16);
/// slots.set(7, source.as_fd(), Interest::READABLE)?;
///
/// writer.write_all(b"hello")?;
/// assert_eq!(slots.poll(Timeout::Infinite)?, 1);
/// for ready in slots.ready() {
///     assert_eq!(ready.index(), 7);
///     let mut bytes = [0; 5];
///     reader.read_exact(&mut bytes)?;
/// }
/// # std::io::Result::Ok(())
/// ```
#[doc(alias = "pollfd")]
pub struct Slots<'fd, S = Vec<PollFd<'fd>>> {
    storage: S,
    /// The index of the highest slot in use, plus 1.
    used: usize,
    last_poll: LastPoll,
    fds: PhantomData<PollFd<'fd>>,
}

/// The result of the last poll, and how far [`Slots::next_ready`] has read it.
///
/// The readiness of a slot counts only if that poll has reached the slot.
#[derive(Clone, Copy)]
struct LastPoll {
    /// The number of slots polled; 0 if the poll failed.
    slots: u32,
    /// The number of ready slots.
    ready: u32,
    /// The index from which the cursor continues.
    next: u32,
    /// The number of ready slots that the cursor has returned.
    found: u32,
}

impl LastPoll {
    const NONE: Self = Self { slots: 0, ready: 0, next: 0, found: 0 };

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "a poll that succeeded had at most `i32::MAX` slots")]
    fn new(slots: usize, ready: usize) -> Self {
        Self { slots: slots as u32, ready: ready as u32, ..Self::NONE }
    }

    /// Returns the number of slots whose readiness is that of the last poll.
    ///
    /// It is 0 if no slot was ready, even if the kernel left bits in `revents`.
    #[inline]
    fn reported(&self) -> usize {
        if self.ready == 0 { 0 } else { self.slots as usize }
    }
}

impl Slots<'_> {
    /// Creates a table of `capacity` empty slots on the heap.
    ///
    /// Unlike in a `Vec`, all of them can be used immediately.
    ///
    /// # Panics
    /// Panics as [`Vec::with_capacity`] does, past `isize::MAX` bytes, at 8 bytes per slot.
    #[doc(alias = "create")]
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self::over(vec![PollFd::EMPTY; capacity])
    }

    /// Grows the table to at least `capacity` slots. The existing slots keep their fds and their readiness.
    ///
    /// # Errors
    /// - Returns [`Error::OutOfMemory`] if there is no memory for the slots. The table is unchanged.
    pub fn grow(&mut self, capacity: usize) -> Result<(), Error> {
        let more = capacity.saturating_sub(self.storage.len());
        self.storage.try_reserve_exact(more).map_err(|_| Error::OutOfMemory { capacity })?;
        self.storage.resize(self.storage.len() + more, PollFd::EMPTY);
        Ok(())
    }

    /// Empties every slot, and returns the same allocation as a table for fds of another lifetime.
    ///
    /// It lets a loop close some of its fds. Recycle the table, close these fds, and set the others again.
    ///
    /// # Examples
    /// ```
    /// use iomux::{Interest, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let mut slots = Slots::with_capacity(8);
    /// for _ in 0..3 {
    ///     let mut of_this_round = slots.recycle();
    ///     let (reader, writer) = std::io::pipe()?;
    ///     of_this_round.set(0, reader.as_fd(), Interest::READABLE)?;
    ///     drop(writer);
    ///     assert_eq!(of_this_round.poll(Timeout::Infinite)?, 1);
    ///     slots = of_this_round.recycle(); // the pipe is closed after this
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use = "the table itself is consumed"]
    pub fn recycle<'new>(self) -> Slots<'new> {
        Slots::empty(rebind(self.storage))
    }
}

impl<'fd, const N: usize> Slots<'fd, [PollFd<'fd>; N]> {
    /// Creates a table of `N` empty slots without a heap, in a `const`, a `static` or on the stack.
    ///
    /// # Examples
    /// ```
    /// use iomux::{PollFd, Slots};
    /// use std::sync::Mutex;
    ///
    /// static TABLE: Mutex<Slots<[PollFd; 16]>> = Mutex::new(Slots::array());
    /// assert_eq!(TABLE.lock().unwrap().capacity(), 16);
    /// ```
    #[must_use]
    pub const fn array() -> Self {
        Self::empty([const { PollFd::EMPTY }; N])
    }
}

impl<'fd, S> Slots<'fd, S> {
    /// Creates a table over slots that are all empty.
    const fn empty(storage: S) -> Self {
        Self { storage, used: 0, last_poll: LastPoll::NONE, fds: PhantomData }
    }
}

impl<'fd, S> Slots<'fd, S>
where
    S: AsRef<[PollFd<'fd>]> + AsMut<[PollFd<'fd>]>,
{
    /// Creates a table over existing slots, such as `&mut [PollFd]` or a boxed slice. Their fds stay.
    ///
    /// A borrowed buffer keeps the fds and their readiness when its table is dropped.
    ///
    /// # Examples
    /// ```
    /// use iomux::{Interest, PollFd, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut buffer = [const { PollFd::EMPTY }; 8];
    /// let mut slots = Slots::over(&mut buffer);
    /// slots.set(7, writer.as_fd(), Interest::WRITABLE)?;
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 1);
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn over(storage: S) -> Self {
        let used = used(storage.as_ref());
        Self { used, ..Self::empty(storage) }
    }

    /// Returns the storage with its fds. The readiness of every slot is empty.
    #[must_use]
    pub fn into_inner(mut self) -> S {
        clear_readiness(self.storage.as_mut());
        self.storage
    }

    /// Returns the number of slots.
    #[doc(alias = "maxfds")]
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.storage.as_ref().len()
    }

    /// Returns the number of slots that [`poll`](Self::poll) passes to the kernel.
    ///
    /// It is the index of the highest slot in use, plus 1. The kernel iterates over empty slots, too.
    #[doc(alias = "nfds")]
    #[must_use]
    pub fn used(&self) -> usize {
        self.used
    }

    /// Sets slot `index` to poll `fd` for `interest`, replacing the previous entry and its readiness.
    ///
    /// Pass `source.as_fd()`, with the trait [`AsFd`](std::os::fd::AsFd) in scope. No system call is made.
    /// Every poll reports errors and hangups while they last, whatever the interest.
    /// [`pause`](Self::pause) a slot to ignore them.
    ///
    /// # Errors
    /// - Returns [`Error::IndexOutOfRange`] if the table has no such slot.
    /// - Returns [`Error::NegativeFd`] if the number is negative, such as `AT_FDCWD`: poll(2) would ignore
    ///   it.
    /// - Returns [`Error::Unsupported`] for [`Interest::READ_CLOSED`] where poll(2) can't report it
    ///   ([`HAS_READ_CLOSED`](crate::HAS_READ_CLOSED)).
    #[doc(alias = "set_index")]
    #[inline]
    pub fn set(&mut self, index: usize, fd: BorrowedFd<'fd>, interest: Interest) -> Result<(), Error> {
        self.put(index, PollFd::new(fd, interest)?)
    }

    /// Sets a slot as [`set`](Self::set) does, from the number of an fd.
    ///
    /// It does not borrow the fd, so the caller can close fds while the table lives.
    ///
    /// # Errors
    /// - Returns the errors of [`set`](Self::set).
    ///
    /// # Safety
    /// - `fd` stays open until the slot is cleared or set to another fd. The slot outlives its table in a borrowed
    ///   buffer, and in the storage that [`into_inner`](Self::into_inner) returns.
    /// - `fd` stays open while the caller uses anything taken from the slot: a `BorrowedFd`, a [`Ready`] or a copied
    ///   [`PollFd`].
    ///
    /// # Examples
    /// ```
    /// use iomux::{Interest, Slots, Timeout};
    /// use std::os::fd::AsRawFd;
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(1);
    /// // SAFETY: `reader` lives until after the slot is cleared.
    /// unsafe { slots.set_raw(0, reader.as_raw_fd(), Interest::READABLE)? };
    /// drop(writer);
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 1);
    /// slots.clear(0)?;
    /// drop(reader);
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 0);
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub unsafe fn set_raw(&mut self, index: usize, fd: RawFd, interest: Interest) -> Result<(), Error> {
        // SAFETY: the caller keeps the fd open for as long as it is in the slot.
        let slot = unsafe { PollFd::from_raw(fd, interest) }?;
        self.put(index, slot)
    }

    #[inline]
    fn put(&mut self, index: usize, slot: PollFd<'fd>) -> Result<(), Error> {
        if index >= self.used {
            return self.put_above(index, slot);
        }
        *self.slot_mut(index)? = slot;
        Ok(())
    }

    /// Puts a slot above all that are in use.
    #[cold]
    fn put_above(&mut self, index: usize, slot: PollFd<'fd>) -> Result<(), Error> {
        *self.slot_mut(index)? = slot;
        self.used = index + 1;
        Ok(())
    }

    /// Sets the interest of slot `index`. Its readiness stays until the next poll.
    ///
    /// # Errors
    /// - Returns [`Error::IndexOutOfRange`] if the table has no such slot.
    /// - Returns [`Error::EmptySlot`] if the slot has no fd.
    /// - Returns [`Error::Unsupported`] as [`set`](Self::set) does.
    #[inline]
    pub fn set_interest(&mut self, index: usize, interest: Interest) -> Result<(), Error> {
        self.filled_slot_mut(index)?.set_interest(interest)
    }

    /// Makes the kernel ignore slot `index` until it is [resumed](Self::resume) or set, and clears its
    /// readiness.
    ///
    /// The slot keeps its fd and its interest.
    ///
    /// # Errors
    /// - Returns [`Error::IndexOutOfRange`] if the table has no such slot.
    /// - Returns [`Error::EmptySlot`] if the slot has no fd.
    ///
    /// # Examples
    /// ```
    /// use iomux::{Interest, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(1);
    /// slots.set(0, reader.as_fd(), Interest::READABLE)?;
    /// drop(writer);
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 1, "the hangup, by every poll from here on");
    /// slots.pause(0)?;
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 0);
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn pause(&mut self, index: usize) -> Result<(), Error> {
        self.filled_slot_mut(index).map(PollFd::pause)
    }

    /// Makes the kernel poll slot `index` again. Nothing changes unless it was [paused](Self::pause).
    ///
    /// # Errors
    /// - Returns [`Error::IndexOutOfRange`] if the table has no such slot.
    /// - Returns [`Error::EmptySlot`] if the slot has no fd.
    #[inline]
    pub fn resume(&mut self, index: usize) -> Result<(), Error> {
        self.filled_slot_mut(index).map(PollFd::resume)
    }

    /// Empties slot `index`, and clears its readiness. The slot may be empty already.
    ///
    /// Clearing the highest slot in use searches for the next one below, over all empty slots between them.
    ///
    /// # Errors
    /// - Returns [`Error::IndexOutOfRange`] if the table has no such slot.
    #[doc(alias = "invalidate_index")]
    #[doc(alias = "invalid_fd")]
    #[inline]
    pub fn clear(&mut self, index: usize) -> Result<(), Error> {
        *self.slot_mut(index)? = PollFd::EMPTY;
        if index + 1 == self.used {
            let slots = self.storage.as_ref();
            self.used = used(&slots[..index.min(slots.len())]);
        }
        Ok(())
    }

    /// Returns the fd of slot `index`, or `None` if the slot is empty. A paused slot has an fd.
    ///
    /// # Errors
    /// - Returns [`Error::IndexOutOfRange`] if the table has no such slot.
    #[doc(alias = "get_fd")]
    #[inline]
    pub fn fd(&self, index: usize) -> Result<Option<BorrowedFd<'fd>>, Error> {
        self.slot(index).map(PollFd::fd)
    }

    /// Returns the interest of slot `index`, which is empty if the slot is empty.
    ///
    /// # Errors
    /// - Returns [`Error::IndexOutOfRange`] if the table has no such slot.
    #[inline]
    pub fn interest(&self, index: usize) -> Result<Interest, Error> {
        self.slot(index).map(PollFd::interest)
    }

    /// Returns the readiness of slot `index`, as the last poll reported it.
    ///
    /// It is empty if that poll failed or did not reach the slot, and after the slot was
    /// [`set`](Self::set) or [`clear`](Self::clear)ed. It is never that of an fd that was in the slot before.
    ///
    /// # Errors
    /// - Returns [`Error::IndexOutOfRange`] if the table has no such slot.
    #[doc(alias = "get_revents")]
    #[inline]
    pub fn readiness(&self, index: usize) -> Result<Readiness, Error> {
        let slot = self.slot(index)?;
        Ok(if index < self.last_poll.reported() { slot.readiness() } else { Readiness::empty() })
    }

    /// Waits until an fd is ready, poll(2), and returns the number of ready slots.
    ///
    /// It returns 0 if the timeout expired. The kernel polls the slots up to the highest one in use.
    /// [`ready`](Self::ready) and [`next_ready`](Self::next_ready) return the ready ones. To change slots
    /// meanwhile, use `next_ready`. No slot is ready after an error.
    ///
    /// Each call makes the cheapest system call that can express the timeout, as [`iomux::poll`](crate::poll()) does.
    /// Timeouts are rounded up, never down.
    ///
    /// With no slot in use and an infinite timeout, it waits until a signal handler runs, as pause(2) does.
    /// [`wait`](Self::wait) returns an error instead.
    ///
    /// # Errors
    /// - Returns [`Error::Interrupted`] if a signal handler ran first. [`wait`](Self::wait) resumes instead.
    /// - Returns [`Error::TooManySlots`] if the highest slot in use is past the open-files limit.
    /// - Returns [`Error::Os`] if poll(2) fails for another reason.
    ///
    /// # Platform notes
    /// Those of [`iomux::poll`](crate::poll()).
    ///
    /// # Examples
    /// ```
    /// use iomux::{Interest, Slots};
    /// use std::io::Write;
    /// use std::os::fd::AsFd;
    /// use std::time::Duration;
    ///
    /// let (reader, mut writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(1);
    /// slots.set(0, reader.as_fd(), Interest::READABLE)?;
    /// assert_eq!(slots.poll(Duration::from_millis(1))?, 0, "an expired timeout is no error");
    /// writer.write_all(b"!")?;
    /// assert_eq!(slots.poll(None)?, 1, "`None` is infinite");
    /// # std::io::Result::Ok(())
    /// ```
    // Always inlined, so that a constant timeout is resolved at compile time.
    #[inline(always)]
    pub fn poll(&mut self, timeout: impl Into<Timeout>) -> Result<usize, Error> {
        let timeout = timeout.into();
        let Some(ms) = timeout.exact_ms().filter(|_| COUNT_IS_FINAL) else {
            return self.ppoll(timeout, None);
        };
        let slots = self.in_use();
        let count = slots.len();
        match sys_poll(slots, ms) {
            Ok(ready) => {
                self.last_poll = LastPoll::new(count, ready);
                Ok(ready)
            }
            Err(code) => Err(self.poll_failed(code)),
        }
    }

    #[cold]
    fn poll_failed(&mut self, code: i32) -> Error {
        self.last_poll = LastPoll::NONE;
        let slots = self.in_use();
        clear_readiness(slots);
        Error::from_errno("poll", code, slots.len())
    }

    /// Polls the first `count` slots as [`poll`](Self::poll) does, instead of those up to the highest in use.
    ///
    /// # Errors
    /// - Returns the errors of [`poll`](Self::poll).
    /// - Returns [`Error::CountOutOfRange`] if the table has fewer slots. Nothing is polled, and the
    ///   readiness of the previous poll stays.
    pub fn poll_first(&mut self, count: usize, timeout: impl Into<Timeout>) -> Result<usize, Error> {
        let slots = self.storage.as_mut();
        let capacity = slots.len();
        let first = slots.get_mut(..count).ok_or(Error::CountOutOfRange { count, capacity })?;
        let result = PollCall::new(first, None).interruptible(timeout.into());
        self.record(count, result)
    }

    /// Polls as [`poll`](Self::poll) does, with the calling thread's signal mask replaced by `mask` during the
    /// wait, ppoll(2).
    ///
    /// `None` leaves the mask unchanged. The empty set lets every signal through. [`SigSet`] shows how to lose no
    /// signal.
    ///
    /// If an fd is ready, the call does not fail with EINTR for a pending signal, and Linux does not run the handler.
    /// So a loop that is always busy would never see SIGTERM. [`MaskTurns`](crate::MaskTurns) runs the handler before
    /// the wait, with a call that has no fds.
    ///
    /// On Linux and illumos, `iomux::ppoll(&mut [], Timeout::Nowait, Some(mask))` is such a call. It returns
    /// `Err(Interrupted)` if a handler has run. On the BSDs it returns `Ok(0)`, whether or not a handler has run.
    ///
    /// [`SigSet::full`] lets only those signals through that can't be blocked: SIGKILL, SIGSTOP, and those that libc
    /// reserves. setuid(2) of glibc sends such a signal, which interrupts the calls of all threads.
    ///
    /// # Errors
    /// - Returns the errors of [`poll`](Self::poll).
    /// - Returns [`Error::Unsupported`] for a mask where there is no ppoll(2)
    ///   ([`HAS_PPOLL`](crate::HAS_PPOLL)).
    /// - Returns [`Error::Os`] for a mask where a sandbox rejects ppoll(2) (EPERM, ENOSYS).
    ///
    /// # Platform notes
    /// Those of [`iomux::ppoll`](crate::ppoll()).
    #[doc(alias = "ppoll_or_poll")]
    pub fn ppoll(&mut self, timeout: impl Into<Timeout>, mask: Option<&SigSet>) -> Result<usize, Error> {
        let slots = self.in_use();
        let (count, result) = (slots.len(), PollCall::new(slots, mask).interruptible(timeout.into()));
        self.record(count, result)
    }

    /// Polls as [`poll`](Self::poll) does, and resumes after a signal handler has run (EINTR).
    ///
    /// Signals neither extend nor shorten the wait.
    ///
    /// # Errors
    /// - Returns the errors of [`poll`](Self::poll), except [`Error::Interrupted`].
    /// - Returns [`Error::NothingToWaitFor`] if every slot is empty or paused and the timeout is infinite.
    pub fn wait(&mut self, timeout: impl Into<Timeout>) -> Result<usize, Error> {
        let slots = self.in_use();
        let (count, result) = (slots.len(), PollCall::new(slots, None).resumed(timeout.into()));
        self.record(count, result)
    }

    /// Records the result of a poll of `count` slots, and returns it.
    fn record(&mut self, count: usize, result: Result<usize, Error>) -> Result<usize, Error> {
        self.last_poll = result.map_or(LastPoll::NONE, |ready| LastPoll::new(count, ready));
        result
    }

    /// Returns the slots in use, ready or not, paused or not, in the order of their indices.
    pub fn iter(&self) -> Iter<'_, 'fd> {
        let slots = self.storage.as_ref();
        Iter::new(&slots[..self.used.min(slots.len())], self.last_poll.reported())
    }

    /// Returns the slots that the last poll found ready, in the order of their indices.
    ///
    /// The table can't be changed while the iterator lives. With [`next_ready`](Self::next_ready) it can.
    #[doc(alias = "iter_ready")]
    pub fn ready(&self) -> ReadySlots<'_, 'fd> {
        let slots = self.storage.as_ref();
        let polled = slots.len().min(self.last_poll.reported());
        ReadySlots::new(&slots[..polled], self.last_poll.ready as usize)
    }

    /// Returns the next slot that the last poll found ready, or `None` after the last one.
    ///
    /// It is a cursor: slots may be set and cleared between two calls. A slot that was set or cleared is not
    /// ready. Each poll moves the cursor back to the first slot.
    ///
    /// # Examples
    /// ```
    /// use iomux::{Interest, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(3);
    /// for index in 0..3 {
    ///     slots.set(index, writer.as_fd(), Interest::WRITABLE)?;
    /// }
    /// slots.poll(Timeout::Nowait)?;
    /// let mut seen = Vec::new();
    /// while let Some(ready) = slots.next_ready() {
    ///     seen.push(ready.index());
    ///     slots.clear(1)?;
    /// }
    /// assert_eq!(seen, [0, 2]);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn next_ready(&mut self) -> Option<Ready<'fd>> {
        let last = &mut self.last_poll;
        if last.found == last.ready {
            return None;
        }
        let slots = self.storage.as_ref();
        let polled = slots.len().min(last.reported());
        let Some(ready) = next_ready(&slots[..polled], last.next as usize) else {
            last.found = last.ready;
            return None;
        };
        #[allow(clippy::cast_possible_truncation, reason = "below `last.slots`, which is a u32")]
        let next = ready.index() as u32 + 1;
        last.next = next;
        last.found += 1;
        Some(ready)
    }

    /// Returns the slots up to the highest one in use, to be polled.
    #[inline]
    fn in_use(&mut self) -> &mut [PollFd<'fd>] {
        let slots = self.storage.as_mut();
        let count = self.used.min(slots.len());
        &mut slots[..count]
    }

    #[inline]
    fn slot(&self, index: usize) -> Result<&PollFd<'fd>, Error> {
        let slots = self.storage.as_ref();
        slots.get(index).ok_or(Error::IndexOutOfRange { index, capacity: slots.len() })
    }

    #[inline]
    fn filled_slot_mut(&mut self, index: usize) -> Result<&mut PollFd<'fd>, Error> {
        let slot = self.slot_mut(index)?;
        if slot.is_empty() { Err(Error::EmptySlot { index }) } else { Ok(slot) }
    }

    #[inline]
    fn slot_mut(&mut self, index: usize) -> Result<&mut PollFd<'fd>, Error> {
        let slots = self.storage.as_mut();
        let capacity = slots.len();
        slots.get_mut(index).ok_or(Error::IndexOutOfRange { index, capacity })
    }
}

/// Returns the index of the highest slot in use, plus 1.
fn used(slots: &[PollFd<'_>]) -> usize {
    slots.iter().rposition(|slot| !slot.is_empty()).map_or(0, |highest| highest + 1)
}

impl<'fd, S> fmt::Debug for Slots<'fd, S>
where
    S: AsRef<[PollFd<'fd>]> + AsMut<[PollFd<'fd>]>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots = self.storage.as_ref();
        let reported = self.last_poll.reported();
        f.write_str("[")?;
        for (index, slot) in slots[..used(slots)].iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            f.write_str(separator)?;
            strace(f, slot, if index < reported { slot.readiness() } else { Readiness::empty() })?;
        }
        f.write_str("]")
    }
}
