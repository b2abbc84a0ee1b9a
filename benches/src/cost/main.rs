//! One benchmark, repeated a given number of times: for callgrind to count, and for a clock.
//!
//! `cost BENCHMARK ROUNDS` runs one. `cost --time ROUNDS` compares the times of the scans. `benches/cost`
//! runs all of them for `docs/cost.md`. `benches/instructions` compares instruction counts.

#[cfg(target_os = "linux")]
mod backends;

use iomux::{Error, Interest, PollFd, Slots, Timeout};
use std::hint::black_box;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::time::{Duration, Instant};

/// The size of the tables that are scanned.
const SLOTS: usize = 16_384;
/// How many slots a round of `set` fills.
const SET: usize = 64;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let benchmark = arguments.next().unwrap_or_default();
    let rounds: u64 = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(0);
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(b"!")?;
    let fd = reader.as_fd();
    let mut vec = Slots::with_capacity(1);
    vec.set(0, fd, Interest::READABLE)?;
    let mut array = Slots::<[PollFd; 1]>::array();
    array.set(0, fd, Interest::READABLE)?;
    let ms = Duration::from_millis(5);
    match benchmark.as_str() {
        "bare-poll" => bare_poll(fd, rounds)?,
        "free-poll" => free_poll(fd, rounds)?,
        "slots-poll" => repeat(rounds, || black_box(&mut vec).poll(Timeout::Nowait))?,
        "slots-poll-array" => repeat(rounds, || black_box(&mut array).poll(Timeout::Nowait))?,
        "slots-poll-infinite" => repeat(rounds, || black_box(&mut vec).poll(Timeout::Infinite))?,
        "slots-poll-5ms" => repeat(rounds, || black_box(&mut vec).poll(black_box(ms)))?,
        "slots-wait-5ms" => repeat(rounds, || black_box(&mut vec).wait(black_box(ms)))?,
        "bare-set" => bare_set(fd, rounds),
        "set" => set(fd, rounds)?,
        "set-interest" => set_interest(fd, rounds)?,
        "ready" => ready(fd, rounds)?,
        "--time" => time_scans(fd, rounds)?,
        benchmark => return other(benchmark, rounds),
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn other(benchmark: &str, rounds: u64) -> io::Result<()> {
    backends::run(benchmark, rounds)
}

#[cfg(not(target_os = "linux"))]
fn other(benchmark: &str, _rounds: u64) -> io::Result<()> {
    Err(io::Error::other(format!(
        "unknown benchmark '{benchmark}': on this platform there are no backends' benchmarks"
    )))
}

#[inline(always)]
fn repeat(rounds: u64, mut poll: impl FnMut() -> Result<usize, Error>) -> Result<(), Error> {
    for _ in 0..rounds {
        black_box(poll()?);
    }
    Ok(())
}

fn bare_poll(fd: BorrowedFd<'_>, rounds: u64) -> io::Result<()> {
    let mut fds = [libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 }];
    for _ in 0..rounds {
        // SAFETY: one entry, of a local array.
        let ready = unsafe { libc::poll(black_box(fds.as_mut_ptr()), 1, 0) };
        if ready < 0 {
            return Err(io::Error::last_os_error());
        }
        black_box(ready);
    }
    Ok(())
}

fn free_poll(fd: BorrowedFd<'_>, rounds: u64) -> Result<(), Error> {
    let mut fds = [PollFd::new(fd, Interest::READABLE)?];
    repeat(rounds, || iomux::poll(black_box(&mut fds[..]), Timeout::Nowait))
}

/// Does by hand what `set` does: without a check, and it keeps only the entry.
fn bare_set(fd: BorrowedFd<'_>, rounds: u64) {
    let mut fds = [libc::pollfd { fd: -1, events: 0, revents: 0 }; SET];
    for _ in 0..rounds {
        bare_set_all(black_box(&mut fds), fd.as_raw_fd());
    }
}

#[inline(never)]
#[allow(clippy::needless_range_loop, reason = "by index, as `set_all` does it")]
fn bare_set_all(fds: &mut [libc::pollfd], fd: RawFd) {
    for index in 0..SET {
        fds[index] = libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    }
}

fn set(fd: BorrowedFd<'_>, rounds: u64) -> Result<(), Error> {
    let mut slots = Slots::with_capacity(SET);
    for _ in 0..rounds {
        set_all(black_box(&mut slots), fd)?;
    }
    Ok(())
}

