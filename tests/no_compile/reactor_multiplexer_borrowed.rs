//! E0277: a borrowed multiplexer has other users and is not trusted with lent fds
use iomux_backend::{Poll, Reactor};

fn main() {
    let poll: &'static mut Poll<'static> = Box::leak(Box::new(Poll::new()));
    let _reactor = Reactor::<std::net::TcpStream, (), _>::with(poll, 8);
}
