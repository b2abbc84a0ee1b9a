//! The table of fd slots: set and read by index, handed to poll(2) as it is.

use crate::answer::Answer;
use crate::error::Error;
use crate::interest::{Interest, Readiness};
use crate::pollfd::{PollFd, strace};
use crate::ready::{Iter, Ready, ReadySlots, first_ready};
use crate::signal::SigSet;
use crate::sys;
use crate::timeout::Timeout;
use crate::wait::{Calls, failed};
use core::fmt;
use core::marker::PhantomData;
use std::os::fd::BorrowedFd;

/// A table of fd slots, addressed by indices that the caller chooses.
///
/// A slot is vacant, or holds an fd and what is asked of it. [`poll`](Self::poll) hands the table to
/// the kernel as it is, up to the highest slot in use, and [`ready`](Self::ready) walks what was
/// reported. After construction no call allocates, but for [`grow`](Self::grow).
///
/// The storage `S` is anything that holds [`PollFd`]s: a `Vec` ([`with_capacity`](Self::with_capacity)),
/// an array that needs no heap and may be a `const` or a `static` ([`array`](Self::array)), a borrowed
/// slice, a boxed one ([`over`](Self::over)). Its size is the caller's choice, never the open-files
/// limit.
///
/// A slot borrows its fd for `'fd`, so no fd can be closed while its table lives. A program that
/// closes fds and goes on makes its table anew by [`recycle`](Self::recycle), which keeps the
/// allocation, or takes the word of [`set_raw`](Self::set_raw).
///
/// `Debug` prints the slots up to the highest in use as strace does:
/// `[{fd=3, events=POLLIN, revents=POLLIN}, {fd=-1}, {fd=4, events=POLLOUT}]`.
///
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
    pub(crate) storage: S,
    /// The index of the highest slot in use, plus 1.
    pub(crate) used: usize,
    pub(crate) answer: Answer,
    pub(crate) fds: PhantomData<PollFd<'fd>>,
}

