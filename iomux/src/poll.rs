//! The calls alone, over a slice of slots: poll(2), ppoll(2), and a wait that signals don't end.

use crate::error::Error;
use crate::pollfd::{PollFd, wipe};
use crate::ready::{Ready, first_ready};
use crate::signal::SigSet;
use crate::sys;
use crate::timeout::{Chunk, Timeout};
use crate::wait::{Interrupt, Outcome, WaitCall, wait_with};
use iomux_sys::errno::EINTR;
use iomux_sys::poll::PPOLL;

/// Whether this system has ppoll(2), or a call that stands in for it (NetBSD's `pollts`).
///
/// Where it has none, timeouts go through poll(2), rounded up to ms, and a signal mask is
/// [`Error::Unsupported`].
///
/// ```
/// use iomux::HAS_PPOLL;
/// use std::time::{Duration, Instant};
///
/// const FINEST: Duration = if HAS_PPOLL { Duration::from_nanos(1) } else { Duration::from_millis(1) };
/// let begin = Instant::now();
/// assert_eq!(iomux::poll(&mut [], FINEST)?, 0);
/// assert!(begin.elapsed() >= FINEST);
/// # Ok::<(), iomux::Error>(())
/// ```
#[doc(alias = "has_ppoll")]
pub const HAS_PPOLL: bool = PPOLL.is_some();

/// [`HAS_PPOLL`] as a function: whether this system has ppoll(2).
///
/// ```
/// use iomux::{PollFd, Timeout};
///
/// let mut no_fds: [PollFd; 0] = [];
/// let mask = iomux::SigSet::full();
/// let answer = iomux::ppoll(&mut no_fds, Timeout::Nowait, Some(&mask));
/// assert_eq!(answer.is_ok(), iomux::has_ppoll());
/// ```
#[must_use]
pub const fn has_ppoll() -> bool {
    HAS_PPOLL
}

/// poll(2) or ppoll(2) over a slice: the cheaper one that can express the time.
pub(crate) struct PollCall<'a, 'fd> {
    fds: &'a mut [PollFd<'fd>],
    mask: Option<&'a SigSet>,
    has_ppoll: bool,
}

impl<'a, 'fd> PollCall<'a, 'fd> {
    #[inline]
    pub(crate) fn new(fds: &'a mut [PollFd<'fd>], mask: Option<&'a SigSet>) -> Self {
        Self { fds, mask, has_ppoll: HAS_PPOLL }
    }

    /// The same on a system without ppoll(2).
    fn without_ppoll(fds: &'a mut [PollFd<'fd>], mask: Option<&'a SigSet>) -> Self {
        Self { fds, mask, has_ppoll: false }
    }

    /// Makes one wait that a signal handler ends.
    #[inline]
    pub(crate) fn interruptible(mut self, timeout: Timeout) -> Result<usize, Error> {
        if self.mask.is_some() && !self.has_ppoll {
            wipe(self.fds);
            return Err(Error::Unsupported { what: "a signal mask" });
        }
        let Some(chunk) = timeout.one_chunk() else {
            return wait_with(&mut self, timeout, Interrupt::End, true);
        };
        match self.call(chunk)? {
            Outcome::Ready(ready) => Ok(ready),
            Outcome::Interrupted => Err(Error::Interrupted),
        }
    }

    /// Makes one wait that resumes after a signal handler.
    #[inline]
    pub(crate) fn resumed(mut self, timeout: Timeout) -> Result<usize, Error> {
        let can_end = timeout != Timeout::Infinite || self.fds.iter().any(PollFd::is_armed);
        if !can_end {
            wipe(self.fds);
        }
        wait_with(&mut self, timeout, Interrupt::Resume, can_end)
    }

    /// Says what a failed call means. The kernel left old readiness where it was: it is wiped.
    #[cold]
    #[inline(never)]
    fn failed(&mut self, call: &'static str, code: i32) -> Result<Outcome, Error> {
        wipe(self.fds);
        if code == EINTR {
            Ok(Outcome::Interrupted)
        } else {
            Err(Error::from_errno(call, code, self.fds.len()))
        }
    }
}

