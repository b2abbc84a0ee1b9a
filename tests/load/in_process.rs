//! Registrations come and go in every way, in this process. No memory is held afterwards.

use crate::program::DEADLINE;
use crate::{Random, alone, amount, report};
use allocation_counter::measure;
use iomux::Slots;
use iomux_backend::{
    ALL_NAMES as NAMES, Any, Events, Handle, Interest, Key, Mode, Multiplexer, Reactor, Timeout, Token,
    by_name,
};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsFd;

/// The largest number of registrations at a time.
const MOST: usize = 200;

const INTERESTS: [Interest; 2] = [Interest::READABLE, Interest::empty()];
const MODES: [Mode; 2] = [Mode::Level, Mode::OneShot];
/// Changes that have a multiplexer make room for as many as there will ever be between two waits.
const CHANGES: [(Interest, Mode); 4] = [
    (Interest::empty(), Mode::OneShot),
    (Interest::READABLE, Mode::OneShot),
    (Interest::empty(), Mode::Level),
    (Interest::READABLE, Mode::Level),
];

/// Runs `churn`, which takes a number of steps and starts and ends without registrations.
fn holds_no_more_after(what: &str, mut churn: impl FnMut(usize)) {
    let steps = amount(20_000, 5_000_000);
    churn(MOST * 20); // allocates room for the largest number
    let used = measure(|| churn(steps));
    report(&format!(
        "in process, {what}: {steps} steps, {} allocations, {} bytes more are held",
        used.count_total, used.bytes_current
    ));
    assert!(used.bytes_current <= 0, "{what}: {} bytes are left", used.bytes_current);
}

type Pipes = Reactor<PipeReader, u64, Any<'static>>;

/// A reactor, and the writing ends of its sources.
struct Churn {
    reactor: Pipes,
    handle: Handle<PipeReader, u64, Any<'static>>,
    writers: Vec<(Key, PipeWriter)>,
    random: Random,
}

impl Churn {
    fn new(backend: &str) -> Self {
        let mut reactor = Pipes::with(by_name(backend).unwrap(), 64);
        let handle = reactor.handle().unwrap();
        Self { reactor, handle, writers: Vec::with_capacity(MOST), random: Random(2) }
    }

    fn insert(&mut self) {
        let (reader, writer) = pipe().unwrap();
        let (interest, mode) = (INTERESTS[self.random.below(2)], MODES[self.random.below(2)]);
        self.writers.push((self.reactor.insert(reader, 0, interest, mode).unwrap(), writer));
    }

    /// Makes the largest number of registrations, changes and removals between two waits.
    fn fill(&mut self) {
        for last in 0..CHANGES.len() {
            (0..MOST).for_each(|_| self.insert());
            // Over kqueue(2) a change of the interest is one of filters, and a change of the token alone is none.
            for (interest, mode) in &CHANGES[..=last] {
                for (key, _) in &self.writers {
                    self.reactor.modify(*key, *interest, *mode).unwrap();
                }
                self.turn(Timeout::Nowait);
            }
            // How many filters are deleted depends on the last interest.
            self.empty();
        }
        (0..MOST).for_each(|_| self.insert());
    }

    fn step(&mut self) {
        let lot = self.random.below(8);
        if self.writers.is_empty() || lot < 2 && self.writers.len() < MOST {
            return self.insert();
        }
        let index = self.random.below(self.writers.len());
        let (key, writer) = &mut self.writers[index];
        match lot {
            0 | 1 => {
                assert!(self.reactor.remove(*key).is_some());
                self.writers.swap_remove(index);
            }
            2 => self.hang_up(index),
            3 => {
                let (interest, mode) = (INTERESTS[self.random.below(2)], MODES[self.random.below(2)]);
                self.reactor.modify(*key, interest, mode).unwrap();
            }
            4 => self.reactor.pause(*key).unwrap(),
            5 => self.reactor.resume(*key).unwrap(),
            6 => writer.write_all(b"!").unwrap(),
            _ => {
                let key = *key;
                let look = move |reactor: &mut Pipes| assert!(reactor.contains(key));
                self.handle.submit(look).unwrap();
                self.turn(Timeout::Nowait);
            }
        }
    }

