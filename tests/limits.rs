//! The open-files limit. The tests lower it for all threads, so they have a process of their own.

#[path = "it/support.rs"]
#[allow(dead_code, reason = "of all that it has, this needs little")]
mod support;

use iomux::{Error, Interest, Readiness, Slots, Timeout, max_open_files};
use iomux_backend::{
    ALL_NAMES as NAMES, ByNameError, Events, Mode, Multiplexer, Poll, Reactor, Token, by_name,
};
use rlimit::Resource;
use std::fs::File;
use std::io::{PipeReader, Write};
use std::os::fd::AsFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use support::skip;

/// Held by the test that has lowered the limit.
static ALONE: Mutex<()> = Mutex::new(());

/// Lowers the limit to 64 open files until dropped.
struct Limit {
    before: (u64, u64),
    _alone: MutexGuard<'static, ()>,
}

impl Limit {
    fn of_64() -> Self {
        let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let before = Resource::NOFILE.get().unwrap();
        Resource::NOFILE.set(64, before.1).unwrap();
        Self { before, _alone }
    }
}

impl Drop for Limit {
    fn drop(&mut self) {
        let (soft, hard) = self.before;
        Resource::NOFILE.set(soft, hard).unwrap();
    }
}

/// Opens files until the process is out of file descriptors.
fn all_fds() -> Vec<File> {
    std::iter::from_fn(|| File::open("/dev/null").ok()).collect()
}

#[test]
fn slot_above_limit_is_an_error() {
    let _limit = Limit::of_64();
    assert_eq!(max_open_files(), Some(64));

    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"!").unwrap();
    let mut slots = Slots::with_capacity(1000);
    slots.set(10, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(1), "the size of the table is no matter");
    slots.set(63, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(2), "as many as the limit");

    slots.set(80, reader.as_fd(), Interest::READABLE).unwrap();
    let answer = slots.poll(Timeout::Nowait);
    if answer == Ok(3) {
        return skip("more slots than open files", "this system's poll takes them");
    }
    let error = Error::TooManySlots { count: 81, limit: 64 };
    assert_eq!(answer, Err(error));
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    assert!(slots.fd(80).unwrap().is_some() && slots.fd(10).unwrap().is_some(), "nothing was lost");
    assert_eq!(slots.readiness(10), Ok(Readiness::empty()), "and nothing is reported");
    assert_eq!(slots.wait(Timeout::Nowait), Err(error));
    assert_eq!(slots.poll_first(65, Timeout::Nowait), Err(Error::TooManySlots { count: 65, limit: 64 }));

    slots.clear(80).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(2), "it works again once that slot is cleared");
}

/// Returns the backends with an fd of their own. Prints a skip of `test` if there are none.
fn backends_with_an_fd(test: &str) -> Vec<&'static str> {
    let is_lazy = |name: &str| cfg!(iomux_libkqueue) && name == "kqueue";
    let (lazy, names): (Vec<&str>, Vec<&str>) =
        NAMES.iter().filter(|name| !name.starts_with("poll")).partition(|name| is_lazy(name));
    if !lazy.is_empty() {
        skip(&format!("{test} of kqueue"), "libkqueue keeps fds of its own for some time");
    } else if names.is_empty() {
        skip(test, "no backend here has an fd");
    }
    names
}

#[test]
fn backend_closes_its_fd() {
    let names = backends_with_an_fd("backend_closes_its_fd");
    let _limit = Limit::of_64();
    for name in names {
        for _ in 0..100 {
            by_name(name).unwrap();
        }
    }
}

#[test]
fn backend_without_fd_is_an_error() {
    let names = backends_with_an_fd("backend_without_fd_is_an_error");
    let _limit = Limit::of_64();
    let _files = all_fds();
    for name in names {
        let answer = by_name(name).map(drop);
        let no_fd = |error: &_| matches!(error, ByNameError::Failed(iomux_backend::Error::Os { .. }));
        assert!(answer.as_ref().is_err_and(no_fd), "{name}: {answer:?}");
    }
}

#[test]
fn failed_waker_is_not_counted() {
    let limit = Limit::of_64();
    // Over poll, since the wakers of some backends need no fd.
    let mut reactor = Reactor::<PipeReader, (), _>::with(Poll::new(), 8);
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"!").unwrap();
    let key = reactor.insert(reader, (), Interest::READABLE, Mode::Level).unwrap();
    let files = all_fds();
    assert!(matches!(reactor.waker(), Err(iomux_backend::Error::Os { .. })));
    assert!(matches!(reactor.handle(), Err(iomux_backend::Error::Os { .. })));
    assert_eq!((reactor.len(), reactor.keys().collect::<Vec<_>>()), (1, vec![key]));
    drop((files, limit));
    let (waker_key, waker) = reactor.waker().unwrap();
    waker.wake();
    assert_eq!((reactor.wait(Timeout::Infinite), reactor.len()), (Ok(2), 1));
    let mut keys: Vec<_> = std::iter::from_fn(|| reactor.next_ready().map(|ready| ready.key())).collect();
    keys.sort();
    assert_eq!(keys, [key, waker_key]);
}

#[test]
fn dropped_wakers_free_their_fds() {
    let _limit = Limit::of_64();
    for name in NAMES {
        let mut mux = by_name(name).unwrap();
        let mut reactor = Reactor::<PipeReader, (), _>::with(by_name(name).unwrap(), 8);
        for number in 0..200 {
            let waker = mux.waker(Token(number)).unwrap_or_else(|error| panic!("{name}, {number}: {error}"));
            waker.wake();
            drop(waker);
            assert_eq!(mux.wait(&mut Events::with_capacity(8), Timeout::Nowait), Ok(1), "{name}, {number}");
            let (_key, waker) = reactor.waker().unwrap_or_else(|error| panic!("{name}, {number}: {error}"));
            drop(waker);
        }
    }
}
