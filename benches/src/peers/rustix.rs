//! rustix: its epoll, and an array of its `PollFd` with the plain loop over it.

use super::places::Places;
use super::{Ask, EVENTS, Mechanism, Peer};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::Duration;

#[inline(always)]
fn timespec(timeout: Option<Duration>) -> Option<Timespec> {
    timeout.map(|time| Timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() })
}

pub(crate) struct Epoll {
    epoll: OwnedFd,
    events: Vec<Event>,
}

#[inline(always)]
fn event_flags(ask: Ask) -> EventFlags {
    match ask {
        Ask::Read => EventFlags::IN,
        Ask::Both => EventFlags::IN | EventFlags::OUT,
    }
}

impl<'fd> Peer<'fd> for Epoll {
    const NAME: &'static str = "rustix epoll";
    const MECHANISM: Mechanism = Mechanism::Epoll;

    fn new() -> io::Result<Self> {
        Ok(Self { epoll: epoll::create(CreateFlags::CLOEXEC)?, events: Vec::with_capacity(EVENTS) })
    }

    #[inline(always)]
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, fd, EventData::new_u64(token as u64), event_flags(ask))?)
    }

    #[inline(always)]
    fn modify(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, fd, EventData::new_u64(token as u64), event_flags(ask))?)
    }

    #[inline(always)]
    fn remove(&mut self, fd: BorrowedFd<'fd>, _token: usize) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, fd)?)
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "a token was a usize")]
    fn wait(&mut self, timeout: Option<Duration>, mut found: impl FnMut(usize)) -> io::Result<()> {
        self.events.clear();
        epoll::wait(&self.epoll, spare_capacity(&mut self.events), timespec(timeout).as_ref())?;
        self.events.iter().for_each(|event| found(event.data.u64() as usize));
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
        Ask::Read => PollFlags::IN,
        Ask::Both => PollFlags::IN | PollFlags::OUT,
    }
}

impl<'fd> Peer<'fd> for Poll<'fd> {
    const NAME: &'static str = "rustix poll";
    const MECHANISM: Mechanism = Mechanism::Poll;

    fn new() -> io::Result<Self> {
        Ok(Self { fds: Vec::new(), places: Places::new() })
    }

    #[inline(always)]
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        self.fds.push(PollFd::from_borrowed_fd(fd, poll_flags(ask)));
        self.places.push(token);
        Ok(())
    }

    /// rustix can't change the interest of an entry, so the entry is written again.
    #[inline(always)]
    fn modify(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        self.fds[self.places.of(token)] = PollFd::from_borrowed_fd(fd, poll_flags(ask));
        Ok(())
    }

    #[inline(always)]
    fn remove(&mut self, _fd: BorrowedFd<'fd>, token: usize) -> io::Result<()> {
        self.fds.swap_remove(self.places.swap_remove(token));
        Ok(())
    }

    #[inline(always)]
    fn wait(&mut self, timeout: Option<Duration>, mut found: impl FnMut(usize)) -> io::Result<()> {
        poll(&mut self.fds, timespec(timeout).as_ref())?;
        for (fd, token) in self.fds.iter().zip(self.places.tokens()) {
            if !fd.revents().is_empty() {
                found(*token);
            }
        }
        Ok(())
    }
}
