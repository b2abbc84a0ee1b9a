//! compiles
//! A multiplexer may be declared before the sources that are registered with it.
use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
use std::os::fd::AsFd;

fn main() {
    let mut poll = Poll::new();
    let (source, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
    poll.register(source.as_fd(), Token(0), Interest::READABLE, Mode::Level).unwrap();
    poll.wait(&mut Events::with_capacity(1), Timeout::Nowait).unwrap();
}
