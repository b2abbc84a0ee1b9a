//! Any program of sources and deadlines, against a list: what is handed out is what has arrived, and what has passed.
//!
//! `IOMUX_STEPS=1000000` takes so many steps with each backend, `IOMUX_SEED` other ones.

use super::{HOUR, READABLE, Rig};
use crate::support::is_emulated;
use iomux_backend::{ALL_NAMES as NAMES, Cause, Key, Mode, Timeout};
use std::io::Read;
use std::time::{Duration, Instant};

const STEPS: usize = 5_000;

/// More than fit the small buffers, and few enough that the same ones meet again.
const SOURCES: usize = 12;

/// A full buffer may hide a source for no more waits than this, whatever its room.
const PATIENCE: usize = SOURCES + 3;

struct Modelled {
    key: Key,
    bytes: usize,
    is_one_shot: bool,
    is_armed: bool,
    is_paused: bool,
    /// Since when it has been ready, or would be if it had a byte.
    since: Instant,
    deadline: Option<Instant>,
    /// The full waits since the deadline passed in which it was not handed out.
    hidden: usize,
}

impl Modelled {
    fn is_ready(&self) -> bool {
        self.bytes > 0 && self.is_armed && !self.is_paused
    }

    /// Its deadline had passed before a wait that did not hand it out.
    fn is_hidden(&mut self, most: usize) {
        self.hidden += 1;
        assert!(self.hidden <= most, "{:?} was hidden by {} waits", self.key, self.hidden);
    }
}

struct World {
    rig: Rig,
    sources: Vec<Modelled>,
    random: u64,
    /// How many were handed out as expired, how many of these after they were ready.
    expired: (usize, usize),
}

fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

