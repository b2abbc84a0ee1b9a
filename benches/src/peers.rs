//! The competitors, behind one small trait. Each implementation follows the loop that its users would write.

pub(crate) mod c;
pub(crate) mod mio;
pub(crate) mod nix;
pub(crate) mod ours;
mod places;
pub(crate) mod polling;
pub(crate) mod popol;
pub(crate) mod raw;
pub(crate) mod rustix;

use crate::runner::{Competitor, Sample};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

/// The interest in an fd.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Read,
    /// Reading and writing.
    Both,
}

/// The system call that a competitor waits with.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Epoll,
    Poll,
}

/// The number of events that a wait can return, for competitors with a buffer.
pub(crate) const EVENTS: usize = 1024;

/// A multiplexer, which returns the readiness of each registration under its token.
pub(crate) trait Peer<'fd>: Sized {
    const NAME: &'static str;
    const MECHANISM: Mechanism;
    /// `true` if it allocates with malloc(3), which Rust's allocator does not see.
    const IS_C: bool = false;

    fn new() -> io::Result<Self>;
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()>;
    fn modify(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()>;
    fn remove(&mut self, fd: BorrowedFd<'fd>, token: usize) -> io::Result<()>;

    /// Waits once, indefinitely without a `timeout`, and calls `found` with the token of each event.
    fn wait(&mut self, timeout: Option<Duration>, found: impl FnMut(usize)) -> io::Result<()>;

    /// Rearms an fd after an event, where the competitor needs it.
    #[inline(always)]
    fn rearm(&mut self, _fd: BorrowedFd<'fd>, _token: usize) -> io::Result<()> {
        Ok(())
    }

    /// Returns a duplicate of the epoll's fd, so that other processes can register fds in it.
    fn share(&mut self) -> io::Result<Option<OwnedFd>> {
        Ok(None)
    }
}

/// A competitor whose wait another thread can end.
pub(crate) trait Waking<'fd>: Peer<'fd> {
    type Waker: Send + Sync + 'static;

    fn waker(&mut self) -> io::Result<Self::Waker>;
    fn wake(waker: &Self::Waker) -> io::Result<()>;

    /// Waits indefinitely, and returns the number of wakes. Wakes before the wait are coalesced.
    fn wait_for_wake(&mut self) -> io::Result<usize>;
}

/// One repetition of a benchmark, for any competitor.
pub(crate) trait Benchmark<'fd> {
    fn once<P: Peer<'fd>>(&'fd self) -> io::Result<Sample>;

    /// Returns `true` if competitors with this mechanism take part.
    fn admits(&self, mechanism: Mechanism) -> bool;
}

/// One repetition of a benchmark, for any competitor with wakers.
pub(crate) trait WakeBenchmark<'fd> {
    fn once<P: Waking<'fd>>(&'fd self) -> io::Result<Sample>;
}

struct Entrants<'fd, W>(&'fd W, Vec<Competitor<'fd>>);

impl<'fd, W: Benchmark<'fd>> Entrants<'fd, W> {
    fn enter<P: Peer<'fd>>(&mut self) {
        let benchmark = self.0;
        if benchmark.admits(P::MECHANISM) {
            self.1.push(Competitor::new(P::NAME, move || benchmark.once::<P>()));
        }
    }
}

/// Returns all competitors that a benchmark admits, with the baseline first.
pub(crate) fn competitors<'fd, W: Benchmark<'fd>>(benchmark: &'fd W) -> Vec<Competitor<'fd>> {
    let mut entrants = Entrants(benchmark, Vec::new());
    entrants.enter::<raw::Epoll<false>>();
    entrants.enter::<raw::Epoll<true>>();
    entrants.enter::<raw::Poll>();
    entrants.enter::<ours::Epoll<'fd, false>>();
    entrants.enter::<ours::Epoll<'fd, true>>();
    entrants.enter::<ours::Reactor<'fd>>();
    entrants.enter::<ours::Poll<'fd>>();
    entrants.enter::<ours::Slots<'fd>>();
    entrants.enter::<mio::Mio>();
    entrants.enter::<polling::Polling<false>>();
    #[cfg(not(polling_test_poll_backend))]
    entrants.enter::<polling::Polling<true>>();
    entrants.enter::<rustix::Epoll>();
    entrants.enter::<rustix::Poll<'fd>>();
    entrants.enter::<nix::Epoll>();
    entrants.enter::<nix::Poll<'fd>>();
    entrants.enter::<popol::Popol>();
    #[cfg(has_libevent)]
    {
        entrants.enter::<c::Loop<c::Libevent>>();
        entrants.enter::<c::Loop<c::LibeventChangelist>>();
        entrants.enter::<c::Loop<c::LibeventPoll>>();
    }
    #[cfg(has_libev)]
    {
        entrants.enter::<c::Loop<c::Libev>>();
        entrants.enter::<c::Loop<c::LibevPoll>>();
    }
    #[cfg(has_libuv)]
    entrants.enter::<c::Loop<c::Libuv>>();
    entrants.1
}

struct Wakers<'fd, W>(&'fd W, Vec<Competitor<'fd>>);

impl<'fd, W: WakeBenchmark<'fd>> Wakers<'fd, W> {
    fn enter<P: Waking<'fd>>(&mut self) {
        let benchmark = self.0;
        self.1.push(Competitor::new(P::NAME, move || benchmark.once::<P>()));
    }
}

/// Returns all competitors with wakers.
pub(crate) fn wakers<'fd, W: WakeBenchmark<'fd>>(benchmark: &'fd W) -> Vec<Competitor<'fd>> {
    let mut wakers = Wakers(benchmark, Vec::new());
    wakers.enter::<raw::Epoll<false>>();
    wakers.enter::<ours::Epoll<'fd, false>>();
    wakers.enter::<ours::Poll<'fd>>();
    wakers.enter::<mio::Mio>();
    wakers.enter::<polling::Polling<false>>();
    wakers.enter::<popol::Popol>();
    #[cfg(has_libev)]
    wakers.enter::<c::Loop<c::Libev>>();
    #[cfg(has_libuv)]
    wakers.enter::<c::Loop<c::Libuv>>();
    wakers.1
}

/// The C libraries that are missing among the competitors, and why.
pub(crate) const ABSENT: &[&str] = &[
    #[cfg(not(has_libevent))]
    "libevent: no header when this was built (Debian: libevent-dev)",
    #[cfg(not(has_libev))]
    "libev: no header when this was built (Debian: libev-dev)",
    #[cfg(not(has_libuv))]
    "libuv: no header when this was built (Debian: libuv1-dev)",
];
