//! popol, over poll(2).

use super::{Ask, Mechanism, Peer, Waking};
use popol::{Event, Sources, Waker, interest};
use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::Duration;

const WAKE: usize = usize::MAX;

pub(crate) struct Popol {
    sources: Sources<usize>,
    events: Vec<Event<usize>>,
    waker: Option<Arc<Waker>>,
}

impl Popol {
    /// popol returns an expired timeout as an error.
    #[inline(always)]
    fn fill(&mut self, timeout: Option<Duration>) -> io::Result<&[Event<usize>]> {
        self.events.clear();
        match self.sources.poll(&mut self.events, timeout) {
            Err(error) if error.kind() != ErrorKind::TimedOut => Err(error),
            _ => Ok(&self.events),
        }
    }
}

impl<'fd> Peer<'fd> for Popol {
    const NAME: &'static str = "popol";
    const MECHANISM: Mechanism = Mechanism::Poll;

    fn new() -> io::Result<Self> {
        Ok(Self { sources: Sources::new(), events: Vec::new(), waker: None })
    }

    #[inline(always)]
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        let asked = match ask {
            Ask::Read => interest::READ,
            Ask::Both => interest::ALL,
        };
        self.sources.register(token, &fd, asked);
        Ok(())
    }

    #[inline(always)]
    fn modify(&mut self, _fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        let is_there = match ask {
            Ask::Read => self.sources.unset(&token, interest::WRITE),
            Ask::Both => self.sources.set(&token, interest::WRITE),
        };
        if is_there { Ok(()) } else { Err(ErrorKind::NotFound.into()) }
    }

    #[inline(always)]
    fn remove(&mut self, _fd: BorrowedFd<'fd>, token: usize) -> io::Result<()> {
        self.sources.unregister(&token);
        Ok(())
    }

    #[inline(always)]
    fn wait(&mut self, timeout: Option<Duration>, mut found: impl FnMut(usize)) -> io::Result<()> {
        self.fill(timeout)?.iter().for_each(|event| found(event.key));
        Ok(())
    }
}

impl<'fd> Waking<'fd> for Popol {
    type Waker = Arc<Waker>;

    fn waker(&mut self) -> io::Result<Arc<Waker>> {
        let waker = Arc::new(Waker::register(&mut self.sources, WAKE)?);
        self.waker = Some(Arc::clone(&waker));
        Ok(waker)
    }

    #[inline(always)]
    fn wake(waker: &Arc<Waker>) -> io::Result<()> {
        waker.wake()
    }

    #[inline(always)]
    fn wait_for_wake(&mut self) -> io::Result<usize> {
        let count = self.fill(None)?.iter().filter(|event| event.key == WAKE).count();
        if let (1, Some(waker)) = (count, &self.waker) {
            Waker::reset(waker.as_ref())?;
        }
        Ok(count)
    }
}
