//! One fd slot: `struct pollfd`, with a borrow of the fd.

use crate::error::Error;
use crate::interest::{CNames, HAS_READ_CLOSED, Interest, Readiness};
use core::fmt;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, transmute};
use iomux_sys::poll::{self as c, POLLPRI, pollfd};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// An fd, its interest and its readiness, in the 8 bytes of `struct pollfd`.
///
/// It borrows the fd, so the fd can't be closed while the slot lives.
///
/// `Debug` prints it as strace does: `{fd=3, events=POLLIN, revents=POLLIN|POLLHUP}`.
///
/// # Examples
/// ```
/// use iomux::{Interest, PollFd, Timeout};
/// use std::io::Write;
/// use std::os::fd::AsFd;
///
/// let (reader, mut writer) = std::io::pipe()?;
/// let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE)?, PollFd::EMPTY];
/// writer.write_all(b"x")?;
/// assert_eq!(iomux::poll(&mut fds, Timeout::Infinite)?, 1);
/// assert!(fds[0].readiness().is_readable());
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
#[repr(transparent)]
pub struct PollFd<'fd> {
    /// Its `fd` is -1, or an fd that is open for `'fd`, with the sign bit set while the slot is paused. Only
    /// [`PollFd::new`] and [`PollFd::from_raw`] write the number, so [`PollFd::fd`] can lend it.
    raw: pollfd,
    open: PhantomData<BorrowedFd<'fd>>,
}

