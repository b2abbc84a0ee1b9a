//! How long to wait, and the conversion to what the kernel takes: rounded up, saturated, in pieces.

use std::time::{Duration, Instant};

/// How long a call may wait.
///
/// No call returns "nothing ready" before that time has passed, and none waits for ever because a
/// number was too large: [`Duration::MAX`] is a timeout like any other.
///
/// ```
/// use iomux::Timeout;
/// use std::time::{Duration, Instant};
///
/// assert_eq!(Timeout::from(Duration::from_millis(5)), Timeout::After(Duration::from_millis(5)));
/// assert_eq!(Timeout::from(None), Timeout::Infinite);
/// let noon = Instant::now();
/// assert_eq!(Timeout::from(noon), Timeout::Until(noon));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timeout {
    /// For as long as it takes.
    Infinite,
    /// Not at all: look, and return.
    Nowait,
    /// For at least this long.
    After(Duration),
    /// At least until then; a time that has passed is [`Nowait`](Self::Nowait).
    Until(Instant),
}

impl From<Duration> for Timeout {
    fn from(duration: Duration) -> Self {
        Self::After(duration)
    }
}

/// `None` is [`Timeout::Infinite`].
impl From<Option<Duration>> for Timeout {
    fn from(duration: Option<Duration>) -> Self {
        duration.map_or(Self::Infinite, Self::After)
    }
}

impl From<Instant> for Timeout {
    fn from(end: Instant) -> Self {
        Self::Until(end)
    }
}

impl Timeout {
    /// Whether whole ms can express it, so that poll(2) and epoll_wait(2), which are cheaper, will do.
    ///
    /// ```
    /// use iomux::Timeout;
    /// use std::time::Duration;
    ///
    /// assert!(Timeout::Infinite.is_whole_ms() && Timeout::Nowait.is_whole_ms());
    /// assert!(Timeout::After(Duration::from_millis(5)).is_whole_ms());
    /// assert!(!Timeout::After(Duration::from_micros(1500)).is_whole_ms());
    /// ```
    #[must_use]
    #[inline]
    pub fn is_whole_ms(self) -> bool {
        match self {
            Self::Infinite | Self::Nowait => true,
            Self::After(time) => time.subsec_nanos() % 1_000_000 == 0,
            Self::Until(_) => false,
        }
    }

    /// The time from now on as poll(2) and epoll_wait(2) take it: [`Deadline::poll_ms`], for one call.
    ///
    /// ```
    /// use iomux::Timeout;
    /// use std::time::Duration;
    ///
    /// assert_eq!(Timeout::After(Duration::from_nanos(1)).poll_ms(), 1, "0 would be a loop at full speed");
    /// assert_eq!(Timeout::After(Duration::from_micros(1500)).poll_ms(), 2);
    /// assert_eq!((Timeout::Nowait.poll_ms(), Timeout::Infinite.poll_ms()), (0, -1));
    /// ```
    #[must_use]
    pub fn poll_ms(self) -> i32 {
        to_ms(self.remaining())
    }

    /// The time from now on as ppoll(2), kevent(2) and epoll_pwait2(2) take it: [`Deadline::timespec`], for
    /// one call.
    ///
    /// ```
    /// use iomux::{Timeout, Timespec};
    /// use std::time::{Duration, Instant};
    ///
    /// let exact = Timespec { tv_sec: 0, tv_nsec: 1_500_000 };
    /// assert_eq!(Timeout::After(Duration::from_micros(1500)).timespec(), Some(exact));
    /// let passed = Timeout::Until(Instant::now()).timespec();
    /// assert_eq!(passed, Some(Timespec { tv_sec: 0, tv_nsec: 0 }), "never negative");
    /// assert_eq!(Timeout::Infinite.timespec(), None, "a null pointer for the kernel");
    /// ```
    #[must_use]
    pub fn timespec(self) -> Option<Timespec> {
        to_timespec(self.remaining())
    }

    /// The time left from now on, `None` for ever. Asks the clock for [`Timeout::Until`] only.
    pub(crate) fn remaining(self) -> Option<Duration> {
        match self {
            Self::Infinite => None,
            Self::Nowait => Some(Duration::ZERO),
            Self::After(duration) => Some(duration),
            Self::Until(end) => Some(end.saturating_duration_since(Instant::now())),
        }
    }
}

/// The longest time that one call is asked to wait; what is longer is waited for in pieces.
///
/// 32-bit Linux before 2.6.37 takes more than 1,789,569 ms for ever, Darwin refuses more than
/// 100,000,000 s, and ms have to fit an `int`: this fits them all.
pub(crate) const LONGEST: Duration = Duration::from_secs(1_789);

