//! The cost of an event among few and many registered fds. Over poll(2), it is the cost of a slot.
//!
//! A process has a limit of fds, an epoll has none. So child processes register fds of their own, and keep them open.

use crate::fds;
use crate::peers::{Ask, Benchmark, EVENTS, Mechanism, Peer, competitors, mio, ours, polling, raw};
use crate::report::median;
use crate::runner::{Case, Competitor, Runner, Sample, nanos, ns_a_round};
use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, poll};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Numbers of registered fds
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000,1000000")]
    registered: Vec<usize>,
    /// Number of active fds over epoll, at most 1,024; over poll, every hundredth fd is active
    #[arg(long, default_value_t = 1000)]
    active: usize,
}

pub(crate) fn run(runner: &mut Runner, options: &Options) -> io::Result<()> {
    let active = fds::eventfds(options.active.clamp(1, EVENTS))?;
    for &registered in &options.registered {
        let files = fds::files(&active)?;
        let others = registered.saturating_sub(active.len());
        let scale = Scale { active: &active, files, others, missing: Cell::new(0), time: runner.time };
        let mut competitors = vec![
            Competitor::new("raw epoll", || scale.once::<raw::Epoll<false>>()),
            Competitor::new("iomux Epoll", || scale.once::<ours::Epoll<'_, false>>()),
        ];
        if !cfg!(mio_unsupported_force_poll_poll) {
            competitors.push(Competitor::new("mio", || scale.once::<mio::Mio>()));
        }
        if !cfg!(polling_test_poll_backend) {
            competitors.push(Competitor::new("polling", || scale.once::<polling::Polling<false>>()));
        }
        runner.run(Case {
            benchmark: "scale",
            name: format!("{registered} registered over epoll, {} active", active.len()),
            at: Some(registered),
            measures: &[("", "ns per event")],
            baseline: "raw epoll",
            competitors,
        })?;
        if scale.missing.get() > 0 {
            let reached = registered - scale.missing.get();
            runner.note(format!(
                "scale: {reached} instead of {registered}, since the machine has no more files"
            ));
        }
    }
    drop(active);
    over_poll(runner, options)
}

struct Scale<'fd> {
    active: &'fd [OwnedFd],
    files: Vec<File>,
    others: usize,
    missing: Cell<usize>,
    time: Duration,
}

impl<'fd> Scale<'fd> {
    /// Returns the time of the waits alone. All active fds are made ready before them, and drained after them.
    fn once<P: Peer<'fd>>(&self) -> io::Result<Sample> {
        let mut peer = P::new()?;
        for (token, fd) in self.active.iter().enumerate() {
            peer.add(fd.as_fd(), token, Ask::Read)?;
        }
        let epoll = peer.share()?.ok_or(io::ErrorKind::Unsupported)?;
        let children = Children::that_fill(&epoll, self.others)?;
        self.missing.set(self.missing.get().max(self.others - children.registered));
        let (mut times, begin) = (Vec::new(), Instant::now());
        while times.len() < 3 || begin.elapsed() < self.time {
            self.files.iter().try_for_each(fds::fill)?;
            let mut sum = 0;
            let begin = Instant::now();
            peer.wait(None, |token| sum += token + 1)?;
            times.push(nanos(begin.elapsed()) / self.active.len() as f64);
            let all = self.active.len();
            assert_eq!(sum, all * (all + 1) / 2, "{}: exactly the active ones", P::NAME);
            self.files.iter().try_for_each(fds::drain)?;
        }
        Ok(vec![median(times)])
    }
}

/// Child processes whose eventfds are registered in an epoll of this process, until they are dropped.
struct Children {
    children: Vec<Child>,
    registered: usize,
}

impl Children {
    fn that_fill(epoll: &OwnedFd, wanted: usize) -> io::Result<Self> {
        let mut all = Self { children: Vec::new(), registered: 0 };
        while all.registered < wanted {
            let count = all.add(epoll, wanted - all.registered)?;
            if count == 0 {
                break;
            }
            all.registered += count;
        }
        Ok(all)
    }

    /// Starts one more child, and returns how many fds it could register.
    fn add(&mut self, epoll: &OwnedFd, wanted: usize) -> io::Result<usize> {
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["hold", &wanted.to_string()]).stdin(epoll.try_clone()?).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let mut says = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
        let mut count = String::new();
        says.read_line(&mut count)?;
        // Kept open, since the child ends when its output is closed.
        child.stdout = Some(says.into_inner());
        self.children.push(child);
        count.trim().parse().map_err(io::Error::other)
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.children {
            // The child may have ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Runs a child: registers `wanted` eventfds in the epoll that is its standard input, prints how many it has, and
/// keeps them open until its standard output is closed.
pub(crate) fn hold(wanted: usize) -> io::Result<()> {
    let (input, mut output) = (io::stdin(), io::stdout());
    let mut held = Vec::new();
    while held.len() < wanted {
        let Ok(mut fds) = fds::eventfds(1) else { break };
        if epoll::add(&input, &fds[0], EventData::new_u64(u64::MAX), EventFlags::IN).is_err() {
            break;
        }
        held.append(&mut fds);
    }
    writeln!(output, "{}", held.len())?;
    output.flush()?;
    poll(&mut [PollFd::new(&output, PollFlags::empty())], None)?;
    Ok(())
}

fn over_poll(runner: &mut Runner, options: &Options) -> io::Result<()> {
    let counts = options.registered.iter().map(|&count| fds::as_many(runner, "scale over poll", count, 1));
    let mut counts: Vec<_> = counts.collect();
    counts.dedup();
    for count in counts {
        let fds = fds::eventfds(count)?;
        for fd in fds.iter().step_by(100) {
            fds::fill(&fd.try_clone()?.into())?;
        }
        let slots = Slots { fds, time: runner.time };
        runner.run(Case {
            benchmark: "scale",
            name: format!("{count} registered over poll, every hundredth ready"),
            at: Some(count),
            measures: &[("", "ns per slot")],
            baseline: "raw poll",
            competitors: competitors(&slots),
        })?;
    }
    Ok(())
}

struct Slots {
    fds: Vec<OwnedFd>,
    time: Duration,
}

impl<'fd> Benchmark<'fd> for Slots {
    fn admits(&self, mechanism: Mechanism) -> bool {
        mechanism == Mechanism::Poll
    }

    fn once<P: Peer<'fd>>(&'fd self) -> io::Result<Sample> {
        let mut peer = P::new()?;
        for (token, fd) in self.fds.iter().enumerate() {
            peer.add(fd.as_fd(), token, Ask::Read)?;
        }
        let ready = self.fds.len().div_ceil(100);
        let mut found = Vec::with_capacity(ready);
        let ns = ns_a_round(self.time, || {
            found.clear();
            peer.wait(Some(Duration::ZERO), |token| found.push(token))?;
            assert_eq!(found.len(), ready, "{}: every hundredth", P::NAME);
            assert!(found.iter().all(|token| token % 100 == 0), "{}: every hundredth", P::NAME);
            found.iter().try_for_each(|&token| peer.rearm(self.fds[token].as_fd(), token))
        })?;
        Ok(vec![ns / self.fds.len() as f64])
    }
}
