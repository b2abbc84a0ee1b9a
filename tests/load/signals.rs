//! 10,000 signals per second: no wait ends early, none waits indefinitely, and every byte arrives.

mod ways;

use crate::program::DEADLINE;
use crate::support::{Thread, is_emulated, skip};
use crate::{Random, alone, amount, report};
use iomux::{SigSet, Signal, Timeout};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet as NixSet, Signal as NixSignal, sigaction};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};
use ways::{End, Way, masked, unmasked};

const PERIOD: Duration = Duration::from_micros(100);

/// Longer than a busy machine pauses the signals. A wait that restarts at each signal does not end in this time.
const LONG_ENOUGH: Duration = Duration::from_millis(60);
/// The number of signals that may come between the timeout and the check. A wait that restarts at each has more each time.
/// FreeBSD may end a wait late by a tick, 10 ms in a virtual machine, and by a twentieth of its time
/// (`kern_poll_kfds` in kern/sys_generic.c, `kern.timecounter.alloweddeviation`): 130 signals.
const MOST_LATE: u64 = 300;

static HANDLED: AtomicU64 = AtomicU64::new(0);
/// The number of signals after the timeout of the wait.
static LATE: AtomicU64 = AtomicU64::new(0);
static BEGIN: OnceLock<Instant> = OnceLock::new();
/// The time of the timeout, in µs since `BEGIN`.
static OVER_AT: AtomicU64 = AtomicU64::new(u64::MAX);

/// Returns the µs since `BEGIN`. It is safe in a handler.
fn us(time: Instant) -> u64 {
    let since = BEGIN.get().map(|begin| time.saturating_duration_since(*begin));
    since.and_then(|since| u64::try_from(since.as_micros()).ok()).unwrap_or(0)
}

extern "C" fn count(_: i32) {
    HANDLED.fetch_add(1, Ordering::Relaxed);
    if us(Instant::now()) > OVER_AT.load(Ordering::Relaxed) {
        LATE.fetch_add(1, Ordering::Relaxed);
    }
}

fn handle(flags: SaFlags) {
    let action = SigAction::new(SigHandler::Handler(count), flags, NixSet::empty());
    BEGIN.get_or_init(Instant::now);
    // SAFETY: the handler only reads the clock and uses atomics.
    unsafe { sigaction(NixSignal::SIGUSR1, &action) }.unwrap();
}

/// Sends each signal when it is due, and late ones immediately, until the waits end. If they hang for too long, it
/// stops too, and the test fails.
fn send(waiter: Thread, is_over: &AtomicBool, progress: &AtomicU64) -> u64 {
    // Not every platform can make a thread's waits exact.
    let _ = iomux::set_timer_slack(Duration::from_nanos(1));
    let (begin, mut sent) = (Instant::now(), 0_u32);
    let (mut last, mut since) = (0, begin);
    while !is_over.load(Ordering::Acquire) && since.elapsed() < DEADLINE {
        iomux::wait(&mut [], Timeout::Until(begin + PERIOD * sent)).unwrap();
        waiter.send(Signal::USR1);
        sent += 1;
        let now = progress.load(Ordering::Relaxed);
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    sent.into()
}

/// Writes a byte after each delay that it receives: 0, 1, 2, and so on.
fn write(mut writer: &PipeWriter, delays: &Receiver<Duration>) {
    for (number, delay) in delays.iter().enumerate() {
        iomux::wait(&mut [], delay).unwrap();
        writer.write_all(&number.to_le_bytes()[..1]).unwrap();
    }
}

/// The pipe of the waits, and its expected state.
struct Source<'a> {
    reader: &'a PipeReader,
    write_after: Sender<Duration>,
    read: usize,
    random: Random,
    /// The number of waits that have ended correctly.
    progress: &'a AtomicU64,
}

impl Source<'_> {
    fn time(&mut self) -> Duration {
        Duration::from_micros(u64::try_from(self.random.below(5_000)).unwrap())
    }

    fn take_byte(&mut self) {
        let mut byte = [0xFF];
        { self.reader }.read_exact(&mut byte).unwrap();
        assert_eq!(byte[0], self.read.to_le_bytes()[0], "every byte, in its order");
        self.read += 1;
    }
}

/// The counts of one way to wait.
#[derive(Default)]
struct Seen {
    rounds: u64,
    interruptions: u64,
}

