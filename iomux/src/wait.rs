//! A wait: which system call can express it, in how many pieces, and what an interruption means.

use crate::error::Error;
use crate::pollfd::{PollFd, wipe};
use crate::signal::SigSet;
use crate::sys;
use crate::timeout::{Deadline, LONGEST, Timeout, to_ms, to_timespec};
use core::time::Duration;
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

/// The calls that a wait may use, and the longest time that one of them is asked to wait.
#[derive(Clone, Copy)]
pub(crate) struct Calls {
    has_ppoll: bool,
    longest: Duration,
}

/// What an interruption by a signal handler does to a wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Interruption {
    Ends,
    IsPassedOver,
}

impl Calls {
    /// What this system has.
    pub(crate) const NATIVE: &Self = &Self { has_ppoll: HAS_PPOLL, longest: LONGEST };

    /// A system without ppoll(2).
    pub(crate) const WITHOUT_PPOLL: &Self = &Self { has_ppoll: false, longest: LONGEST };

    /// The ms, if one poll(2) can wait for exactly that; ppoll(2) costs more.
    #[inline]
    pub(crate) fn poll_ms(&self, timeout: Timeout) -> Option<i32> {
        match timeout {
            Timeout::Nowait => Some(0),
            Timeout::Infinite => Some(-1),
            Timeout::After(time) => self.whole_ms(time),
            Timeout::Until(_) => None,
        }
    }