impl World {
    /// A number below `below`, the same in every run with the same seed.
    fn number(&mut self, below: usize) -> usize {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.random >> 33).unwrap() % below
    }

    fn some(&mut self) -> Option<usize> {
        if self.sources.is_empty() { None } else { Some(self.number(self.sources.len())) }
    }

    fn insert(&mut self) {
        let is_one_shot = self.number(4) == 0;
        let mode = if is_one_shot { Mode::OneShot } else { Mode::Level };
        let key = self.rig.asked(READABLE, mode);
        let (is_armed, is_paused, since, deadline) = (true, false, Instant::now(), None);
        self.sources.push(Modelled {
            key,
            bytes: 0,
            is_one_shot,
            is_armed,
            is_paused,
            since,
            deadline,
            hidden: 0,
        });
    }

    fn remove(&mut self, index: usize) {
        let Modelled { key, .. } = self.sources.swap_remove(index);
        assert!(self.rig.reactor.remove(key).is_some() && self.rig.reactor.set_deadline(key, None).is_err());
    }

    fn set_deadline(&mut self, index: usize) {
        let now = Instant::now();
        let micros = Duration::from_micros(u64::try_from(self.number(300)).unwrap());
        let deadline = match self.number(6) {
            0 => None,
            1 => Some(now),
            2 => Some(now.checked_sub(micros).unwrap_or(now)),
            3 => Some(now + HOUR + micros),
            _ => Some(now + micros),
        };
        let source = &mut self.sources[index];
        (source.deadline, source.hidden) = (deadline, 0);
        self.rig
            .reactor
            .set_deadline(source.key, deadline.map_or(Timeout::Infinite, Timeout::Until))
            .unwrap();
    }

    fn write(&mut self, index: usize) {
        self.rig.write(self.sources[index].key);
        let source = &mut self.sources[index];
        if !source.is_ready() {
            source.since = Instant::now();
        }
        source.bytes += 1;
    }

    fn read(&mut self, index: usize) {
        let source = &mut self.sources[index];
        let (mut ours, _) = self.rig.reactor.get(source.key).unwrap();
        if source.bytes > 0 {
            assert_eq!(ours.read(&mut [0; 4096]).unwrap(), source.bytes.min(4096));
            source.bytes = source.bytes.saturating_sub(4096);
        }
    }

    fn step(&mut self) {
        match (self.number(16), self.some()) {
            (0..=1, _) | (_, None) if self.sources.len() < SOURCES => self.insert(),
            (2, Some(index)) => self.remove(index),
            (3..=5, Some(index)) => self.set_deadline(index),
            (6..=7, Some(index)) => self.write(index),
            (8..=9, Some(index)) => self.read(index),
            (10, Some(index)) => {
                let source = &mut self.sources[index];
                source.is_paused = true;
                self.rig.reactor.pause(source.key).unwrap();
            }
            (11..=12, Some(index)) => {
                let source = &mut self.sources[index];
                self.rig.reactor.resume(source.key).unwrap();
                if !source.is_ready() {
                    source.since = Instant::now();
                }
                (source.is_paused, source.is_armed) = (false, true);
            }
            _ => self.wait(),
        }
    }

    fn wait(&mut self) {
        let time = Duration::from_micros([0, 0, 50, 400][self.number(4)]);
        let before = Instant::now();
        let ready: Vec<_> = self.sources.iter().filter(|it| it.is_ready()).map(|it| it.key).collect();
        let count = self.rig.reactor.wait(time).unwrap();
        let after = Instant::now();
        let passed =
            |time: Instant| move |it: &Modelled| it.deadline.is_some_and(|deadline| deadline <= time);
        let has_passed = passed(before);
        if count == 0 {
            assert!(ready.is_empty() && after >= before + time, "{}: {ready:?}", self.rig.name);
            assert!(!self.sources.iter().any(passed(before + time)), "{}: none has passed", self.rig.name);
            return;
        }
        let in_time: Vec<_> = self.sources.iter().filter(|it| has_passed(it)).map(|it| it.key).collect();
        let room = self.rig.room;
        let (mut found, mut moved, mut late) = (Vec::new(), Vec::new(), Vec::new());
        let leaves_some = self.number(8) == 0;
        while let Some(next) = self.rig.reactor.next_ready() {
            let index =
                self.sources.iter().position(|it| it.key == next.key()).expect("a source that is there");
            if next.cause() == Cause::Expired {
                assert!(!moved.contains(&next.key()), "{}: its deadline was moved", self.rig.name);
                assert!(passed(after)(&self.sources[index]), "{}: it has passed", self.rig.name);
                let it = &self.sources[index];
                let is_in_time = ready.contains(&it.key) && it.deadline.is_some_and(|end| it.since <= end);
                assert!(found.contains(&it.key) || !is_in_time, "{}: it is ready", self.rig.name);
                self.expired.0 += 1;
                self.expired.1 += usize::from(found.contains(&next.key()));
                self.sources[index].deadline = None;
                late.push(next.key());
            } else {
                assert!(late.is_empty() && ready.contains(&next.key()), "{}: it is not ready", self.rig.name);
                self.sources[index].is_armed &= !self.sources[index].is_one_shot;
                found.push(next.key());
            }
            self.meddle(next.key(), &mut moved);
            if leaves_some && !late.is_empty() {
                break;
            }
        }
        let all = ready.len().min(room);
        assert!(found.len() == all, "{}: {found:?} of {ready:?}, room for {room}", self.rig.name);
        if !leaves_some {
            self.sources
                .iter_mut()
                .filter(|it| has_passed(it) && in_time.contains(&it.key) && !moved.contains(&it.key))
                .for_each(|it| it.is_hidden(if all == room { PATIENCE } else { 0 }));
        }
    }

    /// Does something while what was found is being handed out: to the source itself, as a server does.
    fn meddle(&mut self, key: Key, moved: &mut Vec<Key>) {
        let Some(index) = self.sources.iter().position(|it| it.key == key) else { return };
        match self.number(6) {
            0 => {
                self.set_deadline(index);
                moved.push(key);
            }
            1 => self.read(index),
            2 => self.remove(index),
            3 if self.sources.len() < SOURCES => self.insert(),
            _ => {}
        }
    }
}

#[test]
fn deadlines_agree_with_a_list() {
    let steps = given("IOMUX_STEPS").map_or(STEPS, |steps| usize::try_from(steps).unwrap());
    let steps = if is_emulated() { steps / 20 } else { steps };
    let mut all = (0, 0);
    for (name, room) in NAMES.iter().flat_map(|name| [1, 2, 5, 64].map(|room| (name, room))) {
        let seed = given("IOMUX_SEED").unwrap_or(17) + u64::try_from(room).unwrap();
        let mut world =
            World { rig: Rig::new(name, room), sources: Vec::new(), random: seed, expired: (0, 0) };
        (0..steps / 4).for_each(|_| world.step());
        all = (all.0 + world.expired.0, all.1 + world.expired.1);
    }
    // Over all of them, since what one meets depends on the clock. An emulator takes too few steps to meet everything.
    assert!(is_emulated() || all.0 > steps / 50 && all.1 > 0, "{all:?}");
}
