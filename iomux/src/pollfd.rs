//! One fd slot: `struct pollfd`, with the fd's borrow in it.

use crate::error::Error;
use crate::interest::{CNames, HAS_READ_CLOSED, Interest, Readiness};
use crate::sys::Entry;
use core::fmt;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

/// An fd, what is asked of it and what was reported: `struct pollfd`, 8 bytes, handed to the kernel
/// as it is.
///
/// It holds the fd's borrow, so the fd can't be closed while it is in here.
///
/// `Debug` prints it as strace does: `{fd=3, events=POLLIN, revents=POLLIN|POLLHUP}`.
///
/// ```
/// use iomux::{Interest, PollFd, Timeout};
/// use std::io::Write;
/// use std::os::fd::AsFd;
///
/// let (reader, mut writer) = std::io::pipe()?;
/// let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE)?, PollFd::VACANT];
/// writer.write_all(b"x")?;
/// assert_eq!(iomux::poll(&mut fds, Timeout::Infinite)?, 1);
/// assert!(fds[0].readiness().is_readable());
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone)]
#[repr(transparent)]
pub struct PollFd<'fd>(pub(crate) Entry<'fd>);

const _: () = assert!(size_of::<PollFd<'_>>() == 8);

impl<'fd> PollFd<'fd> {
    /// A slot without an fd: `fd` -1, which the kernel passes over.
    ///
    /// ```
    /// use iomux::{PollFd, Timeout};
    ///
    /// let mut fds = [PollFd::VACANT; 100]; // a constant, so that no `Copy` is needed
    /// assert_eq!(iomux::poll(&mut fds, Timeout::Nowait), Ok(0));
    /// ```
    pub const VACANT: Self = Self(Entry::VACANT);

    /// Asks `fd` for `interest`. No system call is made; nothing is reported yet.
    ///
    /// ```
    /// use iomux::{Interest, PollFd, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let slot = PollFd::new(writer.as_fd(), Interest::WRITABLE)?;
    /// assert!(slot.readiness().is_empty(), "it would be ready, but nobody has looked");
    /// let mut fds = [slot];
    /// iomux::poll(&mut fds, Timeout::Nowait)?;
    /// assert!(fds[0].readiness().is_writable());
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NegativeFd`] for a number that poll(2) would pass over, such as `AT_FDCWD`;
    /// [`Error::Unsupported`] for [`Interest::READ_CLOSED`] where poll(2) can't report it.
    #[inline]
    pub fn new(fd: BorrowedFd<'fd>, interest: Interest) -> Result<Self, Error> {
        check(fd.as_raw_fd(), interest)?;
        Ok(Self(Entry::new(fd, interest.bits())))
    }

    /// The fd, if there is one.
    ///
    /// ```
    /// use iomux::{Interest, PollFd};
    /// use std::os::fd::{AsFd, AsRawFd};
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let slot = PollFd::new(reader.as_fd(), Interest::READABLE)?;
    /// let fd = slot.fd().unwrap();
    /// drop(slot); // `fd` is borrowed from the pipe, not from the slot
    /// assert_eq!(fd.as_raw_fd(), reader.as_raw_fd());
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'fd>> {
        self.0.fd()
    }

    /// Whether there is no fd here.
    ///
    /// ```
    /// use iomux::{Interest, PollFd};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE)?, PollFd::VACANT];
    /// fds[0].pause();
    /// assert_eq!(fds.iter().position(PollFd::is_vacant), Some(1), "a paused one is taken");
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    #[must_use]
    pub fn is_vacant(&self) -> bool {
        self.0.is_vacant()
    }

    /// What is asked.
    ///
    /// ```
    /// use iomux::{Interest, PollFd};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut slot = PollFd::new(reader.as_fd(), Interest::READABLE)?;
    /// slot.pause();
    /// assert_eq!(slot.interest(), Interest::READABLE);
    /// assert_eq!(PollFd::VACANT.interest(), Interest::empty());
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    #[must_use]
    pub fn interest(&self) -> Interest {
        Interest::from_bits_retain(self.0.events())
    }

    /// Asks for something else; what was reported stays. A vacant slot asks for nothing.
    ///
    /// ```
    /// use iomux::{Interest, PollFd};
    /// use std::os::fd::AsFd;
    ///
    /// let (ours, _theirs) = std::os::unix::net::UnixStream::pair()?;
    /// let mut slots = [PollFd::new(ours.as_fd(), Interest::READABLE)?, PollFd::VACANT];
    /// for slot in &mut slots {
    ///     slot.set_interest(Interest::WRITABLE)?;
    /// }
    /// assert_eq!(slots[0].interest(), Interest::WRITABLE, "instead of, not besides");
    /// assert_eq!(slots[1].interest(), Interest::empty(), "it is vacant, which is no error");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`], as [`new`](Self::new).
    #[inline]
    pub fn set_interest(&mut self, interest: Interest) -> Result<(), Error> {
        check_interest(interest)?;
        if !self.is_vacant() {
            self.0.set_events(interest.bits());
        }
        Ok(())
    }

    /// Lets the kernel pass over the fd, which stays here with what is asked of it, until it is
    /// [resumed](Self::resume). What was reported is forgotten; a vacant slot stays vacant.
    ///
    /// It is how to hear nothing of an fd for a while: asked for nothing, it would still report a
    /// hangup, for ever.
    ///
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
        self.0.pause();
        self.0.wipe_revents();
    }

    /// Has the kernel look at the fd again; nothing changes unless it was [paused](Self::pause).
    ///
    /// ```
    /// use iomux::{Interest, PollFd, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut fds = [PollFd::new(writer.as_fd(), Interest::WRITABLE)?];
    /// iomux::poll(&mut fds, Timeout::Nowait)?;
    /// fds[0].pause();
    /// fds[0].resume();
    /// assert!(fds[0].readiness().is_empty(), "forgotten by the pause; the next poll says it again");
    /// assert_eq!(iomux::poll(&mut fds, Timeout::Nowait)?, 1);
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    pub fn resume(&mut self) {
        self.0.resume();
    }

    #[inline]
    pub(crate) fn is_armed(&self) -> bool {
        self.0.is_armed()
    }

    /// Whether there is an fd here that the kernel passes over.
    ///
    /// ```
    /// use iomux::{Interest, PollFd};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut slots = [PollFd::new(reader.as_fd(), Interest::READABLE)?, PollFd::VACANT];
    /// slots.iter_mut().for_each(PollFd::pause);
    /// assert!(slots[0].is_paused());
    /// assert!(!slots[1].is_paused(), "vacant it was, and is");
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.0.is_paused()
    }

    /// What the last call reported ([`poll`](crate::poll()), [`ppoll`](crate::ppoll()), [`wait`](crate::wait()));
    /// nothing if that failed.
    ///
    /// ```
    /// use iomux::{Interest, PollFd, Timeout};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE)?];
    /// drop(writer);
    /// iomux::poll(&mut fds, Timeout::Infinite)?;
    /// assert!(fds[0].readiness().is_closed());
    /// assert!(fds[0].readiness().is_readable(), "a read would not block: it returns 0");
    /// # std::io::Result::Ok(())
    /// ```
    #[inline]
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        Readiness::from_bits_retain(self.0.revents())
    }
}

