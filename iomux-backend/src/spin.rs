//! A multiplexer that checks for a short time before it sleeps.

mod wakers;

use crate::capabilities::Capabilities;
use crate::error::Error;
use crate::event::{Events, Token};
use crate::mode::Mode;
use crate::multiplexer::{Multiplexer, TrustedMultiplexer};
use crate::waker::Waker;
use iomux::{Interest, SigSet, Timeout};
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};
use wakers::Wakers;

/// The default limit of a spin.
const LIMIT: Duration = Duration::from_micros(50);

/// The longest limit, so that every wait that can't end fails with [`Error::NothingToWaitFor`] at last.
const LONGEST: Duration = Duration::from_secs(10);

/// A wrapper of any multiplexer whose waits check for a short time before they sleep.
///
/// Use it in a program that waits for a peer on another core, if the peer's responses arrive within microseconds. A
/// sleeping thread gives up its core. The kernel needs an interrupt to wake the thread, which takes longer than such a
/// response.
///
/// A wait checks with [`Timeout::Nowait`] repeatedly, for at most 50 µs or the time of
/// [`with_limit`](Self::with_limit). Then it sleeps. A wait whose timeout is zero or has expired checks once.
///
/// Waits spin as long as spins find events within half of the limit. A later event costs more CPU time than a sleep, so
/// its spin counts as failed. After a few failed spins in a row, the next wait sleeps immediately. Each further failure
/// doubles the number of waits that sleep, up to 256 in a row. After a successful spin, every wait spins again.
///
/// A [wake](Waker::wake) during a spin sets a flag, and neither thread makes a system call. Events, errors, deadlines and
/// masked signals are those of the wrapped multiplexer.
///
/// # Examples
/// ```
/// use iomux_backend::{Interest, Mode, Native, Reactor, Spin, Timeout, TryRead, native};
/// use std::io::Write;
/// use std::os::unix::net::UnixStream;
///
/// let mut reactor = Reactor::<_, (), Spin<Native>>::with(Spin::new(native()?), 64);
/// let (ours, mut theirs) = UnixStream::pair()?;
/// ours.set_nonblocking(true)?;
/// reactor.insert(ours, (), Interest::READABLE, Mode::Level)?;
/// theirs.write_all(b"hello")?;
/// reactor.wait(Timeout::Infinite)?;
/// while let Some((_key, _cause, stream, ())) = reactor.next() {
///     assert_eq!(stream.try_read(&mut [0; 16])?, Some(5));
/// }
/// # std::io::Result::Ok(())
/// ```
///
/// # When not to use it
/// - The peer runs on the same core, since a spin keeps the peer from answering.
/// - More threads are ready to run than there are cores, since a spin takes time that another thread needs.
/// - The machine runs on a battery, or its CPU time is billed.
/// - Events arrive just within half of the limit. Each spin finds them, but takes CPU time until then.
///
/// # Gains and costs
/// In this benchmark (`iomux-bench spin --trips 500`), a client and a server exchange 64 bytes over TCP, and the client
/// pauses before the next request. The figures are ratios to `Epoll` alone, medians of nine turns, on two idle cores.
///
/// | pause | round trip | CPU of both ends | CPU of the server |
/// |---|---|---|---|
/// | none | 0.24 | 0.64 | 0.64 |
/// | 10 µs | 0.25 | 1.00 | 1.36 |
/// | 30 µs | 0.59 | 1.04 | 0.57 |
/// | 100 µs | 0.58 | 1.04 | 0.62 |
/// | 300 µs | 0.61 | 1.08 | 0.73 |
/// | 1,000 µs | 0.78 | 1.05 | 0.87 |
/// | none, both on the same core | 1.15 | 1.15 | 1.16 |
///
/// A wake to a spinning thread on another core and the wake back take 1.2 µs. Between two threads that sleep in `Epoll`,
/// they take 33 µs.
#[derive(Debug)]
pub struct Spin<M> {
    multiplexer: M,
    limit: Duration,
    pace: Pace,
    wakers: Wakers,
}

/// Decides which waits spin.
#[derive(Debug)]
struct Pace {
    /// How many spins in a row were not worth their CPU time.
    failed: u32,
    /// How many waits sleep immediately before the next one spins.
    skips: u32,
}

impl Pace {
    /// How many spins in a row may fail before a wait sleeps immediately.
    const PATIENCE: u32 = 2;
    /// The most waits that sleep immediately, as a power of two.
    const LONGEST: u32 = 8;

    const fn new() -> Self {
        Self { failed: 0, skips: 0 }
    }

