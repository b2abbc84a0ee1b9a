//! E0596: the multiplexer of a reactor is looked at, and neither changed nor taken away
use iomux_backend::{Multiplexer, Poll, Reactor, Token};

fn main() {
    let reactor = Reactor::<std::net::TcpStream, (), _>::with(Poll::new(), 8);
    let _waker = reactor.backend().waker(Token(0));
}
