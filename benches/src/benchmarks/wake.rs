//! Wakers: one wake and one wait, a burst of wakes before a wait, two threads that wake each other in turns.

use crate::peers::{WakeBenchmark, Waking, wakers};
use crate::runner::{Case, Runner, Sample, nanos, ns_a_round};
use std::io;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Number of wakes in a burst
    #[arg(long, default_value_t = 1000)]
    burst: usize,
    /// Number of round trips between the threads
    #[arg(long, default_value_t = 2000)]
    rallies: usize,
}

pub(crate) fn run(runner: &mut Runner, options: &Options) -> io::Result<()> {
    let one = Burst { wakes: 1, time: runner.time };
    let burst = Burst { wakes: options.burst.max(1), time: runner.time };
    let case = |name, measures, competitors| Case {
        benchmark: "wake",
        name,
        at: None,
        measures,
        baseline: "raw epoll",
        competitors,
    };
    runner.run(case("one wake, one wait".into(), &[("", "ns per pair")], wakers(&one)))?;
    let name = format!("{} wakes, one wait", burst.wakes);
    runner.run(case(name, &[("", "ns per wake")], wakers(&burst)))?;
    let rally = Rally { rallies: options.rallies.max(1) };
    runner.run(case("to another thread and back".into(), &[("", "ns per round trip")], wakers(&rally)))
}

struct Burst {
    wakes: usize,
    time: Duration,
}

impl<'fd> WakeBenchmark<'fd> for Burst {
    fn once<P: Waking<'fd>>(&'fd self) -> io::Result<Sample> {
        let mut peer = P::new()?;
        let waker = peer.waker()?;
        let ns = ns_a_round(self.time, || {
            for _ in 0..self.wakes {
                P::wake(&waker)?;
            }
            assert_eq!(peer.wait_for_wake()?, 1, "{}: reported once", P::NAME);
            Ok(())
        })?;
        Ok(vec![ns / self.wakes as f64])
    }
}

struct Rally {
    rallies: usize,
}

impl<'fd> WakeBenchmark<'fd> for Rally {
    fn once<P: Waking<'fd>>(&'fd self) -> io::Result<Sample> {
        thread::scope(|scope| {
            let (give, take) = mpsc::channel();
            let mut here = P::new()?;
            let answer = here.waker()?;
            let other = scope.spawn(move || {
                let mut there = P::new()?;
                // The receiver lives as long as this thread runs.
                let _ = give.send(there.waker()?);
                for _ in 0..self.rallies {
                    assert_eq!(there.wait_for_wake()?, 1, "{}: a wake", P::NAME);
                    P::wake(&answer)?;
                }
                // Handed back, since dropping a waker may close its fd and lose a pending wake.
                io::Result::Ok(answer)
            });
            let there = take.recv().map_err(io::Error::other)?;
            let begin = Instant::now();
            for _ in 0..self.rallies {
                P::wake(&there)?;
                assert_eq!(here.wait_for_wake()?, 1, "{}: an answer", P::NAME);
            }
            let taken = begin.elapsed();
            let _answer = other.join().map_err(|_| io::Error::other("the other thread has panicked"))??;
            Ok(vec![nanos(taken) / self.rallies as f64])
        })
    }
}