/// The ms of poll(2) and epoll_wait(2): -1 for ever, otherwise rounded up, at most [`LONGEST`].
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "`LONGEST` is far below `i32::MAX` ms")]
pub(crate) fn to_ms(remaining: Option<Duration>) -> i32 {
    let Some(remaining) = remaining else {
        return -1;
    };
    let piece = remaining.min(LONGEST);
    let ms = piece.as_secs() * 1_000 + u64::from(piece.subsec_nanos().div_ceil(1_000_000));
    ms as i32
}

/// The timespec of ppoll(2), kevent(2) and epoll_pwait2(2): `None` for ever, at most [`LONGEST`].
pub(crate) fn to_timespec(remaining: Option<Duration>) -> Option<Timespec> {
    let piece = remaining?.min(LONGEST);
    let tv_sec = i64::try_from(piece.as_secs()).unwrap_or(i64::MAX);
    Some(Timespec { tv_sec, tv_nsec: piece.subsec_nanos().into() })
}

/// A time span as the kernel's 64-bit `struct __kernel_timespec` has it, on every processor.
///
/// ```
/// use iomux::{Timeout, Timespec};
/// use std::time::Duration;
///
/// let time = Timeout::After(Duration::from_millis(2500)).timespec();
/// assert_eq!(time, Some(Timespec { tv_sec: 2, tv_nsec: 500_000_000 }));
/// assert_eq!(size_of::<Timespec>(), 16, "where C's own `timespec` may have 8");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Timespec {
    /// Seconds, 0 or more.
    pub tv_sec: i64,
    /// Nanoseconds, 0 to 999,999,999.
    pub tv_nsec: i64,
}

/// The moment at which a wait ends: taken once, asked again after each interruption.
///
/// It is what a backend of one's own needs to get time right: the loop holds a `Deadline`, each round
/// gives the kernel [`poll_ms`](Self::poll_ms) or [`timespec`](Self::timespec), and "nothing ready"
/// is the answer only once it [`is_over`](Self::is_over).
///
/// ```
/// use iomux::{Deadline, Timeout};
/// use std::time::Duration;
///
/// let century = Duration::from_secs(100 * 365 * 24 * 3600);
/// let deadline = Deadline::new(Timeout::After(century));
/// assert!(deadline.poll_ms() > 0, "a piece: neither 0, at once, nor -1, for ever");
/// assert!(!deadline.is_over());
/// assert_eq!(Deadline::new(Timeout::Infinite).poll_ms(), -1);
/// assert_eq!(Deadline::new(Timeout::Nowait).poll_ms(), 0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Deadline(End);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum End {
    Never,
    Now,
    At(Instant),
}

impl Deadline {
    /// The end of a wait that begins now. A time past what [`Instant`] can hold never comes.
    ///
    /// ```
    /// use iomux::{Deadline, Timeout};
    /// use std::time::{Duration, Instant};
    ///
    /// let minute = Duration::from_secs(60);
    /// let deadline = Deadline::new(Timeout::After(minute)); // the time runs from here on
    /// assert!(deadline.remaining().is_some_and(|left| left <= minute));
    /// assert!(Deadline::new(Timeout::Until(Instant::now())).is_over());
    /// assert_eq!(Deadline::new(Timeout::After(Duration::MAX)), Deadline::new(Timeout::Infinite));
    /// ```
    #[must_use]
    pub fn new(timeout: Timeout) -> Self {
        Self(match timeout {
            Timeout::Infinite => End::Never,
            Timeout::Nowait | Timeout::After(Duration::ZERO) => End::Now,
            Timeout::After(duration) => Instant::now().checked_add(duration).map_or(End::Never, End::At),
            Timeout::Until(end) => End::At(end),
        })
    }

    /// The time left, `None` for ever.
    ///
    /// ```
    /// use iomux::{Deadline, Timeout};
    /// use std::time::{Duration, Instant};
    ///
    /// let begin = Instant::now();
    /// let deadline = Deadline::new(Timeout::After(Duration::from_millis(2)));
    /// while !deadline.is_over() {
    ///     // What has passed is not waited for again, however often this is interrupted.
    ///     iomux::poll(&mut [], deadline.remaining())?;
    /// }
    /// assert!(begin.elapsed() >= Duration::from_millis(2));
    /// # Ok::<(), iomux::Error>(())
    /// ```
    #[must_use]
    pub fn remaining(&self) -> Option<Duration> {
        match self.0 {
            End::Never => None,
            End::Now => Some(Duration::ZERO),
            End::At(end) => Some(end.saturating_duration_since(Instant::now())),
        }
    }

