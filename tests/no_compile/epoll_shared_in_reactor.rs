//! E0277: an epoll that other threads share is not trusted with lent fds
use iomux_backend::{Epoll, Reactor};

fn main() {
    let epoll: &'static Epoll<'static> = Box::leak(Box::new(Epoll::new().unwrap()));
    let _reactor = Reactor::<std::net::TcpStream, (), _>::with(epoll, 8);
}
