//! Attempts to misuse an fd, to hang, to spin, to panic inside or to lose an event, with safe code alone.
#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod nesting;
mod sources;
mod storages;
mod tasks;
mod threads;

use iomux_backend::{Interest, Key, Mode, Reactor, Timeout, TrustedMultiplexer};
use std::os::fd::AsFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

/// By when what must happen has happened.
const LONG: Timeout = Timeout::After(Duration::from_secs(60));

const READABLE: Interest = Interest::READABLE;

fn insert<S: AsFd, T, M: TrustedMultiplexer<'static>>(
    reactor: &mut Reactor<S, T, M>,
    source: S,
    state: T,
) -> Key {
    reactor.insert(source, state, READABLE, Mode::Level).unwrap()
}

fn ready_keys<S: AsFd, T, M: TrustedMultiplexer<'static>>(reactor: &mut Reactor<S, T, M>) -> Vec<Key> {
    let mut keys: Vec<Key> = std::iter::from_fn(|| reactor.next_ready().map(|ready| ready.key())).collect();
    keys.sort();
    keys
}

/// Whether it panics, as it is meant to.
fn panics<R>(work: impl FnOnce() -> R) -> bool {
    catch_unwind(AssertUnwindSafe(work)).is_err()
}
