//! poll(2) on N fds of which the last is ready: the call alone, and with the search for the ready fd.

use crate::fds;
use crate::peers::{Ask, Benchmark, Mechanism, Peer, competitors, nix as of_nix, raw, rustix as of_rustix};
use crate::runner::{Case, Competitor, Runner, Sample, ns_a_round};
use iomux::{Interest, PollFd, Timeout};
use std::hint::black_box;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Numbers of fds
    #[arg(long, value_delimiter = ',', default_value = "1,8,64,1024,16384")]
    fds: Vec<usize>,
}

pub(crate) fn run(runner: &mut Runner, options: &Options) -> io::Result<()> {
    for &wanted in &options.fds {
        let count = fds::as_many(runner, "call, fds", wanted, 1);
        let call = Call { fds: fds::eventfds(count)?, time: runner.time };
        fds::fill(&call.fds[count - 1].try_clone()?.into())?;
        let case = |part, competitors| Case {
            benchmark: "call",
            name: format!("{part}, {count} fds"),
            at: Some(count),
            measures: &[("", "ns per call")],
            baseline: "raw poll",
            competitors,
        };
        runner.run(case("the call alone", call.alone()))?;
        runner.run(case("call and search", competitors(&call)))?;
    }
    Ok(())
}

struct Call {
    fds: Vec<OwnedFd>,
    time: Duration,
}

impl<'fd> Benchmark<'fd> for Call {
    fn admits(&self, mechanism: Mechanism) -> bool {
        mechanism == Mechanism::Poll
    }

    fn once<P: Peer<'fd>>(&'fd self) -> io::Result<Sample> {
        let mut peer = P::new()?;
        for (token, fd) in self.fds.iter().enumerate() {
            peer.add(fd.as_fd(), token, Ask::Read)?;
        }
        let last = self.fds.len() - 1;
        let ns = ns_a_round(self.time, || {
            let (mut count, mut which) = (0, 0);
            peer.wait(Some(Duration::ZERO), |token| (count, which) = (count + 1, token))?;
            assert_eq!((count, which), (1, last), "{}: the last one alone", P::NAME);
            peer.rearm(self.fds[last].as_fd(), last)
        })?;
        Ok(vec![ns])
    }
}

impl Call {
    /// The competitors whose call can be made without a search.
    fn alone(&self) -> Vec<Competitor<'_>> {
        vec![
            Competitor::new("raw poll", || self.raw()),
            Competitor::new("iomux poll", || self.free_function()),
            Competitor::new("iomux Slots", || self.slots()),
            Competitor::new("rustix poll", || self.rustix()),
            Competitor::new("nix poll", || self.nix()),
        ]
    }

    #[inline(always)]
    fn times(&self, mut call: impl FnMut() -> io::Result<usize>) -> io::Result<Sample> {
        let ns = ns_a_round(self.time, || {
            assert_eq!(black_box(call()?), 1, "the last one alone");
            Ok(())
        })?;
        Ok(vec![ns])
    }

    fn raw(&self) -> io::Result<Sample> {
        let mut poll = raw::Poll::new()?;
        for (token, fd) in self.fds.iter().enumerate() {
            poll.add(fd.as_fd(), token, Ask::Read)?;
        }
        self.times(|| poll.call(Some(Duration::ZERO)))
    }

    fn free_function(&self) -> io::Result<Sample> {
        let fds = self.fds.iter().map(|fd| PollFd::new(fd.as_fd(), Interest::READABLE));
        let mut fds = fds.collect::<Result<Vec<_>, _>>()?;
        self.times(|| Ok(iomux::poll(&mut fds, Timeout::Nowait)?))
    }

    fn slots(&self) -> io::Result<Sample> {
        let mut slots = iomux::Slots::with_capacity(self.fds.len());
        for (index, fd) in self.fds.iter().enumerate() {
            slots.set(index, fd.as_fd(), Interest::READABLE)?;
        }
        self.times(|| Ok(slots.poll(Timeout::Nowait)?))
    }

    fn rustix(&self) -> io::Result<Sample> {
        use rustix::event::{PollFd, Timespec, poll};
        let fds = self.fds.iter().map(|fd| PollFd::new(fd, of_rustix::poll_flags(Ask::Read)));
        let mut fds: Vec<_> = fds.collect();
        self.times(|| Ok(poll(&mut fds, Some(&Timespec::default()))?))
    }

    fn nix(&self) -> io::Result<Sample> {
        use nix::poll::{PollFd, PollTimeout, poll};
        let fds = self.fds.iter().map(|fd| PollFd::new(fd.as_fd(), of_nix::poll_flags(Ask::Read)));
        let mut fds: Vec<_> = fds.collect();
        self.times(|| usize::try_from(poll(&mut fds, PollTimeout::ZERO)?).map_err(io::Error::other))
    }
}
