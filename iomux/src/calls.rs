//! The calls alone, over a slice of slots: poll(2), ppoll(2), and a wait that signals don't end.

use crate::error::Error;
use crate::pollfd::PollFd;
use crate::ready::{Ready, first_ready};
use crate::signal::SigSet;
use crate::sys;
use crate::timeout::Timeout;
use crate::wait::{Calls, failed};

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

/// As [`poll`], but goes on when a signal handler has run (EINTR), to the same end: however many
/// signals arrive, the time is neither stretched nor cut.
///
/// # Errors
/// As [`poll`], without [`Error::Interrupted`]; [`Error::NothingToWaitFor`] when every slot is vacant or
/// paused and the timeout is infinite, since nothing could ever end that wait.
///
/// ```
/// use iomux::{Error, PollFd, Timeout};
///
/// let mut fds = [PollFd::VACANT; 4];
/// assert_eq!(iomux::wait(&mut fds, Timeout::Infinite), Err(Error::NothingToWaitFor));
/// ```
pub fn wait(fds: &mut [PollFd<'_>], timeout: impl Into<Timeout>) -> Result<usize, Error> {
    Calls::NATIVE.wait(fds, timeout.into())
}

/// The first slot of `fds`, from index `from` on, of which the last call reported something: for who
/// walks a large slice of which few are ready, faster than one slot after the other.
///
/// ```
/// use iomux::{Interest, PollFd, Timeout};
/// use std::os::fd::AsFd;
///
/// let (_reader, writer) = std::io::pipe()?;
/// let mut fds = vec![PollFd::VACANT; 1000];
/// fds[700] = PollFd::new(writer.as_fd(), Interest::WRITABLE)?;
/// iomux::poll(&mut fds, Timeout::Nowait)?;
/// let ready = iomux::next_ready(&fds, 0).unwrap();
/// assert_eq!(ready.index(), 700);
/// assert!(iomux::next_ready(&fds, ready.index() + 1).is_none());
/// # std::io::Result::Ok(())
/// ```
#[inline]
#[must_use]
pub fn next_ready<'fd>(fds: &[PollFd<'fd>], from: usize) -> Option<Ready<'fd>> {
    first_ready(fds, from)
}

/// The same calls, made as on a system without ppoll(2): times are rounded up to ms, and a mask is
/// [`Error::Unsupported`].
///
/// For tests of a program that is to run on such a system, too.
///
/// ```
/// use iomux::{Error, SigSet, Timeout, without_ppoll};
///
/// let answer = without_ppoll::ppoll(&mut [], Timeout::Nowait, Some(&SigSet::empty()));
/// assert!(matches!(answer, Err(Error::Unsupported { .. })));
/// ```
#[doc(hidden)]
pub mod without_ppoll {
    use super::{Calls, Error, PollFd, SigSet, Timeout};

    /// [`iomux::poll`](crate::poll()) without ppoll(2).
    ///
    /// ```
    /// use iomux::{PollFd, without_ppoll};
    /// use std::time::{Duration, Instant};
    ///
    /// let mut fds = [PollFd::VACANT];
    /// let begin = Instant::now();
    /// without_ppoll::poll(&mut fds, Duration::from_micros(1500))?;
    /// assert!(begin.elapsed() >= Duration::from_micros(1500), "2 ms, not 1");
    /// # Ok::<(), iomux::Error>(())
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn poll(fds: &mut [PollFd<'_>], timeout: impl Into<Timeout>) -> Result<usize, Error> {
        Calls::WITHOUT_PPOLL.poll(fds, timeout.into())
    }

    /// [`iomux::ppoll`](crate::ppoll()) without ppoll(2).
    ///
    /// ```
    /// use iomux::{Interest, PollFd, SigSet, Timeout, without_ppoll};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut fds = [PollFd::new(writer.as_fd(), Interest::WRITABLE)?];
    /// assert_eq!(without_ppoll::ppoll(&mut fds, Timeout::Nowait, None)?, 1, "without a mask it is `poll`");
    /// assert!(without_ppoll::ppoll(&mut fds, Timeout::Nowait, Some(&SigSet::empty())).is_err());
    /// assert!(fds[0].readiness().is_empty(), "nothing stale after an error");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn ppoll(
        fds: &mut [PollFd<'_>],
        timeout: impl Into<Timeout>,
        mask: Option<&SigSet>,
    ) -> Result<usize, Error> {
        Calls::WITHOUT_PPOLL.ppoll(fds, timeout.into(), mask)
    }

    /// [`iomux::wait`](crate::wait()) without ppoll(2).
    ///
    /// ```
    /// use iomux::{Error, Interest, PollFd, Timeout, without_ppoll};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut fds = [PollFd::new(writer.as_fd(), Interest::WRITABLE)?];
    /// assert_eq!(without_ppoll::wait(&mut fds, Timeout::Infinite)?, 1);
    /// fds[0].pause();
    /// assert_eq!(without_ppoll::wait(&mut fds, Timeout::Infinite), Err(Error::NothingToWaitFor));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As there.
    pub fn wait(fds: &mut [PollFd<'_>], timeout: impl Into<Timeout>) -> Result<usize, Error> {
        Calls::WITHOUT_PPOLL.wait(fds, timeout.into())
    }
}
