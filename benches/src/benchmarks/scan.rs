//! Iterates over N slots of which some are ready: `Slots::ready` compared with a loop by hand.

use crate::peers::{Ask, nix as of_nix, rustix as of_rustix};
use crate::runner::{Case, Competitor, Runner, Sample, ns_a_round};
use crate::{fds, peers};
use iomux::{Interest, Slots, Timeout};
use std::hint::black_box;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Numbers of slots, at most the open-files limit
    #[arg(long, value_delimiter = ',', default_value = "64,1024,16384")]
    slots: Vec<usize>,
}

/// Decides which slots of a table are ready.
type Choice = fn(index: usize, slots: usize) -> bool;

const CHOICES: [(&str, Choice); 4] = [
    ("none", |_, _| false),
    ("the last one", |index, slots| index + 1 == slots),
    ("1 %", |index, _| index % 100 == 99),
    ("50 %", |index, _| index % 2 == 1),
];

pub(crate) fn run(runner: &mut Runner, options: &Options) -> io::Result<()> {
    for &wanted in &options.slots {
        let slots = fds::as_many(runner, "scan, slots", wanted, 1);
        for (name, is_ready) in CHOICES {
            let scan = Scan::new(slots, is_ready, runner.time)?;
            let competitors = vec![
                Competitor::new("raw loop", || scan.raw()),
                Competitor::new("raw loop, to the last", || scan.raw_to_the_last()),
                Competitor::new("iomux Slots", || scan.slots()),
                Competitor::new("rustix PollFd", || scan.rustix()),
                Competitor::new("nix PollFd", || scan.nix()),
            ];
            runner.run(Case {
                benchmark: "scan",
                name: format!("{name} of {slots} ready"),
                at: None,
                measures: &[("", "ns per slot")],
                baseline: "raw loop",
                competitors,
            })?;
        }
    }
    Ok(())
}

/// All slots have one of two fds, since a table may have an fd in many slots.
struct Scan {
    ready: OwnedFd,
    idle: OwnedFd,
    which: Vec<bool>,
    count: usize,
    sum: usize,
    time: Duration,
}

impl Scan {
    fn new(slots: usize, is_ready: Choice, time: Duration) -> io::Result<Self> {
        let mut eventfds = fds::eventfds(2)?.into_iter();
        let (Some(ready), Some(idle)) = (eventfds.next(), eventfds.next()) else { unreachable!() };
        fds::fill(&ready.try_clone()?.into())?;
        let which: Vec<_> = (0..slots).map(|index| is_ready(index, slots)).collect();
        let indices = which.iter().enumerate().filter(|(_, is_ready)| **is_ready).map(|(index, _)| index);
        Ok(Self { ready, idle, count: indices.clone().count(), sum: indices.sum(), which, time })
    }

    fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.which.iter().map(|is_ready| if *is_ready { self.ready.as_fd() } else { self.idle.as_fd() })
    }

    /// Measures an iteration that sums up the indices of the ready slots.
    #[inline(always)]
    fn times(&self, mut iterate: impl FnMut() -> usize) -> io::Result<Sample> {
        let ns = ns_a_round(self.time, || {
            assert_eq!(iterate(), self.sum, "exactly the ready ones");
            Ok(())
        })?;
        Ok(vec![ns / self.which.len() as f64])
    }

    fn raw_table(&self) -> io::Result<Vec<libc::pollfd>> {
        let entry =
            |fd: BorrowedFd<'_>| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        let mut fds: Vec<_> = self.fds().map(entry).collect();
        peers::raw::poll(&mut fds, Some(Duration::ZERO))?;
        Ok(fds)
    }

    fn raw(&self) -> io::Result<Sample> {
        let fds = self.raw_table()?;
        self.times(|| {
            let found = black_box(&fds).iter().enumerate().filter(|(_, fd)| fd.revents != 0);
            found.fold(0, |sum, (index, _)| sum + black_box(index))
        })
    }

    /// A loop that stops once it has found the number of ready fds that poll(2) returned.
    fn raw_to_the_last(&self) -> io::Result<Sample> {
        let fds = self.raw_table()?;
        self.times(|| {
            let found = black_box(&fds).iter().enumerate().filter(|(_, fd)| fd.revents != 0);
            found.take(black_box(self.count)).fold(0, |sum, (index, _)| sum + black_box(index))
        })
    }

    fn slots(&self) -> io::Result<Sample> {
        let mut slots = Slots::with_capacity(self.which.len());
        for (index, fd) in self.fds().enumerate() {
            slots.set(index, fd, Interest::READABLE)?;
        }
        slots.poll(Timeout::Nowait)?;
        self.times(|| black_box(&slots).ready().fold(0, |sum, ready| sum + black_box(ready.index())))
    }

    fn rustix(&self) -> io::Result<Sample> {
        use rustix::event::{PollFd, Timespec, poll};
        let fds = self.fds().map(|fd| PollFd::from_borrowed_fd(fd, of_rustix::poll_flags(Ask::Read)));
        let mut fds: Vec<_> = fds.collect();
        poll(&mut fds, Some(&Timespec::default()))?;
        self.times(|| {
            let found = black_box(&fds).iter().enumerate().filter(|(_, fd)| !fd.revents().is_empty());
            found.fold(0, |sum, (index, _)| sum + black_box(index))
        })
    }

    fn nix(&self) -> io::Result<Sample> {
        use nix::poll::{PollFd, PollTimeout, poll};
        let fds = self.fds().map(|fd| PollFd::new(fd, of_nix::poll_flags(Ask::Read)));
        let mut fds: Vec<_> = fds.collect();
        poll(&mut fds, PollTimeout::ZERO)?;
        self.times(|| {
            let found = black_box(&fds).iter().enumerate().filter(|(_, fd)| fd.any() != Some(false));
            found.fold(0, |sum, (index, _)| sum + black_box(index))
        })
    }
}
