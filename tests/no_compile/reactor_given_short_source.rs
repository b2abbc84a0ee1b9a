//! E0597: a reference does not turn a reactor of long-lived sources into one of short-lived sources
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
