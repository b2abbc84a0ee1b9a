//! E0597: a source that borrows its fd is dropped before the reactor
use iomux_backend::{Interest, Mode, Reactor};

fn main() {
    let mut reactor = Reactor::new().unwrap();
    let reader = std::io::pipe().unwrap().0;
    reactor.insert(&reader, (), Interest::READABLE, Mode::Level).unwrap();
}