const _: () = assert!(size_of::<PollFd<'_>>() == 8);

/// The sign bit, which makes the kernel ignore an fd that stays in its slot.
const PAUSED: RawFd = RawFd::MIN;

impl<'fd> PollFd<'fd> {
    /// A slot without an fd: its `fd` is -1, which the kernel ignores.
    pub const EMPTY: Self = Self::with(-1, Interest::empty());

    const fn with(fd: RawFd, interest: Interest) -> Self {
        Self { raw: pollfd { fd, events: events_for(interest), revents: 0 }, open: PhantomData }
    }

    /// Creates a slot that polls `fd` for `interest`. No system call is made.
    ///
    /// # Errors
    /// - Returns [`Error::NegativeFd`] if the number is negative, such as `AT_FDCWD`: poll(2) would ignore
    ///   it.
    /// - Returns [`Error::Unsupported`] for [`Interest::READ_CLOSED`] where poll(2) can't report it.
    #[inline]
    pub fn new(fd: BorrowedFd<'fd>, interest: Interest) -> Result<Self, Error> {
        Self::checked(fd.as_raw_fd(), interest)
    }

    /// Creates a slot as [`new`](Self::new) does, from the number of an fd.
    ///
    /// # Errors
    /// - Returns the errors of [`new`](Self::new).
    ///
    /// # Safety
    /// `fd` stays open while the caller uses this slot, a copy of it, or what was taken from either: a `BorrowedFd` or
    /// a [`Ready`](crate::Ready).
    #[inline]
    pub unsafe fn from_raw(fd: RawFd, interest: Interest) -> Result<Self, Error> {
        Self::checked(fd, interest)
    }

    /// Creates a slot, unless the kernel would ignore its fd or its interest silently.
    #[inline]
    fn checked(fd: RawFd, interest: Interest) -> Result<Self, Error> {
        if fd < 0 {
            return Err(Error::NegativeFd { fd });
        }
        check_interest(interest)?;
        Ok(Self::with(fd, interest))
    }

    /// Returns the fd, if the slot has one. It is borrowed from the fd's owner, not from the slot.
    #[inline]
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'fd>> {
        if self.is_empty() {
            return None;
        }
        // SAFETY: the number is not -1, and open while the returned borrow is used. `new` had a `BorrowedFd<'fd>`, and
        // the caller of `from_raw` guarantees it for everything taken from the slot.
        Some(unsafe { BorrowedFd::borrow_raw(self.raw.fd & !PAUSED) })
    }

    /// Returns `true` if the slot has no fd. A paused slot has one.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raw.fd == -1
    }

    /// Returns the interest, which pausing keeps.
    #[inline]
    #[must_use]
    pub fn interest(&self) -> Interest {
        if self.raw.events == HANGUP_ALONE {
            return Interest::empty();
        }
        Interest::from_bits_retain(self.raw.events)
    }

    /// Sets the interest. The readiness stays. An empty slot keeps its empty interest.
    ///
    /// # Errors
    /// - Returns [`Error::Unsupported`] for [`Interest::READ_CLOSED`] where poll(2) can't report it.
    #[inline]
    pub fn set_interest(&mut self, interest: Interest) -> Result<(), Error> {
        check_interest(interest)?;
        if !self.is_empty() {
            self.raw.events = events_for(interest);
        }
        Ok(())
    }

    /// Makes the kernel ignore the fd until the slot is [resumed](Self::resume), and clears its readiness.
    ///
    /// The slot keeps its fd and its interest. An empty interest is no substitute: the kernel would still
    /// report a hangup, in every call. An empty slot stays empty.
    ///
    /// # Examples
    /// ```
    /// use iomux::{Interest, PollFd, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// drop(writer);
    /// let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE)?];
    /// fds[0].pause();
    /// assert_eq!(iomux::poll(&mut fds, Timeout::Nowait)?, 0);
    /// fds[0].resume();
    /// assert_eq!(iomux::poll(&mut fds, Timeout::Nowait)?, 1);
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn pause(&mut self) {
        self.raw.fd |= PAUSED;
        self.clear_readiness();
    }

    /// Makes the kernel poll the fd again. Nothing changes unless the slot was [paused](Self::pause).
    #[inline]
    pub fn resume(&mut self) {
        if !self.is_empty() {
            self.raw.fd &= !PAUSED;
        }
    }

    /// Returns `true` if the kernel polls the slot.
    #[inline]
    pub(crate) fn is_armed(&self) -> bool {
        self.raw.fd >= 0
    }

    /// Returns `true` if the slot is [paused](Self::pause). An empty slot is not.
    #[inline]
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.raw.fd < 0 && !self.is_empty()
    }

    /// Returns the readiness that the last [`poll`](crate::poll()), [`ppoll`](crate::ppoll()) or
    /// [`wait`](crate::wait()) returned. It is empty if that call failed.
    #[inline]
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness::from_bits_retain(self.raw.revents)
    }

    /// Hides urgent data from a slot that polls for it only to get a hangup, with the `events` of `alone`.
    ///
    /// Returns `true` if nothing else is ready.
    fn hide_urgent(&mut self, alone: i16) -> bool {
        if self.raw.events != alone || self.raw.revents & POLLPRI == 0 {
            return false;
        }
        // Urgent data stays until it is read, so it would end every further call.
        self.raw.events = 0;
        self.raw.revents &= !POLLPRI;
        self.raw.revents == 0
    }

    #[inline]
    fn clear_readiness(&mut self) {
        self.raw.revents = 0;
    }

    /// Returns the slot as one word, because the compiler can put several words into one vector register.
    #[inline]
    fn word(&self) -> u64 {
        // SAFETY: a pollfd is 8 bytes of integers without padding.
        unsafe { transmute::<pollfd, u64>(self.raw) }
    }
}

/// The bits of `revents` in [`PollFd::word`], whatever the byte order.
const REVENTS: u64 = {
    let only = pollfd { fd: 0, events: 0, revents: !0 };
    // SAFETY: a pollfd is 8 bytes of integers without padding.
    unsafe { transmute::<pollfd, u64>(only) }
};

