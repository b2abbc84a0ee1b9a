//! A wait that does not sleep, with a timeout that is known to be zero at run time only. No fd is ready, since an
//! edge-triggered competitor would report one only once.

use crate::fds;
use crate::peers::{Ask, Benchmark, Mechanism, Peer, competitors};
use crate::runner::{Case, Competitor, Runner, Sample, ns_a_round};
use iomux_backend::{Epoll, Events, Interest, Mode, Multiplexer, Timeout, Token};
use std::hint::black_box;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

pub(crate) fn run(runner: &mut Runner) -> io::Result<()> {
    let mut fds = fds::eventfds(1)?;
    let wait = Wait { fd: fds.remove(0), time: runner.time };
    let mut competitors = competitors(&wait);
    competitors.push(Competitor::new("iomux Epoll, Nowait", || wait.nowait()));
    runner.run(Case {
        benchmark: "nowait",
        name: "a wait with a zero timeout, no fd is ready".into(),
        at: None,
        measures: &[("", "ns per wait")],
        baseline: "raw epoll",
        competitors,
    })
}

struct Wait {
    fd: OwnedFd,
    time: Duration,
}

impl<'fd> Benchmark<'fd> for Wait {
    fn admits(&self, mechanism: Mechanism) -> bool {
        mechanism == Mechanism::Epoll
    }

    fn once<P: Peer<'fd>>(&'fd self) -> io::Result<Sample> {
        let mut peer = P::new()?;
        peer.add(self.fd.as_fd(), 0, Ask::Read)?;
        let ns = ns_a_round(self.time, || {
            peer.wait(black_box(Some(Duration::ZERO)), |_| panic!("{}: nothing is ready", P::NAME))
        })?;
        Ok(vec![ns])
    }
}

impl Wait {
    fn nowait(&self) -> io::Result<Sample> {
        let (mut epoll, mut events) = (Epoll::new()?, Events::with_capacity(crate::peers::EVENTS));
        epoll.register(self.fd.as_fd(), Token(0), Interest::READABLE, Mode::Level)?;
        let ns = ns_a_round(self.time, || {
            assert_eq!(epoll.wait(&mut events, Timeout::Nowait)?, 0);
            Ok(())
        })?;
        Ok(vec![ns])
    }
}
