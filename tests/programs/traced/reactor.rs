//! Which system calls a reactor makes.

use super::{is_traced, traced};
#[cfg(target_os = "linux")]
use iomux_backend::Epoll;
use iomux_backend::{Interest, Mode, Poll, Reactor, Timeout};

#[test]
fn wait_that_finds_nothing_checks_once() {
    const NAME: &str = "traced::reactor::wait_that_finds_nothing_checks_once";
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

#[cfg(target_os = "linux")]
#[test]
fn change_there_and_back_makes_no_call() {
    const NAME: &str = "traced::reactor::change_there_and_back_makes_no_call";
    if is_traced() {
        let mut reactor = Reactor::with(Epoll::new().unwrap(), 8);
        let (readers, _writers): (Vec<_>, Vec<_>) = (0..5).map(|_| std::io::pipe().unwrap()).unzip();
        let insert = |reader| reactor.insert(reader, (), Interest::READABLE, Mode::Level).unwrap();
        let keys: Vec<_> = readers.into_iter().map(insert).collect();
        for _ in 0..10 {
            keys.iter().for_each(|key| reactor.pause(*key).unwrap());
            keys.iter().for_each(|key| reactor.resume(*key).unwrap());
            keys.iter().for_each(|key| reactor.modify(*key, Interest::empty(), Mode::Level).unwrap());
            keys.iter().for_each(|key| reactor.modify(*key, Interest::READABLE, Mode::Level).unwrap());
            assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
        }
        keys[..3].iter().for_each(|key| reactor.pause(*key).unwrap());
        assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
        return;
    }
    let Some(trace) = traced(NAME, "epoll_ctl,epoll_wait,epoll_pwait") else { return };
    let calls: Vec<_> = trace.lines().filter(|line| line.contains("epoll_")).collect();
    let is_modify = |line: &&str| line.contains("EPOLL_CTL_MOD");
    let first = calls.iter().position(is_modify);
    assert_eq!(first, Some(5 + 10), "five registrations and ten waits: {trace}");
    assert_eq!(calls[15..].iter().take_while(|line| is_modify(line)).count(), 3, "{trace}");
    assert_eq!(calls.len(), 5 + 10 + 3 + 1, "{trace}");
}
