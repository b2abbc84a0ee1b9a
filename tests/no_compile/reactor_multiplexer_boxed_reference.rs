//! E0277: a box does not make a borrowed multiplexer trusted
use iomux_backend::{Poll, Reactor};

fn main() {
    let poll: &'static mut Poll<'static> = Box::leak(Box::new(Poll::new()));
    let _reactor = Reactor::<std::net::TcpStream, (), _>::with(Box::new(poll), 8);
}
