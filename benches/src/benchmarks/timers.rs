//! The cost of a deadline: to move it among many, and in a wait.

use crate::fds;
use crate::runner::{Case, Competitor, Runner, Sample, ns_a_round};
use hierarchical_hash_wheel_timer::IdOnlyTimerEntry;
use hierarchical_hash_wheel_timer::wheels::cancellable::QuadWheelWithOverflow;
use iomux_backend::{Interest, Key, Mode, Reactor, Timeout, TimerKey, Timers};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::io;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Numbers of deadlines
    #[arg(long, default_value_t = 100_000)]
    timers: usize,
}

/// The idle timeout. With 100,000 timers, each is moved ten times before it would expire.
const IDLE: Duration = Duration::from_secs(10);
const MOVES_PER_MS: usize = 100;

pub(crate) fn run(runner: &mut Runner, options: &Options) -> io::Result<()> {
    let (timers, time) = (options.timers.max(1), runner.time);
    runner.run(Case {
        benchmark: "timers",
        name: format!("{timers} timers of {IDLE:?}, moved one by one, {MOVES_PER_MS} per ms"),
        at: None,
        measures: &[("as time passes", "ns per move"), ("at one time", "ns per move")],
        baseline: "BTreeMap",
        competitors: vec![
            Competitor::new("BTreeMap", || moves(Tree::default(), timers, time)),
            Competitor::new("hierarchical_hash_wheel_timer", || moves(Wheel::new(), timers, time)),
            Competitor::new("iomux Timers", || moves(Heap::default(), timers, time)),
        ],
    })?;
    let sources = fds::as_many(runner, "timers, sources", timers, 1);
    let wait = |deadlines, moved| move || wait(sources, deadlines, moved, time);
    runner.run(Case {
        benchmark: "timers",
        name: format!("a wait of a reactor with {sources} sources, one of them ready"),
        at: None,
        measures: &[("", "ns per wait")],
        baseline: "no deadline",
        competitors: vec![
            Competitor::new("no deadline", wait(0, false)),
            Competitor::new("one deadline", wait(1, false)),
            Competitor::new("one deadline, moved", wait(1, true)),
            Competitor::new("a deadline each", wait(sources, false)),
            Competitor::new("a deadline each, one moved", wait(sources, true)),
        ],
    })
}

/// Timers by number.
trait Queue {
    fn insert(&mut self, number: usize, deadline: Instant);
    fn reset(&mut self, number: usize, deadline: Instant);
    /// Takes all timers that have expired by `now`, one ms later, and returns their number.
    fn expire(&mut self, now: Instant) -> usize;
}

fn moves(mut queue: impl Queue, timers: usize, time: Duration) -> io::Result<Sample> {
    let mut now = Instant::now();
    (0..timers).for_each(|number| queue.insert(number, now + IDLE));
    let mut number = 0;
    let mut round = |ms| {
        for _ in 0..MOVES_PER_MS {
            number = if number + 1 < timers { number + 1 } else { 0 };
            queue.reset(black_box(number), now + IDLE);
        }
        if ms > 0 {
            now += Duration::from_millis(ms);
            assert_eq!(queue.expire(now), 0, "each is moved in time");
        }
        Ok(())
    };
    // A timer that moved is corrected only when it comes up, so the benchmark runs until all have.
    (0..IDLE.as_millis()).try_for_each(|_| round(1))?;
    let passing = ns_a_round(time, || round(1))?;
    let standing = ns_a_round(time, || round(0))?;
    Ok(vec![passing / MOVES_PER_MS as f64, standing / MOVES_PER_MS as f64])
}

/// The sorted map of the standard library.
#[derive(Default)]
struct Tree {
    deadlines: Vec<Instant>,
    tree: BTreeMap<(Instant, usize), ()>,
}

impl Queue for Tree {
    fn insert(&mut self, number: usize, deadline: Instant) {
        self.deadlines.push(deadline);
        self.tree.insert((deadline, number), ());
    }

    fn reset(&mut self, number: usize, deadline: Instant) {
        self.tree.remove(&(self.deadlines[number], number));
        self.deadlines[number] = deadline;
        self.tree.insert((deadline, number), ());
    }

    fn expire(&mut self, now: Instant) -> usize {
        let mut expired = 0;
        while self.tree.first_key_value().is_some_and(|(&(deadline, _), ())| deadline <= now) {
            self.tree.pop_first();
            expired += 1;
        }
        expired
    }
}

/// A hierarchical wheel, which counts milliseconds and has no next deadline.
struct Wheel(QuadWheelWithOverflow<IdOnlyTimerEntry<usize>>);

impl Wheel {
    fn new() -> Self {
        Self(QuadWheelWithOverflow::new())
    }
}

impl Queue for Wheel {
    fn insert(&mut self, id: usize, _deadline: Instant) {
        self.0.insert(IdOnlyTimerEntry::new(id, IDLE)).expect("a time that is to come");
    }

    fn reset(&mut self, id: usize, deadline: Instant) {
        self.0.cancel(&id).expect("a timer that is there");
        self.insert(id, deadline);
    }

    fn expire(&mut self, _now: Instant) -> usize {
        self.0.tick().len()
    }
}

#[derive(Default)]
struct Heap {
    keys: Vec<TimerKey>,
    timers: Timers<usize>,
}

impl Queue for Heap {
    fn insert(&mut self, number: usize, deadline: Instant) {
        self.keys.push(self.timers.insert(deadline, number));
    }

    fn reset(&mut self, number: usize, deadline: Instant) {
        assert!(self.timers.reset(self.keys[number], deadline));
    }

    fn expire(&mut self, now: Instant) -> usize {
        std::iter::from_fn(|| self.timers.pop_expired(now)).count()
    }
}

/// Waits of a reactor whose first `deadlines` sources have a deadline. `is_moved` moves that of the ready one.
fn wait(sources: usize, deadlines: usize, is_moved: bool, time: Duration) -> io::Result<Sample> {
    let fds = fds::eventfds(sources)?;
    fds::fill(&fds[0].try_clone()?.into())?;
    let mut reactor: Reactor<OwnedFd> = Reactor::new()?;
    let mut insert = |fd| Ok(reactor.insert(fd, (), Interest::READABLE, Mode::Level)?);
    let keys = fds.into_iter().map(&mut insert).collect::<io::Result<Vec<Key>>>()?;
    for key in &keys[..deadlines] {
        reactor.set_deadline(*key, IDLE * 1000)?;
    }
    let ns = ns_a_round(time, || {
        assert_eq!(reactor.wait(Timeout::Nowait)?, 1);
        while let Some(ready) = reactor.next_ready() {
            assert_eq!(ready.key(), keys[0]);
            if is_moved {
                reactor.set_deadline(ready.key(), IDLE * 1000)?;
            }
        }
        Ok(())
    })?;
    Ok(vec![ns])
}
