//! E0502: a source is used after it was removed and closed
use iomux_backend::{Interest, Mode, Reactor};

fn main() {
    let mut reactor = Reactor::new().unwrap();
    let reader = std::io::pipe().unwrap().0;
    let key = reactor.insert(reader, (), Interest::READABLE, Mode::Level).unwrap();
    let source = reactor.source(key);
    drop(reactor.remove(key));
    println!("{source:?}");
}
