//! The open-files limit: a process of its own, since it lowers that of all its threads.

use iomux::{Error, Interest, Readiness, Slots, Timeout, max_open_files};
use iomux_backend::{ByNameError, Mode, NAMES, Reactor, by_name};
use rlimit::Resource;
use std::io::{PipeReader, Write};
use std::os::fd::AsFd;
use std::sync::Mutex;

/// Held by the test whose limit it is.
static LIMIT: Mutex<()> = Mutex::new(());

#[test]
fn a_table_larger_than_the_limit_is_polled_up_to_its_highest_slot_and_told_when_that_is_too_high() {
    let _alone = LIMIT.lock();
    let (soft, hard) = Resource::NOFILE.get().unwrap();
    Resource::NOFILE.set(64, hard).unwrap();
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
        Resource::NOFILE.set(soft, hard).unwrap();
        eprintln!("skipped: more slots than open files: this system's poll takes them");
        return;
    }
    let error = Error::TooManySlots { count: 81, limit: 64 };
    assert_eq!(answer, Err(error));
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    assert!(slots.fd(80).unwrap().is_some() && slots.fd(10).unwrap().is_some(), "nothing was lost");
    assert_eq!(slots.readiness(10), Ok(Readiness::empty()), "and nothing is reported");
    assert_eq!(slots.wait(Timeout::Nowait), Err(error));
    assert_eq!(slots.poll_first(65, Timeout::Nowait), Err(Error::TooManySlots { count: 65, limit: 64 }));

    slots.clear(80).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(2), "and it goes on once that is cleared");
    Resource::NOFILE.set(soft, hard).unwrap();
}

#[test]
fn a_backend_that_has_an_fd_gives_it_back_and_without_one_says_so() {
    let _alone = LIMIT.lock();
    let (soft, hard) = Resource::NOFILE.get().unwrap();
    for name in NAMES.iter().filter(|name| !name.starts_with("poll")) {
        if cfg!(iomux_libkqueue) && *name == "kqueue" {
            eprintln!("skipped: kqueue without an fd: libkqueue keeps its own for some time");
            continue;
        }
        Resource::NOFILE.set(64, hard).unwrap();
        for _ in 0..100 {
            by_name(name).unwrap();
        }
        Resource::NOFILE.set(0, hard).unwrap();
        let answer = by_name(name).map(drop);
        Resource::NOFILE.set(soft, hard).unwrap();
        let no_fd = |error: &_| matches!(error, ByNameError::Failed(iomux_backend::Error::Os { .. }));
        assert!(answer.as_ref().is_err_and(no_fd), "{name}: {answer:?}");
    }
}

#[test]
fn a_waker_for_which_there_is_no_fd_is_not_counted() {
    let _alone = LIMIT.lock();
    let mut reactor = Reactor::<PipeReader, ()>::new().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"!").unwrap();
    let key = reactor.insert(reader, (), Interest::READABLE, Mode::Level).unwrap();
    let (soft, hard) = Resource::NOFILE.get().unwrap();
    Resource::NOFILE.set(0, hard).unwrap();
    assert!(matches!(reactor.waker(), Err(iomux_backend::Error::Os { .. })));
    assert!(matches!(reactor.handle(), Err(iomux_backend::Error::Os { .. })));
    assert_eq!((reactor.len(), reactor.keys().collect::<Vec<_>>()), (1, vec![key]));
    Resource::NOFILE.set(soft, hard).unwrap();
    let (waker_key, waker) = reactor.waker().unwrap();
    waker.wake();
    assert_eq!((reactor.wait(Timeout::Infinite), reactor.len()), (Ok(2), 1));
    let mut keys: Vec<_> = std::iter::from_fn(|| reactor.next_ready().map(|ready| ready.key())).collect();
    keys.sort();
    assert_eq!(keys, [key, waker_key]);
}
