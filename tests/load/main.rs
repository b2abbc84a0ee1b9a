//! Load tests: threads, signals, connections and time. A run of the tests does a part. The whole is
//!
//! `cargo build --release --examples && IOMUX_LOAD=long cargo test --release --test load -- --nocapture --test-threads 1`
//!
//! which takes three quarters of an hour and prints its figures, as in `docs/reliability/load.txt`.
//! The benchmark `iomux-bench scale` registers a million fds.

mod churn;
mod connections;
mod descriptors;
#[path = "../programs/example.rs"]
mod example;
mod in_process;
mod process;
#[path = "../programs/program.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod program;
#[path = "../programs/server.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod server;
#[cfg(target_os = "linux")]
mod shared_epoll;
#[cfg(target_has_atomic = "64")]
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

/// Held by each test, since its fds and CPU time would falsify the figures of others.
pub(crate) fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns `long` with `IOMUX_LOAD=long`, otherwise `short`.
pub(crate) fn amount<T>(short: T, long: T) -> T {
    if std::env::var_os("IOMUX_LOAD").is_some_and(|load| load == "long") { long } else { short }
}

/// Prints figures, for `--nocapture`.
pub(crate) fn report(line: &str) {
    println!("{line}");
}

/// Returns `true` if servers can be started and inspected in /proc. Otherwise prints a skip.
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

/// Returns `true` if no sanitizer adds to the servers' memory. Otherwise prints a skip.
pub(crate) fn can_watch_memory(test: &str) -> bool {
    let is_sanitized = support::is_sanitized();
    if is_sanitized {
        support::skip(test, "a sanitizer takes memory of its own");
    }
    !is_sanitized && can_watch_servers(test)
}

/// The backends that programs choose from, without the hidden ones.
pub(crate) fn whole_backends() -> impl Iterator<Item = &'static str> {
    NAMES.iter().copied().filter(|name| !name.contains("-without-"))
}

/// Reproducible pseudo-random numbers (splitmix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// Returns a number in `0..end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from(mixed >> 33).expect("31 bits") % end
    }
}

/// The handler of that test shares times in µs, which need 64 bits.
#[cfg(not(target_has_atomic = "64"))]
#[test]
fn signals_keep_timeouts_exact() {
    support::skip("10,000 signals a second", "this architecture has no 64-bit atomics");
}
