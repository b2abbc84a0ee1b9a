//! The bare system calls, as a careful program makes them: the baseline.

use super::{Ask, EVENTS, Mechanism, Peer, Waking};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::Duration;

/// The token of an epoll's own eventfd.
const WAKE: u64 = u64::MAX;

#[inline(always)]
fn check(answer: i32) -> io::Result<usize> {
    usize::try_from(answer).map_err(|_| io::Error::last_os_error())
}

/// Returns the time in milliseconds, rounded up.
#[inline(always)]
pub(super) fn ms(timeout: Option<Duration>) -> i32 {
    timeout.map_or(-1, |time| i32::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX))
}

#[inline(always)]
fn is_whole_ms(timeout: Option<Duration>) -> bool {
    timeout.is_none_or(|time| time.subsec_nanos() % 1_000_000 == 0)
}

fn timespec(time: Duration) -> libc::timespec {
    libc::timespec { tv_sec: time.as_secs().cast_signed(), tv_nsec: time.subsec_nanos().into() }
}

/// epoll(7), level- or edge-triggered.
pub(crate) struct Epoll<const EDGE: bool> {
    epoll: OwnedFd,
    found: Vec<libc::epoll_event>,
}

impl<const EDGE: bool> Epoll<EDGE> {
    fn ctl(&self, operation: i32, fd: RawFd, events: i32, data: u64) -> io::Result<()> {
        let edge = if EDGE { libc::EPOLLET } else { 0 };
        let mut event = libc::epoll_event { events: (events | edge).cast_unsigned(), u64: data };
        // SAFETY: the event is a local.
        check(unsafe { libc::epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) })?;
        Ok(())
    }

    #[inline(always)]
    fn fill(&mut self, timeout: Option<Duration>) -> io::Result<&[libc::epoll_event]> {
        let (epoll, found) = (self.epoll.as_raw_fd(), self.found.as_mut_ptr());
        let room = i32::try_from(EVENTS).unwrap_or(i32::MAX);
        let count = if is_whole_ms(timeout) {
            // SAFETY: the buffer has room for `room` events, and nothing else uses it.
            check(unsafe { libc::epoll_wait(epoll, found, room, ms(timeout)) })?
        } else {
            let time = timespec(timeout.unwrap_or_default());
            let (call, none) = (libc::SYS_epoll_pwait2, std::ptr::null::<libc::sigset_t>());
            // SAFETY: as above. Without a mask, the kernel ignores its size.
            let answer = unsafe { libc::syscall(call, epoll, found, room, &raw const time, none, 8) };
            usize::try_from(answer).map_err(|_| io::Error::last_os_error())?
        };
        Ok(&self.found[..count])
    }
}

fn epoll_bits(ask: Ask) -> i32 {
    match ask {
        Ask::Read => libc::EPOLLIN,
        Ask::Both => libc::EPOLLIN | libc::EPOLLOUT,
    }
}

impl<'fd, const EDGE: bool> Peer<'fd> for Epoll<EDGE> {
    const NAME: &'static str = if EDGE { "raw epoll, edge" } else { "raw epoll" };
    const MECHANISM: Mechanism = Mechanism::Epoll;

    fn new() -> io::Result<Self> {
        // SAFETY: it takes and returns numbers.
        let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        check(epoll)?;
        // SAFETY: the kernel has just opened it, and nothing else owns it.
        let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
        Ok(Self { epoll, found: vec![libc::epoll_event { events: 0, u64: 0 }; EVENTS] })
    }

    #[inline(always)]
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        self.ctl(libc::EPOLL_CTL_ADD, fd.as_raw_fd(), epoll_bits(ask), token as u64)
    }

    #[inline(always)]
    fn modify(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        self.ctl(libc::EPOLL_CTL_MOD, fd.as_raw_fd(), epoll_bits(ask), token as u64)
    }

    #[inline(always)]
    fn remove(&mut self, fd: BorrowedFd<'fd>, _token: usize) -> io::Result<()> {
        self.ctl(libc::EPOLL_CTL_DEL, fd.as_raw_fd(), 0, 0)
    }

    #[inline(always)]
    #[allow(clippy::cast_possible_truncation, reason = "a token was a usize")]
    fn wait(&mut self, timeout: Option<Duration>, mut found: impl FnMut(usize)) -> io::Result<()> {
        self.fill(timeout)?.iter().for_each(|event| found(event.u64 as usize));
        Ok(())
    }

    fn share(&mut self) -> io::Result<Option<OwnedFd>> {
        self.epoll.try_clone().map(Some)
    }
}

