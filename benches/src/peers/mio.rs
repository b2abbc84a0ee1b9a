//! mio: edge-triggered, over epoll(7), or over poll(2) with `--cfg mio_unsupported_force_poll_poll`.

use super::{Ask, EVENTS, Mechanism, Peer, Waking};
use mio::unix::SourceFd;
use mio::{Events, Interest, Token, Waker};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

const WAKE: Token = Token(usize::MAX);
const OVER_POLL: bool = cfg!(mio_unsupported_force_poll_poll);

pub(crate) struct Mio {
    poll: mio::Poll,
    events: Events,
}

#[inline(always)]
fn interest(ask: Ask) -> Interest {
    match ask {
        Ask::Read => Interest::READABLE,
        Ask::Both => Interest::READABLE | Interest::WRITABLE,
    }
}

impl<'fd> Peer<'fd> for Mio {
    const NAME: &'static str = if OVER_POLL { "mio, over poll" } else { "mio" };
    const MECHANISM: Mechanism = if OVER_POLL { Mechanism::Poll } else { Mechanism::Epoll };

    fn new() -> io::Result<Self> {
        Ok(Self { poll: mio::Poll::new()?, events: Events::with_capacity(EVENTS) })
    }

    #[inline(always)]
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        self.poll.registry().register(&mut SourceFd(&fd.as_raw_fd()), Token(token), interest(ask))
    }

    #[inline(always)]
    fn modify(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        self.poll.registry().reregister(&mut SourceFd(&fd.as_raw_fd()), Token(token), interest(ask))
    }

    #[inline(always)]
    fn remove(&mut self, fd: BorrowedFd<'fd>, _token: usize) -> io::Result<()> {
        self.poll.registry().deregister(&mut SourceFd(&fd.as_raw_fd()))
    }

    #[inline(always)]
    fn wait(&mut self, timeout: Option<Duration>, mut found: impl FnMut(usize)) -> io::Result<()> {
        self.poll.poll(&mut self.events, timeout)?;
        self.events.iter().for_each(|event| found(event.token().0));
        Ok(())
    }

    /// Rearms the fd: over poll(2) an event removes the interest, which mio's own sockets restore when they would block.
    #[inline(always)]
    fn rearm(&mut self, fd: BorrowedFd<'fd>, token: usize) -> io::Result<()> {
        if OVER_POLL { self.modify(fd, token, Ask::Read) } else { Ok(()) }
    }

    #[cfg(not(mio_unsupported_force_poll_poll))]
    fn share(&mut self) -> io::Result<Option<std::os::fd::OwnedFd>> {
        // SAFETY: `poll` keeps the fd open.
        let epoll = unsafe { BorrowedFd::borrow_raw(self.poll.as_raw_fd()) };
        epoll.try_clone_to_owned().map(Some)
    }
}

impl<'fd> Waking<'fd> for Mio {
    type Waker = Waker;

    fn waker(&mut self) -> io::Result<Waker> {
        Waker::new(self.poll.registry(), WAKE)
    }

    #[inline(always)]
    fn wake(waker: &Waker) -> io::Result<()> {
        waker.wake()
    }

    #[inline(always)]
    fn wait_for_wake(&mut self) -> io::Result<usize> {
        self.poll.poll(&mut self.events, None)?;
        Ok(self.events.iter().filter(|event| event.token() == WAKE).count())
    }
}
