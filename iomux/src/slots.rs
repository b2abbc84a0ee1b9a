//! The table of fd slots: set and read by index, handed to poll(2) as it is.

mod waits;

use crate::answer::Answer;
use crate::error::Error;
use crate::interest::{Interest, Readiness};
use crate::pollfd::{PollFd, strace};
use core::fmt;
use core::marker::PhantomData;
use std::os::fd::{BorrowedFd, RawFd};

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
    ///
    /// ```
    /// use iomux::{Error, Interest, Slots};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(4);
    /// assert_eq!(slots.capacity(), 4);
    /// let past = slots.set(4, reader.as_fd(), Interest::READABLE);
    /// assert_eq!(past, Err(Error::IndexOutOfRange { index: 4, capacity: 4 }), "a table grows when it is told to");
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "maxfds")]
    #[inline]
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.storage.as_ref().len()
    }

    /// The number of slots that [`poll`](Self::poll) hands to the kernel: the index of the highest one
    /// in use, plus 1.
    ///
    /// ```
    /// use iomux::{Interest, Slots};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(100);
    /// slots.set(2, reader.as_fd(), Interest::READABLE)?;
    /// slots.set(60, writer.as_fd(), Interest::WRITABLE)?;
    /// assert_eq!(slots.used(), 61, "not 2: the kernel walks over the vacant ones, too");
    /// slots.clear(60)?;
    /// assert_eq!(slots.used(), 3);
    /// # std::io::Result::Ok(())
    /// ```
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
    /// ```
    /// use iomux::{Interest, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(1);
    /// slots.set(0, writer.as_fd(), Interest::WRITABLE)?;
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 1);
    /// slots.set(0, reader.as_fd(), Interest::READABLE)?;
    /// assert!(slots.readiness(0)?.is_empty(), "that was the writer's");
    /// # std::io::Result::Ok(())
    /// ```
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
    /// ```
    /// use iomux::{Interest, Slots, Timeout};
    /// use std::os::fd::AsFd;
    /// use std::os::unix::net::UnixStream;
    ///
    /// let (ours, _theirs) = UnixStream::pair()?;
    /// let mut slots = Slots::with_capacity(1);
    /// slots.set(0, ours.as_fd(), Interest::READABLE)?;
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 0);
    /// slots.set_interest(0, Interest::READABLE | Interest::WRITABLE)?; // there is something to send
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 1);
    /// slots.set_interest(0, Interest::READABLE)?; // all is sent
    /// assert!(slots.readiness(0)?.is_writable(), "until the next poll");
    /// # std::io::Result::Ok(())
    /// ```
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
    /// ```
    /// use iomux::{Interest, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(1);
    /// slots.set(0, reader.as_fd(), Interest::READABLE)?;
    /// drop(writer);
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 1, "the end, at every poll from here on");
    /// slots.pause(0)?;
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 0);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`]; [`Error::Vacant`].
    #[inline]
    pub fn pause(&mut self, index: usize) -> Result<(), Error> {
        self.filled_slot_mut(index).map(PollFd::pause)
    }

    /// Has the kernel look at slot `index` again; nothing changes unless it was [paused](Self::pause).
    ///
    /// ```
    /// use iomux::{Interest, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(1);
    /// slots.set(0, writer.as_fd(), Interest::WRITABLE)?;
    /// slots.pause(0)?;
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 0);
    /// slots.resume(0)?;
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 1, "asked for what it was asked for before");
    /// # std::io::Result::Ok(())
    /// ```
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
    /// ```
    /// use iomux::{Interest, Slots, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(1);
    /// slots.set(0, writer.as_fd(), Interest::WRITABLE)?;
    /// assert_eq!(slots.poll(Timeout::Nowait)?, 1);
    /// slots.clear(0)?;
    /// assert_eq!(slots.ready().count(), 0, "what was reported of it is gone, too");
    /// slots.clear(0)?; // no error: that it is vacant is what was wanted
    /// # std::io::Result::Ok(())
    /// ```
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
    /// ```
    /// use iomux::{Interest, Slots};
    /// use std::os::fd::{AsFd, AsRawFd};
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(2);
    /// slots.set(0, reader.as_fd(), Interest::READABLE)?;
    /// slots.pause(0)?;
    /// assert_eq!(slots.fd(0)?.map(|fd| fd.as_raw_fd()), Some(reader.as_raw_fd()), "paused, not vacant");
    /// assert!(slots.fd(1)?.is_none());
    /// # std::io::Result::Ok(())
    /// ```
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
    /// ```
    /// use iomux::{Interest, Slots};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut slots = Slots::with_capacity(2);
    /// slots.set(0, writer.as_fd(), Interest::WRITABLE)?;
    /// slots.pause(0)?;
    /// assert_eq!(slots.interest(0)?, Interest::WRITABLE, "kept for when it is resumed");
    /// assert_eq!(slots.interest(1)?, Interest::empty());
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// [`Error::IndexOutOfRange`].
    #[inline]
    pub fn interest(&self, index: usize) -> Result<Interest, Error> {
        self.slot(index).map(PollFd::interest)
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

impl<'fd, S> Slots<'fd, S>
where
    S: AsRef<[PollFd<'fd>]> + AsMut<[PollFd<'fd>]>,
{
    /// As [`set`](Self::set), from the number of an fd: for who closes fds while their table lives.
    ///
    /// # Safety
    /// `fd` stays open until the slot is cleared or set to another, in this table or, once it is gone, in
    /// its storage (a borrowed buffer, [`into_inner`](Self::into_inner)); and for as long as anything that
    /// was taken from the slot is used: a `BorrowedFd`, a [`Ready`](crate::Ready), a copied [`PollFd`].
    ///
    /// # Errors
    /// As [`set`](Self::set). A negative number is [`Error::NegativeFd`]: to make a slot vacant, use
    /// [`clear`](Self::clear).
    ///
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
