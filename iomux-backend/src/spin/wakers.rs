//! Wakers of a multiplexer that spins: a wake during a spin raises a flag that the spin sees, and makes no system call.

use crate::error::Error;
use crate::event::{Events, Token};
use crate::memory::check_room_for;
use crate::waker::{Filter, Waker, WakerSource};
#[cfg(loom)]
use ::loom::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8},
};
use iomux::Readiness;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::atomic::Ordering;
#[cfg(not(loom))]
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU8},
};

/// No spin is running: a wake goes to the wrapped multiplexer.
const SLEEPS: u8 = 0;
/// A spin is running: it sees the flag of a wake.
const SPINS: u8 = 1;
/// A spin is running, and a wake has left its event to it.
const WOKEN: u8 = 2;

/// The wakers of a [`Spin`](super::Spin).
#[derive(Debug, Default)]
pub(super) struct Wakers {
    /// `None` until there is a waker.
    state: Option<Arc<AtomicU8>>,
    list: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    token: Token,
    /// Its flag is set while a wake is left to the spin, or is about to reach `inner`.
    source: WakerSource,
    /// The waker of the wrapped multiplexer.
    inner: Waker,
}

impl Wakers {
    /// Makes room for one more waker, and frees those whose callers have dropped them.
    pub(super) fn make_room(&mut self) -> Result<(), Error> {
        self.list.retain(|entry| !entry.source.is_orphaned());
        self.list.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        if self.state.is_none() {
            check_room_for::<AtomicU8>()?;
            self.state = Some(Arc::new(AtomicU8::new(SLEEPS)));
        }
        Ok(())
    }

    /// Returns a waker that wakes as `inner` does. There must be [room](Self::make_room) for it.
    pub(super) fn add(&mut self, token: Token, inner: Waker) -> Result<Waker, Error> {
        let state = self.state.clone().unwrap_or_default();
        let source = WakerSource::with_filter(Relay { state, inner: inner.clone() })?;
        let waker = source.waker();
        self.list.push(Entry { token, source, inner });
        Ok(waker)
    }

    /// Begins a spin, which ends when the returned value is dropped.
    pub(super) fn spin(&self) -> Spinning<'_> {
        if let Some(state) = &self.state {
            state.swap(SPINS, Ordering::AcqRel);
        }
        Spinning(self)
    }

    /// Takes the wakes that were left to the spin, and calls `report` with each.
    fn take(&self, mut report: impl FnMut(&Entry)) {
        for entry in &self.list {
            // The thread that clears the flag takes the wake: a waker may be about to send it to `inner`.
            if entry.source.is_pending() && entry.source.take_note() {
                report(entry);
            }
        }
    }
}

/// A spin, which ends when this value is dropped.
pub(super) struct Spinning<'a>(&'a Wakers);

impl Spinning<'_> {
    /// Adds an event for each wake that was left to the spin, and returns how many there are.
    #[inline]
    pub(super) fn take(&self, events: &mut Events) -> usize {
        match &self.0.state {
            Some(state) if state.load(Ordering::Acquire) == WOKEN => self.take_all(state, events),
            _ => 0,
        }
    }

    #[inline(never)]
    fn take_all(&self, state: &AtomicU8, events: &mut Events) -> usize {
        state.swap(SPINS, Ordering::AcqRel);
        events.clear();
        self.0.take(|entry| {
            if !events.push(entry.token, Readiness::READABLE) {
                // The buffer is full: the wrapped multiplexer reports the wake later.
                entry.inner.wake();
            }
        });
        events.len()
    }
}

impl Drop for Spinning<'_> {
    fn drop(&mut self) {
        if let Some(state) = &self.0.state {
            if state.swap(SLEEPS, Ordering::AcqRel) == WOKEN {
                self.0.take(|entry| entry.inner.wake());
            }
        }
    }
}

/// Forwards a wake to the spin, or to the wrapped multiplexer.
#[derive(Debug)]
struct Relay {
    state: Arc<AtomicU8>,
    inner: Waker,
}

#[cfg(loom)]
impl std::panic::RefUnwindSafe for Relay {}

impl Filter for Relay {
    fn trigger(&self, is_pending: &AtomicBool) -> bool {
        // It writes even if the state is `WOKEN` already, so that the spin that reads it sees the flag of this waker.
        let leave = |state| (state != SLEEPS).then_some(WOKEN);
        let is_left = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, leave).is_ok();
        if !is_left && is_pending.swap(false, Ordering::AcqRel) {
            self.inner.wake();
        }
        true
    }
}

impl AsFd for Relay {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.target_fd()
    }
}

#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use ::loom::sync::atomic::AtomicUsize;
    use ::loom::thread;

    /// Spins and sleeps until threads have added all of `numbers`, each followed by a wake.
    fn all_are_added(threads: &'static [&'static [usize]], wakers: usize) {
        ::loom::model(move || {
            let inner = WakerSource::new().unwrap();
            let mut all = Wakers::default();
            let mut handles = Vec::new();
            for token in 0..wakers {
                all.make_room().unwrap();
                handles.push(all.add(Token(token), inner.waker()).unwrap());
            }
            let added = Arc::new(AtomicUsize::new(0));
            for (index, numbers) in threads.iter().enumerate() {
                let (waker, added) = (handles[index % wakers].clone(), Arc::clone(&added));
                thread::spawn(move || {
                    for number in *numbers {
                        added.fetch_add(*number, Ordering::Relaxed);
                        waker.wake();
                    }
                });
            }
            let sum: usize = threads.iter().copied().flatten().sum();
            let mut events = Events::with_capacity(1);
            // After a lost wake this loop never ends, which loom reports.
            while added.load(Ordering::Relaxed) != sum {
                let spinning = all.spin();
                let found = spinning.take(&mut events);
                drop(spinning);
                if found == 0 {
                    inner.wait();
                    inner.drain();
                }
            }
        });
    }

    #[test]
    fn two_threads_with_one_waker_are_each_seen() {
        all_are_added(&[&[1], &[2]], 1);
    }

    #[test]
    fn two_threads_with_a_waker_each_are_each_seen() {
        all_are_added(&[&[1], &[2]], 2);
    }

    #[test]
    fn of_two_wakes_in_a_row_the_last_is_seen() {
        all_are_added(&[&[1, 2]], 1);
    }
}
