//! E0133: the caller has not promised that the source keeps its fd
use iomux_backend::{Interest, Mode, Reactor};

fn main() {
    let mut reactor = Reactor::new().unwrap();
    let (first, second) = std::os::unix::net::UnixStream::pair().unwrap();
    let key = reactor.insert(first, (), Interest::READABLE, Mode::Level).unwrap();
    *reactor.get_mut(key).unwrap().0 = second;
}