impl<'fd, S> Slots<'fd, S>
where
    S: AsRef<[PollFd<'fd>]> + AsMut<[PollFd<'fd>]>,
{
    /// The number of slots.
    #[doc(alias = "maxfds")]
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.storage.as_ref().len()
    }

    /// The number of slots that [`poll`](Self::poll) hands to the kernel: the index of the highest one
    /// in use, plus 1.
    #[doc(alias = "nfds")]
    #[must_use]
    pub fn used(&self) -> usize {
        self.used
    }

    /// Puts an fd into slot `index`, in place of what was there, and asks it for `interest`. What was
    /// reported of the slot is forgotten. No system call is made.
    ///
    /// Errors and hangups are reported whatever is asked, nothing included, and for as long as they
    /// last: a loop that wants to hear nothing of an fd for now [pauses](Self::pause) its slot.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`]; [`Error::NegativeFd`] for a number that poll(2) would pass over, such
    /// as `AT_FDCWD`; [`Error::Unsupported`] for [`Interest::READ_CLOSED`] where poll(2) can't report
    /// it ([`HAS_READ_CLOSED`](crate::HAS_READ_CLOSED)).
    #[doc(alias = "set_index")]
    #[inline]
    pub fn set(&mut self, index: usize, fd: BorrowedFd<'fd>, interest: Interest) -> Result<(), Error> {
        self.put(index, PollFd::new(fd, interest)?)
    }

    #[inline]
    pub(crate) fn put(&mut self, index: usize, slot: PollFd<'fd>) -> Result<(), Error> {
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

    /// Asks the fd in slot `index` for something else. What was reported of it stays.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`]; [`Error::Vacant`]; [`Error::Unsupported`] as [`set`](Self::set).
    #[inline]
    pub fn set_interest(&mut self, index: usize, interest: Interest) -> Result<(), Error> {
        self.filled_slot_mut(index)?.set_interest(interest)
    }

    /// Lets the kernel pass over slot `index`, which keeps its fd and what is asked of it, until it is
    /// [resumed](Self::resume) or set. What was reported of it is forgotten.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`]; [`Error::Vacant`].
    #[inline]
    pub fn pause(&mut self, index: usize) -> Result<(), Error> {
        self.filled_slot_mut(index).map(PollFd::pause)
    }

    /// Has the kernel look at slot `index` again; nothing changes unless it was [paused](Self::pause).
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`]; [`Error::Vacant`].
    #[inline]
    pub fn resume(&mut self, index: usize) -> Result<(), Error> {
        self.filled_slot_mut(index).map(PollFd::resume)
    }

    /// Makes slot `index` vacant, whatever it was; the kernel passes over it.
    ///
    /// Clearing the highest slot in use looks for the next one below: where they are far apart, that is a
    /// walk over the vacant ones between.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`].
    #[doc(alias = "invalidate_index")]
    #[doc(alias = "invalid_fd")]
    #[inline]
    pub fn clear(&mut self, index: usize) -> Result<(), Error> {
        *self.slot_mut(index)? = PollFd::VACANT;
        if index + 1 == self.used {
            let slots = self.storage.as_ref();
            self.used = used(&slots[..index.min(slots.len())]);
        }
        Ok(())
    }

    /// The fd in slot `index`, `None` if it is vacant.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`].
    #[doc(alias = "get_fd")]
    #[inline]
    pub fn fd(&self, index: usize) -> Result<Option<BorrowedFd<'fd>>, Error> {
        self.slot(index).map(PollFd::fd)
    }

    /// What is asked of the fd in slot `index`; nothing if it is vacant.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`].
    #[inline]
    pub fn interest(&self, index: usize) -> Result<Interest, Error> {
        self.slot(index).map(PollFd::interest)
    }

    /// What the last poll reported of slot `index`.
    ///
    /// It is empty if that poll failed, if it did not reach the slot, and since the slot was last
    /// [`set`](Self::set) or [`clear`](Self::clear)ed: never of an fd that was here before.
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`].
    #[doc(alias = "get_revents")]
    #[inline]
    pub fn readiness(&self, index: usize) -> Result<Readiness, Error> {
        let slot = self.slot(index)?;
        Ok(if index < self.answer.reported() { slot.readiness() } else { Readiness::empty() })
    }

    /// The slots in use, in the order of their indices.
    pub fn iter(&self) -> Iter<'_, 'fd> {
        let slots = self.storage.as_ref();
        Iter::new(&slots[..self.used.min(slots.len())], self.answer.reported())
    }

    /// Waits until an fd is ready, poll(2), and returns how many are: 0 once the time has passed.
    ///
    /// The kernel is given the slots up to the highest one in use. [`ready`](Self::ready) and
    /// [`next_ready`](Self::next_ready) say which are. Each call takes the cheapest system call that can
    /// express the time: poll(2) for none, for ever and whole ms, ppoll(2) for a finer one. Times are
    /// rounded up, never down; one that is too long for a system is waited for in pieces.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when a signal handler ran first ([`wait`](Self::wait) goes on);
    /// [`Error::TooManySlots`] when the highest slot in use is past the open-files limit;
    /// [`Error::Os`] for what else poll(2) answers. Nothing is reported then.
    ///
    /// # Platform notes
    /// Those of [`iomux::poll`](crate::poll()).
    // Always, so that a timeout that is known when compiling costs nothing.
    #[inline(always)]
    pub fn poll(&mut self, timeout: impl Into<Timeout>) -> Result<usize, Error> {
        let timeout = timeout.into();
        let Some(ms) = Calls::NATIVE.poll_ms(timeout) else {
            return self.poll_otherwise(timeout);
        };
        let slots = self.in_use();
        let count = slots.len();
        match sys::poll(slots, ms) {
            Ok(ready) => Ok(self.answer.note(count, ready)),
            Err(code) => Err(self.poll_failed(code)),
        }
    }

    /// As [`poll`](Self::poll), with the first `count` slots instead of those up to the highest in use.
    ///
    /// # Errors
    /// As [`poll`](Self::poll), and [`Error::CountOutOfRange`] past the capacity: nothing is polled, and
    /// what was reported before stays.
    pub fn poll_first(&mut self, count: usize, timeout: impl Into<Timeout>) -> Result<usize, Error> {
        let slots = self.storage.as_mut();
        let capacity = slots.len();
        let asked = slots.get_mut(..count).ok_or(Error::CountOutOfRange { count, capacity })?;
        let answer = Calls::NATIVE.poll(asked, timeout.into());
        self.answer.note_either(count, answer)
    }

    /// As [`poll`](Self::poll), with the calling thread's signal mask replaced by `mask` during the
    /// call, ppoll(2). `None` leaves the mask alone; the empty set lets every signal through.
    ///
    /// It is the kernel's call, and shares its catch: when an fd is ready at once, it returns without
    /// running the handler of a signal that is pending. A loop that is always busy would never see
    /// SIGTERM; it lets pending signals through with a look that can't find an fd,
    /// `iomux::ppoll(&mut [], Timeout::Nowait, Some(mask))`, which is `Err(Interrupted)` when a
    /// handler has run.
    ///
    /// # Errors
    /// As [`poll`](Self::poll), and [`Error::Unsupported`] for a mask where there is no ppoll(2)
    /// ([`HAS_PPOLL`](crate::HAS_PPOLL)): it is never dropped.
    ///
    /// # Platform notes
    /// Those of [`iomux::ppoll`](crate::ppoll()). [`SigSet`] shows how to lose no signal.
    #[doc(alias = "ppoll_or_poll")]
    pub fn ppoll(&mut self, timeout: impl Into<Timeout>, mask: Option<&SigSet>) -> Result<usize, Error> {
        let slots = self.in_use();
        let (count, answer) = (slots.len(), Calls::NATIVE.ppoll(slots, timeout.into(), mask));
        self.answer.note_either(count, answer)
    }

    /// As [`poll`](Self::poll), but goes on when a signal handler has run (EINTR), to the same end:
    /// however many signals arrive, the time is neither stretched nor cut.
    ///
    /// # Errors
    /// As [`poll`](Self::poll), without [`Error::Interrupted`]; [`Error::NothingToWaitFor`] when every
    /// slot is vacant or paused and the timeout is infinite, since nothing could ever end that wait.
    pub fn wait(&mut self, timeout: impl Into<Timeout>) -> Result<usize, Error> {
        let slots = self.in_use();
        let (count, answer) = (slots.len(), Calls::NATIVE.wait(slots, timeout.into()));
        self.answer.note_either(count, answer)
    }

    /// The slots that the last poll found ready, in the order of their indices.
    ///
    /// It ends at the last slot polled, or when as many have been found as poll said. While it walks,
    /// the table can't be changed: see [`next_ready`](Self::next_ready).
    #[doc(alias = "iter_ready")]
    pub fn ready(&self) -> ReadySlots<'_, 'fd> {
        let slots = self.storage.as_ref();
        let polled = slots.len().min(self.answer.reported());
        ReadySlots::new(&slots[..polled], self.answer.ready as usize)
    }

    /// The next slot that the last poll found ready: a cursor, with which slots may be set and cleared
    /// between two. Each poll takes it back to the first slot.
    ///
    /// It sees the table as it is: a slot that was set or cleared meanwhile is not ready.
    ///
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
        let answer = &mut self.answer;
        if answer.found == answer.ready {
            return None;
        }
        let slots = self.storage.as_ref();
        let polled = slots.len().min(answer.reported());
        let Some(ready) = first_ready(&slots[..polled], answer.next as usize) else {
            answer.found = answer.ready;
            return None;
        };
        #[allow(clippy::cast_possible_truncation, reason = "below `answer.slots`, which is a u32")]
        let next = ready.index() as u32 + 1;
        answer.next = next;
        answer.found += 1;
        Some(ready)
    }

    /// A poll whose time ms can't express.
    fn poll_otherwise(&mut self, timeout: Timeout) -> Result<usize, Error> {
        let slots = self.in_use();
        let (count, answer) = (slots.len(), Calls::NATIVE.poll(slots, timeout));
        self.answer.note_either(count, answer)
    }

    #[cold]
    fn poll_failed(&mut self, code: i32) -> Error {
        self.answer = Answer::NONE;
        failed("poll", code, self.in_use())
    }

    /// The slots up to the highest one in use, to be polled.
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
        if slot.is_vacant() { Err(Error::Vacant { index }) } else { Ok(slot) }
    }

    #[inline]
    fn slot_mut(&mut self, index: usize) -> Result<&mut PollFd<'fd>, Error> {
        let slots = self.storage.as_mut();
        let capacity = slots.len();
        slots.get_mut(index).ok_or(Error::IndexOutOfRange { index, capacity })
    }
}

/// The index of the highest slot in use, plus 1.
pub(crate) fn used(slots: &[PollFd<'_>]) -> usize {
    slots.iter().rposition(|slot| !slot.is_vacant()).map_or(0, |highest| highest + 1)
}

impl<'fd, S> fmt::Debug for Slots<'fd, S>
where
    S: AsRef<[PollFd<'fd>]> + AsMut<[PollFd<'fd>]>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let slots = self.storage.as_ref();
        let answered = self.answer.reported();
        f.write_str("[")?;
        for (index, slot) in slots[..used(slots)].iter().enumerate() {
            let separator = if index == 0 { "" } else { ", " };
            f.write_str(separator)?;
            strace(f, slot, if index < answered { slot.readiness() } else { Readiness::empty() })?;
        }
        f.write_str("]")
    }
}
