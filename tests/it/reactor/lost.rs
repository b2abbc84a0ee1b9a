//! Sources whose fd was closed without the reactor: which wait reports a change, and how.

use super::deferred::found;
use super::{LONG, ready_keys};
use crate::support::{Thread, full_pipe};
use iomux_backend::{Epoll, Error, Interest, Key, Mode, Reactor, Readiness, SigSet, Signal, Timeout};
use std::cell::Cell;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

const NOTHING: Interest = Interest::empty();
const READABLE: Interest = Interest::READABLE;
const WRITABLE: Interest = Interest::WRITABLE;

/// A source whose fd is closed before the reactor lets go of it, against what its type promises.
struct Closed(Cell<RawFd>);

impl AsFd for Closed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        // SAFETY: not kept: the reactor is to do no harm even so. No other test is given the number.
        unsafe { BorrowedFd::borrow_raw(self.0.get()) }
    }
}

/// An fd of a readable pipe under a high number, which no other test is given meanwhile.
fn far_away(number: RawFd) -> OwnedFd {
    let fd = nix::fcntl::fcntl(full_pipe().0, nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(number)).unwrap();
    assert_eq!(fd, number);
    // SAFETY: just opened, and nothing else knows it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// A reactor with a source whose fd was closed and that has a deferred change: the next wait finds it lost.
fn with_a_lost_source(number: RawFd) -> (Reactor<Closed, (), Epoll<'static>>, Key) {
    let mut reactor = Reactor::with(Epoll::new().unwrap(), 8);
    let key = insert_lost(&mut reactor, number);
    (reactor, key)
}

fn insert_lost(reactor: &mut Reactor<Closed, (), Epoll<'static>>, number: RawFd) -> Key {
    let fd = far_away(number);
    let key = reactor.insert(Closed(Cell::new(number)), (), NOTHING, Mode::Level).unwrap();
    drop(fd);
    reactor.modify(key, READABLE, Mode::Level).unwrap();
    key
}

#[test]
fn deferred_change_of_a_closed_fd_is_one_invalid() {
    let (mut reactor, key) = with_a_lost_source(900);
    for _ in 0..2 {
        assert_eq!(found(&mut reactor), [(key, Readiness::INVALID)]);
        assert_eq!(found(&mut reactor), [], "once");
        // The same again: the kernel is asked all the same.
        reactor.modify(key, READABLE, Mode::Level).unwrap();
    }
    assert_eq!(found(&mut reactor), [(key, Readiness::INVALID)]);
    reactor.pause(key).unwrap();
    assert_eq!(found(&mut reactor), [(key, Readiness::INVALID)]);
    assert!(reactor.remove(key).is_some());
    assert_eq!((found(&mut reactor), reactor.len()), (vec![], 0));
}

#[test]
fn invalid_events_need_no_room_in_the_buffer() {
    let (mut reactor, first) = with_a_lost_source(910);
    let mut keys = vec![first];
    keys.extend((911..931).map(|number| insert_lost(&mut reactor, number)));
    let _kept = far_away(931);
    let ready = reactor.insert(Closed(Cell::new(931)), (), READABLE, Mode::Level).unwrap();
    // Of each third the change is forgotten, in the list of the rejected ones as well.
    let removed: Vec<_> = keys.iter().copied().step_by(3).collect();
    removed[..3].iter().for_each(|key| assert!(reactor.remove(*key).is_some()));
    assert_eq!(reactor.wait(LONG), Ok(keys.len() - 3 + 1));
    removed[3..].iter().for_each(|key| assert!(reactor.remove(*key).is_some()));
    keys.retain(|key| !removed.contains(key));
    keys.push(ready);
    assert_eq!(ready_keys(&mut reactor), keys);
    assert_eq!(found(&mut reactor), [(ready, Readiness::READABLE)]);
}

#[test]
fn new_deferred_change_is_not_lost() {
    for removed in 0..3 {
        let (mut reactor, first) = with_a_lost_source(980);
        let mut lost = vec![first, insert_lost(&mut reactor, 981), insert_lost(&mut reactor, 982)];
        let _kept = far_away(983);
        let other = reactor.insert(Closed(Cell::new(983)), (), Interest::PRIORITY, Mode::OneShot).unwrap();
        assert_eq!(reactor.wait(LONG), Ok(3 + 1), "and a hangup");
        reactor.modify(other, READABLE, Mode::Level).unwrap();
        assert!(reactor.remove(lost.remove(removed)).is_some());
        let mut ready: Vec<_> = std::iter::from_fn(|| reactor.next_ready()).collect();
        ready.retain(|ready| ready.readiness().is_invalid());
        ready.sort_by_key(|ready| ready.key());
        assert_eq!(ready.iter().map(|ready| ready.key()).collect::<Vec<_>>(), lost, "{removed}");
        assert_eq!(found(&mut reactor), [(other, Readiness::READABLE)], "{removed}");
    }
}

#[test]
fn lost_registration_ends_the_wait() {
    let begin = Instant::now();
    for (number, mask) in [(940, None), (941, Some(SigSet::empty()))] {
        let (mut reactor, key) = with_a_lost_source(number);
        let result = match mask {
            None => reactor.wait(LONG),
            Some(mask) => reactor.wait_masked(LONG, &mask),
        };
        assert_eq!((result, ready_keys(&mut reactor)), (Ok(1), vec![key]));
    }
    assert!(begin.elapsed() < Duration::from_secs(30), "immediately");
}

#[test]
fn lost_registration_ends_a_wait_with_a_handle() {
    let (mut reactor, key) = with_a_lost_source(945);
    let handle = reactor.handle().unwrap();
    handle.submit(|reactor| assert_eq!(reactor.next_ready(), None)).unwrap();
    assert_eq!((reactor.wait(LONG), ready_keys(&mut reactor)), (Ok(1), vec![key]));
}

#[test]
fn lost_registration_survives_sharing() {
    let (mut reactor, key) = with_a_lost_source(950);
    let _shared = reactor.share().unwrap();
    assert_eq!(found(&mut reactor), [(key, Readiness::INVALID)]);
    let failed = reactor.modify(key, WRITABLE, Mode::Level);
    assert_eq!(failed, Err(Error::Os { call: "epoll_ctl", code: libc::EBADF }), "not deferred any more");
    assert_eq!(found(&mut reactor), []);
}

#[test]
fn lost_registration_survives_an_interrupted_wait() {
    let (mut reactor, key) = with_a_lost_source(960);
    signal_hook::flag::register(libc::SIGUSR1, std::sync::Arc::default()).unwrap();
    let blocked = SigSet::from(Signal::USR1).block().unwrap();
    Thread::this().send(Signal::USR1);
    assert_eq!(reactor.wait_masked(Timeout::Infinite, &blocked.wait_mask()), Err(Error::Interrupted));
    assert_eq!(reactor.next_ready(), None);
    assert_eq!(found(&mut reactor), [(key, Readiness::INVALID)]);
}

#[test]
fn reused_fd_number_is_registered_again() {
    let (mut reactor, key) = with_a_lost_source(970);
    assert_eq!(found(&mut reactor), [(key, Readiness::INVALID)]);
    let _kept = far_away(970);
    let other = reactor.insert(Closed(Cell::new(970)), (), READABLE, Mode::Level).unwrap();
    assert_eq!(found(&mut reactor), [(other, Readiness::READABLE)]);
    reactor.remove(other).unwrap();
    assert_eq!(found(&mut reactor), []);
}

#[test]
fn source_is_deregistered_by_its_first_number() {
    let (reader, _writer) = full_pipe();
    let mut reactor = Reactor::with(Epoll::new().unwrap(), 8);
    let key = reactor.insert(Closed(Cell::new(reader.as_raw_fd())), (), READABLE, Mode::Level).unwrap();
    reactor.source(key).unwrap().0.set(-1);
    reactor.modify(key, NOTHING, Mode::Level).unwrap();
    assert_eq!(found(&mut reactor), []);
    reactor.remove(key).unwrap();
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
}
