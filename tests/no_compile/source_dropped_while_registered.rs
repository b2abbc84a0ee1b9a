//! E0505: a registered source outlives the multiplexer, even after it was deregistered
use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
use std::os::fd::AsFd;

fn main() {
    let (source, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut poll = Poll::new();
    poll.register(source.as_fd(), Token(0), Interest::READABLE, Mode::Level).unwrap();
    drop(source);
    poll.wait(&mut Events::with_capacity(1), Timeout::Nowait).unwrap();
}
