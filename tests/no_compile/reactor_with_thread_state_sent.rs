//! E0277: a reactor whose state is not `Send` stays in its thread
use iomux_backend::Reactor;
use std::rc::Rc;

fn main() {
    let reactor = Reactor::<std::net::TcpStream, Rc<()>>::new().unwrap();
    std::thread::spawn(move || drop(reactor));
}
