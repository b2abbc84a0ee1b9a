//! The cost of a table between two polls: to set a slot, to read it, and to change its interest.

use crate::fds;
use crate::peers::{Ask, nix as of_nix, rustix as of_rustix};
use crate::runner::{Case, Competitor, Runner, Sample, ns_a_round};
use iomux::{Interest, Readiness, Slots, Timeout};
use std::hint::black_box;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Number of slots
    #[arg(long, default_value_t = 64)]
    slots: usize,
}

pub(crate) fn run(runner: &mut Runner, options: &Options) -> io::Result<()> {
    let mut eventfds = fds::eventfds(1)?;
    fds::fill(&eventfds[0].try_clone()?.into())?;
    let slot = Slot { fd: eventfds.remove(0), slots: options.slots.max(1), time: runner.time };
    let competitors = vec![
        Competitor::new("raw pollfd", || slot.raw()),
        Competitor::new("iomux Slots", || slot.table()),
        Competitor::new("rustix PollFd", || slot.rustix()),
        Competitor::new("nix PollFd", || slot.nix()),
        Competitor::new("popol Sources", || slot.popol()),
    ];
    runner.run(Case {
        benchmark: "slot",
        name: format!("{} slots, one by one", slot.slots),
        at: None,
        measures: &[("set", "ns per slot"), ("get", "ns per slot"), ("modify", "ns per slot")],
        baseline: "raw pollfd",
        competitors,
    })
}

struct Slot {
    fd: OwnedFd,
    slots: usize,
    time: Duration,
}

impl Slot {
    /// Sets every slot of `table`, polls it, reads every slot, and modifies each back and forth.
    #[inline(always)]
    fn times<'fd, T>(
        &'fd self,
        mut table: T,
        mut set: impl FnMut(&mut T, usize, BorrowedFd<'fd>) -> io::Result<()>,
        poll: impl FnOnce(&mut T) -> io::Result<usize>,
        mut is_ready: impl FnMut(&mut T, usize) -> io::Result<bool>,
        mut modify: impl FnMut(&mut T, usize, Ask) -> io::Result<()>,
    ) -> io::Result<Sample> {
        let all = 0..self.slots;
        let ns_set = ns_a_round(self.time, || {
            let table = black_box(&mut table);
            all.clone().try_for_each(|index| set(table, index, black_box(self.fd.as_fd())))
        })?;
        assert_eq!(poll(&mut table)?, self.slots, "every slot was set");
        let ns_get = ns_a_round(self.time, || {
            let table = black_box(&mut table);
            let mut ready = 0;
            for index in all.clone() {
                ready += usize::from(is_ready(table, black_box(index))?);
            }
            assert_eq!(ready, self.slots, "every slot is ready");
            Ok(())
        })?;
        let ns_modify = ns_a_round(self.time, || {
            for ask in [Ask::Both, Ask::Read] {
                let table = black_box(&mut table);
                all.clone().try_for_each(|index| modify(table, black_box(index), ask))?;
            }
            Ok(())
        })?;
        let slots = self.slots as f64;
        Ok(vec![ns_set / slots, ns_get / slots, ns_modify / slots / 2.0])
    }

    fn raw(&self) -> io::Result<Sample> {
        let empty = libc::pollfd { fd: -1, events: 0, revents: 0 };
        let bits = |ask| if ask == Ask::Read { libc::POLLIN } else { libc::POLLIN | libc::POLLOUT };
        self.times(
            vec![empty; self.slots],
            |fds, index, fd| {
                fds[index] = libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 };
                Ok(())
            },
            |fds| crate::peers::raw::poll(fds, Some(Duration::ZERO)),
            |fds, index| Ok(fds[index].revents & libc::POLLIN != 0),
            |fds, index, ask| {
                fds[index].events = bits(ask);
                Ok(())
            },
        )
    }

    fn table(&self) -> io::Result<Sample> {
        let both = Interest::READABLE | Interest::WRITABLE;
        let interest = |ask| if ask == Ask::Read { Interest::READABLE } else { both };
        self.times(
            Slots::with_capacity(self.slots),
            |slots, index, fd| Ok(slots.set(index, fd, Interest::READABLE)?),
            |slots| Ok(slots.poll(Timeout::Nowait)?),
            |slots, index| Ok(slots.readiness(index)?.intersects(Readiness::READABLE)),
            |slots, index, ask| Ok(slots.set_interest(index, interest(ask))?),
        )
    }

    fn rustix(&self) -> io::Result<Sample> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let first = PollFd::new(&self.fd, PollFlags::empty());
        self.times(
            vec![first; self.slots],
            |fds, index, fd| {
                fds[index] = PollFd::from_borrowed_fd(fd, of_rustix::poll_flags(Ask::Read));
                Ok(())
            },
            |fds| Ok(poll(fds, Some(&Timespec::default()))?),
            |fds, index| Ok(fds[index].revents().contains(PollFlags::IN)),
            |fds, index, ask| {
                fds[index] = PollFd::new(&self.fd, of_rustix::poll_flags(ask));
                Ok(())
            },
        )
    }

    fn nix(&self) -> io::Result<Sample> {
        use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
        let first = PollFd::new(self.fd.as_fd(), PollFlags::empty());
        self.times(
            vec![first; self.slots],
            |fds, index, fd| {
                fds[index] = PollFd::new(fd, of_nix::poll_flags(Ask::Read));
                Ok(())
            },
            |fds| usize::try_from(poll(fds, PollTimeout::ZERO)?).map_err(io::Error::other),
            |fds, index| Ok(fds[index].revents().is_some_and(|found| found.contains(PollFlags::POLLIN))),
            |fds, index, ask| {
                fds[index].set_events(of_nix::poll_flags(ask));
                Ok(())
            },
        )
    }

    /// popol finds a source by its key. Setting one is registering it, in a new table.
    fn popol(&self) -> io::Result<Sample> {
        use popol::{Sources, interest};
        self.times(
            Sources::with_capacity(self.slots),
            |sources, index, fd| {
                if index == 0 {
                    *sources = Sources::with_capacity(self.slots);
                }
                sources.register(index, &fd, interest::READ);
                Ok(())
            },
            |sources| sources.poll(&mut Vec::new(), Some(Duration::ZERO)),
            |sources, index| Ok(sources.get(&index).is_some_and(|source| source.is_readable())),
            |sources, index, ask| {
                let is_there = if ask == Ask::Read { Sources::unset } else { Sources::set };
                assert!(is_there(sources, &index, interest::WRITE));
                Ok(())
            },
        )
    }
}
