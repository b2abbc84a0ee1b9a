//! Registers and deregisters an fd among 1,000 others, and serves a whole short connection there.

use super::life;
use crate::fds;
use crate::peers::{Ask, Benchmark, Mechanism, Peer, competitors};
use crate::runner::{Case, Runner, Sample, ns_a_round};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Number of other registered fds
    #[arg(long, default_value_t = 1000)]
    others: usize,
}

pub(crate) fn run(runner: &mut Runner, options: &Options) -> io::Result<()> {
    let others = fds::as_many(runner, "addrm, others", options.others, 1);
    for (mechanism, baseline, over) in
        [(Mechanism::Epoll, "raw epoll", "epoll"), (Mechanism::Poll, "raw poll", "poll")]
    {
        let mut fds = fds::eventfds(others + 1)?;
        let addrm = AddRemove { fd: fds.swap_remove(others / 2), others: fds, mechanism, time: runner.time };
        runner.run(Case {
            benchmark: "addrm",
            name: format!("register and deregister among {others} others, over {over}"),
            at: None,
            measures: &[("", "ns per pair")],
            baseline,
            competitors: competitors(&addrm),
        })?;
    }
    life::run(runner, others)
}

struct AddRemove {
    /// The fd that is registered and deregistered.
    fd: OwnedFd,
    others: Vec<OwnedFd>,
    mechanism: Mechanism,
    time: Duration,
}

impl<'fd> Benchmark<'fd> for AddRemove {
    fn admits(&self, mechanism: Mechanism) -> bool {
        mechanism == self.mechanism
    }

    fn once<P: Peer<'fd>>(&'fd self) -> io::Result<Sample> {
        let mut peer = P::new()?;
        let token = self.others.len();
        for (token, fd) in self.others.iter().enumerate() {
            peer.add(fd.as_fd(), token, Ask::Read)?;
        }
        let ns = ns_a_round(self.time, || {
            peer.add(self.fd.as_fd(), token, Ask::Read)?;
            peer.remove(self.fd.as_fd(), token)
        })?;
        let file = File::from(self.fd.try_clone()?);
        fds::fill(&file)?;
        assert!(found(&mut peer)?.is_empty(), "{}: gone", P::NAME);
        peer.add(self.fd.as_fd(), token, Ask::Read)?;
        assert_eq!(found(&mut peer)?, [token], "{}: there again", P::NAME);
        fds::drain(&file)?;
        Ok(vec![ns])
    }
}

fn found<'fd, P: Peer<'fd>>(peer: &mut P) -> io::Result<Vec<usize>> {
    let mut found = Vec::new();
    peer.wait(Some(Duration::ZERO), |token| found.push(token))?;
    Ok(found)
}