    #[inline]
    fn whole_ms(&self, time: Duration) -> Option<i32> {
        let ms = time.subsec_millis();
        if time.as_secs() >= self.longest.as_secs() || ms * 1_000_000 != time.subsec_nanos() {
            return None;
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "less than `LONGEST`")]
        Some(time.as_secs() as i32 * 1_000 + ms as i32)
    }

    /// Makes one wait: the answers are in `fds` if it is `Ok`, and none are otherwise.
    pub(crate) fn poll(&self, fds: &mut [PollFd<'_>], timeout: Timeout) -> Result<usize, Error> {
        self.timed(fds, timeout.remaining(), None)
    }

    /// The same with a signal mask for the time of the call.
    pub(crate) fn ppoll(
        &self,
        fds: &mut [PollFd<'_>],
        timeout: Timeout,
        mask: Option<&SigSet>,
    ) -> Result<usize, Error> {
        if mask.is_some() && !self.has_ppoll {
            wipe(fds);
            return Err(Error::Unsupported { what: "a signal mask" });
        }
        self.timed(fds, timeout.remaining(), mask)
    }

    /// A wait that goes on after an interruption, until its time has passed.
    #[inline]
    pub(crate) fn wait(&self, fds: &mut [PollFd<'_>], timeout: Timeout) -> Result<usize, Error> {
        let ms = match timeout {
            Timeout::Nowait => 0,
            Timeout::Infinite if fds.iter().any(PollFd::is_armed) => -1,
            _ => return self.wait_with_care(fds, timeout),
        };
        // What a refusal or an interruption means is found out with care.
        sys::poll(fds, ms).or_else(|_| self.wait_with_care(fds, timeout))
    }

    #[cold]
    fn wait_with_care(&self, fds: &mut [PollFd<'_>], timeout: Timeout) -> Result<usize, Error> {
        if timeout == Timeout::Infinite && !fds.iter().any(PollFd::is_armed) {
            wipe(fds);
            return Err(Error::NothingToWaitFor);
        }
        self.until(fds, timeout.remaining(), None, Interruption::IsPassedOver)
    }

    /// A wait that one call can express, without a look at the clock, or else in pieces.
    fn timed(
        &self,
        fds: &mut [PollFd<'_>],
        remaining: Option<Duration>,
        mask: Option<&SigSet>,
    ) -> Result<usize, Error> {
        if self.is_one_piece(remaining) {
            return self.piece(fds, remaining, mask).map_err(|(call, code)| failed(call, code, fds));
        }
        self.until(fds, remaining, mask, Interruption::Ends)
    }

    fn until(
        &self,
        fds: &mut [PollFd<'_>],
        mut remaining: Option<Duration>,
        mask: Option<&SigSet>,
        interruption: Interruption,
    ) -> Result<usize, Error> {
        let deadline = Deadline::new(remaining.into());
        loop {
            match self.piece(fds, remaining, mask) {
                // The kernel prefers EINTR to "time has passed", so signals without end would never
                // let it say so: the end is ours to see.
                Err((_, EINTR)) if interruption == Interruption::IsPassedOver => {
                    if deadline.is_over() {
                        return self.last_look(fds);
                    }
                }
                Err((call, code)) => return Err(failed(call, code, fds)),
                Ok(0) if !self.is_one_piece(remaining) => {}
                Ok(ready) => return Ok(ready),
            }
            remaining = deadline.remaining();
        }
    }

    /// What is ready once the time has passed: what a handler has just done counts.
    fn last_look(&self, fds: &mut [PollFd<'_>]) -> Result<usize, Error> {
        match self.piece(fds, Some(Duration::ZERO), None) {
            Err((_, EINTR)) => {
                wipe(fds);
                Ok(0)
            }
            Err((call, code)) => Err(failed(call, code, fds)),
            Ok(ready) => Ok(ready),
        }
    }

    fn is_one_piece(&self, remaining: Option<Duration>) -> bool {
        remaining.is_none_or(|left| left <= self.longest)
    }

    /// The cheapest call that can wait for what remains, or for a piece of it.
    fn piece(
        &self,
        fds: &mut [PollFd<'_>],
        remaining: Option<Duration>,
        mask: Option<&SigSet>,
    ) -> Result<usize, Failure> {
        let piece = remaining.map(|left| left.min(self.longest));
        let poll_will_do = mask.is_none() && piece.is_none_or(|time| self.whole_ms(time).is_some());
        if self.has_ppoll && !poll_will_do {
            let mask = mask.map(SigSet::as_c);
            return sys::ppoll(fds, to_timespec(piece), mask).map_err(|code| ("ppoll", code));
        }
        sys::poll(fds, to_ms(piece)).map_err(|code| ("poll", code))
    }
}

/// The C name of a call that failed, and what it left in `errno`.
type Failure = (&'static str, i32);

/// What a failed call means. The kernel left old answers where they were: they are wiped.
#[cold]
#[inline(never)]
pub(crate) fn failed(call: &'static str, code: i32, fds: &mut [PollFd<'_>]) -> Error {
    wipe(fds);
    Error::from_errno(call, code, fds.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interest::{Interest, Readiness};
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::time::Instant;

    const MS: Duration = Duration::from_millis(1);

    /// This system, one without ppoll(2), and both with pieces so small that every wait takes many.
    const SYSTEMS: [&Calls; 4] = [
        Calls::NATIVE,
        Calls::WITHOUT_PPOLL,
        &Calls { longest: MS, ..*Calls::NATIVE },
        &Calls { has_ppoll: false, longest: MS },
    ];

    type Wait = fn(&Calls, &mut [PollFd<'_>], Timeout) -> Result<usize, Error>;
    const WAITS: [Wait; 3] =
        [Calls::poll, |calls, fds, timeout| calls.ppoll(fds, timeout, None), Calls::wait];

    #[test]
    fn whole_milliseconds_are_for_poll_and_no_other_time_is() {
        let calls = Calls::NATIVE;
        let ms = |time: Duration| calls.poll_ms(time.into());
        assert_eq!(ms(Duration::from_millis(7)), Some(7));
        assert_eq!(ms(Duration::from_millis(2500)), Some(2500));
        assert_eq!(ms(Duration::from_micros(2_500_001)), None);
        assert_eq!(ms(LONGEST), None);
        assert_eq!([Timeout::Nowait, Timeout::Infinite].map(|time| calls.poll_ms(time)), [Some(0), Some(-1)]);
        assert_eq!(calls.poll_ms(Timeout::Until(Instant::now())), None);
    }

    #[test]
    fn no_wait_is_early_without_ppoll_nor_in_pieces() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE).unwrap()];
        for (system, calls) in SYSTEMS.into_iter().enumerate() {
            for wait in WAITS {
                for time in [MS / 2, MS, MS + MS / 2, 7 * MS, 7 * MS + Duration::from_nanos(1)] {
                    let begin = Instant::now();
                    assert_eq!(wait(calls, &mut fds, time.into()), Ok(0));
                    assert!(begin.elapsed() >= time, "system {system}: {:?} of {time:?}", begin.elapsed());
                    let end = Instant::now() + time;
                    assert_eq!(wait(calls, &mut fds, end.into()), Ok(0));
                    assert!(Instant::now() >= end, "system {system}, until");
                }
            }
        }
    }

    #[test]
    fn without_ppoll_a_time_is_rounded_up_to_ms() {
        let begin = Instant::now();
        assert_eq!(Calls::WITHOUT_PPOLL.poll(&mut [], Duration::from_nanos(1).into()), Ok(0));
        assert!(begin.elapsed() >= MS, "{:?}", begin.elapsed());
    }

    #[test]
    fn pieces_go_on_for_as_long_as_it_takes() {
        let timeouts = [Timeout::Infinite, Duration::MAX.into(), Duration::from_secs(600).into()];
        for (wait, timeout) in WAITS.into_iter().flat_map(|wait| timeouts.map(|timeout| (wait, timeout))) {
            for calls in SYSTEMS {
                let (reader, mut writer) = std::io::pipe().unwrap();
                let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE).unwrap()];
                std::thread::scope(|scope| {
                    scope.spawn(move || {
                        Calls::NATIVE.poll(&mut [], (5 * MS).into()).unwrap();
                        writer.write_all(b"!").unwrap();
                    });
                    assert_eq!(wait(calls, &mut fds, timeout), Ok(1), "{timeout:?}");
                });
                assert!(fds[0].readiness().is_readable());
            }
        }
    }

    #[test]
    fn without_ppoll_a_mask_is_unsupported_and_nothing_is_reported() {
        let (_reader, writer) = std::io::pipe().unwrap();
        let mut fds = [PollFd::new(writer.as_fd(), Interest::WRITABLE).unwrap()];
        assert_eq!(Calls::WITHOUT_PPOLL.ppoll(&mut fds, Timeout::Nowait, None), Ok(1));
        let answer = Calls::WITHOUT_PPOLL.ppoll(&mut fds, Timeout::Nowait, Some(&SigSet::empty()));
        assert_eq!(answer, Err(Error::Unsupported { what: "a signal mask" }));
        assert_eq!(fds[0].readiness(), Readiness::empty(), "not the answer of the call before");
        assert_eq!(fds[0].interest(), Interest::WRITABLE);
    }

    #[test]
    fn signals_without_end_do_not_keep_a_wait_from_ending() {
        if !HAS_PPOLL {
            eprintln!("skipped: signals without end: no ppoll to let them through");
            return;
        }
        let signal = crate::Signal::USR2;
        let left = sys::pending_again_and_again(signal.as_raw(), 1_000_000);
        let blocked = SigSet::from(signal).block().unwrap();
        signal_hook::low_level::raise(signal.as_raw()).unwrap();
        let mask = blocked.wait_mask();
        let (begin, mask) = (Instant::now(), Some(&mask));
        let answer = Calls::NATIVE.until(&mut [], Some(5 * MS), mask, Interruption::IsPassedOver);
        let left = left.swap(0, std::sync::atomic::Ordering::SeqCst);
        assert_eq!(answer, Ok(0));
        assert!(begin.elapsed() >= 5 * MS);
        assert!((1..1_000_000).contains(&left), "every call was interrupted, and still the wait ended");
        // The last one is still pending.
        assert_eq!(Calls::NATIVE.ppoll(&mut [], Timeout::Nowait, mask), Err(Error::Interrupted));
    }

    #[test]
    fn a_signal_ends_a_wait_in_pieces_too() {
        if !HAS_PPOLL {
            eprintln!("skipped: a signal in a wait in pieces: no ppoll to let it through");
            return;
        }
        let signal = crate::Signal::USR1;
        sys::pending_again_and_again(signal.as_raw(), 0);
        let blocked = SigSet::from(signal).block().unwrap();
        signal_hook::low_level::raise(signal.as_raw()).unwrap();
        let calls = Calls { longest: MS, ..*Calls::NATIVE };
        let answer = calls.ppoll(&mut [], Duration::from_secs(600).into(), Some(&blocked.wait_mask()));
        assert_eq!(answer, Err(Error::Interrupted));
    }

    #[test]
    fn the_last_look_sees_what_is_ready() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE).unwrap()];
        assert_eq!(Calls::NATIVE.last_look(&mut fds), Ok(0));
        writer.write_all(b"!").unwrap();
        assert_eq!(Calls::NATIVE.last_look(&mut fds), Ok(1));
    }

    #[test]
    fn has_ppoll_is_a_function_too() {
        assert_eq!(has_ppoll(), HAS_PPOLL);
    }
}