#[inline(never)]
fn set_all<'fd>(slots: &mut Slots<'fd>, fd: BorrowedFd<'fd>) -> Result<(), Error> {
    for index in 0..SET {
        slots.set(index, fd, Interest::READABLE)?;
    }
    Ok(())
}

fn set_interest(fd: BorrowedFd<'_>, rounds: u64) -> Result<(), Error> {
    let mut slots = Slots::with_capacity(SET);
    set_all(&mut slots, fd)?;
    for _ in 0..rounds {
        set_all_interests(black_box(&mut slots))?;
    }
    Ok(())
}

#[inline(never)]
fn set_all_interests(slots: &mut Slots<'_>) -> Result<(), Error> {
    for index in 0..SET {
        slots.set_interest(index, Interest::WRITABLE)?;
    }
    Ok(())
}

/// Iterates over a table of 64 slots, of which every sixteenth is ready.
fn ready(fd: BorrowedFd<'_>, rounds: u64) -> io::Result<()> {
    let (idle, _writer) = io::pipe()?;
    let mut slots = Slots::with_capacity(SET);
    for index in 0..SET {
        slots.set(index, if index % 16 == 15 { fd } else { idle.as_fd() }, Interest::READABLE)?;
    }
    slots.poll(Timeout::Nowait)?;
    for _ in 0..rounds {
        let found = black_box(&slots).ready().map(|ready| ready.index()).fold(0, sum);
        assert_eq!(found, 15 + 31 + 47 + 63);
    }
    Ok(())
}

/// Creates a table in which every slot is in use, and those of `ready` are ready.
fn scanned<'fd>(
    fd: BorrowedFd<'fd>,
    idle: BorrowedFd<'fd>,
    ready: impl Fn(usize) -> bool,
) -> Result<Vec<PollFd<'fd>>, Error> {
    let of = |index| PollFd::new(if ready(index) { fd } else { idle }, Interest::READABLE);
    let mut fds = (0..SLOTS).map(of).collect::<Result<Vec<_>, _>>()?;
    iomux::poll(&mut fds, Timeout::Nowait)?;
    Ok(fds)
}

/// Decides which slots are ready.
type Choice = fn(usize) -> bool;

/// Compares `ready()` with a loop by hand, in turns, on the same table.
fn time_scans(fd: BorrowedFd<'_>, rounds: u64) -> io::Result<()> {
    let (idle, _writer) = io::pipe()?;
    let benchmarks: [(&str, Choice); 5] = [
        ("none", |_| false),
        ("the last one", |index| index == SLOTS - 1),
        ("1 %", |index| index % 100 == 99),
        ("50 %", |index| index % 2 == 1),
        ("all", |_| true),
    ];
    println!("{SLOTS} slots, best of {rounds} rounds in turns");
    for (name, is_ready) in benchmarks {
        let fds = scanned(fd, idle.as_fd(), is_ready)?;
        let mut slots = Slots::over(fds.clone());
        slots.poll(Timeout::Nowait)?;
        let (mut ours, mut plain) = (Duration::MAX, Duration::MAX);
        for _ in 0..rounds {
            ours = ours.min(timed(|| black_box(&slots).ready().map(|ready| ready.index()).fold(0, sum)));
            plain = plain.min(timed(|| {
                let found =
                    black_box(&fds[..]).iter().enumerate().filter(|(_, fd)| !fd.readiness().is_empty());
                found.map(|(index, _)| index).fold(0, sum)
            }));
        }
        let (ours, plain) = (per_slot(ours), per_slot(plain));
        println!(
            "{name:>12} ready: {ours:.3} ns per slot, plain loop {plain:.3}: {:.1} times as fast",
            plain / ours
        );
    }
    Ok(())
}

fn sum(all: usize, index: usize) -> usize {
    all + black_box(index)
}

fn timed(scan: impl FnOnce() -> usize) -> Duration {
    let begin = Instant::now();
    black_box(scan());
    begin.elapsed()
}

#[allow(clippy::cast_precision_loss, reason = "a number of nanoseconds far below 2^52")]
fn per_slot(time: Duration) -> f64 {
    time.as_nanos() as f64 / SLOTS as f64
}
