//! Timeouts on real waits: never early, whatever their size. The conversion itself has its tables of
//! tests in the crate.

use crate::support::{empty_pipe, full_pipe};
use iomux::{Chunk, Error, Interest, Interrupt, Outcome, PollFd, Slots, Timeout, WaitCall, wait_with};
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
fn huge_timeouts_do_not_overflow() {
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
fn past_deadline_does_not_wait() {
    let past = Instant::now();
    let (reader, _writer) = empty_pipe();
    let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE).unwrap()];
    assert_eq!(iomux::poll(&mut fds, past), Ok(0));
    assert_eq!(iomux::poll(&mut fds, Duration::ZERO), Ok(0));
    assert_eq!(iomux::poll(&mut fds, Some(Duration::ZERO)), Ok(0));
}

#[test]
fn infinite_wait_ends_when_ready() {
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

/// A call that returns after at least `nap`, however long it may sleep, and at last that something is ready.
struct Short {
    nap: Duration,
    outcomes: Vec<Outcome>,
    chunks: Vec<Chunk>,
}

impl WaitCall for Short {
    type Error = Error;

    fn call(&mut self, chunk: Chunk) -> Result<Outcome, Error> {
        self.chunks.push(chunk);
        iomux::poll(&mut [], self.nap)?;
        Ok(self.outcomes.pop().unwrap_or(Outcome::Ready(0)))
    }
}

/// Waits over calls that return `outcomes`, the last first, and then 0; returns the chunks that they were given.
#[track_caller]
fn chunks(timeout: Timeout, outcomes: &[Outcome], result: usize) -> Vec<Chunk> {
    let mut call = Short { nap: Duration::from_millis(2), outcomes: outcomes.to_vec(), chunks: Vec::new() };
    assert_eq!(wait_with(&mut call, timeout, Interrupt::Resume, true), Ok(result));
    call.chunks
}

#[test]
fn deadline_counts_in_nanoseconds() {
    use Outcome::{Interrupted, Ready};
    let (time, nap) = (Duration::from_secs(60), Duration::from_millis(2));
    for timeout in [time.into(), Timeout::Until(Instant::now() + time)] {
        let times = chunks(timeout, &[Ready(1), Interrupted, Ready(0), Interrupted], 1);
        let times: Vec<Duration> = times.iter().map(|chunk| chunk.duration().unwrap()).collect();
        assert!(times[0] <= time && times[3] > time / 2, "{times:?}");
        assert!(times.windows(2).all(|two| two[1] <= two[0] - nap), "{times:?}");
    }
    let begin = Instant::now();
    let times = chunks(Duration::from_millis(9).into(), &[], 0);
    assert!(begin.elapsed() >= Duration::from_millis(9) && times.len() <= 5, "{times:?}");
}

#[test]
fn chunk_converts_to_each_form() {
    let forms = |chunk: Chunk| {
        let time = chunk.timespec().map(|time| (time.tv_sec, time.tv_nsec));
        (chunk.duration(), chunk.poll_ms(), time, chunk.is_whole_ms())
    };
    let ready = [Outcome::Ready(1)];
    assert_eq!(forms(chunks(Timeout::Infinite, &ready, 1)[0]), (None, -1, None, true));
    assert_eq!(forms(chunks(Timeout::Nowait, &ready, 1)[0]), (Some(Duration::ZERO), 0, Some((0, 0)), true));
    assert_eq!(chunks(Timeout::Until(Instant::now()), &ready, 1), [Chunk::NONE]);
    let fine = Duration::from_nanos(1_000_001);
    assert_eq!(forms(chunks(fine.into(), &ready, 1)[0]), (Some(fine), 2, Some((0, 1_000_001)), false));
    let hour = Duration::from_secs(3600);
    for timeout in [hour.into(), Timeout::Until(Instant::now() + hour), Duration::MAX.into()] {
        let chunk = chunks(timeout, &ready, 1)[0];
        assert_eq!(
            forms(chunk),
            (Some(Duration::from_secs(1_789)), 1_789_000, Some((1_789, 0)), true),
            "a chunk of it"
        );
    }
}
