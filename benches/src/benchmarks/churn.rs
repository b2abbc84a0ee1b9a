//! Changes the interest in 64 fds between two waits: once, or there and back.

use crate::fds;
use crate::peers::{Ask, Benchmark, Mechanism, Peer, competitors};
use crate::runner::{Case, Runner, Sample, nanos, ns_a_round};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Number of fds whose interest changes
    #[arg(long, default_value_t = 64)]
    fds: usize,
}

pub(crate) fn run(runner: &mut Runner, options: &Options) -> io::Result<()> {
    let count = options.fds.max(1);
    let benchmarks = [("once", &[Ask::Both][..]), ("there and back", &[Ask::Both, Ask::Read][..])];
    for (mechanism, baseline, over) in
        [(Mechanism::Epoll, "raw epoll", "epoll"), (Mechanism::Poll, "raw poll", "poll")]
    {
        for (name, asks) in benchmarks {
            let (fds, writers) = fds::pipes(count)?;
            let churn = Churn { fds, writers, asks, mechanism, time: runner.time };
            runner.run(Case {
                benchmark: "churn",
                name: format!("{name}, {count} fds, over {over}"),
                at: None,
                measures: &[("with the wait's share", "ns per modify"), ("modify alone", "ns per modify")],
                baseline,
                competitors: competitors(&churn),
            })?;
        }
    }
    Ok(())
}

/// The reading ends of idle pipes. They are never writable, so no change causes an event.
struct Churn {
    fds: Vec<OwnedFd>,
    writers: Vec<io::PipeWriter>,
    asks: &'static [Ask],
    mechanism: Mechanism,
    time: Duration,
}

impl<'fd> Benchmark<'fd> for Churn {
    fn admits(&self, mechanism: Mechanism) -> bool {
        mechanism == self.mechanism
    }

    fn once<P: Peer<'fd>>(&'fd self) -> io::Result<Sample> {
        let mut peer = P::new()?;
        for (token, fd) in self.fds.iter().enumerate() {
            peer.add(fd.as_fd(), token, Ask::Read)?;
        }
        let (mut modifying, mut rounds) = (Duration::ZERO, 0_u32);
        let mut is_both = false;
        let ns = ns_a_round(self.time, || {
            let begin = Instant::now();
            for ask in self.asks {
                // With one change per round, every second round changes back.
                let ask = if is_both { Ask::Read } else { *ask };
                for (token, fd) in self.fds.iter().enumerate() {
                    peer.modify(fd.as_fd(), token, ask)?;
                }
            }
            modifying += begin.elapsed();
            rounds += 1;
            is_both = self.asks.len() == 1 && !is_both;
            let mut count = 0;
            peer.wait(Some(Duration::ZERO), |_| count += 1)?;
            assert_eq!(count, 0, "{}: nothing is ready", P::NAME);
            Ok(())
        })?;
        let modifies = (self.fds.len() * self.asks.len()) as f64;
        self.check(&mut peer)?;
        Ok(vec![ns / modifies, nanos(modifying) / f64::from(rounds) / modifies])
    }
}

impl Churn {
    /// Checks that each fd still has its own token.
    fn check<'fd, P: Peer<'fd>>(&'fd self, peer: &mut P) -> io::Result<()> {
        for token in [0, self.fds.len() / 2, self.fds.len() - 1] {
            (&self.writers[token]).write_all(b"!")?;
            let mut found = Vec::new();
            peer.wait(Some(Duration::ZERO), |token| found.push(token))?;
            assert_eq!(found, [token], "{}: the readable fd", P::NAME);
            io::Read::read_exact(&mut std::fs::File::from(self.fds[token].try_clone()?), &mut [0])?;
            peer.rearm(self.fds[token].as_fd(), token)?;
        }
        Ok(())
    }
}
