//! polling, level- or edge-triggered, over epoll(7), or over poll(2) with `--cfg polling_test_poll_backend`.

use super::{Ask, EVENTS, Mechanism, Peer, Waking};
use polling::{Event, Events, PollMode, Poller};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

const OVER_POLL: bool = cfg!(polling_test_poll_backend);

pub(crate) struct Polling<const EDGE: bool> {
    poller: Arc<Poller>,
    events: Events,
}

impl<const EDGE: bool> Polling<EDGE> {
    const MODE: PollMode = if EDGE { PollMode::Edge } else { PollMode::Level };
}

#[inline(always)]
fn event(token: usize, ask: Ask) -> Event {
    Event::new(token, true, ask == Ask::Both)
}

impl<'fd, const EDGE: bool> Peer<'fd> for Polling<EDGE> {
    const NAME: &'static str = match (OVER_POLL, EDGE) {
        (true, _) => "polling, over poll",
        (false, false) => "polling",
        (false, true) => "polling, edge",
    };
    const MECHANISM: Mechanism = if OVER_POLL { Mechanism::Poll } else { Mechanism::Epoll };

    fn new() -> io::Result<Self> {
        let events = Events::with_capacity(NonZeroUsize::new(EVENTS).unwrap());
        Ok(Self { poller: Arc::new(Poller::new()?), events })
    }

    #[inline(always)]
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        // SAFETY: the benchmarks remove an fd, or drop its poller, before they close it.
        unsafe { self.poller.add_with_mode(fd.as_raw_fd(), event(token, ask), Self::MODE) }
    }

    #[inline(always)]
    fn modify(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        self.poller.modify_with_mode(fd, event(token, ask), Self::MODE)
    }

    #[inline(always)]
    fn remove(&mut self, fd: BorrowedFd<'fd>, _token: usize) -> io::Result<()> {
        self.poller.delete(fd)
    }

    #[inline(always)]
    fn wait(&mut self, timeout: Option<Duration>, mut found: impl FnMut(usize)) -> io::Result<()> {
        self.events.clear();
        self.poller.wait(&mut self.events, timeout)?;
        self.events.iter().for_each(|event| found(event.key));
        Ok(())
    }

    #[cfg(not(polling_test_poll_backend))]
    fn share(&mut self) -> io::Result<Option<std::os::fd::OwnedFd>> {
        use std::os::fd::AsFd;
        self.poller.as_fd().try_clone_to_owned().map(Some)
    }
}

impl<'fd> Waking<'fd> for Polling<false> {
    type Waker = Arc<Poller>;

    fn waker(&mut self) -> io::Result<Arc<Poller>> {
        Ok(Arc::clone(&self.poller))
    }

    #[inline(always)]
    fn wake(waker: &Arc<Poller>) -> io::Result<()> {
        waker.notify()
    }

    /// A notification is not an event, so the wait ends without one.
    #[inline(always)]
    fn wait_for_wake(&mut self) -> io::Result<usize> {
        self.events.clear();
        let count = self.poller.wait(&mut self.events, None)?;
        Ok(usize::from(count == 0))
    }
}
