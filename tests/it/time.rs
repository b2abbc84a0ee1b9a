//! Timeouts on real waits: never early, whatever their size. The conversion itself has its tables of
//! tests in the crate.

use crate::support::{empty_pipe, full_pipe};
use iomux::{Deadline, Interest, PollFd, Slots, Timeout};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

const SHORT: [Duration; 6] = [
    Duration::from_nanos(1),
    Duration::from_micros(50),
    Duration::from_nanos(999_999),
    Duration::from_millis(1),
    Duration::from_nanos(1_000_001),
    Duration::from_millis(20),
];

#[test]
fn no_wait_returns_early() {
    let (reader, _writer) = empty_pipe();
    let mut slots = Slots::with_capacity(1);
    slots.set(0, reader.as_fd(), Interest::READABLE).unwrap();
    for timeout in SHORT {
        let begin = Instant::now();
        assert_eq!(slots.poll(timeout), Ok(0));
        assert!(begin.elapsed() >= timeout, "poll: {:?} of {timeout:?}", begin.elapsed());
        let begin = Instant::now();
        assert_eq!(slots.ppoll(timeout, None), Ok(0));
        assert!(begin.elapsed() >= timeout, "ppoll: {:?} of {timeout:?}", begin.elapsed());
        let begin = Instant::now();
        assert_eq!(slots.wait(timeout), Ok(0));
        assert!(begin.elapsed() >= timeout, "wait: {:?} of {timeout:?}", begin.elapsed());
        let end = Instant::now() + timeout;
        assert_eq!(slots.poll(end), Ok(0));
        assert!(Instant::now() >= end, "until");
        let end = Instant::now() + timeout;
        assert_eq!(slots.wait(end), Ok(0));
        assert!(Instant::now() >= end, "wait until");
        let begin = Instant::now();
        assert_eq!(slots.poll_first(1, timeout), Ok(0));
        assert!(begin.elapsed() >= timeout, "poll_first: {:?} of {timeout:?}", begin.elapsed());
    }
}

#[test]
fn times_past_what_a_number_holds_neither_end_at_once_nor_are_refused() {
    let (ready, _w) = full_pipe();
    let (idle, mut trigger) = empty_pipe();
    let mut slots = Slots::with_capacity(1);
    let long = [
        Duration::from_millis(1 << 31),
        Duration::from_millis(1 << 32),
        Duration::from_secs(100_000_001),
        Duration::from_secs(u64::from(u32::MAX) + 1),
        Duration::MAX,
    ];
    for timeout in long {
        slots.set(0, ready.as_fd(), Interest::READABLE).unwrap();
        assert_eq!(slots.poll(timeout), Ok(1), "{timeout:?}");
        assert_eq!(slots.wait(timeout), Ok(1), "{timeout:?}");
        assert_eq!(slots.ppoll(timeout, None), Ok(1), "{timeout:?}");
    }
    // Nothing is ready when these begin: one that took its time for 0 would return `Ok(0)`.
    for timeout in long {
        slots.set(0, idle.as_fd(), Interest::READABLE).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                iomux::poll(&mut [], Duration::from_millis(5)).unwrap();
                std::io::Write::write_all(&mut trigger, b"!").unwrap();
            });
            assert_eq!(slots.poll(timeout), Ok(1), "{timeout:?}");
        });
        std::io::Read::read_exact(&mut &idle, &mut [0]).unwrap();
    }
}

#[test]
fn a_time_that_has_passed_is_no_wait() {
    let past = Instant::now();
    let (reader, _writer) = empty_pipe();
    let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE).unwrap()];
    assert_eq!(iomux::poll(&mut fds, past), Ok(0));
    assert_eq!(iomux::poll(&mut fds, Duration::ZERO), Ok(0));
    assert_eq!(iomux::poll(&mut fds, Some(Duration::ZERO)), Ok(0));
}

#[test]
fn an_infinite_wait_ends_when_something_is_ready() {
    let (idle, mut trigger) = empty_pipe();
    let mut slots = Slots::with_capacity(1);
    slots.set(0, idle.as_fd(), Interest::READABLE).unwrap();
    type Wait = fn(&mut Slots<'_>) -> Result<usize, iomux::Error>;
    let waits: [Wait; 2] = [|slots| slots.poll(Timeout::Infinite), |slots| slots.wait(Timeout::Infinite)];
    for wait in waits {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                iomux::poll(&mut [], Duration::from_millis(5)).unwrap();
                std::io::Write::write_all(&mut trigger, b"!").unwrap();
            });
            assert_eq!(wait(&mut slots), Ok(1));
        });
        std::io::Read::read_exact(&mut &idle, &mut [0]).unwrap();
    }
}

#[test]
fn a_deadline_is_taken_once_and_counts_down_in_nanoseconds() {
    let deadline = Deadline::new(Timeout::After(Duration::from_secs(60)));
    let first = deadline.remaining().unwrap();
    iomux::poll(&mut [], Duration::from_millis(2)).unwrap();
    let second = deadline.remaining().unwrap();
    assert!(second <= first - Duration::from_millis(2), "{second:?} after {first:?}");
    assert!(first <= Duration::from_secs(60) && second > Duration::from_secs(1));
    assert!(!deadline.is_over());

    let short = Deadline::new(Timeout::After(Duration::from_micros(100)));
    iomux::poll(&mut [], Duration::from_micros(100)).unwrap();
    assert!(short.is_over());
    assert_eq!(short.remaining(), Some(Duration::ZERO));
    assert_eq!(short.poll_ms(), 0);
    assert_eq!(short.timespec().map(|time| (time.tv_sec, time.tv_nsec)), Some((0, 0)));

    let never = Deadline::new(Timeout::Infinite);
    assert_eq!((never.remaining(), never.poll_ms(), never.timespec()), (None, -1, None));
    assert!(!never.is_over());
    let now = Deadline::new(Timeout::Nowait);
    assert_eq!((now.remaining(), now.poll_ms()), (Some(Duration::ZERO), 0));
    assert!(now.is_over());
    let until = Deadline::new(Timeout::Until(Instant::now() + Duration::from_secs(3600)));
    assert_eq!(until.poll_ms(), 1_789_000, "a piece of it");
    assert_eq!(until.timespec().map(|time| (time.tv_sec, time.tv_nsec)), Some((1_789, 0)));
}
