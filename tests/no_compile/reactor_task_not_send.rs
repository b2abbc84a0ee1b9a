//! E0277: a submitted task runs in the reactor's thread, so it must be `Send`
use iomux_backend::Reactor;
use std::rc::Rc;

fn main() {
    let mut reactor = Reactor::<std::net::TcpStream>::new().unwrap();
    let handle = reactor.handle().unwrap();
    let here = Rc::new(());
    let _ = handle.submit(move |_| drop(here));
}
