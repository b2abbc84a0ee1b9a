//! The crates of this repository.

use super::{Ask, EVENTS, Mechanism, Peer, Waking};
use iomux_backend::{Events, Interest, Key, Mode, Multiplexer, Native, Timeout, Token, Waker};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

/// The token of a waker.
const WAKE: Token = Token(usize::MAX);

#[inline(always)]
fn interest(ask: Ask) -> Interest {
    match ask {
        Ask::Read => Interest::READABLE,
        Ask::Both => Interest::READABLE | Interest::WRITABLE,
    }
}

/// `Epoll`, in level or in edge mode.
pub(crate) struct Epoll<'fd, const EDGE: bool> {
    epoll: iomux_backend::Epoll<'fd>,
    events: Events,
}

impl<const EDGE: bool> Epoll<'_, EDGE> {
    const MODE: Mode = if EDGE { Mode::Edge } else { Mode::Level };
}

impl<'fd, const EDGE: bool> Peer<'fd> for Epoll<'fd, EDGE> {
    const NAME: &'static str = if EDGE { "iomux Epoll, edge" } else { "iomux Epoll" };
    const MECHANISM: Mechanism = Mechanism::Epoll;

    fn new() -> io::Result<Self> {
        Ok(Self { epoll: iomux_backend::Epoll::new()?, events: Events::with_capacity(EVENTS) })
    }

    #[inline(always)]
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        Ok(self.epoll.register(fd, Token(token), interest(ask), Self::MODE)?)
    }

    #[inline(always)]
    fn modify(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        Ok(self.epoll.modify(fd, Token(token), interest(ask), Self::MODE)?)
    }

    #[inline(always)]
    fn remove(&mut self, fd: BorrowedFd<'fd>, _token: usize) -> io::Result<()> {
        Ok(self.epoll.deregister(fd)?)
    }

    #[inline(always)]
    fn wait(&mut self, timeout: Option<Duration>, mut found: impl FnMut(usize)) -> io::Result<()> {
        self.epoll.wait(&mut self.events, timeout.into())?;
        self.events.iter().for_each(|event| found(event.token().0));
        Ok(())
    }

    fn share(&mut self) -> io::Result<Option<OwnedFd>> {
        Ok(Some(self.epoll.share()?))
    }
}

impl<'fd> Waking<'fd> for Epoll<'fd, false> {
    type Waker = Waker;

    fn waker(&mut self) -> io::Result<Waker> {
        Ok(self.epoll.waker(WAKE)?)
    }

    #[inline(always)]
    fn wake(waker: &Waker) -> io::Result<()> {
        waker.wake();
        Ok(())
    }

    #[inline(always)]
    fn wait_for_wake(&mut self) -> io::Result<usize> {
        self.epoll.wait(&mut self.events, Timeout::Infinite)?;
        Ok(self.events.iter().filter(|event| event.token() == WAKE).count())
    }
}

/// `Poll`.
pub(crate) struct Poll<'fd> {
    poll: iomux_backend::Poll<'fd>,
    events: Events,
}

impl<'fd> Peer<'fd> for Poll<'fd> {
    const NAME: &'static str = "iomux Poll";
    const MECHANISM: Mechanism = Mechanism::Poll;

    fn new() -> io::Result<Self> {
        Ok(Self { poll: iomux_backend::Poll::new(), events: Events::with_capacity(EVENTS) })
    }

    #[inline(always)]
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        Ok(self.poll.register(fd, Token(token), interest(ask), Mode::Level)?)
    }

    #[inline(always)]
    fn modify(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        Ok(self.poll.modify(fd, Token(token), interest(ask), Mode::Level)?)
    }

    #[inline(always)]
    fn remove(&mut self, fd: BorrowedFd<'fd>, _token: usize) -> io::Result<()> {
        Ok(self.poll.deregister(fd)?)
    }

    #[inline(always)]
    fn wait(&mut self, timeout: Option<Duration>, mut found: impl FnMut(usize)) -> io::Result<()> {
        self.poll.wait(&mut self.events, timeout.into())?;
        self.events.iter().for_each(|event| found(event.token().0));
        Ok(())
    }
}