/// Returns `true` if any of `fds` has readiness.
#[inline]
pub(crate) fn any_ready<const N: usize>(fds: &[PollFd<'_>; N]) -> bool {
    fds.iter().fold(0, |all, slot| all | slot.word()) & REVENTS != 0
}

/// Returns the `events` of `struct pollfd` for an interest.
#[inline]
const fn events_for(interest: Interest) -> i16 {
    if interest.is_empty() { HANGUP_ALONE } else { interest.bits() }
}

/// The `events` of an empty interest. No other interest has the same `events`.
const HANGUP_ALONE: i16 = match c::HANGUP_ALONE {
    Some(events) => events,
    None => 0,
};

/// Whether the kernel polls only for the interest of the caller, so that its count is final.
pub(crate) const COUNT_IS_FINAL: bool = HANGUP_ALONE == 0;

/// Hides readiness that is only due to [`HANGUP_ALONE`], and returns how many of the `ready` slots are still ready.
#[inline]
pub(crate) fn hide_unasked(fds: &mut [PollFd<'_>], ready: usize) -> usize {
    if COUNT_IS_FINAL || ready == 0 { ready } else { hide_urgent(fds, ready, HANGUP_ALONE) }
}

fn hide_urgent(fds: &mut [PollFd<'_>], ready: usize, alone: i16) -> usize {
    let hidden = fds.iter_mut().map(|slot| usize::from(slot.hide_urgent(alone))).sum();
    ready.saturating_sub(hidden)
}

/// Clears the readiness of all of `fds`.
#[inline]
pub(crate) fn clear_readiness(fds: &mut [PollFd<'_>]) {
    fds.iter_mut().for_each(PollFd::clear_readiness);
}

/// Returns the slots of `fds`, all empty and in the same allocation, for fds of another lifetime.
pub(crate) fn rebind<'new>(fds: Vec<PollFd<'_>>) -> Vec<PollFd<'new>> {
    let mut fds = ManuallyDrop::new(fds);
    fds.fill(PollFd::EMPTY);
    let (pointer, length, capacity) = (fds.as_mut_ptr(), fds.len(), fds.capacity());
    // SAFETY: these are the parts of a Vec that is never dropped. Only the lifetime of its items differs, and no item
    // holds an fd.
    unsafe { Vec::from_raw_parts(pointer.cast(), length, capacity) }
}

#[inline]
fn check_interest(interest: Interest) -> Result<(), Error> {
    if !HAS_READ_CLOSED && interest.intersects(Interest::READ_CLOSED) {
        return Err(Error::Unsupported { what: "Interest::READ_CLOSED" });
    }
    Ok(())
}

/// The default is [`PollFd::EMPTY`].
impl Default for PollFd<'_> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl fmt::Debug for PollFd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        strace(f, self, self.readiness())
    }
}

/// Prints a slot as strace does, with the readiness that its owner gives.
pub(crate) fn strace(f: &mut fmt::Formatter<'_>, slot: &PollFd<'_>, readiness: Readiness) -> fmt::Result {
    let Some(fd) = slot.fd() else {
        return f.write_str("{fd=-1}");
    };
    let paused = if slot.is_paused() { " (paused)" } else { "" };
    write!(f, "{{fd={}{paused}, events={}", fd.as_raw_fd(), CNames(slot.interest().bits()))?;
    if !readiness.is_empty() {
        write!(f, ", revents={}", CNames(readiness.bits()))?;
    }
    f.write_str("}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    #[test]
    fn urgent_data_is_hidden_unless_wanted() {
        use iomux_sys::poll::POLLHUP;
        // As on a platform where a hangup alone does not wake poll(2).
        let alone = POLLPRI | POLLHUP;
        let reported = |events, revents| {
            let mut slot = PollFd::with(0, Interest::from_bits_retain(events));
            slot.raw.revents = revents;
            (hide_urgent(core::slice::from_mut(&mut slot), 1, alone), slot.raw.events, slot.raw.revents)
        };
        assert_eq!(reported(alone, POLLPRI), (0, 0, 0), "nothing to report, and no busy loop");
        assert_eq!(reported(alone, POLLPRI | POLLHUP), (1, 0, POLLHUP), "the hangup is reported");
        assert_eq!(reported(alone, POLLHUP), (1, alone, POLLHUP));
        assert_eq!(reported(POLLPRI, POLLPRI), (1, POLLPRI, POLLPRI), "the interest of the caller");
    }

    #[test]
    fn rebind_empties_and_keeps_memory() {
        let stdin = std::io::stdin();
        let mut fds = Vec::with_capacity(9);
        fds.resize(5, PollFd::new(stdin.as_fd(), Interest::READABLE).unwrap());
        let (address, capacity) = (fds.as_ptr() as usize, fds.capacity());
        let rebound: Vec<PollFd<'static>> = rebind(fds);
        assert_eq!((rebound.as_ptr() as usize, rebound.capacity()), (address, capacity));
        assert_eq!(rebound.len(), 5);
        assert!(rebound.iter().all(PollFd::is_empty));
    }
}
