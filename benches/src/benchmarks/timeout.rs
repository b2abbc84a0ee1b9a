//! Waits on an idle set with timeouts of 50 µs, 200 µs and 1.5 ms.

use crate::fds;
use crate::peers::{Ask, Benchmark, Mechanism, Peer, competitors, ours};
use crate::runner::{Case, Competitor, Runner, Sample};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Timeouts
    #[arg(long, value_delimiter = ',', default_value = "50,200,1500")]
    micros: Vec<u64>,
    /// Number of waits per turn, of which the median counts
    #[arg(long, default_value_t = 21)]
    waits: usize,
}

/// The competitors that round timeouts down. Early returns are noted for them, and are a failure for others.
const MAY_BE_EARLY: [&str; 5] = ["popol", "libevent", "libev", "libuv", "mio, over poll"];

pub(crate) fn run(runner: &mut Runner, options: &Options) -> io::Result<()> {
    for &micros in &options.micros {
        let mut fds = fds::eventfds(1)?;
        let asked = Duration::from_micros(micros);
        let wait = Wait { fd: fds.remove(0), asked, waits: options.waits.max(1), early: RefCell::default() };
        let mut competitors = competitors(&wait);
        competitors.push(Competitor::new("iomux Epoll, slack 1 ns", || wait.with_least_slack()));
        runner.run(Case {
            benchmark: "timeout",
            name: format!("a timeout of {micros} µs; a thread's timer slack is 50 µs unless lowered"),
            at: None,
            measures: &[("", "µs waited")],
            baseline: "raw epoll",
            competitors,
        })?;
        for (name, count) in wait.early.borrow().iter() {
            runner
                .note(format!("timeout: {name} returned early {count} times from a timeout of {micros} µs"));
        }
    }
    Ok(())
}

struct Wait {
    fd: OwnedFd,
    asked: Duration,
    waits: usize,
    early: RefCell<BTreeMap<&'static str, usize>>,
}

impl<'fd> Benchmark<'fd> for Wait {
    fn admits(&self, _mechanism: Mechanism) -> bool {
        true
    }

    fn once<P: Peer<'fd>>(&'fd self) -> io::Result<Sample> {
        let mut peer = P::new()?;
        peer.add(self.fd.as_fd(), 0, Ask::Read)?;
        let mut waited = Vec::new();
        for _ in 0..self.waits {
            let begin = Instant::now();
            peer.wait(Some(self.asked), |_| panic!("{}: nothing is ready", P::NAME))?;
            let time = begin.elapsed();
            if time < self.asked {
                let may_be = MAY_BE_EARLY.iter().any(|name| P::NAME.starts_with(name));
                assert!(may_be, "{}: {time:?} is less than {:?}", P::NAME, self.asked);
                *self.early.borrow_mut().entry(P::NAME).or_default() += 1;
            }
            waited.push(time.as_secs_f64() * 1e6);
        }
        Ok(vec![crate::report::median(waited)])
    }
}

impl Wait {
    fn with_least_slack(&self) -> io::Result<Sample> {
        let slack = iomux::timer_slack()?;
        iomux::set_timer_slack(Duration::from_nanos(1))?;
        let sample = self.once::<ours::Epoll<'_, false>>();
        iomux::set_timer_slack(slack)?;
        sample
    }
}
