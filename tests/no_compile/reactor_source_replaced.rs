//! E0594: a registered source can't be replaced
use iomux_backend::{Interest, Mode, Reactor};

fn main() {
    let (first, second) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut reactor = Reactor::new().unwrap();
    let key = reactor.insert(first, (), Interest::READABLE, Mode::Level).unwrap();
    let (source, ()) = reactor.get(key).unwrap();
    *source = second;
}
