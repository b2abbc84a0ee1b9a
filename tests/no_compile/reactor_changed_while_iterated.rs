//! E0499: a source is removed while the iteration lends all of them
use iomux_backend::{Interest, Mode, Reactor};

fn main() {
    let mut reactor = Reactor::new().unwrap();
    let reader = std::io::pipe().unwrap().0;
    reactor.insert(reader, (), Interest::READABLE, Mode::Level).unwrap();
    for (key, _, ()) in reactor.iter_mut() {
        reactor.remove(key);
    }
}
