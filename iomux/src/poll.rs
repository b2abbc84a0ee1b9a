//! poll(2) and ppoll(2) over a slice of [`PollFd`]s.

use crate::error::{Error, errno};
use crate::pollfd::{COUNT_IS_FINAL, PollFd, clear_readiness, hide_unasked};
use crate::signal::SigSet;
use crate::timeout::{Chunk, Timeout, Timespec};
use crate::wait::{Interrupt, Outcome, WaitCall, wait_with};
use core::cell::Cell;
use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::ptr;
use iomux_sys::errno::{EINTR, EINVAL, ENOSYS, EOPNOTSUPP, EPERM};
use iomux_sys::poll::{self as c, nfds_t};
use iomux_sys::time::timespec;

/// Whether this platform has ppoll(2), or an equivalent call (NetBSD's `pollts`).
///
/// Without it, timeouts are rounded up to ms for poll(2), and a signal mask is [`Error::Unsupported`].
#[doc(alias = "has_ppoll")]
pub const HAS_PPOLL: bool = c::PPOLL.is_some();

/// Returns [`HAS_PPOLL`].
#[must_use]
pub const fn has_ppoll() -> bool {
    HAS_PPOLL
}

/// Waits until an fd of `fds` is ready, poll(2), and returns the number of ready fds.
///
/// It returns 0 if the timeout expired. [`PollFd::readiness`] returns the readiness of each fd, which is empty after
/// an error.
///
/// Each call makes the cheapest system call that can express the timeout. That is poll(2) for [`Timeout::Nowait`],
/// [`Timeout::Infinite`] and whole ms, and ppoll(2) for a finer timeout. From 10 ms on, a finer timeout takes poll(2)
/// for its whole ms, and ppoll(2) only for the rest. Timeouts are rounded up, never down. A wait splits a timeout that
/// is too long for one system call into chunks.
///
/// # Errors
/// - Returns [`Error::Interrupted`] if a signal handler ran first.
/// - Returns [`Error::TooManySlots`] if `fds` is longer than the open-files limit.
/// - Returns [`Error::Os`] if poll(2) fails for another reason.
///
/// # Platform notes
/// [Linux](https://man7.org/linux/man-pages/man2/poll.2.html),
/// [POSIX](https://pubs.opengroup.org/onlinepubs/9799919799/functions/poll.html),
/// [FreeBSD](https://man.freebsd.org/cgi/man.cgi?query=poll&sektion=2),
/// [NetBSD](https://man.netbsd.org/poll.2), [OpenBSD](https://man.openbsd.org/poll.2),
/// [illumos](https://illumos.org/man/2/poll). Where there is no ppoll(2) ([`HAS_PPOLL`]), or a sandbox rejects it,
/// timeouts are rounded up to ms.
///
/// On Linux, a wait resumes after the process was stopped (SIGSTOP). poll(2) keeps its deadline, and ppoll(2) its
/// remaining time. So a timeout that expired during the stop ends the wait within 10 ms after the stop. On
/// architectures without the system call poll(2) (aarch64, riscv64), every wait ends late by the duration of the stop.
///
/// # Examples
/// ```
/// use iomux::{Interest, PollFd};
/// use std::os::fd::AsFd;
/// use std::time::Duration;
///
/// let (reader, _writer) = std::io::pipe()?;
/// let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE)?];
/// match iomux::poll(&mut fds, Duration::from_micros(1500))? {
///     0 => println!("nothing to read for 1.5 ms"),
///     ready => println!("{ready} ready: {fds:?}"),
/// }
/// # std::io::Result::Ok(())
/// ```
#[inline]
pub fn poll(fds: &mut [PollFd<'_>], timeout: impl Into<Timeout>) -> Result<usize, Error> {
    PollCall::new(fds, None).interruptible(timeout.into())
}

/// Waits as [`poll`] does, with the calling thread's signal mask replaced by `mask` during the wait, ppoll(2).
///
/// The kernel replaces the mask and waits in one step, so no signal is lost between a check and the wait. [`SigSet`]
/// has an example. `None` leaves the mask unchanged, as [`poll`] does. `Some(&SigSet::empty())` lets every signal
/// through.
///
/// If an fd is ready, the call does not fail with EINTR for a pending signal. [`Slots::ppoll`](crate::Slots::ppoll)
/// explains what to do, and [`MaskTurns`](crate::MaskTurns) does it.
///
/// # Errors
/// - Returns the errors of [`poll`].
/// - Returns [`Error::Unsupported`] for a mask where there is no ppoll(2) ([`HAS_PPOLL`]).
/// - Returns [`Error::Os`] for a mask where a sandbox rejects ppoll(2) (EPERM, ENOSYS).
///
/// # Platform notes
/// [Linux](https://man7.org/linux/man-pages/man2/poll.2.html), POSIX since 2024, NetBSD's
/// [pollts](https://man.netbsd.org/pollts.2). On Linux, if the process is stopped (SIGSTOP) during a wait with a mask,
/// the wait ends late by the duration of the stop.
///
/// FreeBSD, NetBSD, OpenBSD and DragonFly check for signals only when the call sleeps. If an fd is ready or the
/// timeout is zero, the call returns the count or 0, even if a signal is pending. All except DragonFly then run the
/// handler.
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

/// Waits as [`poll`] does, and resumes after a signal handler has run (EINTR).
///
/// Signals neither extend nor shorten the wait.
///
/// # Errors
/// - Returns the errors of [`poll`], except [`Error::Interrupted`].
/// - Returns [`Error::NothingToWaitFor`] if every slot is empty or paused and the timeout is infinite.
#[inline]
pub fn wait(fds: &mut [PollFd<'_>], timeout: impl Into<Timeout>) -> Result<usize, Error> {
    PollCall::new(fds, None).resumed(timeout.into())
}

/// The same calls as on a platform without ppoll(2), for tests.
pub mod without_ppoll {
    use super::{Error, PollCall, PollFd, SigSet, Timeout};

    /// Waits as [`iomux::poll`](crate::poll()) does without ppoll(2).
    ///
    /// # Errors
    /// - Returns the errors of [`iomux::poll`](crate::poll()).
    pub fn poll(fds: &mut [PollFd<'_>], timeout: impl Into<Timeout>) -> Result<usize, Error> {
        PollCall::without_ppoll(fds, None).interruptible(timeout.into())
    }

    /// Waits as [`iomux::ppoll`](crate::ppoll()) does without ppoll(2).
    ///
    /// # Errors
    /// - Returns the errors of [`iomux::ppoll`](crate::ppoll()).
    pub fn ppoll(
        fds: &mut [PollFd<'_>],
        timeout: impl Into<Timeout>,
        mask: Option<&SigSet>,
    ) -> Result<usize, Error> {
        PollCall::without_ppoll(fds, mask).interruptible(timeout.into())
    }

    /// Waits as [`iomux::wait`](crate::wait()) does without ppoll(2).
    ///
    /// # Errors
    /// - Returns the errors of [`iomux::wait`](crate::wait()).
    pub fn wait(fds: &mut [PollFd<'_>], timeout: impl Into<Timeout>) -> Result<usize, Error> {
        PollCall::without_ppoll(fds, None).resumed(timeout.into())
    }
}

thread_local! {
    /// Whether a sandbox has rejected a ppoll(2) of this thread. A filter of system calls belongs to a thread.
    static PPOLL_IS_REJECTED: Cell<bool> = const { Cell::new(false) };
}

/// poll(2) or ppoll(2) over a slice: the cheaper call that can express the timeout.
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

    /// Creates the call of a platform without ppoll(2).
    fn without_ppoll(fds: &'a mut [PollFd<'fd>], mask: Option<&'a SigSet>) -> Self {
        Self { fds, mask, has_ppoll: false }
    }

    /// Makes one wait that a signal handler ends.
    #[inline]
    pub(crate) fn interruptible(mut self, timeout: Timeout) -> Result<usize, Error> {
        if self.mask.is_some() && !self.has_ppoll {
            clear_readiness(self.fds);
            return Err(Error::Unsupported { what: "a signal mask" });
        }
        let one_call = |chunk: &Chunk| COUNT_IS_FINAL && (self.mask.is_some() || chunk.long_ms().is_none());
        let Some(chunk) = timeout.one_chunk().filter(one_call) else {
            return wait_with(&mut self, timeout, Interrupt::End, true);
        };
        match self.call(chunk)? {
            Outcome::Ready(ready) => Ok(ready),
            Outcome::Interrupted => Err(Error::Interrupted),
        }
    }

    /// Makes one wait that resumes after a signal handler.
    // Always inlined, because a frame between the kernel and the caller costs a return.
    #[inline(always)]
    pub(crate) fn resumed(mut self, timeout: Timeout) -> Result<usize, Error> {
        let can_end = timeout != Timeout::Infinite || self.fds.iter().any(PollFd::is_armed);
        wait_with(&mut self, timeout, Interrupt::Resume, can_end)
    }

    /// Makes a call with a mask, or for a time that is not whole ms. Returns its name and its result.
    fn fine_or_masked(&mut self, chunk: Chunk) -> (&'static str, Result<usize, i32>) {
        let is_masked = self.mask.is_some();
        let can_be_fine = self.has_ppoll && !PPOLL_IS_REJECTED.get();
        if is_masked || can_be_fine {
            match chunk.long_ms() {
                // The next call waits for the rest.
                Some(ms) if !is_masked => return ("poll", sys_poll(self.fds, ms)),
                _ => {}
            }
            match sys_ppoll(self.fds, chunk.timespec(), self.mask) {
                // Only a sandbox causes these errors.
                Err(ENOSYS | EPERM | EOPNOTSUPP) if !is_masked => PPOLL_IS_REJECTED.set(true),
                result => return ("ppoll", result),
            }
        }
        ("poll", sys_poll(self.fds, chunk.poll_ms()))
    }

    /// Returns the outcome or error of a failed call, and clears the readiness that an earlier call left.
    #[cold]
    #[inline(never)]
    fn failed(&mut self, call: &'static str, code: i32) -> Result<Outcome, Error> {
        clear_readiness(self.fds);
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
        let (call, result) = if self.mask.is_none() && chunk.is_whole_ms() {
            ("poll", sys_poll(self.fds, chunk.poll_ms()))
        } else {
            self.fine_or_masked(chunk)
        };
        match result {
            Ok(ready) => Ok(Outcome::Ready(hide_unasked(self.fds, ready))),
            Err(code) => self.failed(call, code),
        }
    }
}

/// Returns the length of `fds` as the kernel takes it, or EINVAL.
///
/// Linux reads an `unsigned int`, whatever `nfds_t` is, and AIX reads half of one. Both would truncate a larger
/// number silently.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "`nfds_t` holds `MAX_NFDS`")]
fn count(fds: usize) -> Result<nfds_t, i32> {
    if fds <= c::MAX_NFDS { Ok(fds as nfds_t) } else { Err(EINVAL) }
}

/// Returns the count that a system call returned, or its `errno`.
#[inline]
fn result(returned: c_int) -> Result<usize, i32> {
    usize::try_from(returned).map_err(|_| errno())
}

/// Makes one poll(2) over `fds`, for `timeout` ms. A negative timeout is infinite.
#[inline]
pub(crate) fn sys_poll(fds: &mut [PollFd<'_>], timeout: i32) -> Result<usize, i32> {
    let count = count(fds.len())?;
    // SAFETY: `fds` is `count` pollfds (`PollFd` is `repr(transparent)`), borrowed mutably during the call.
    result(unsafe { c::poll(fds.as_mut_ptr().cast(), count, timeout) })
}

/// Makes one ppoll(2) over `fds`. `None` is an infinite timeout, and leaves the mask unchanged.
///
/// It returns ENOSYS where there is no ppoll(2).
#[inline]
fn sys_ppoll(fds: &mut [PollFd<'_>], timeout: Option<Timespec>, mask: Option<&SigSet>) -> Result<usize, i32> {
    let Some(ppoll) = c::PPOLL else {
        return Err(ENOSYS);
    };
    let count = count(fds.len())?;
    let timeout = timeout.map(c_timespec);
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    let mask = mask.map_or(ptr::null(), |mask| ptr::from_ref(mask.as_c()));
    // SAFETY: `fds` as in `sys_poll`; both pointers are null or to values that outlive the call.
    result(unsafe { ppoll(fds.as_mut_ptr().cast(), count, timeout, mask) })
}

/// Converts to libc's timespec. The widths of `time_t` and of `tv_nsec` depend on the platform.
#[allow(clippy::cast_possible_truncation, reason = "a chunk has at most 1,789 s and 10^9 - 1 ns")]
fn c_timespec(time: Timespec) -> timespec {
    // SAFETY: a timespec has only integers and padding, so all zeroes is a valid value.
    let mut c = unsafe { MaybeUninit::<timespec>::zeroed().assume_init() };
    c.tv_sec = time.tv_sec as _;
    c.tv_nsec = time.tv_nsec as _;
    c
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest::{Interest, Readiness};
    use crate::signal::{Signal, resend_in_handler};
    use core::sync::atomic::Ordering;
    use core::time::Duration;
    use std::io::Write;
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
    fn no_wait_is_early() {
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
    fn without_ppoll_ms_are_rounded_up() {
        let begin = Instant::now();
        assert_eq!(without_ppoll::poll(&mut [], Duration::from_nanos(1)), Ok(0));
        assert!(begin.elapsed() >= MS, "{:?}", begin.elapsed());
    }

    #[test]
    fn without_ppoll_masks_are_unsupported() {
        let (_reader, writer) = std::io::pipe().unwrap();
        let mut fds = [PollFd::new(writer.as_fd(), Interest::WRITABLE).unwrap()];
        assert_eq!(without_ppoll::ppoll(&mut fds, Timeout::Nowait, None), Ok(1));
        let result = without_ppoll::ppoll(&mut fds, Timeout::Nowait, Some(&SigSet::empty()));
        assert_eq!(result, Err(Error::Unsupported { what: "a signal mask" }));
        assert_eq!(fds[0].readiness(), Readiness::empty(), "not that of the call before");
        assert_eq!(fds[0].interest(), Interest::WRITABLE);
    }

    #[test]
    fn too_many_fds_are_einval() {
        assert_eq!(count(0), Ok(0));
        assert_eq!(count(c::MAX_NFDS), Ok(c::MAX_NFDS as nfds_t));
        for too_long in [c::MAX_NFDS + 1, u32::MAX as usize, usize::MAX] {
            assert_eq!(count(too_long), Err(EINVAL), "{too_long}");
        }
    }

    #[test]
    fn has_ppoll_equals_the_constant() {
        assert_eq!(has_ppoll(), HAS_PPOLL);
    }

    /// A call that sleeps for at most 1 ms, so that a short wait takes several chunks.
    struct InSmallChunks<'a, 'fd>(PollCall<'a, 'fd>);

    impl WaitCall for InSmallChunks<'_, '_> {
        type Error = Error;

        fn call(&mut self, chunk: Chunk) -> Result<Outcome, Error> {
            self.0.call(Chunk::new(chunk.duration().map_or(MS, |time| time.min(MS))))
        }
    }

    fn in_small_chunks(fds: &mut [PollFd<'_>], timeout: Timeout) -> Result<usize, Error> {
        let mut call = InSmallChunks(PollCall::new(fds, None));
        wait_with(&mut call, timeout, Interrupt::Resume, true)
    }

    #[test]
    fn no_wait_in_chunks_is_early() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE).unwrap()];
        for time in [MS / 2, MS, MS + MS / 2, 7 * MS, 7 * MS + Duration::from_nanos(1)] {
            let begin = Instant::now();
            assert_eq!(in_small_chunks(&mut fds, time.into()), Ok(0));
            assert!(begin.elapsed() >= time, "{:?} of {time:?}", begin.elapsed());
            let end = Instant::now() + time;
            assert_eq!(in_small_chunks(&mut fds, end.into()), Ok(0));
            assert!(Instant::now() >= end, "until");
        }
    }

    #[test]
    fn chunks_repeat_until_ready() {
        for timeout in [Timeout::Infinite, Duration::MAX.into(), Duration::from_secs(600).into()] {
            let (reader, mut writer) = std::io::pipe().unwrap();
            let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE).unwrap()];
            std::thread::scope(|scope| {
                scope.spawn(move || {
                    poll(&mut [], 5 * MS).unwrap();
                    writer.write_all(b"!").unwrap();
                });
                assert_eq!(in_small_chunks(&mut fds, timeout), Ok(1), "{timeout:?}");
            });
            assert!(fds[0].readiness().is_readable());
        }
    }

    #[test]
    fn deadline_survives_endless_signals() {
        if !HAS_PPOLL {
            eprintln!("skipped: endless signals: no ppoll(2) to let them through");
            return;
        }
        let signal = Signal::USR2;
        let left = resend_in_handler(signal, 1_000_000);
        let blocked = SigSet::from(signal).block().unwrap();
        signal_hook::low_level::raise(signal.as_raw()).unwrap();
        let mask = blocked.wait_mask();
        let begin = Instant::now();
        let mut call = PollCall::new(&mut [], Some(&mask));
        let result = wait_with(&mut call, (5 * MS).into(), Interrupt::Resume, true);
        let left = left.swap(0, Ordering::SeqCst);
        assert_eq!(result, Ok(0));
        assert!(begin.elapsed() >= 5 * MS);
        assert!((1..1_000_000).contains(&left), "every call was interrupted, and still the wait ended");
        assert!(SigSet::pending().unwrap().contains(signal), "the last one is still there");
    }

    #[test]
    fn signal_ends_a_wait_in_chunks() {
        if !HAS_PPOLL {
            eprintln!("skipped: a signal in a wait in chunks: no ppoll(2) to let it through");
            return;
        }
        let signal = Signal::USR1;
        resend_in_handler(signal, 0);
        let blocked = SigSet::from(signal).block().unwrap();
        signal_hook::low_level::raise(signal.as_raw()).unwrap();
        let mask = blocked.wait_mask();
        let mut call = InSmallChunks(PollCall::new(&mut [], Some(&mask)));
        let result = wait_with(&mut call, Duration::from_secs(600).into(), Interrupt::End, true);
        assert_eq!(result, Err(Error::Interrupted));
    }
}
