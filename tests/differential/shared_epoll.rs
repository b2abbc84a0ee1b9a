//! An epoll that is used as threads share it: through `&Epoll`.

use iomux_backend::{
    Capabilities, Epoll, Error, Events, Interest, Mode, Multiplexer, SigSet, Timeout, Token, Waker,
};
use std::os::fd::BorrowedFd;
use std::sync::Arc;

/// One owner of a shared epoll.
#[derive(Debug)]
pub(crate) struct SharedEpoll<'fd>(Arc<Epoll<'fd>>);

impl SharedEpoll<'_> {
    pub(crate) fn new() -> Result<Self, Error> {
        Ok(Self(Arc::new(Epoll::new()?)))
    }
}

impl<'fd> Multiplexer<'fd> for SharedEpoll<'fd> {
    fn name(&self) -> &'static str {
        Multiplexer::name(&&*self.0)
    }

    fn capabilities(&self) -> Capabilities {
        Multiplexer::capabilities(&&*self.0)
    }

    fn register(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        (&*self.0).register(fd, token, interest, mode)
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        (&*self.0).modify(fd, token, interest, mode)
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        (&*self.0).deregister(fd)
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        (&*self.0).wait(events, timeout)
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        (&*self.0).wait_masked(events, timeout, mask)
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        (&*self.0).waker(token)
    }
}
