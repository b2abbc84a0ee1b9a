//! `Timeout`, and `Chunk`, the part of a timeout that one system call sleeps.

use std::time::{Duration, Instant};

/// The time that a call may wait.
///
/// No call returns 0 before its timeout has expired. No duration is too long, not even [`Duration::MAX`].
///
/// # Examples
/// ```
/// use iomux::{Slots, Timeout};
/// use std::time::{Duration, Instant};
///
/// let mut slots = Slots::with_capacity(8);
/// slots.poll(Timeout::Nowait)?;
/// slots.poll(Duration::from_millis(5))?; // Timeout::After
/// let deadline = Instant::now() + Duration::from_millis(5);
/// slots.poll(deadline)?; // Timeout::Until
/// # Ok::<(), iomux::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Timeout {
    /// The call waits until something is ready.
    Infinite,
    /// The call checks once, and does not wait.
    Nowait,
    /// The call waits for at least this duration.
    After(Duration),
    /// The call waits at least until this instant. A past instant is [`Nowait`](Self::Nowait).
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
    /// Returns the ms of one poll(2) that waits for exactly this time; ppoll(2) costs more.
    #[inline]
    pub(crate) fn exact_ms(self) -> Option<i32> {
        match self {
            Self::Nowait => Some(0),
            Self::Infinite => Some(-1),
            Self::After(time) if time < LONGEST && Chunk(Some(time)).is_whole_ms() => {
                Some(Chunk(Some(time)).poll_ms())
            }
            _ => None,
        }
    }

    /// Returns the chunk, if one system call can wait for all of it and the clock is not needed.
    pub(crate) fn one_chunk(self) -> Option<Chunk> {
        match self {
            Self::Nowait => Some(Chunk::NONE),
            Self::Infinite => Some(Chunk::INFINITE),
            Self::After(time) if time <= LONGEST => Some(Chunk(Some(time))),
            _ => None,
        }
    }
}

/// The longest time that one system call sleeps. A wait splits a longer timeout into chunks.
///
/// It is valid on every platform. 32-bit Linux before 2.6.37 treats more than 1,789,569 ms as infinite, Darwin rejects
/// more than 100,000,000 s, and the milliseconds must fit into an `int`.
pub(crate) const LONGEST: Duration = Duration::from_secs(1_789);

/// The time from which poll(2) waits for the whole ms, and ppoll(2) only for the rest.
///
/// When a stopped process continues, its ppoll(2) resumes with the remaining time, and its poll(2) with the deadline. A
/// wait for a shorter time ends at most this long after the process continues, and takes one call.
const LONG: Duration = Duration::from_millis(10);

/// The time that one system call may sleep: a [`Timeout`], or a part of it that every platform accepts.
///
/// [`wait_with`](crate::wait_with) passes it to a [`WaitCall`](crate::WaitCall), which converts it to the
/// type that its system call needs. Every conversion rounds up, never down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Chunk(Option<Duration>);

impl Chunk {
    /// The call does not sleep.
    pub const NONE: Self = Self(Some(Duration::ZERO));

    /// The call sleeps until something is ready.
    pub const INFINITE: Self = Self(None);

    /// Creates a chunk of `time`, cut to the longest that every platform accepts.
    #[inline]
    pub(crate) fn new(time: Duration) -> Self {
        Self(Some(time.min(LONGEST)))
    }

    /// Returns the time, or `None` if the call sleeps until something is ready.
    #[inline]
    #[must_use]
    pub fn duration(self) -> Option<Duration> {
        self.0
    }

    /// Returns the timeout of poll(2) and epoll_wait(2) in ms, rounded up; -1 is infinite.
    #[inline]
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "`LONGEST` is far below `i32::MAX` ms")]
    pub fn poll_ms(self) -> i32 {
        match self.0 {
            None => -1,
            Some(time) => {
                (time.as_secs() * 1_000 + u64::from(time.subsec_nanos().div_ceil(1_000_000))) as i32
            }
        }
    }

    /// Returns `true` if [`poll_ms`](Self::poll_ms) is exact, so that the cheapest calls, poll(2) and
    /// epoll_wait(2), can express the chunk.
    #[inline]
    #[must_use]
    pub fn is_whole_ms(self) -> bool {
        self.0.is_none_or(|time| time.subsec_nanos() % 1_000_000 == 0)
    }

    /// Returns the whole ms of a long time that has more than whole ms.
    #[inline]
    pub(crate) fn long_ms(self) -> Option<i32> {
        let is_long = self.0.is_some_and(|time| time >= LONG);
        (is_long && !self.is_whole_ms()).then(|| self.poll_ms() - 1)
    }

    /// Returns the timeout of ppoll(2), kevent(2) and epoll_pwait2(2). `None` is infinite, a null pointer in C.
    #[inline]
    #[must_use]
    pub fn timespec(self) -> Option<Timespec> {
        let time = self.0?;
        let tv_sec = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        Some(Timespec { tv_sec, tv_nsec: time.subsec_nanos().into() })
    }
}

