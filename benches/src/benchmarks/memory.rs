//! The memory per registered fd, and the allocations per wait.

use crate::fds;
use crate::peers::{Ask, Benchmark, EVENTS, Mechanism, Peer, competitors};
use crate::runner::{Case, Competitor, Runner, Sample};
use iomux_backend::{Interest, Mode, Reactor};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Number of registered fds
    #[arg(long, default_value_t = 100_000)]
    fds: usize,
}

const WAITS: usize = 100;

pub(crate) fn run(runner: &mut Runner, options: &Options) -> io::Result<()> {
    let count = fds::as_many(runner, "memory, fds", options.fds, 1);
    runner.note(
        "memory: the figures of the C libraries are bytes of malloc(3) with its overhead, and include a pointer \
         per fd that a program keeps (8 to 12 bytes)"
            .into(),
    );
    let fds = fds::eventfds(count)?;
    for (mechanism, baseline, over) in
        [(Mechanism::Epoll, "raw epoll", "epoll"), (Mechanism::Poll, "raw poll", "poll")]
    {
        let bytes = Bytes { fds: &fds, mechanism };
        let mut competitors = competitors(&bytes);
        if mechanism == Mechanism::Epoll {
            competitors.push(Competitor::new("iomux Reactor, no state", || bytes.of_reactor()));
        }
        runner.run(Case {
            benchmark: "memory",
            name: format!("{count} fds over {over}"),
            at: None,
            measures: &[("", "bytes per registered fd")],
            baseline,
            competitors,
        })?;
    }
    drop(fds);
    let allocations = Allocations { fds: fds::eventfds(100)? };
    for fd in &allocations.fds {
        fds::fill(&fd.try_clone()?.into())?;
    }
    let mut contestants_in_rust = competitors(&allocations);
    // The allocations of C libraries are not counted.
    contestants_in_rust.retain(|competitor| !competitor.name.starts_with("lib"));
    runner.run(Case {
        benchmark: "memory",
        name: format!("{WAITS} waits that find 100 fds"),
        at: None,
        measures: &[("", "allocations per wait")],
        baseline: "raw epoll",
        competitors: contestants_in_rust,
    })
}

struct Bytes<'a> {
    fds: &'a [OwnedFd],
    mechanism: Mechanism,
}

impl<'fd> Benchmark<'fd> for Bytes<'fd> {
    fn admits(&self, mechanism: Mechanism) -> bool {
        mechanism == self.mechanism
    }

    fn once<P: Peer<'fd>>(&'fd self) -> io::Result<Sample> {
        let mut peer = P::new()?;
        let mut register =
            || self.fds.iter().enumerate().try_for_each(|(token, fd)| peer.add(fd.as_fd(), token, Ask::Read));
        let held = if P::IS_C {
            let before = malloced();
            register()?;
            malloced() - before
        } else {
            let mut answer = Ok(());
            let used = allocation_counter::measure(|| answer = register());
            answer?;
            used.bytes_current
        };
        // A wait submits deferred changes, whose memory counts too.
        peer.wait(Some(Duration::ZERO), |_| panic!("{}: nothing is ready", P::NAME))?;
        Ok(vec![held as f64 / self.fds.len() as f64])
    }
}

impl Bytes<'_> {
    /// Counts without the number per source that the benchmarks keep as its state.
    fn of_reactor(&self) -> io::Result<Sample> {
        let mut reactor = Reactor::new()?;
        let mut insert = || {
            for fd in self.fds {
                reactor.insert(fd.as_fd(), (), Interest::READABLE, Mode::Level)?;
            }
            io::Result::Ok(())
        };
        let mut answer = Ok(());
        let used = allocation_counter::measure(|| answer = insert());
        answer?;
        Ok(vec![used.bytes_current as f64 / self.fds.len() as f64])
    }
}

/// Returns the bytes that malloc(3) has allocated, by its own count.
#[cfg(target_env = "gnu")]
fn malloced() -> i64 {
    // SAFETY: it takes nothing, and returns numbers.
    let info = unsafe { libc::mallinfo2() };
    i64::try_from(info.uordblks + info.hblkhd).unwrap_or(i64::MAX)
}

#[cfg(not(target_env = "gnu"))]
fn malloced() -> i64 {
    0
}

struct Allocations {
    fds: Vec<OwnedFd>,
}

impl<'fd> Benchmark<'fd> for Allocations {
    fn admits(&self, _mechanism: Mechanism) -> bool {
        true
    }

    fn once<P: Peer<'fd>>(&'fd self) -> io::Result<Sample> {
        let mut peer = P::new()?;
        for (token, fd) in self.fds.iter().enumerate() {
            peer.add(fd.as_fd(), token, Ask::Read)?;
        }
        let mut found = Vec::with_capacity(EVENTS);
        let mut wait = || {
            found.clear();
            peer.wait(Some(Duration::ZERO), |token| found.push(token))?;
            // An edge-triggered competitor has no event left the second time.
            assert!(found.len() == self.fds.len() || found.is_empty(), "{}: all or none", P::NAME);
            found.iter().try_for_each(|&token| peer.rearm(self.fds[token].as_fd(), token))
        };
        // The first wait may allocate.
        wait()?;
        let mut answer = Ok(());
        let used = allocation_counter::measure(|| answer = (0..WAITS).try_for_each(|_| wait()));
        answer?;
        Ok(vec![used.count_total as f64 / WAITS as f64])
    }
}
