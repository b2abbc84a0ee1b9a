//! Every `unsafe` of this crate: the system calls behind safe signatures, and the one type whose
//! private fields prove that a number is an open fd.

use core::ffi::c_int;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit, transmute};
use core::ptr;
use iomux_sys::errno::{EINVAL, ENOSYS};
use iomux_sys::poll::{self as c, nfds_t, pollfd};
use iomux_sys::signal::sigset_t;
use iomux_sys::time::timespec;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use crate::error::{Error, errno};
use crate::interest::Interest;
use crate::pollfd::{PollFd, check};
use crate::slots::Slots;
use crate::timeout::Timespec;

/// A `pollfd` whose fd is -1, or open for `'fd` once the sign that pauses it is taken off.
///
/// Only this file can write the number, so [`fd`](Self::fd) can lend it out again.
#[derive(Clone)]
#[repr(transparent)]
pub(crate) struct Entry<'fd> {
    raw: pollfd,
    open: PhantomData<BorrowedFd<'fd>>,
}

impl<'fd> Entry<'fd> {
    pub(crate) const VACANT: Self = Self::with(-1, 0);

    /// The sign, which makes the kernel pass over an fd that stays in its slot.
    const PAUSED: RawFd = RawFd::MIN;

    const fn with(fd: RawFd, events: i16) -> Self {
        Self { raw: pollfd { fd, events, revents: 0 }, open: PhantomData }
    }

    #[inline]
    pub(crate) fn new(fd: BorrowedFd<'fd>, events: i16) -> Self {
        Self::with(fd.as_raw_fd(), events)
    }

    #[inline]
    pub(crate) fn fd(&self) -> Option<BorrowedFd<'fd>> {
        if self.is_vacant() {
            return None;
        }
        // SAFETY: not negative, and open for as long as what is lent here is used: `new` had a
        // `BorrowedFd<'fd>`, and the caller of `PollFd::from_raw` promised it of all that comes from it.
        Some(unsafe { BorrowedFd::borrow_raw(self.raw.fd & !Self::PAUSED) })
    }

    #[inline]
    pub(crate) fn is_vacant(&self) -> bool {
        self.raw.fd == -1
    }

    /// Whether there is an fd here that the kernel looks at.
    #[inline]
    pub(crate) fn is_armed(&self) -> bool {
        self.raw.fd >= 0
    }

    #[inline]
    pub(crate) fn is_paused(&self) -> bool {
        self.raw.fd < 0 && !self.is_vacant()
    }

    #[inline]
    pub(crate) fn pause(&mut self) {
        self.raw.fd |= Self::PAUSED;
    }

    #[inline]
    pub(crate) fn resume(&mut self) {
        if !self.is_vacant() {
            self.raw.fd &= !Self::PAUSED;
        }
    }

    #[inline]
    pub(crate) fn events(&self) -> i16 {
        self.raw.events
    }

    #[inline]
    pub(crate) fn set_events(&mut self, events: i16) {
        self.raw.events = events;
    }

    #[inline]
    pub(crate) fn revents(&self) -> i16 {
        self.raw.revents
    }

    #[inline]
    pub(crate) fn wipe_revents(&mut self) {
        self.raw.revents = 0;
    }

    /// All of it as one word: what the compiler can put into a vector.
    #[inline]
    pub(crate) fn word(&self) -> u64 {
        // SAFETY: a pollfd is 8 bytes of integers without padding.
        unsafe { transmute::<pollfd, u64>(self.raw) }
    }

    /// Where `revents` is in [`word`](Self::word), whatever the byte order.
    pub(crate) const REVENTS: u64 = {
        let only = pollfd { fd: 0, events: 0, revents: !0 };
        // SAFETY: as in `word`.
        unsafe { transmute::<pollfd, u64>(only) }
    };
}