impl<'fd> Waking<'fd> for Poll<'fd> {
    type Waker = Waker;

    fn waker(&mut self) -> io::Result<Waker> {
        Ok(self.poll.waker(WAKE)?)
    }

    #[inline(always)]
    fn wake(waker: &Waker) -> io::Result<()> {
        waker.wake();
        Ok(())
    }

    #[inline(always)]
    fn wait_for_wake(&mut self) -> io::Result<usize> {
        self.poll.wait(&mut self.events, Timeout::Infinite)?;
        Ok(self.events.iter().filter(|event| event.token() == WAKE).count())
    }
}

/// `Slots`, whose index is the token.
pub(crate) struct Slots<'fd> {
    slots: iomux::Slots<'fd>,
}

impl<'fd> Peer<'fd> for Slots<'fd> {
    const NAME: &'static str = "iomux Slots";
    const MECHANISM: Mechanism = Mechanism::Poll;

    fn new() -> io::Result<Self> {
        Ok(Self { slots: iomux::Slots::with_capacity(0) })
    }

    #[inline(always)]
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        if token >= self.slots.capacity() {
            self.slots.grow((token + 1).next_power_of_two())?;
        }
        Ok(self.slots.set(token, fd, interest(ask))?)
    }

    #[inline(always)]
    fn modify(&mut self, _fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        Ok(self.slots.set_interest(token, interest(ask))?)
    }

    #[inline(always)]
    fn remove(&mut self, _fd: BorrowedFd<'fd>, token: usize) -> io::Result<()> {
        Ok(self.slots.clear(token)?)
    }

    #[inline(always)]
    fn wait(&mut self, timeout: Option<Duration>, mut found: impl FnMut(usize)) -> io::Result<()> {
        self.slots.poll(timeout)?;
        self.slots.ready().for_each(|ready| found(ready.index()));
        Ok(())
    }
}

/// `Reactor`, whose sources are the fds and whose state is the token.
pub(crate) struct Reactor<'fd> {
    reactor: iomux_backend::Reactor<BorrowedFd<'fd>, usize, Native<'static>>,
    keys: Vec<Option<Key>>,
}

impl Reactor<'_> {
    #[inline(always)]
    fn key(&self, token: usize) -> io::Result<Key> {
        self.keys.get(token).copied().flatten().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

impl<'fd> Peer<'fd> for Reactor<'fd> {
    const NAME: &'static str = "iomux Reactor";
    const MECHANISM: Mechanism = Mechanism::Epoll;

    fn new() -> io::Result<Self> {
        Ok(Self { reactor: iomux_backend::Reactor::new()?, keys: Vec::new() })
    }

    #[inline(always)]
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        if token >= self.keys.len() {
            self.keys.resize(token + 1, None);
        }
        self.keys[token] = Some(self.reactor.insert(fd, token, interest(ask), Mode::Level)?);
        Ok(())
    }

    #[inline(always)]
    fn modify(&mut self, _fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        let key = self.key(token)?;
        Ok(self.reactor.modify(key, interest(ask), Mode::Level)?)
    }

    #[inline(always)]
    fn remove(&mut self, _fd: BorrowedFd<'fd>, token: usize) -> io::Result<()> {
        let key = self.key(token)?;
        self.reactor.remove(key).map(|_| ()).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    #[inline(always)]
    fn wait(&mut self, timeout: Option<Duration>, mut found: impl FnMut(usize)) -> io::Result<()> {
        self.reactor.wait(timeout)?;
        while let Some(ready) = self.reactor.next_ready() {
            if let Some((_, token)) = self.reactor.get(ready.key()) {
                found(*token);
            }
        }
        Ok(())
    }
}