impl Seen {
    /// Waits until something other than a signal ends the wait.
    fn wait_until(&mut self, way: &mut Way, deadline: Instant) -> End {
        let begin = Instant::now();
        LATE.store(0, Ordering::Relaxed);
        OVER_AT.store(us(deadline), Ordering::Relaxed);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let timeout =
                if self.rounds.is_multiple_of(2) { Timeout::After(left) } else { Timeout::Until(deadline) };
            let end = (way.wait)(timeout);
            let late = LATE.load(Ordering::Relaxed);
            assert!(late <= MOST_LATE, "{}: stretched by {late} signals", way.name);
            assert!(begin.elapsed() < DEADLINE / 2, "{}: stretched by signals", way.name);
            if end != End::Interrupted {
                assert!(end != End::Time || Instant::now() >= deadline, "{}: cut by a signal", way.name);
                return end;
            }
            assert!(way.is_interruptible, "{}: ended by a signal", way.name);
            self.interruptions += 1;
        }
    }

    /// Checks a wait that expires, and one that a byte ends.
    fn round(&mut self, way: &mut Way, source: &mut Source) {
        let time = if self.rounds == 0 { LONG_ENOUGH } else { source.time() };
        let deadline = Instant::now() + time;
        assert_eq!(self.wait_until(way, deadline), End::Time, "{}: nothing was written", way.name);
        let delay = source.time();
        source.write_after.send(delay).unwrap();
        assert_eq!(self.wait_until(way, Instant::now() + 2 * DEADLINE), End::Ready, "{}", way.name);
        source.take_byte();
        self.rounds += 1;
        source.progress.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs rounds for some time, and until a signal has ended an interruptible wait.
fn go_through(ways: Vec<Way>, source: &mut Source, kind: &str) {
    for mut way in ways {
        let (begin, mut seen) = (Instant::now(), Seen::default());
        let time = amount(Duration::from_millis(90), Duration::from_secs(4));
        // A pending signal may end the first wait, and an arriving one the other.
        for _ in 0..if way.is_interruptible { 2 } else { 0 } {
            let end = (way.wait)(DEADLINE.into());
            assert_eq!(end, End::Interrupted, "{}: nothing but a signal", way.name);
        }
        while begin.elapsed() < time || way.is_interruptible && seen.interruptions == 0 {
            seen.round(&mut way, source);
            assert!(begin.elapsed() < time + DEADLINE, "{}: no signal ends it", way.name);
        }
        let Seen { rounds, interruptions } = seen;
        report(&format!(
            "signals, {kind}, {}: {rounds} timeouts, {rounds} bytes, {interruptions} interruptions",
            way.name
        ));
    }
}

fn ten_thousand_signals_a_second(kind: &str) {
    let (reader, writer) = pipe().unwrap();
    let (write_after, delays) = channel();
    let (waiter, is_over, progress) = (Thread::this(), AtomicBool::new(false), AtomicU64::new(0));
    let (begin, handled_before) = (Instant::now(), HANDLED.load(Ordering::Relaxed));
    let sent = thread::scope(|scope| {
        scope.spawn(move || write(&writer, &delays));
        let sender = scope.spawn(|| send(waiter, &is_over, &progress));
        let mut source =
            Source { reader: &reader, write_after, read: 0, random: Random(5), progress: &progress };
        go_through(unmasked(&reader), &mut source, kind);
        let blocked = SigSet::from(Signal::USR1).block().unwrap();
        go_through(masked(&reader, &blocked.wait_mask()), &mut source, kind);
        is_over.store(true, Ordering::Release);
        sender.join().unwrap()
    });
    let (time, handled) = (begin.elapsed(), HANDLED.load(Ordering::Relaxed) - handled_before);
    let rate = u128::from(sent) * 1_000_000 / time.as_micros();
    report(&format!(
        "signals, {kind}: {} ms, {sent} sent, {rate} a second, {handled} handled",
        time.as_millis()
    ));
}

#[test]
fn signals_keep_timeouts_exact() {
    let _alone = alone();
    if is_emulated() {
        return skip("10,000 signals a second", "the emulator is too slow for them");
    }
    for (flags, kind) in [(SaFlags::empty(), "without SA_RESTART"), (SaFlags::SA_RESTART, "SA_RESTART")] {
        handle(flags);
        ten_thousand_signals_a_second(kind);
    }
}
