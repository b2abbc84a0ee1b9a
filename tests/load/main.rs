//! What it bears: threads, signals, connections, and time. Each run of the tests does a little of it; the whole is
//!
//! `cargo build --release --examples && IOMUX_LOAD=long cargo test --release --test load -- --nocapture --test-threads 1`
//!
//! which takes three quarters of an hour, and says what it has reached: `docs/reliability/load.txt`.
//! A million registered fds are a benchmark, `iomux-bench scale`.

mod churn;
mod connections;
mod descriptors;
#[path = "../programs/example.rs"]
mod example;
mod in_process;
mod process;
#[path = "../programs/server.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod server;
#[cfg(target_os = "linux")]
mod shared_epoll;
mod signals;
mod slow_reader;
#[path = "../it/support.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod support;
mod wakers;

pub(crate) use example::example;
use iomux_backend::NAMES;
use process::Process;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// To be held by each test, since the fds and the processor time of one would be in the figures of another.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How much is done: `short` in every run of the tests, `long` when it is asked for.
pub(crate) fn amount<T>(short: T, long: T) -> T {
    if std::env::var_os("IOMUX_LOAD").is_some_and(|load| load == "long") { long } else { short }
}

/// Says what was reached, for `--nocapture`.
pub(crate) fn report(line: &str) {
    println!("{line}");
}

/// Whether servers can be started, and looked at in /proc; says so if not.
pub(crate) fn can_watch_servers(test: &str) -> bool {
    let reason = if support::is_emulated() {
        "the emulator starts no other program"
    } else if Process(std::process::id()).kib("VmRSS").is_none() {
        "no /proc to see it in"
    } else {
        return true;
    };
    support::skip(test, reason);
    false
}

/// Whether the memory of servers is their own; says so if not.
pub(crate) fn can_watch_memory(test: &str) -> bool {
    let is_sanitized = support::is_sanitized();
    if is_sanitized {
        support::skip(test, "a sanitizer takes memory of its own");
    }
    !is_sanitized && can_watch_servers(test)
}

/// The backends that a program would choose from, without those that do without a part of the system.
pub(crate) fn whole_backends() -> impl Iterator<Item = &'static str> {
    NAMES.iter().copied().filter(|name| !name.contains("-without-"))
}

/// Numbers that look random, and are the same each time (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// One of `0..end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from(mixed >> 33).expect("31 bits") % end
    }
}