impl PollFd<'_> {
    /// As [`new`](Self::new), from the number of an fd.
    ///
    /// ```
    /// use iomux::{Error, Interest, PollFd};
    /// use std::os::fd::AsRawFd;
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// // SAFETY: `reader` is open until the end, after the last use of `slot`.
    /// let slot = unsafe { PollFd::from_raw(reader.as_raw_fd(), Interest::READABLE)? };
    /// assert!(!slot.is_vacant());
    /// // SAFETY: an fd that is refused need not be open.
    /// let nobody = unsafe { PollFd::from_raw(-1, Interest::READABLE) };
    /// assert_eq!(nobody.unwrap_err(), Error::NegativeFd { fd: -1 }, "in C a slot to be passed over");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Safety
    /// `fd` stays open for as long as this value or a copy of it is used, or anything that was taken from
    /// them: a `BorrowedFd` of [`fd`](Self::fd), a [`Ready`](crate::Ready).
    ///
    /// # Errors
    /// As [`new`](Self::new).
    #[inline]
    pub unsafe fn from_raw(fd: RawFd, interest: Interest) -> Result<Self, Error> {
        check(fd, interest)?;
        Ok(Self(Entry::with(fd, interest.bits())))
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

/// The length of `fds` as the kernel takes it.
///
/// Linux takes an `unsigned int` whatever `nfds_t` is, and AIX half of one: a larger number would be
/// cut off in silence.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "`nfds_t` holds `MAX_NFDS`")]
fn count(fds: usize) -> Result<nfds_t, i32> {
    if fds <= c::MAX_NFDS { Ok(fds as nfds_t) } else { Err(EINVAL) }
}

/// A system call's answer: a count, or what it left in `errno`.
#[inline]
fn answer(returned: c_int) -> Result<usize, i32> {
    usize::try_from(returned).map_err(|_| errno())
}

/// poll(2) over `fds`, for `timeout` ms; negative is for ever.
#[inline]
pub(crate) fn poll(fds: &mut [PollFd<'_>], timeout: i32) -> Result<usize, i32> {
    let count = count(fds.len())?;
    // SAFETY: `fds` is `count` pollfds (`repr(transparent)`), ours alone while it is borrowed.
    answer(unsafe { c::poll(fds.as_mut_ptr().cast(), count, timeout) })
}

/// ppoll(2) over `fds`; no timeout is for ever, no mask leaves the thread's own. ENOSYS where there is none.
#[inline]
pub(crate) fn ppoll(
    fds: &mut [PollFd<'_>],
    timeout: Option<Timespec>,
    mask: Option<&sigset_t>,
) -> Result<usize, i32> {
    let Some(ppoll) = c::PPOLL else {
        return Err(ENOSYS);
    };
    let count = count(fds.len())?;
    let timeout = timeout.map(c_timespec);
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    let mask = mask.map_or(ptr::null(), ptr::from_ref);
    // SAFETY: `fds` as in `poll`; both pointers are null or to what outlives the call.
    answer(unsafe { ppoll(fds.as_mut_ptr().cast(), count, timeout, mask) })
}

/// libc's timespec: `time_t` and the width of `tv_nsec` are the system's.
#[allow(clippy::cast_possible_truncation, reason = "`Timespec` holds at most 1,000,000 s and 10^9 - 1 ns")]
fn c_timespec(time: Timespec) -> timespec {
    // SAFETY: a timespec is integers (and padding on some systems), so all zeroes is one.
    let mut c = unsafe { MaybeUninit::<timespec>::zeroed().assume_init() };
    c.tv_sec = time.tv_sec as _;
    c.tv_nsec = time.tv_nsec as _;
    c
}

/// The slots of `fds`, all vacant and in the same allocation, for fds of another lifetime.
pub(crate) fn rebind<'new>(fds: Vec<PollFd<'_>>) -> Vec<PollFd<'new>> {
    let mut fds = ManuallyDrop::new(fds);
    fds.fill(PollFd::VACANT);
    let (pointer, length, capacity) = (fds.as_mut_ptr(), fds.len(), fds.capacity());
    // SAFETY: the parts of a Vec that is never dropped; only the lifetime of its items differs, and
    // none of them holds an fd.
    unsafe { Vec::from_raw_parts(pointer.cast(), length, capacity) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_that_the_call_does_not_take_is_refused_and_not_cut_off() {
        assert_eq!(count(0), Ok(0));
        assert_eq!(count(c::MAX_NFDS), Ok(c::MAX_NFDS as nfds_t));
        for too_long in [c::MAX_NFDS + 1, u32::MAX as usize, usize::MAX] {
            assert_eq!(count(too_long), Err(EINVAL), "{too_long}");
        }
    }

    #[test]
    fn rebinding_keeps_the_allocation_and_vacates_every_entry() {
        let stdin = std::io::stdin();
        let fd = std::os::fd::AsFd::as_fd(&stdin);
        let mut fds = Vec::with_capacity(9);
        fds.resize(5, PollFd::new(fd, crate::Interest::READABLE).unwrap());
        let (address, capacity) = (fds.as_ptr() as usize, fds.capacity());
        let rebound: Vec<PollFd<'static>> = rebind(fds);
        assert_eq!((rebound.as_ptr() as usize, rebound.capacity()), (address, capacity));
        assert_eq!(rebound.len(), 5);
        assert!(rebound.iter().all(PollFd::is_vacant));
    }
}