    /// Returns `true` if the wait that begins should spin.
    fn begin(&mut self) -> bool {
        let spins = self.skips == 0;
        self.skips = self.skips.saturating_sub(1);
        spins
    }

    /// Notes a spin, and whether it was worth its CPU time.
    fn end(&mut self, is_worth_it: bool) {
        if is_worth_it {
            *self = Self::new();
            return;
        }
        self.failed = (self.failed + 1).min(Self::PATIENCE + Self::LONGEST);
        self.skips = self.failed.checked_sub(Self::PATIENCE).map_or(0, |more| 1 << more);
    }
}

impl<M> Spin<M> {
    /// Creates a multiplexer whose waits spin for at most 50 µs.
    #[must_use]
    pub fn new(multiplexer: M) -> Self {
        Self::with_limit(multiplexer, LIMIT)
    }

    /// Creates a multiplexer whose waits spin for at most `limit`, which is cut to 10 s.
    ///
    /// A longer limit finds later events without a sleep, but a spin that finds none takes longer. So does a wait that fails
    /// with [`Error::NothingToWaitFor`], since it spins first.
    #[must_use]
    pub fn with_limit(multiplexer: M, limit: Duration) -> Self {
        Self { multiplexer, limit: limit.min(LONGEST), pace: Pace::new(), wakers: Wakers::default() }
    }

    /// Returns a reference to the wrapped multiplexer.
    #[must_use]
    pub fn get_ref(&self) -> &M {
        &self.multiplexer
    }

    /// Returns the wrapped multiplexer, with its registrations.
    #[must_use]
    pub fn into_inner(self) -> M {
        self.multiplexer
    }

    /// Calls `wait` with [`Timeout::Nowait`] until it finds an event, and with the remaining time after the spin.
    #[inline(always)]
    fn spin(
        &mut self,
        events: &mut Events,
        timeout: Timeout,
        wait: impl Fn(&mut M, &mut Events, Timeout) -> Result<usize, Error>,
    ) -> Result<usize, Error> {
        if matches!(timeout, Timeout::Nowait | Timeout::After(Duration::ZERO)) || !self.pace.begin() {
            return wait(&mut self.multiplexer, events, timeout);
        }
        // An event from before the wait says nothing about spins, and needs no clock.
        let mut found = wait(&mut self.multiplexer, events, Timeout::Nowait);
        if found != Ok(0) {
            return found;
        }
        let begin = Instant::now();
        let timeout = match timeout {
            Timeout::After(time) => begin.checked_add(time).map_or(timeout, Timeout::Until),
            timeout => timeout,
        };
        if matches!(timeout, Timeout::Until(end) if end <= begin) {
            // The check was the wait. It was no spin either.
            return found;
        }
        let limit = begin.checked_add(self.limit);
        let end = match timeout {
            Timeout::Until(end) => Some(limit.map_or(end, |limit| limit.min(end))),
            _ => limit,
        };
        let mut now = begin;
        let spinning = self.wakers.spin();
        while end.is_none_or(|end| now < end) {
            found = match spinning.take(events) {
                0 => wait(&mut self.multiplexer, events, Timeout::Nowait),
                wakes => Ok(wakes),
            };
            if found != Ok(0) {
                self.pace.end(now - begin <= self.limit / 2);
                return found;
            }
            now = Instant::now();
        }
        drop(spinning);
        self.pace.end(false);
        wait(&mut self.multiplexer, events, timeout)
    }
}

impl<'fd, M: Multiplexer<'fd>> Multiplexer<'fd> for Spin<M> {
    fn name(&self) -> &'static str {
        self.multiplexer.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.multiplexer.capabilities()
    }

    fn register(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        self.multiplexer.register(fd, token, interest, mode)
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        self.multiplexer.modify(fd, token, interest, mode)
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        self.multiplexer.deregister(fd)
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        self.spin(events, timeout, |multiplexer, events, timeout| multiplexer.wait(events, timeout))
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        self.spin(events, timeout, |multiplexer, events, timeout| {
            multiplexer.wait_masked(events, timeout, mask)
        })
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        self.wakers.make_room()?;
        let inner = self.multiplexer.waker(token)?;
        self.wakers.add(token, inner)
    }
}

// SAFETY: it forwards every call to the multiplexer that it owns, which makes the promise.
unsafe impl<'fd, M: TrustedMultiplexer<'fd>> TrustedMultiplexer<'fd> for Spin<M> {}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::Poll;

    #[test]
    fn limit_is_cut() {
        let limits =
            [Duration::ZERO, LONGEST, Duration::MAX].map(|limit| Spin::with_limit(Poll::new(), limit).limit);
        assert_eq!(limits, [Duration::ZERO, LONGEST, LONGEST]);
    }
}
