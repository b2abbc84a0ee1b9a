//! Poll and Epoll side by side: the same steps, and after each wait the same readiness.

use iomux_backend::{
    Capabilities, Epoll, Error, Events, Interest, Mode, Multiplexer, Poll, Readiness, Timeout, Token, Waker,
    WakerSource,
};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// What the waker is registered with: no source has it.
const WAKE: Token = Token(usize::MAX);
/// More than there are sources.
const ROOM: usize = 64;

/// A multiplexer that is two, and panics where they differ.
pub(super) struct Both {
    poll: Poll<'static>,
    epoll: Epoll<'static>,
    waker: Option<(Token, WakerSource)>,
}

impl Both {
    pub(super) fn new() -> Self {
        Self { poll: Poll::new(), epoll: Epoll::new().unwrap(), waker: None }
    }
}

fn sorted(events: &Events) -> Vec<(Token, i16)> {
    let mut sorted: Vec<_> = events.iter().map(|event| (event.token(), event.readiness().bits())).collect();
    sorted.sort_unstable();
    sorted
}

fn same<T: PartialEq + std::fmt::Debug>(poll: T, epoll: T) -> T {
    assert_eq!(poll, epoll, "poll is on the left, epoll on the right");
    poll
}

impl Multiplexer<'static> for Both {
    fn name(&self) -> &'static str {
        "both"
    }

    fn capabilities(&self) -> Capabilities {
        self.poll.capabilities() & self.epoll.capabilities()
    }

    fn register(
        &mut self,
        fd: BorrowedFd<'static>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        same(self.poll.register(fd, token, interest, mode), self.epoll.register(fd, token, interest, mode))
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        same(self.poll.modify(fd, token, interest, mode), self.epoll.modify(fd, token, interest, mode))
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        same(self.poll.deregister(fd), self.epoll.deregister(fd))
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        // Epoll always has room for all: what poll had no room for is compared at the next wait.
        let mut of_epoll = Events::with_capacity(ROOM);
        let count = self.poll.wait(events, timeout)?;
        self.epoll.wait(&mut of_epoll, timeout)?;
        let (poll, epoll) = (sorted(events), sorted(&of_epoll));
        if count < events.capacity() {
            same(&poll, &epoll);
        }
        // A source to both, so it is drained once poll has reported it, which is never before epoll has.
        if let Some((token, source)) =
            self.waker.as_ref().filter(|_| poll.iter().any(|event| event.0 == WAKE))
        {
            source.drain();
            events.clear();
            for (reported, readiness) in poll {
                let token = if reported == WAKE { *token } else { reported };
                assert!(events.push(token, Readiness::from_bits_retain(readiness)));
            }
        }
        Ok(count)
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        let source = WakerSource::new()?;
        let waker = source.waker();
        let fd = source.as_fd().as_raw_fd();
        // SAFETY: the source stays, beside both multiplexers.
        unsafe { self.poll.register_raw(fd, WAKE, Interest::READABLE, Mode::Level) }?;
        // SAFETY: as above.
        unsafe { self.epoll.register_raw(fd, WAKE, Interest::READABLE, Mode::Level) }?;
        self.waker = Some((token, source));
        Ok(waker)
    }
}