impl WaitCall for PollCall<'_, '_> {
    type Error = Error;

    #[inline(always)]
    fn call(&mut self, chunk: Chunk) -> Result<Outcome, Error> {
        let (call, result) = if self.mask.is_none() && (chunk.is_whole_ms() || !self.has_ppoll) {
            ("poll", sys::poll(self.fds, chunk.poll_ms()))
        } else {
            ("ppoll", sys::ppoll(self.fds, chunk.timespec(), self.mask.map(SigSet::as_c)))
        };
        match result {
            Ok(ready) => Ok(Outcome::Ready(ready)),
            Err(code) => self.failed(call, code),
        }
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
    PollCall::new(fds, None).interruptible(timeout.into())
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
    PollCall::new(fds, mask).interruptible(timeout.into())
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
    PollCall::new(fds, None).resumed(timeout.into())
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
    use super::{Error, PollCall, PollFd, SigSet, Timeout};

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
        PollCall::without_ppoll(fds, None).interruptible(timeout.into())
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
        PollCall::without_ppoll(fds, mask).interruptible(timeout.into())
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
        PollCall::without_ppoll(fds, None).resumed(timeout.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest::{Interest, Readiness};
    use core::time::Duration;
    use std::os::fd::AsFd;
    use std::time::Instant;

    const MS: Duration = Duration::from_millis(1);

    type Wait = fn(&mut [PollFd<'_>], Timeout) -> Result<usize, Error>;
    const WAITS: [Wait; 6] = [
        |fds, timeout| poll(fds, timeout),
        |fds, timeout| ppoll(fds, timeout, None),
        |fds, timeout| wait(fds, timeout),
        |fds, timeout| without_ppoll::poll(fds, timeout),
        |fds, timeout| without_ppoll::ppoll(fds, timeout, None),
        |fds, timeout| without_ppoll::wait(fds, timeout),
    ];

    #[test]
    fn no_wait_is_early_with_or_without_ppoll() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE).unwrap()];
        for (number, wait) in WAITS.into_iter().enumerate() {
            for time in [MS / 2, MS, MS + MS / 2, 7 * MS, 7 * MS + Duration::from_nanos(1)] {
                let begin = Instant::now();
                assert_eq!(wait(&mut fds, time.into()), Ok(0));
                assert!(begin.elapsed() >= time, "wait {number}: {:?} of {time:?}", begin.elapsed());
                let end = Instant::now() + time;
                assert_eq!(wait(&mut fds, end.into()), Ok(0));
                assert!(Instant::now() >= end, "wait {number}, until");
            }
        }
    }

    #[test]
    fn without_ppoll_a_time_is_rounded_up_to_ms() {
        let begin = Instant::now();
        assert_eq!(without_ppoll::poll(&mut [], Duration::from_nanos(1)), Ok(0));
        assert!(begin.elapsed() >= MS, "{:?}", begin.elapsed());
    }

    #[test]
    fn without_ppoll_a_mask_is_unsupported_and_the_readiness_is_empty() {
        let (_reader, writer) = std::io::pipe().unwrap();
        let mut fds = [PollFd::new(writer.as_fd(), Interest::WRITABLE).unwrap()];
        assert_eq!(without_ppoll::ppoll(&mut fds, Timeout::Nowait, None), Ok(1));
        let result = without_ppoll::ppoll(&mut fds, Timeout::Nowait, Some(&SigSet::empty()));
        assert_eq!(result, Err(Error::Unsupported { what: "a signal mask" }));
        assert_eq!(fds[0].readiness(), Readiness::empty(), "not that of the call before");
        assert_eq!(fds[0].interest(), Interest::WRITABLE);
    }

    #[test]
    fn has_ppoll_is_a_function_too() {
        assert_eq!(has_ppoll(), HAS_PPOLL);
    }
}
