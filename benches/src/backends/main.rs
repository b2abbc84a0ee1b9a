//! One piece of a backend's work, done a given number of times: for callgrind to count, and for a clock.
//!
//! `backends WORK ROUNDS` does it; `benches/cost` knows the works and prints the table of `docs/cost.md`.
//! `backends --timeouts ROUNDS` times short waits against bare system calls, `backends --scale FDS` an event's
//! cost among that many registered fds.

mod bare;
mod scale;
mod timeouts;

use bare::BareEpoll;
use iomux_backend::{Epoll, Error, Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
use std::hint::black_box;
use std::io::{self, Write};
use std::os::fd::AsFd;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let work = arguments.next().unwrap_or_default();
    let rounds: usize = arguments.next().and_then(|rounds| rounds.parse().ok()).unwrap_or(0);
    match work.as_str() {
        "bare-epoll" => bare_epoll(rounds),
        "epoll-wait" => wait(Epoll::new()?, rounds, |epoll, events| epoll.wait(events, Timeout::Nowait)),
        "epoll-wait-infinite" => {
            wait(Epoll::new()?, rounds, |epoll, events| epoll.wait(events, Timeout::Infinite))
        }
        "poll-wait" => wait(Poll::new(), rounds, |poll, events| poll.wait(events, Timeout::Nowait)),
        "epoll-modify" => modify(Epoll::new()?, rounds),
        "poll-modify" => modify(Poll::new(), rounds),
        "bare-loop" => {
            bare_loop(rounds);
            Ok(())
        }
        "wake-pending" => wake(rounds),
        "--timeouts" => timeouts::compare(rounds),
        "--scale" => scale::compare(rounds),
        _ => {
            eprintln!("usage: backends WORK ROUNDS; benches/cost knows the works");
            Ok(())
        }
    }
}

fn bare_epoll(rounds: usize) -> io::Result<()> {
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(b"!")?;
    let mut epoll = BareEpoll::new()?;
    epoll.add(reader.as_fd(), 7)?;
    for _ in 0..rounds {
        black_box(epoll.wait(0)?);
    }
    Ok(())
}

/// Waits for one fd that is always ready.
#[inline(always)]
fn wait<M: Multiplexer<'static>>(
    mut mux: M,
    rounds: usize,
    once: impl Fn(&mut M, &mut Events) -> Result<usize, Error>,
) -> io::Result<()> {
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(b"!")?;
    let reader: &'static _ = Box::leak(Box::new(reader));
    mux.register(reader.as_fd(), Token(7), Interest::READABLE, Mode::Level)?;
    let mut events = Events::with_capacity(64);
    for _ in 0..rounds {
        black_box(once(&mut mux, black_box(&mut events))?);
    }
    Ok(())
}

/// Asks for nothing and for something again, in turns.
#[inline(always)]
fn modify(mut mux: impl Multiplexer<'static>, rounds: usize) -> io::Result<()> {
    let (reader, _writer) = io::pipe()?;
    let reader: &'static _ = Box::leak(Box::new(reader));
    mux.register(reader.as_fd(), Token(7), Interest::READABLE, Mode::Level)?;
    let (fd, mut interest) = (reader.as_fd(), Interest::READABLE);
    for _ in 0..rounds {
        interest ^= Interest::READABLE;
        black_box(&mut mux).modify(fd, Token(7), interest, Mode::Level)?;
    }
    Ok(())
}

/// The loop of `modify`, without one.
fn bare_loop(rounds: usize) {
    let (mut mux, mut interest) = (0, Interest::READABLE);
    for _ in 0..rounds {
        interest ^= Interest::READABLE;
        black_box((black_box(&mut mux), interest));
    }
}

fn wake(rounds: usize) -> io::Result<()> {
    let waker = Epoll::new()?.waker(Token(7))?;
    for _ in 0..rounds {
        black_box(&waker).wake();
    }
    Ok(())
}
