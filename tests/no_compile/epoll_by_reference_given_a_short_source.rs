//! E0597: a source that dies before the epoll is not registered through `&Epoll`
use iomux_backend::{Epoll, Events, Interest, Mode, Multiplexer, Timeout, Token};
use std::os::fd::AsFd;

fn main() {
    let epoll = Epoll::new().unwrap();
    {
        let (source, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        (&epoll).register(source.as_fd(), Token(0), Interest::READABLE, Mode::Level).unwrap();
    }
    (&epoll).wait(&mut Events::with_capacity(1), Timeout::Nowait).unwrap();
}
