//! nix: its epoll, and an array of its `PollFd` with the plain loop over it. Its timeouts are whole milliseconds.

use super::places::Places;
use super::raw::ms;
use super::{Ask, EVENTS, Mechanism, Peer};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::epoll::{EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

pub(crate) struct Epoll {
    epoll: nix::sys::epoll::Epoll,
    events: Vec<EpollEvent>,
}

#[inline(always)]
fn event(token: usize, ask: Ask) -> EpollEvent {
    let flags = match ask {
        Ask::Read => EpollFlags::EPOLLIN,
        Ask::Both => EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT,
    };
    EpollEvent::new(flags, token as u64)
}

impl<'fd> Peer<'fd> for Epoll {
    const NAME: &'static str = "nix epoll";
    const MECHANISM: Mechanism = Mechanism::Epoll;

    fn new() -> io::Result<Self> {
        let epoll = nix::sys::epoll::Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { epoll, events: vec![EpollEvent::empty(); EVENTS] })
    }

    #[inline(always)]
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        Ok(self.epoll.add(fd, event(token, ask))?)
    }

    #[inline(always)]
    fn modify(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        Ok(self.epoll.modify(fd, &mut event(token, ask))?)
    }

    #[inline(always)]
    fn remove(&mut self, fd: BorrowedFd<'fd>, _token: usize) -> io::Result<()> {
        Ok(self.epoll.delete(fd)?)
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "a token was a usize")]
    fn wait(&mut self, timeout: Option<Duration>, mut found: impl FnMut(usize)) -> io::Result<()> {
        let time = EpollTimeout::try_from(ms(timeout)).unwrap_or(EpollTimeout::MAX);
        let count = self.epoll.wait(&mut self.events, time)?;
        self.events[..count].iter().for_each(|event| found(event.data() as usize));
        Ok(())
    }
}

pub(crate) struct Poll<'fd> {
    fds: Vec<PollFd<'fd>>,
    places: Places,
}

#[inline(always)]
pub(crate) fn poll_flags(ask: Ask) -> PollFlags {
    match ask {
        Ask::Read => PollFlags::POLLIN,
        Ask::Both => PollFlags::POLLIN | PollFlags::POLLOUT,
    }
}

impl<'fd> Peer<'fd> for Poll<'fd> {
    const NAME: &'static str = "nix poll";
    const MECHANISM: Mechanism = Mechanism::Poll;

    fn new() -> io::Result<Self> {
        Ok(Self { fds: Vec::new(), places: Places::new() })
    }

    #[inline(always)]
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        self.fds.push(PollFd::new(fd, poll_flags(ask)));
        self.places.push(token);
        Ok(())
    }

    #[inline(always)]
    fn modify(&mut self, _fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        self.fds[self.places.of(token)].set_events(poll_flags(ask));
        Ok(())
    }

    #[inline(always)]
    fn remove(&mut self, _fd: BorrowedFd<'fd>, token: usize) -> io::Result<()> {
        self.fds.swap_remove(self.places.swap_remove(token));
        Ok(())
    }

    #[inline(always)]
    fn wait(&mut self, timeout: Option<Duration>, mut found: impl FnMut(usize)) -> io::Result<()> {
        poll(&mut self.fds, PollTimeout::try_from(ms(timeout)).unwrap_or(PollTimeout::MAX))?;
        for (fd, token) in self.fds.iter().zip(self.places.tokens()) {
            if fd.any().unwrap_or(true) {
                found(*token);
            }
        }
        Ok(())
    }
}
