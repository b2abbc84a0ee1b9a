//! A request to a server with one client, as to a Redis server: the server's CPU, by the kind of its waits.

use crate::benchmarks::echo::{self, Echo};
use crate::peers::{Benchmark, mio, ours, raw};
use crate::runner::{Case, Competitor, Runner};
use iomux_backend::{Multiplexer, SigSet, Timeout};
use std::io;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Number of requests per turn
    #[arg(long, default_value_t = 20_000)]
    requests: usize,
}

/// The timeout of a wait that has one. The request comes long before.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) fn run(runner: &mut Runner, options: &Options) -> io::Result<()> {
    let echo = Echo::connect(1, options.requests.max(1))?;
    let mut timed = Echo::connect(1, options.requests.max(1))?;
    timed.timeout = Some(TIMEOUT);
    let mut competitors = echo.competitors();
    competitors.push(Competitor::new("raw epoll, timeout", || timed.once::<raw::Epoll<false>>()));
    competitors.push(Competitor::new("mio, timeout", || timed.once::<mio::Mio>()));
    competitors.push(Competitor::new("iomux Epoll, timeout", || timed.once::<ours::Epoll<'_, false>>()));
    competitors.push(Competitor::new("iomux Epoll, deadline", || {
        echo.measure(|| {
            let deadline = Instant::now() + TIMEOUT;
            echo.serve_by_epoll(|epoll, events| epoll.wait(events, Timeout::Until(deadline)))
        })
    }));
    competitors.push(Competitor::new("iomux Epoll, masked", || {
        echo.measure(|| {
            let mask = SigSet::empty();
            echo.serve_by_epoll(|epoll, events| epoll.wait_masked(events, Timeout::Infinite, &mask))
        })
    }));
    runner.run(Case {
        benchmark: "request",
        name: format!("one connection, {}-byte messages", echo::MESSAGE),
        at: None,
        measures: echo::MEASURES,
        baseline: "raw epoll",
        competitors,
    })
}
