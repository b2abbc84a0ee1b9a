//! E0277: a task does not carry a state that is not `Send` to another thread
use iomux_backend::Reactor;
use std::rc::Rc;

fn main() {
    let mut reactor = Reactor::<std::net::TcpStream, Rc<()>>::new().unwrap();
    let handle = reactor.handle().unwrap();
    let (send, _receive) = std::sync::mpsc::channel::<Rc<()>>();
    let _ = handle.submit(move |reactor| {
        reactor.iter_mut().for_each(|(_, _, state)| send.send(Rc::clone(state)).unwrap());
    });
}
