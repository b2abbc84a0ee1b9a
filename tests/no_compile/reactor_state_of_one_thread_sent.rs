//! E0277: a reactor whose states are for one thread stays in it
use iomux_backend::Reactor;
use std::rc::Rc;

fn main() {
    let reactor = Reactor::<std::net::TcpStream, Rc<()>>::new().unwrap();
    std::thread::spawn(move || drop(reactor));
}