    /// Closes the peer. The source is removed when its hangup comes.
    fn hang_up(&mut self, index: usize) {
        let (key, _) = self.writers.swap_remove(index);
        self.reactor.modify(key, Interest::READABLE, Mode::Level).unwrap();
        while self.reactor.contains(key) {
            self.turn(Timeout::After(DEADLINE));
        }
    }

    fn turn(&mut self, timeout: Timeout) {
        let is_patient = timeout != Timeout::Nowait;
        let count = self.reactor.wait(timeout).unwrap();
        assert!(count > 0 || !is_patient, "a hang-up is not reported");
        while let Some(ready) = self.reactor.next_ready() {
            let Some((mut reader, read)) = self.reactor.get(ready.key()) else { continue };
            if reader.read(&mut [0; 16]).unwrap() > 0 {
                *read += 1;
                continue;
            }
            self.reactor.remove(ready.key());
        }
    }

    fn empty(&mut self) {
        self.writers.drain(..).for_each(|(key, _)| drop(self.reactor.remove(key)));
        self.turn(Timeout::Nowait);
        assert!(self.reactor.is_empty());
    }
}

#[test]
fn reactor_memory_stays_constant() {
    let _alone = alone();
    for backend in NAMES {
        let mut churn = Churn::new(backend);
        holds_no_more_after(&format!("Reactor, {backend}"), |steps| {
            churn.fill();
            (0..steps).for_each(|_| churn.step());
            churn.empty();
        });
    }
}

/// Creates pipes with a byte in each. The first of a pair is the writing end.
fn full_pipes() -> (PipeWriter, Vec<PipeReader>) {
    let (reader, mut writer) = pipe().unwrap();
    writer.write_all(b"!").unwrap();
    let clones = (0..MOST).map(|_| reader.try_clone().unwrap()).collect();
    (writer, clones)
}

#[test]
fn multiplexer_memory_stays_constant() {
    let _alone = alone();
    let (_writer, fds) = full_pipes();
    for backend in NAMES {
        let mut mux = by_name(backend).unwrap();
        let mut events = Events::with_capacity(16);
        let mut random = Random(3);
        holds_no_more_after(&format!("Multiplexer, {backend}"), |steps| {
            let mut registered = [true; MOST];
            // The largest numbers of registrations and of changes between two waits.
            for fd in &fds {
                mux.register(fd.as_fd(), Token(0), Interest::READABLE, Mode::Level).unwrap();
            }
            for (interest, mode) in CHANGES {
                for fd in &fds {
                    mux.modify(fd.as_fd(), Token(1), interest, mode).unwrap();
                }
                assert!(mux.wait(&mut events, Timeout::Nowait).is_ok());
            }
            for step in 0..steps {
                let (index, lot) = (random.below(MOST), random.below(4));
                let (fd, interest, mode) =
                    (fds[index].as_fd(), INTERESTS[random.below(2)], MODES[random.below(2)]);
                match lot {
                    0 => assert!(mux.wait(&mut events, Timeout::Nowait).is_ok()),
                    1 if registered[index] => mux.modify(fd, Token(step), interest, mode).unwrap(),
                    _ if registered[index] => {
                        mux.deregister(fd).unwrap();
                        registered[index] = false;
                    }
                    _ => {
                        mux.register(fd, Token(step), interest, mode).unwrap();
                        registered[index] = true;
                    }
                }
            }
            let left = fds.iter().zip(registered).filter(|(_, is_registered)| *is_registered);
            left.for_each(|(fd, _)| mux.deregister(fd.as_fd()).unwrap());
        });
    }
}

#[test]
fn table_never_allocates() {
    let _alone = alone();
    let (_writer, fds) = full_pipes();
    let mut slots = Slots::with_capacity(MOST);
    let mut random = Random(4);
    holds_no_more_after("Slots", |steps| {
        let used = measure(|| {
            for _ in 0..steps {
                let index = random.below(MOST);
                match random.below(4) {
                    0 => assert!(slots.poll(Timeout::Nowait).is_ok()),
                    1 => slots.clear(index).unwrap(),
                    _ => slots.set(index, fds[index].as_fd(), INTERESTS[random.below(2)]).unwrap(),
                }
            }
        });
        assert_eq!(used.count_total, 0);
    });
}
