//! Which system calls a reactor makes.

use super::{is_traced, traced};
use iomux_backend::{Interest, Mode, Poll, Reactor, Timeout};

#[test]
fn a_wait_that_finds_nothing_looks_once() {
    const NAME: &str = "traced::reactor::a_wait_that_finds_nothing_looks_once";
    if is_traced() {
        let mut reactor = Reactor::with(Poll::without_ppoll(), 8);
        let pipes: Vec<_> = (0..5).map(|_| std::io::pipe().unwrap()).collect();
        let (readers, _writers): (Vec<_>, Vec<_>) = pipes.into_iter().unzip();
        for reader in readers {
            reactor.insert(reader, (), Interest::READABLE, Mode::Level).unwrap();
        }
        assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
        return;
    }
    let Some(trace) = traced(NAME, "poll,ppoll") else { return };
    let looks = trace.lines().filter(|line| line.contains("], 5, ")).count();
    assert_eq!(looks, 1, "{trace}");
}
