//! E0277: a box of any multiplexer may contain one that lies
use iomux_backend::{Multiplexer, Poll, Reactor};

fn main() {
    let boxed: Box<dyn Multiplexer<'static>> = Box::new(Poll::new());
    let _reactor = Reactor::<std::net::TcpStream, (), _>::with(boxed, 8);
}
