//! E0597: a reactor of sources that live long does not become one of others behind a reference
use iomux_backend::{Interest, Mode, Reactor, Timeout};
use std::io::PipeReader;

fn give<'a>(reactor: &mut Reactor<&'a PipeReader>, reader: &'a PipeReader) {
    reactor.insert(reader, (), Interest::READABLE, Mode::Level).unwrap();
}

fn main() {
    let long = std::io::pipe().unwrap().0;
    let mut reactor = Reactor::new().unwrap();
    give(&mut reactor, &long);
    {
        let short = std::io::pipe().unwrap().0;
        give(&mut reactor, &short);
    }
    reactor.wait(Timeout::Nowait).unwrap();
}