/// An eventfd, edge-triggered so that it need not be read.
impl<'fd> Waking<'fd> for Epoll<false> {
    type Waker = OwnedFd;

    fn waker(&mut self) -> io::Result<OwnedFd> {
        // SAFETY: it takes and returns numbers.
        let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        check(fd)?;
        // SAFETY: the kernel has just opened it, and nothing else owns it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        self.ctl(libc::EPOLL_CTL_ADD, fd.as_fd().as_raw_fd(), libc::EPOLLIN | libc::EPOLLET, WAKE)?;
        Ok(fd)
    }

    #[inline(always)]
    fn wake(waker: &OwnedFd) -> io::Result<()> {
        let one = 1_u64;
        // SAFETY: eight bytes of a local.
        let count = unsafe { libc::write(waker.as_raw_fd(), (&raw const one).cast(), 8) };
        if count == 8 { Ok(()) } else { Err(io::Error::last_os_error()) }
    }

    #[inline(always)]
    fn wait_for_wake(&mut self) -> io::Result<usize> {
        Ok(self.fill(None)?.iter().filter(|event| event.u64 == WAKE).count())
    }
}

/// poll(2) over an array whose indices are the tokens.
pub(crate) struct Poll {
    fds: Vec<libc::pollfd>,
}

fn poll_bits(ask: Ask) -> i16 {
    match ask {
        Ask::Read => libc::POLLIN,
        Ask::Both => libc::POLLIN | libc::POLLOUT,
    }
}

/// Calls poll(2), or ppoll(2) for a fraction of a millisecond.
#[inline(always)]
pub(crate) fn poll(fds: &mut [libc::pollfd], timeout: Option<Duration>) -> io::Result<usize> {
    let count = fds.len() as libc::nfds_t;
    if is_whole_ms(timeout) {
        // SAFETY: the array has `count` entries, and nothing else uses it.
        return check(unsafe { libc::poll(fds.as_mut_ptr(), count, ms(timeout)) });
    }
    let time = timespec(timeout.unwrap_or_default());
    // SAFETY: as above, without a mask.
    check(unsafe { libc::ppoll(fds.as_mut_ptr(), count, &raw const time, std::ptr::null()) })
}

impl Poll {
    #[inline(always)]
    pub(crate) fn call(&mut self, timeout: Option<Duration>) -> io::Result<usize> {
        poll(&mut self.fds, timeout)
    }
}

impl<'fd> Peer<'fd> for Poll {
    const NAME: &'static str = "raw poll";
    const MECHANISM: Mechanism = Mechanism::Poll;

    fn new() -> io::Result<Self> {
        Ok(Self { fds: Vec::new() })
    }

    #[inline(always)]
    fn add(&mut self, fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        if token >= self.fds.len() {
            self.fds.resize(token + 1, libc::pollfd { fd: -1, events: 0, revents: 0 });
        }
        self.fds[token] = libc::pollfd { fd: fd.as_raw_fd(), events: poll_bits(ask), revents: 0 };
        Ok(())
    }

    #[inline(always)]
    fn modify(&mut self, _fd: BorrowedFd<'fd>, token: usize, ask: Ask) -> io::Result<()> {
        self.fds[token].events = poll_bits(ask);
        Ok(())
    }

    #[inline(always)]
    fn remove(&mut self, _fd: BorrowedFd<'fd>, token: usize) -> io::Result<()> {
        self.fds[token].fd = -1;
        Ok(())
    }

    #[inline(always)]
    fn wait(&mut self, timeout: Option<Duration>, mut found: impl FnMut(usize)) -> io::Result<()> {
        let mut left = self.call(timeout)?;
        for (token, fd) in self.fds.iter().enumerate() {
            if left == 0 {
                break;
            }
            if fd.revents != 0 {
                left -= 1;
                found(token);
            }
        }
        Ok(())
    }
}
