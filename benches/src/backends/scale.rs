//! The cost of an event among few and among many registered fds, 1,000 of them active.
//!
//! A process has no more fds than its limit, an epoll has: children register what they open, and keep it open.

use crate::bare::{BareEpoll, Children, eventfds};
use iomux_backend::{Epoll, Events, Interest, Mode, Multiplexer, Timeout, Token};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

const ACTIVE: usize = 1000;
const ROUNDS: usize = 200;

pub(crate) fn compare(wanted: usize) -> io::Result<()> {
    let active = eventfds(ACTIVE)?;
    let mut epoll = Epoll::new()?;
    for (token, fd) in active.iter().enumerate() {
        epoll.register(fd.as_fd(), Token(token), Interest::READABLE, Mode::Level)?;
    }
    let shared = BareEpoll::over(epoll.share()?);
    println!("ns an event, {ACTIVE} active, median of {ROUNDS} rounds");
    println!("{ACTIVE} registered: {:.1}", an_event(&mut epoll, &active)?);
    let children = Children::that_fill(&shared, wanted.saturating_sub(ACTIVE))?;
    let registered = ACTIVE + children.registered();
    println!("{registered} registered: {:.1}", an_event(&mut epoll, &active)?);
    Ok(())
}

/// Makes all of `active` ready, waits for them and drains them; the time of the waits.
fn an_event(epoll: &mut Epoll<'_>, active: &[OwnedFd]) -> io::Result<f64> {
    let mut events = Events::with_capacity(ACTIVE);
    let mut times = Vec::new();
    let files: Vec<std::fs::File> =
        active.iter().map(|fd| fd.try_clone().map(Into::into)).collect::<io::Result<_>>()?;
    for _ in 0..ROUNDS {
        for mut file in &files {
            file.write_all(&1_u64.to_ne_bytes())?;
        }
        let begin = Instant::now();
        let count = epoll.wait(&mut events, Timeout::Infinite)?;
        times.push(begin.elapsed());
        assert_eq!(count, ACTIVE, "all that are active, and nobody else");
        for mut file in &files {
            io::Read::read_exact(&mut file, &mut [0; 8])?;
        }
    }
    times.sort_unstable();
    Ok(nanos(times[ROUNDS / 2]) / ACTIVE as f64)
}

fn nanos(time: Duration) -> f64 {
    time.as_secs_f64() * 1e9
}
