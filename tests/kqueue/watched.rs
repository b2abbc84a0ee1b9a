//! The event sources of kqueue other than fds.

use super::now;
use super::support::skip;
use iomux_backend::{
    Error, Events, FileChanges, Kqueue, Multiplexer, Readiness, Signal, Timeout, Token, Watched,
};
use std::fs::File;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

#[test]
fn late_timer_counts_expirations() {
    const TIME: Duration = Duration::from_millis(3);
    let mut kqueue = Kqueue::new().unwrap();
    let mut events = Events::with_capacity(8);
    let begin = Instant::now();
    kqueue.watch_timer(1, Token(7), TIME, false).unwrap();
    assert_eq!(kqueue.watch_timer(1, Token(8), TIME, false), Err(Error::AlreadyWatched));
    assert_eq!(kqueue.wait(&mut events, Timeout::Infinite), Ok(1));
    assert!(begin.elapsed() >= TIME, "{:?}", begin.elapsed());
    assert_eq!(events.get(0).unwrap().token(), Token(7));
    assert_eq!(kqueue.unwatch(Watched::Timer(1)), Err(Error::NotWatched), "it was once");
    assert_eq!(kqueue.wait(&mut events, Timeout::Infinite), Err(Error::NothingToWaitFor));

    // A period may be a tick or two longer, and the longest tick is 10 ms.
    kqueue.watch_timer(2, Token(9), Duration::from_millis(20), true).unwrap();
    iomux::wait(&mut [], Duration::from_millis(200)).unwrap();
    assert_eq!(kqueue.wait(&mut events, Timeout::Infinite), Ok(1));
    assert!(kqueue.notices()[0].count() > 1, "{:?}", kqueue.notices());
    assert_eq!(kqueue.unwatch(Watched::Timer(2)), Ok(()));
    assert_eq!(kqueue.wait(&mut events, Duration::from_millis(50).into()), Ok(0));
    assert!(kqueue.notices().is_empty());
}

#[test]
fn ignored_signal_is_counted() {
    if cfg!(iomux_libkqueue) {
        let name = "ignored_signal_is_counted";
        return skip(name, "libkqueue is a handler itself, so nothing is ignored");
    }
    // SAFETY: it installs no handler.
    unsafe { libc::signal(libc::SIGUSR2, libc::SIG_IGN) };
    let mut kqueue = Kqueue::new().unwrap();
    kqueue.watch_signal(Signal::USR2, Token(7)).unwrap();
    let process = libc::pid_t::try_from(std::process::id()).unwrap();
    // SAFETY: it takes numbers, and the signal is ignored. Apple has no event for a thread's signal, so this goes to
    // the process.
    assert_eq!(unsafe { libc::kill(process, Signal::USR2.as_raw()) }, 0);
    let mut events = Events::with_capacity(8);
    assert_eq!(kqueue.wait(&mut events, Duration::from_secs(10).into()), Ok(1));
    assert_eq!(kqueue.notices()[0].watched(), Watched::Signal(Signal::USR2));
    assert_eq!(kqueue.notices()[0].count(), 1);
}

#[test]
fn file_changes_are_reported() {
    let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    let file = File::open(&path).unwrap();
    let mut kqueue = Kqueue::new().unwrap();
    let changes = FileChanges::WRITE | FileChanges::EXTEND | FileChanges::DELETE;
    kqueue.watch_file(file.as_fd(), Token(7), changes).unwrap();
    assert_eq!(now(&mut kqueue, 8), []);
    std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"!").unwrap();
    let mut events = Events::with_capacity(8);
    assert_eq!(kqueue.wait(&mut events, Timeout::Infinite), Ok(1));
    let seen = kqueue.notices()[0].changes();
    assert!(seen.intersects(FileChanges::WRITE | FileChanges::EXTEND), "{seen:?}");
    path.close().unwrap();
    assert_eq!(kqueue.wait(&mut events, Timeout::After(Duration::from_secs(10))), Ok(1));
    assert_eq!(kqueue.unwatch(Watched::File(file.as_raw_fd())), Ok(()));
}

#[test]
fn double_watch_is_an_error() {
    let mut kqueue = Kqueue::new().unwrap();
    let again = Err(Error::AlreadyWatched);
    assert_eq!(kqueue.watch_signal(Signal::CONT, Token(7)), Ok(()));
    assert_eq!(kqueue.watch_signal(Signal::CONT, Token(8)), again);
    assert_eq!(kqueue.unwatch(Watched::Signal(Signal::CONT)), Ok(()));
    assert_eq!(kqueue.watch_signal(Signal::CONT, Token(8)), Ok(()));
    assert_eq!(kqueue.watch_exit(std::process::id(), Token(7)), Ok(()));
    assert_eq!(kqueue.watch_exit(std::process::id(), Token(8)), again);
}

/// Returns `true` if this kernel has EVFILT_USER. Otherwise prints a skip of `test`.
fn has_triggers(test: &str) -> bool {
    let is_there = Kqueue::new().unwrap().watch_user(1, Token(7)).is_ok();
    if !is_there {
        skip(test, "this kernel has no EVFILT_USER");
    }
    is_there
}

#[test]
fn trigger_name_is_unique() {
    if !has_triggers("trigger_name_is_unique") {
        return;
    }
    let mut kqueue = Kqueue::new().unwrap();
    assert_eq!(kqueue.watch_user(1, Token(7)), Ok(()));
    assert_eq!(kqueue.watch_user(1, Token(8)), Err(Error::AlreadyWatched));
}

#[test]
fn closed_fd_is_not_watched() {
    let answer = Kqueue::new().unwrap().watch_file(nix::fcntl::AT_FDCWD, Token(7), FileChanges::WRITE);
    assert_eq!(answer, Err(Error::NegativeFd { fd: nix::fcntl::AT_FDCWD.as_raw_fd() }));
    // 0 is an open fd in every test run.
    let stdin = std::io::stdin();
    let answer = Kqueue::new().unwrap().watch_file(stdin.as_fd(), Token(7), FileChanges::WRITE);
    assert_ne!(answer, Err(Error::NegativeFd { fd: 0 }));
}

#[test]
fn missing_process_is_not_watched() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let answer = Kqueue::new().unwrap().watch_exit(child.id(), Token(7));
    assert!(matches!(answer, Err(Error::Os { call: "kevent", .. })), "{answer:?}");
}

#[test]
fn same_ident_does_not_collide() {
    if !has_triggers("same_ident_does_not_collide") {
        return;
    }
    let mut kqueue = Kqueue::new().unwrap();
    let waker = kqueue.waker(Token(1)).unwrap();
    for id in 0..4 {
        kqueue.watch_user(id, Token(10 + id)).unwrap();
        kqueue.watch_timer(id, Token(20 + id), Duration::from_secs(1000), false).unwrap();
    }
    waker.wake();
    assert_eq!(now(&mut kqueue, 8), [(1, Readiness::READABLE)]);
    kqueue.trigger(2).unwrap();
    kqueue.trigger(3).unwrap();
    kqueue.unwatch(Watched::User(3)).unwrap();
    assert_eq!(kqueue.trigger(3), Err(Error::NotWatched));
    assert_eq!(now(&mut kqueue, 8), [(12, Readiness::READABLE)]);
}
