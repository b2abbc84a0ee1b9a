//! The four tests of ocaml-iomux, each with a check for leaked fds. They have a process of their own and run one by
//! one, since other tests open fds.

use iomux::{HAS_PPOLL, Interest, Readiness, Slots, Timeout};
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Returns the open fds among the numbers of a small program.
fn open_fds() -> Vec<i32> {
    // SAFETY: F_GETFD takes any number, and changes nothing.
    (0..1024).filter(|&fd| unsafe { libc::fcntl(fd, libc::F_GETFD) } != -1).collect()
}

/// Returns the fds that are open after `test` and were not before.
fn leaked(test: impl FnOnce()) -> Vec<i32> {
    let before = open_fds();
    test();
    open_fds().into_iter().filter(|fd| !before.contains(fd)).collect()
}

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

#[track_caller]
fn without_a_leak(test: impl FnOnce()) {
    let _alone = alone();
    assert_eq!(leaked(test), [0; 0], "fds were leaked");
}

#[test]
fn unit() {
    without_a_leak(|| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let mut slots = Slots::with_capacity(16);
        slots.set(0, reader.as_fd(), Interest::READABLE).unwrap();
        assert_eq!(writer.write(&[0]).unwrap(), 1);
        assert_eq!(slots.poll_first(1, Timeout::Nowait), Ok(1));
        assert_eq!(slots.fd(0).unwrap().map(|fd| fd.as_raw_fd()), Some(reader.as_raw_fd()));
        let readiness = slots.readiness(0).unwrap();
        assert!(readiness.intersects(Readiness::READABLE));
        assert_eq!(readiness, Readiness::READABLE);
    });
}

#[test]
fn ppoll_timeout() {
    without_a_leak(|| {
        let mut slots = Slots::with_capacity(16);
        let begin = Instant::now();
        let mask = HAS_PPOLL.then(iomux::SigSet::empty);
        assert_eq!(slots.ppoll(Duration::from_secs(1), mask.as_ref()), Ok(0));
        assert!(begin.elapsed() >= Duration::from_secs(1));
    });
}

#[test]
fn ppoll_or_poll() {
    without_a_leak(|| {
        let mut slots = Slots::with_capacity(16);
        assert_eq!(slots.ppoll(Timeout::Nowait, None), Ok(0));
        let begin = Instant::now();
        assert_eq!(slots.ppoll(Duration::from_nanos(100_000_000), None), Ok(0));
        assert!(begin.elapsed() >= Duration::from_millis(100));
    });
}

#[test]
fn example() {
    without_a_leak(|| {
        let (pipe_r, mut pipe_w) = std::io::pipe().unwrap();
        let write_end = pipe_w.try_clone().unwrap();
        let mut slots = Slots::with_capacity(16);
        slots.set(7, write_end.as_fd(), Interest::WRITABLE).unwrap();
        assert_eq!(slots.poll_first(8, Timeout::Nowait), Ok(1));
        assert_eq!(pipe_w.write(&[0]).unwrap(), 1);
        slots.set(0, pipe_r.as_fd(), Interest::READABLE).unwrap();
        assert_eq!(slots.poll_first(8, Timeout::Nowait), Ok(2));
        let ready: Vec<_> =
            slots.ready().map(|ready| (ready.index(), ready.fd().as_raw_fd(), ready.readiness())).collect();
        let due =
            [(0, pipe_r.as_raw_fd(), Readiness::READABLE), (7, write_end.as_raw_fd(), Readiness::WRITABLE)];
        assert_eq!(ready, due);
        slots.clear(0).unwrap();
        slots.clear(7).unwrap();
        assert_eq!(slots.used(), 0);
    });
}

#[test]
fn leak_check_finds_a_leak() {
    let _alone = alone();
    let mut kept = None;
    let leaked = leaked(|| kept = Some(std::io::pipe().unwrap().0));
    assert_eq!(leaked, [kept.unwrap().as_raw_fd()]);
}