    /// Whether the time has passed.
    ///
    /// ```
    /// use iomux::{Deadline, Timeout};
    ///
    /// assert!(Deadline::new(Timeout::Nowait).is_over(), "from the beginning: so look first, and ask then");
    /// assert!(!Deadline::new(Timeout::Infinite).is_over());
    /// ```
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.remaining().is_some_and(|left| left.is_zero())
    }

    /// The time left as poll(2) and epoll_wait(2) take it, in ms: -1 for ever, otherwise rounded up.
    ///
    /// A long time comes in pieces of half an hour: ask again until it [`is_over`](Self::is_over).
    ///
    /// ```
    /// use iomux::{Deadline, Timeout};
    /// use std::time::Duration;
    ///
    /// let day = Deadline::new(Timeout::After(Duration::from_secs(24 * 60 * 60)));
    /// let piece = day.poll_ms();
    /// assert!(piece > 0 && piece <= 30 * 60 * 1000);
    /// assert!(!day.is_over(), "nothing ready after a piece is not yet an answer");
    /// ```
    #[must_use]
    pub fn poll_ms(&self) -> i32 {
        to_ms(self.remaining())
    }

    /// The time left as ppoll(2), kevent(2) and epoll_pwait2(2) take it: `None` for ever.
    ///
    /// A long time comes in pieces of half an hour: ask again until it [`is_over`](Self::is_over).
    ///
    /// ```
    /// use iomux::{Deadline, Timeout};
    /// use std::time::Duration;
    ///
    /// let day = Deadline::new(Timeout::After(Duration::from_secs(24 * 60 * 60)));
    /// assert!(day.timespec().is_some_and(|piece| piece.tv_sec > 0 && piece.tv_sec <= 30 * 60));
    /// assert_eq!(Deadline::new(Timeout::Infinite).timespec(), None, "a null pointer for the kernel");
    /// ```
    #[must_use]
    pub fn timespec(&self) -> Option<Timespec> {
        to_timespec(self.remaining())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const NS: Duration = Duration::from_nanos(1);

    #[test]
    fn ms_are_rounded_up_never_down_and_saturate() {
        let piece = 1_789_000;
        let table = [
            (None, -1),
            (Some(Duration::ZERO), 0),
            (Some(NS), 1),
            (Some(MS - NS), 1),
            (Some(MS), 1),
            (Some(MS + NS), 2),
            (Some(2 * MS), 2),
            (Some(Duration::from_secs(1) - NS), 1_000),
            (Some(Duration::from_secs(1)), 1_000),
            (Some(Duration::from_secs(1) + NS), 1_001),
            (Some(LONGEST - MS), piece - 1),
            (Some(LONGEST - NS), piece),
            (Some(LONGEST), piece),
            (Some(LONGEST + NS), piece),
            (Some(Duration::from_millis((1 << 31) - 1)), piece),
            (Some(Duration::from_millis(1 << 31)), piece),
            (Some(Duration::from_millis((1 << 32) - 1)), piece),
            (Some(Duration::from_millis(1 << 32)), piece),
            (Some(Duration::from_millis((1 << 32) + 1)), piece),
            (Some(Duration::from_secs(100_000_001)), piece),
            (Some(Duration::MAX), piece),
        ];
        for (remaining, ms) in table {
            assert_eq!(to_ms(remaining), ms, "{remaining:?}");
        }
    }

    #[test]
    fn a_timespec_is_exact_to_the_nanosecond_and_saturates() {
        let longest = (1_789, 0);
        let table = [
            (Duration::ZERO, (0, 0)),
            (NS, (0, 1)),
            (MS - NS, (0, 999_999)),
            (MS, (0, 1_000_000)),
            (MS + NS, (0, 1_000_001)),
            (Duration::from_secs(1) - NS, (0, 999_999_999)),
            (Duration::from_secs(1), (1, 0)),
            (Duration::from_secs(7) + NS, (7, 1)),
            (LONGEST - NS, (1_788, 999_999_999)),
            (LONGEST, longest),
            (LONGEST + NS, longest),
            (Duration::from_millis((1 << 31) - 1), longest),
            (Duration::from_millis(1 << 31), longest),
            (Duration::from_millis(1 << 32), longest),
            (Duration::from_secs(100_000_001), longest),
            (Duration::MAX, longest),
        ];
        for (remaining, (tv_sec, tv_nsec)) in table {
            assert_eq!(to_timespec(Some(remaining)), Some(Timespec { tv_sec, tv_nsec }), "{remaining:?}");
        }
        assert_eq!(to_timespec(None), None, "for ever");
    }

    #[test]
    fn what_a_clock_cannot_hold_never_comes() {
        assert_eq!(Deadline::new(Timeout::After(Duration::MAX)).remaining(), None);
    }
}
