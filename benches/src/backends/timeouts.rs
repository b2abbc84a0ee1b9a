//! Short waits on an idle set, in turns: ours, a bare epoll_pwait2(2), and ours with a timer slack of 1 ns.

use crate::bare::BareEpoll;
use iomux_backend::{Epoll, Events, Interest, Mode, Multiplexer, Token};
use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

pub(crate) fn compare(rounds: usize) -> io::Result<()> {
    let (reader, _writer) = io::pipe()?;
    let mut bare = BareEpoll::new()?;
    bare.add(reader.as_fd(), 1)?;
    let mut epoll = Epoll::new()?;
    epoll.register(reader.as_fd(), Token(1), Interest::READABLE, Mode::Level)?;
    let mut events = Events::with_capacity(64);
    println!("µs waited, median of {rounds} in turns; the thread's timer slack is 50 µs unless lowered");
    println!("asked | bare epoll_pwait2 | Epoll | ratio | Epoll, slack 1 ns");
    let slack = iomux::timer_slack()?;
    for micros in [50, 200, 1500] {
        let asked = Duration::from_micros(micros);
        let mut waited = [const { Vec::new() }; 3];
        for _ in 0..rounds {
            let begin = Instant::now();
            bare.pwait2(asked)?;
            waited[0].push(begin.elapsed());
            let begin = Instant::now();
            epoll.wait(&mut events, asked.into())?;
            waited[1].push(begin.elapsed());
            iomux::set_timer_slack(Duration::from_nanos(1))?;
            let begin = Instant::now();
            epoll.wait(&mut events, asked.into())?;
            waited[2].push(begin.elapsed());
            iomux::set_timer_slack(slack)?;
        }
        let [bare, ours, lowered] = waited.map(median);
        println!("{micros} | {bare:.1} | {ours:.1} | {:.2} | {lowered:.1}", ours / bare);
    }
    Ok(())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}
