//! One fd slot, and the thinnest layer: poll(2) and ppoll(2) over a slice of them.

use crate::error::Error;
use crate::interest::{CNames, HAS_READ_CLOSED, Interest, Readiness};
use crate::signal::SigSet;
use crate::sys::{self, Entry};
use crate::timeout::Timeout;
use crate::wait::{Calls, failed};
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
    pub const VACANT: Self = Self(Entry::VACANT);

    /// Asks `fd` for `interest`. No system call is made; nothing is reported yet.
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
    #[inline]
    #[must_use]
    pub fn fd(&self) -> Option<BorrowedFd<'fd>> {
        self.0.fd()
    }

    /// Whether there is no fd here.
    #[inline]
    #[must_use]
    pub fn is_vacant(&self) -> bool {
        self.0.is_vacant()
    }

    /// What is asked.
    #[inline]
    #[must_use]
    pub fn interest(&self) -> Interest {
        Interest::from_bits_retain(self.0.events())
    }

    /// Asks for something else; what was reported stays.
    ///
    /// # Errors
    /// [`Error::Unsupported`], as [`new`](Self::new).
    #[inline]
    pub fn set_interest(&mut self, interest: Interest) -> Result<(), Error> {
        check_interest(interest)?;
        self.0.set_events(interest.bits());
        Ok(())
    }

    /// What the last [`poll`] or [`ppoll`] reported; nothing if that failed.
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
    write!(f, "{{fd={}, events={}", fd.as_raw_fd(), CNames(slot.0.events()))?;
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

/// Waits until an fd of `fds` is ready, poll(2), and returns how many are: 0 once the time has passed.
///
/// What was reported is in [`PollFd::readiness`]. Each call takes the cheapest system call that can
/// express the time: poll(2) for none, for ever and whole ms, ppoll(2) for a finer one. Times are
/// rounded up, never down; one that is too long for a system is waited for in pieces.
///
/// # Errors
/// [`Error::Interrupted`] when a signal handler ran first; [`Error::TooManySlots`] when `fds` is longer
/// than the open-files limit; [`Error::Os`] for what else poll(2) answers. Nothing is reported then:
/// each [`PollFd::readiness`] is empty.
///
/// # Platform notes
/// [Linux](https://man7.org/linux/man-pages/man2/poll.2.html),
/// [POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/poll.html),
/// [FreeBSD](https://man.freebsd.org/cgi/man.cgi?query=poll&sektion=2),
/// [NetBSD](https://man.netbsd.org/poll.2), [OpenBSD](https://man.openbsd.org/poll.2),
/// [illumos](https://illumos.org/man/2/poll). Where there is no ppoll(2) ([`HAS_PPOLL`](crate::HAS_PPOLL)),
/// times are rounded up to ms.
///
/// ```
/// use iomux::{Interest, PollFd};
/// use std::os::fd::AsFd;
/// use std::time::{Duration, Instant};
///
/// let (reader, _writer) = std::io::pipe()?;
/// let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE)?];
/// let begin = Instant::now();
/// assert_eq!(iomux::poll(&mut fds, Duration::from_micros(1500))?, 0, "nothing was written");
/// assert!(begin.elapsed() >= Duration::from_micros(1500), "never early");
/// # std::io::Result::Ok(())
/// ```
#[inline]
pub fn poll(fds: &mut [PollFd<'_>], timeout: impl Into<Timeout>) -> Result<usize, Error> {
    let timeout = timeout.into();
    let Some(ms) = Calls::NATIVE.poll_ms(timeout) else {
        return Calls::NATIVE.poll(fds, timeout);
    };
    sys::poll(fds, ms).map_err(|code| failed("poll", code, fds))
}

/// As [`poll`], with the calling thread's signal mask replaced by `mask` during the call, ppoll(2).
///
/// The mask is put in place and taken back together with the wait, so a signal can't slip in between a
/// check and the wait: see [`SigSet`] for how. `None` leaves the mask alone, and is just [`poll`];
/// `Some(&SigSet::empty())` lets every signal through.
///
/// # Errors
/// As [`poll`], and [`Error::Unsupported`] for a mask where there is no ppoll(2)
/// ([`HAS_PPOLL`](crate::HAS_PPOLL)): it is never dropped.
///
/// # Platform notes
/// [Linux](https://man7.org/linux/man-pages/man2/poll.2.html); POSIX since 2024; NetBSD's is
/// [pollts](https://man.netbsd.org/pollts.2). When fds are ready the kernel returns without running the
/// handler of a pending signal: [`Slots::ppoll`](crate::Slots::ppoll) shows the way out.
///
/// ```
/// use iomux::{HAS_PPOLL, PollFd, SigSet, Timeout};
///
/// let mut fds: [PollFd; 0] = [];
/// let answer = iomux::ppoll(&mut fds, Timeout::Nowait, Some(&SigSet::empty()));
/// assert_eq!(answer.is_ok(), HAS_PPOLL);
/// ```
#[doc(alias = "ppoll_or_poll")]
#[doc(alias = "pollts")]
#[inline]
pub fn ppoll(
    fds: &mut [PollFd<'_>],
    timeout: impl Into<Timeout>,
    mask: Option<&SigSet>,
) -> Result<usize, Error> {
    Calls::NATIVE.ppoll(fds, timeout.into(), mask)
}
