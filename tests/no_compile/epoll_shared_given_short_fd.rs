//! E0597: `&self` registers no source that is dropped before the epoll
use iomux_backend::{Epoll, EpollFlags, Events, Interest, Mode, Multiplexer, Timeout, Token};
use std::os::fd::AsFd;

fn main() {
    let epoll = Epoll::new().unwrap();
    {
        let (source, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        epoll
            .register_with(source.as_fd(), Token(0), Interest::READABLE, Mode::Level, EpollFlags::empty())
            .unwrap();
    }
    (&epoll).wait(&mut Events::with_capacity(1), Timeout::Nowait).unwrap();
}
