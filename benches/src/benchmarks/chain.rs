//! The classic benchmark of libevent: bytes pass along a chain of socket pairs.

use crate::fds;
use crate::peers::{Ask, Benchmark, Mechanism, Peer, competitors};
use crate::runner::{Case, Runner, Sample, nanos};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Instant;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Numbers of socket pairs
    #[arg(long, value_delimiter = ',', default_value = "100,1000,10000,100000")]
    pairs: Vec<usize>,
    /// Number of bytes in flight; at most every fourth pair has one
    #[arg(long, default_value_t = 100)]
    active: usize,
    /// Number of bytes passed on over epoll; over poll, as many as check at most 20,000,000 fds
    #[arg(long, default_value_t = 20_000)]
    writes: usize,
}

pub(crate) fn run(runner: &mut Runner, options: &Options) -> io::Result<()> {
    let counts = options.pairs.iter().map(|&pairs| fds::as_many(runner, "chain, pairs", pairs, 2));
    let mut counts: Vec<_> = counts.collect();
    counts.dedup();
    for count in counts {
        let active = options.active.min(count / 4).max(1);
        if active < options.active {
            runner.note(format!("chain, {count} pairs: {active} active, every fourth pair"));
        }
        let (readers, writers) = fds::pairs(count)?;
        let mut chain =
            Chain { readers, writers, active, writes: options.writes, mechanism: Mechanism::Epoll };
        runner.run(chain.case("raw epoll"))?;
        // Each wait checks all fds, and passes on `active` bytes.
        chain.writes = options.writes.min(20_000_000 / count * active).max(active);
        chain.mechanism = Mechanism::Poll;
        runner.run(chain.case("raw poll"))?;
    }
    Ok(())
}

struct Chain {
    readers: Vec<UnixStream>,
    writers: Vec<UnixStream>,
    active: usize,
    writes: usize,
    mechanism: Mechanism,
}

impl Chain {
    fn case(&self, baseline: &'static str) -> Case<'_> {
        let (count, over) = (self.readers.len(), &baseline["raw ".len()..]);
        Case {
            benchmark: "chain",
            name: format!("over {over}, {count} pairs"),
            at: Some(count),
            measures: &[("", "ns per byte")],
            baseline,
            competitors: competitors(self),
        }
    }

    /// Starts the chains, and runs them until every byte was written and read.
    fn chase<'fd, P: Peer<'fd>>(&'fd self, peer: &mut P) -> io::Result<()> {
        let count = self.readers.len();
        for chain in 0..self.active {
            (&self.writers[chain * (count / self.active)]).write_all(b"e")?;
        }
        let (mut to_write, mut to_come) = (self.writes, self.active);
        let mut served = Vec::with_capacity(self.active);
        while to_come > 0 {
            let mut failed = None;
            peer.wait(None, |token| {
                served.push(token);
                match self.pass_on(token, &mut to_write) {
                    Ok((read, written)) => to_come = to_come + written - read,
                    Err(error) => failed = Some(error),
                }
            })?;
            failed.map_or(Ok(()), Err)?;
            for token in served.drain(..) {
                peer.rearm(self.readers[token].as_fd(), token)?;
            }
        }
        assert_eq!(to_write, 0, "{}: every byte was passed on", P::NAME);
        Ok(())
    }

    /// Reads until a read is short, and writes as many bytes to the next pair.
    #[inline(always)]
    fn pass_on(&self, token: usize, to_write: &mut usize) -> io::Result<(usize, usize)> {
        let mut buffer = [0; 64];
        let read = (&self.readers[token]).read(&mut buffer)?;
        let written = read.min(*to_write);
        if written > 0 {
            let next = if token + 1 == self.writers.len() { 0 } else { token + 1 };
            (&self.writers[next]).write_all(&buffer[..written])?;
            *to_write -= written;
        }
        Ok((read, written))
    }
}

impl<'fd> Benchmark<'fd> for Chain {
    fn admits(&self, mechanism: Mechanism) -> bool {
        mechanism == self.mechanism
    }

    fn once<P: Peer<'fd>>(&'fd self) -> io::Result<Sample> {
        let mut peer = P::new()?;
        for (token, reader) in self.readers.iter().enumerate() {
            peer.add(reader.as_fd(), token, Ask::Read)?;
        }
        let begin = Instant::now();
        self.chase(&mut peer)?;
        Ok(vec![nanos(begin.elapsed()) / (self.active + self.writes) as f64])
    }
}