/// A time span as in the kernel's 64-bit `struct __kernel_timespec`, on every architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Timespec {
    /// Seconds, 0 or more.
    pub tv_sec: i64,
    /// Nanoseconds, 0 to 999,999,999.
    pub tv_nsec: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const NS: Duration = Duration::from_nanos(1);

    fn chunk(remaining: Option<Duration>) -> Chunk {
        remaining.map_or(Chunk::INFINITE, Chunk::new)
    }

    #[test]
    fn ms_round_up_and_saturate() {
        let longest_ms = 1_789_000;
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
            (Some(LONGEST - MS), longest_ms - 1),
            (Some(LONGEST - NS), longest_ms),
            (Some(LONGEST), longest_ms),
            (Some(LONGEST + NS), longest_ms),
            (Some(Duration::from_millis((1 << 31) - 1)), longest_ms),
            (Some(Duration::from_millis(1 << 31)), longest_ms),
            (Some(Duration::from_millis((1 << 32) - 1)), longest_ms),
            (Some(Duration::from_millis(1 << 32)), longest_ms),
            (Some(Duration::from_millis((1 << 32) + 1)), longest_ms),
            (Some(Duration::from_secs(100_000_001)), longest_ms),
            (Some(Duration::MAX), longest_ms),
        ];
        for (remaining, ms) in table {
            assert_eq!(chunk(remaining).poll_ms(), ms, "{remaining:?}");
        }
    }

    #[test]
    fn timespec_is_exact_and_saturates() {
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
            assert_eq!(Chunk::new(remaining).timespec(), Some(Timespec { tv_sec, tv_nsec }), "{remaining:?}");
        }
        assert_eq!(Chunk::INFINITE.timespec(), None, "a null pointer: infinite");
    }

    #[test]
    fn only_whole_ms_are_for_poll() {
        let ms = |time: Duration| Timeout::After(time).exact_ms();
        assert_eq!(ms(Duration::from_millis(7)), Some(7));
        assert_eq!(ms(Duration::from_millis(2500)), Some(2500));
        assert_eq!(ms(Duration::from_micros(2_500_001)), None);
        assert_eq!(ms(LONGEST - MS), Some(1_788_999));
        assert_eq!(ms(LONGEST), None);
        assert_eq!([Timeout::Nowait, Timeout::Infinite].map(Timeout::exact_ms), [Some(0), Some(-1)]);
        assert_eq!(Timeout::Until(Instant::now()).exact_ms(), None);
    }

    #[test]
    fn long_ms_never_round_up() {
        let long_ms = |time: Duration| Chunk::new(time).long_ms();
        assert_eq!([LONG - NS, LONG, LONG + MS, LONGEST, Duration::MAX].map(long_ms), [None; 5]);
        assert_eq!(long_ms(LONG + NS), Some(10));
        assert_eq!(long_ms(LONG + MS - NS), Some(10));
        assert_eq!(long_ms(LONGEST - NS), Some(1_788_999));
        assert_eq!([Chunk::NONE, Chunk::INFINITE].map(Chunk::long_ms), [None; 2]);
    }

    #[test]
    fn one_chunk_is_at_most_the_longest() {
        assert_eq!(Timeout::After(LONGEST).one_chunk(), Some(Chunk::new(LONGEST)));
        assert_eq!(Timeout::After(LONGEST + NS).one_chunk(), None);
        assert_eq!(Timeout::Until(Instant::now()).one_chunk(), None);
        let constant = [Timeout::Nowait, Timeout::Infinite].map(Timeout::one_chunk);
        assert_eq!(constant, [Some(Chunk::NONE), Some(Chunk::INFINITE)]);
    }
}
