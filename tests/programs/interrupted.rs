//! Waits that are interrupted by what is no handler of the program: a stop (SIGSTOP, SIGCONT), the C library's signals.

use crate::program::{DEADLINE, Lines, Program};
use crate::support::{is_foreign, own_folder, skip, sleeps_in};
use iomux::{SigSet, Slots, Timeout};
use iomux_backend::{Epoll, Events, Multiplexer, Poll};
use nix::sys::signal::Signal;
use std::fmt::Debug;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

/// Set in the process that a test starts to run it once more.
const CHILD: &str = "IOMUX_INTERRUPTED";

/// The time of each wait, and of the stop: one that is resumed with the time that was left takes twice as long.
const TIME: Duration = Duration::from_micros(1_000_300);

/// A wait with nothing to wait for but its time, and its result as text.
type Wait = fn() -> String;

const WAITS: [(&str, Wait); 6] = [
    ("iomux::wait", || text(iomux::wait(&mut [], TIME))),
    ("iomux::wait until", || text(iomux::wait(&mut [], Instant::now() + TIME))),
    ("Slots::poll", || text(Slots::with_capacity(1).poll(TIME))),
    ("Poll::wait", || text(Poll::new().wait(&mut Events::with_capacity(1), TIME.into()))),
    ("Epoll::wait", || text(Epoll::new().unwrap().wait(&mut Events::with_capacity(1), TIME.into()))),
    ("Epoll::wait_masked", || {
        let (mut epoll, mut events) = (Epoll::new().unwrap(), Events::with_capacity(1));
        text(epoll.wait_masked(&mut events, Timeout::Infinite, &SigSet::full()))
    }),
];

fn text(result: impl Debug) -> String {
    format!("{result:?}")
}

/// Runs the wait that the parent has named, and tells it when it begins, and what it took.
fn the_process(name: &str) {
    let (_, wait) = WAITS.iter().find(|(other, _)| *other == name).unwrap();
    let mut stdout = std::io::stdout();
    writeln!(stdout, "\nwaits").unwrap();
    let begin = Instant::now();
    let result = wait();
    writeln!(stdout, "{} {result}", begin.elapsed().as_nanos()).unwrap();
}

/// A process that waits, what it writes, and since when it is stopped.
struct Waiter(Program, Lines, Instant);

impl Waiter {
    fn stopped(test: &str, wait: &str) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", test, "--test-threads=1", "--nocapture"]);
        let mut program = Program::start(command.env(CHILD, wait).stdout(Stdio::piped()));
        let lines = Lines::of(program.child().stdout.take().unwrap());
        while lines.next() != "waits" {}
        program.falls_asleep(wait);
        program.stop();
        Self(program, lines, Instant::now())
    }
}

#[test]
fn stopped_process_ends_its_waits_in_time() {
    const NAME: &str = "interrupted::stopped_process_ends_its_waits_in_time";
    if let Ok(wait) = std::env::var(CHILD) {
        return the_process(&wait);
    }
    if is_foreign() || cfg!(not(any(target_arch = "x86_64", target_arch = "x86"))) {
        return skip("waits of a stopped process", "poll(3) may be the system call ppoll on this processor");
    }
    let waiters = WAITS.map(|(wait, _)| (wait, Waiter::stopped(NAME, wait)));
    iomux::wait(&mut [], TIME).unwrap();
    for (wait, Waiter(program, lines, since)) in waiters {
        let stop = since.elapsed();
        program.signal(Signal::SIGCONT);
        let line = lines.next();
        let (took, result) = line.split_once(' ').unwrap();
        if wait == "Epoll::wait_masked" {
            assert_eq!(result, "Err(Interrupted)");
            continue;
        }
        assert_eq!(result, "Ok(0)", "{wait}");
        let took = Duration::from_nanos(took.parse().unwrap());
        assert!(
            took >= TIME && took < TIME + stop,
            "{wait} of {TIME:?}, stopped for {stop:?}, took {took:?}"
        );
    }
}

#[test]
fn full_mask_lets_glibc_signals_through() {
    const NAME: &str = "interrupted::full_mask_lets_glibc_signals_through";
    if cfg!(not(target_env = "gnu")) || is_foreign() {
        return skip("the signals of glibc", "another C library, or an emulator");
    }
    if std::env::var(CHILD).is_err() {
        // In a process of its own: each of its threads is interrupted.
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", NAME, "--test-threads=1"]).env(CHILD, "");
        let output = command.output().unwrap();
        return assert!(output.status.success(), "{output:?}");
    }
    let (says, folder) = channel();
    let waiter = thread::spawn(move || {
        says.send(own_folder()).unwrap();
        iomux::ppoll(&mut [], DEADLINE, Some(&SigSet::full()))
    });
    let thread = folder.recv().unwrap();
    while sleeps_in(&thread).unwrap() != Some(libc::SYS_ppoll) {
        assert!(!waiter.is_finished(), "it waits");
        thread::yield_now();
    }
    // SAFETY: it takes nothing.
    let user = unsafe { libc::getuid() };
    // SAFETY: it takes a number.
    assert_eq!(unsafe { libc::setuid(user) }, 0);
    assert_eq!(waiter.join().unwrap(), Err(iomux::Error::Interrupted));
}
