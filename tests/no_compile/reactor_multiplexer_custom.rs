//! E0277: a custom multiplexer is safe to write and may lie, so it is not trusted with lent fds
use iomux_backend::{
    Capabilities, Error, Events, Interest, Mode, Multiplexer, Reactor, Timeout, Token, Waker,
};
use std::os::fd::BorrowedFd;

struct Kept(Vec<BorrowedFd<'static>>);

impl Multiplexer<'static> for Kept {
    fn name(&self) -> &'static str {
        "kept"
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities::all()
    }
    fn register(&mut self, fd: BorrowedFd<'static>, _: Token, _: Interest, _: Mode) -> Result<(), Error> {
        self.0.push(fd);
        Ok(())
    }
    fn modify(&mut self, _: BorrowedFd<'_>, _: Token, _: Interest, _: Mode) -> Result<(), Error> {
        Ok(())
    }
    fn deregister(&mut self, _: BorrowedFd<'_>) -> Result<(), Error> {
        Ok(())
    }
    fn wait(&mut self, _: &mut Events, _: Timeout) -> Result<usize, Error> {
        Ok(usize::MAX)
    }
    fn waker(&mut self, _: Token) -> Result<Waker, Error> {
        Err(Error::OutOfMemory)
    }
}

fn main() {
    let _reactor = Reactor::<std::net::TcpStream, (), _>::with(Kept(Vec::new()), 8);
}