/// Whether something was reported of any of them.
#[inline]
pub(crate) fn any_ready<const N: usize>(fds: &[PollFd<'_>; N]) -> bool {
    fds.iter().fold(0, |all, slot| all | slot.0.word()) & Entry::REVENTS != 0
}

/// The default is [`PollFd::VACANT`].
impl Default for PollFd<'_> {
    fn default() -> Self {
        Self::VACANT
    }
}

impl fmt::Debug for PollFd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        strace(f, self, self.readiness())
    }
}

/// Prints a slot as strace does, with what its owner says was reported.
pub(crate) fn strace(f: &mut fmt::Formatter<'_>, slot: &PollFd<'_>, readiness: Readiness) -> fmt::Result {
    let Some(fd) = slot.fd() else {
        return f.write_str("{fd=-1}");
    };
    let paused = if slot.is_paused() { " (paused)" } else { "" };
    write!(f, "{{fd={}{paused}, events={}", fd.as_raw_fd(), CNames(slot.0.events()))?;
    if !readiness.is_empty() {
        write!(f, ", revents={}", CNames(readiness.bits()))?;
    }
    f.write_str("}")
}

/// Refuses what the kernel would pass over in silence.
#[inline]
pub(crate) fn check(fd: RawFd, interest: Interest) -> Result<(), Error> {
    if fd < 0 {
        return Err(Error::NegativeFd { fd });
    }
    check_interest(interest)
}

#[inline]
fn check_interest(interest: Interest) -> Result<(), Error> {
    if !HAS_READ_CLOSED && interest.intersects(Interest::READ_CLOSED) {
        return Err(Error::Unsupported { what: "Interest::READ_CLOSED" });
    }
    Ok(())
}

/// Forgets what was reported.
#[inline]
pub(crate) fn wipe(fds: &mut [PollFd<'_>]) {
    for slot in fds {
        slot.0.wipe_revents();
    }
}
