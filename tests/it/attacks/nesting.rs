//! Reactors in reactors, in themselves and in circles.

use super::{LONG, insert, ready_keys};
use crate::support::full_pipe;
use iomux_backend::{Epoll, Error, Interest, Mode, Poll, Reactor, Timeout};
use std::os::fd::OwnedFd;

fn reactor() -> Reactor<OwnedFd, (), Epoll<'static>> {
    Reactor::with(Epoll::new().unwrap(), 8)
}

#[test]
fn reactor_rejects_itself() {
    let mut reactor = reactor();
    for mode in [Mode::Level, Mode::Edge, Mode::OneShot, Mode::Exclusive] {
        let own = reactor.share().unwrap();
        let failed = reactor.insert(own, (), Interest::READABLE, mode).unwrap_err();
        assert!(matches!(failed.error(), Error::Os { .. } | Error::Unsupported { .. }), "{failed:?}");
        assert!(reactor.is_empty());
    }
    let key = insert(&mut reactor, full_pipe().0.into(), ());
    assert_eq!(reactor.wait(LONG), Ok(1));
    assert_eq!(ready_keys(&mut reactor), [key]);
}

#[test]
fn mutual_reactors_are_rejected() {
    let (mut first, mut second) = (reactor(), reactor());
    let of_second = second.share().unwrap();
    let key = insert(&mut first, of_second, ());
    let of_first = first.share().unwrap();
    let failed = second.insert(of_first, (), Interest::READABLE, Mode::Level).unwrap_err();
    assert!(matches!(failed.error(), Error::NestedTooDeep { .. }), "{failed:?}");
    assert_eq!(first.wait(Timeout::Nowait), Ok(0));
    insert(&mut second, full_pipe().0.into(), ());
    assert_eq!((first.wait(LONG), second.wait(LONG)), (Ok(1), Ok(1)));
    assert_eq!(ready_keys(&mut first), [key]);
}

#[test]
fn deep_nesting_ends_with_an_error() {
    let mut tower = vec![reactor()];
    insert(&mut tower[0], full_pipe().0.into(), ());
    let rejected = loop {
        let below = tower.last_mut().unwrap().share().unwrap();
        let mut above = reactor();
        match above.insert(below, (), Interest::READABLE, Mode::Level) {
            Ok(_) => tower.push(above),
            Err(failed) => break failed.error(),
        }
        assert!(tower.len() < 100, "the kernel has a limit");
    };
    assert!(matches!(rejected, Error::NestedTooDeep { .. }), "{rejected}");
    assert!(tower.iter_mut().all(|reactor| reactor.wait(LONG) == Ok(1)));
}

#[test]
fn dropped_shared_reactor_is_silent() {
    let mut inner = reactor();
    let mut outer = Reactor::with(Poll::new(), 8);
    let key = insert(&mut outer, inner.share().unwrap(), ());
    insert(&mut inner, full_pipe().0.into(), ());
    assert_eq!(outer.wait(LONG), Ok(1));
    drop(inner);
    assert_eq!(ready_keys(&mut outer), [key], "found before");
    assert_eq!(outer.wait(Timeout::Nowait), Ok(0), "its sources are closed");
}
