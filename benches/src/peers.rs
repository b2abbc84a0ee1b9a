//! The competitors, each behind the same small trait, as a user of it would write the loop.

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

/// What an fd is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Read,
    /// And to be written.
    Both,
}

/// The system call that a competitor waits by.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mechanism {
    Epoll,
    Poll,
}

/// How many events a wait can report, for whoever has a buffer to size.
pub(crate) const EVENTS: usize = 1024;

/// A multiplexer; every registration reports what it was asked for under its token.
pub(crate) trait Peer<'fd>: Sized {
    const NAME: &'static str;
    const MECHANISM: Mechanism;
    /// Whether its memory is malloc's, which Rust's allocator does not see.
    const IS_C: bool = false;

    fn new() -> io::Result<Self>;
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()>;
    fn modify(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()>;
    fn remove(&mut self, fd: BorrowedFd<'fd>, token: usize) -> io::Result<()>;

    /// Waits once (for ever, if there is no `timeout`), and calls `found` with the token of each event.
    fn wait(&mut self, timeout: Option<Duration>, found: impl FnMut(usize)) -> io::Result<()>;

    /// What is to be done, after an event was served, to hear of the next one.
    #[inline(always)]
    fn rearm(&mut self, _fd: BorrowedFd<'fd>, _token: usize) -> io::Result<()> {
        Ok(())
    }

    /// A copy of the epoll's own fd, for others to register in.
    fn share(&mut self) -> io::Result<Option<OwnedFd>> {
        Ok(None)
    }
}

/// A peer whose wait another thread can end.
pub(crate) trait Waking<'fd>: Peer<'fd> {
    type Waker: Send + Sync + 'static;

    fn waker(&mut self) -> io::Result<Self::Waker>;
    fn wake(waker: &Self::Waker) -> io::Result<()>;

    /// Waits for ever, and returns how many wakes were reported (those that were not waited for are one).
    fn wait_for_wake(&mut self) -> io::Result<usize>;
}

/// One repetition of a benchmark, for any peer.
pub(crate) trait Benchmark<'fd> {
    fn once<P: Peer<'fd>>(&'fd self) -> io::Result<Sample>;

    /// Whether a peer takes part.
    fn admits(&self, mechanism: Mechanism) -> bool;
}

/// One repetition of a benchmark, for any peer that can be woken.
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

/// All that a benchmark admits, the one that the others are held against first.
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

/// All that have wakers.
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

/// The C libraries that are not among the competitors, and why.
pub(crate) const ABSENT: &[&str] = &[
    #[cfg(not(has_libevent))]
    "libevent: no header when this was built (Debian: libevent-dev)",
    #[cfg(not(has_libev))]
    "libev: no header when this was built (Debian: libev-dev)",
    #[cfg(not(has_libuv))]
    "libuv: no header when this was built (Debian: libuv1-dev)",
];
