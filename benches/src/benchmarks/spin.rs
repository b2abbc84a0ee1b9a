//! What a spin before the sleep gains and costs: round trips of an echo over TCP, and wakes, between two threads.

use crate::benchmarks::echo::{cpu_time, stay_on};
use crate::runner::{Case, Competitor, Runner, Sample};
use iomux_backend::{
    Epoll, Error, Events, Interest, Mode, Multiplexer, Reactor, Spin, Timeout, Token, TrustedMultiplexer,
    Waker,
};
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

const MESSAGE: usize = 64;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many µs the client computes between an answer and its next request
    #[arg(long, value_delimiter = ',', default_value = "0,10,30,100,300,1000")]
    gaps: Vec<u64>,
    /// How many round trips a turn has
    #[arg(long, default_value_t = 2_000)]
    trips: u32,
    /// How many µs a spin lasts at most
    #[arg(long, default_value_t = 50)]
    limit: u64,
}

const MEASURES: &[(&str, &str)] = &[
    ("round trip, without the pause", "µs"),
    ("CPU of the server", "µs per round trip"),
    ("CPU of both, without the pause", "µs per round trip"),
];
const WAKES: &[(&str, &str)] = &[("a wake and the answer", "µs"), ("CPU of both", "µs per wake and answer")];

pub(crate) fn run(runner: &mut Runner, options: &Options) -> io::Result<()> {
    let (trips, limit) = (options.trips.max(1), Duration::from_micros(options.limit));
    let case = |name: String, at, measures, competitors| Case {
        benchmark: "spin",
        name,
        at,
        measures,
        baseline: SLEEPS,
        competitors,
    };
    for &gap in &options.gaps {
        let echo = Echo { gap: Duration::from_micros(gap), trips, limit, client: 1 };
        let name = format!("{gap} µs between requests, the peer on another core");
        runner.run(case(name, usize::try_from(gap).ok(), MEASURES, echo.competitors()))?;
    }
    for gap in [0, 30] {
        let echo = Echo { gap: Duration::from_micros(gap), trips, limit, client: 0 };
        let name = format!("{gap} µs between requests, the peer on the same core");
        runner.run(case(name, None, MEASURES, echo.competitors()))?;
    }
    let sleeps = Competitor::new(SLEEPS, move || wakes(trips, Epoll::new));
    let spins = Competitor::new(SPINS, move || wakes(trips, || spin(limit)));
    runner.run(case("wakes to another core and back".into(), None, WAKES, vec![sleeps, spins]))
}

const SLEEPS: &str = "iomux Epoll";
const SPINS: &str = "iomux Spin";

fn spin(limit: Duration) -> Result<Spin<Epoll<'static>>, Error> {
    Ok(Spin::with_limit(Epoll::new()?, limit))
}

#[derive(Clone, Copy)]
struct Echo {
    gap: Duration,
    trips: u32,
    limit: Duration,
    /// The client's processor. The server's is 0.
    client: usize,
}

impl Echo {
    fn competitors<'a>(self) -> Vec<Competitor<'a>> {
        vec![
            Competitor::new(SLEEPS, move || self.measure(Epoll::new)),
            Competitor::new(SPINS, move || self.measure(|| spin(self.limit))),
        ]
    }

    fn measure<M: TrustedMultiplexer<'static>>(
        self,
        create: impl Fn() -> Result<M, Error> + Sync,
    ) -> io::Result<Sample> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let client = TcpStream::connect(listener.local_addr()?)?;
        let (served, _) = listener.accept()?;
        let (server_cpu, (taken, client_cpu)) = thread::scope(|scope| {
            let server = scope.spawn(|| {
                stay_on(0);
                serve(End::new(create()?, served)?)
            });
            let client = scope.spawn(|| {
                stay_on(self.client);
                self.ask(End::new(create()?, client)?)
            });
            let panicked = |_| io::Error::other("a thread has panicked");
            io::Result::Ok((server.join().map_err(panicked)??, client.join().map_err(panicked)??))
        })?;
        let paused = self.gap * self.trips;
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(self.trips);
        let times =
            [taken.saturating_sub(paused), server_cpu, server_cpu + client_cpu.saturating_sub(paused)];
        Ok(times.map(micros).to_vec())
    }

    /// Asks, and returns the time and the CPU time that it took.
    fn ask<M: TrustedMultiplexer<'static>>(self, mut end: End<M>) -> io::Result<(Duration, Duration)> {
        let (begin, cpu) = (Instant::now(), cpu_time()?);
        for _ in 0..self.trips {
            end.stream.write_all(&[b'-'; MESSAGE])?;
            let mut answer = [0; MESSAGE];
            assert_eq!(end.read(&mut answer)?, MESSAGE, "what was sent comes back");
            let answered = Instant::now();
            while answered.elapsed() < self.gap {
                std::hint::spin_loop();
            }
        }
        Ok((begin.elapsed(), cpu_time()? - cpu))
    }
}

/// Sends back until the end of file, and returns the CPU time that it took.
fn serve<M: TrustedMultiplexer<'static>>(mut end: End<M>) -> io::Result<Duration> {
    let cpu = cpu_time()?;
    let mut request = [0; MESSAGE];
    loop {
        match end.read(&mut request)? {
            0 => return Ok(cpu_time()? - cpu),
            count => end.stream.write_all(&request[..count])?,
        }
    }
}

/// One end of a connection.
struct End<M> {
    reactor: Reactor<TcpStream, (), M>,
    stream: TcpStream,
}

impl<M: TrustedMultiplexer<'static>> End<M> {
    fn new(multiplexer: M, stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let mut reactor = Reactor::with(multiplexer, 8);
        reactor.insert(stream.try_clone()?, (), Interest::READABLE, Mode::Level)?;
        Ok(Self { reactor, stream })
    }

    /// Waits, and reads once.
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        assert_eq!(self.reactor.wait(Timeout::Infinite)?, 1);
        self.stream.read(bytes)
    }
}

/// Has two threads wake each other in turn.
fn wakes<M: Multiplexer<'static>>(
    trips: u32,
    create: impl Fn() -> Result<M, Error> + Sync,
) -> io::Result<Sample> {
    let (to_first, from_second) = mpsc::channel();
    let (to_second, from_first) = mpsc::channel();
    let rally = |processor, give: mpsc::Sender<Waker>, take: mpsc::Receiver<Waker>| {
        stay_on(processor);
        let (mut mux, mut events) = (create()?, Events::with_capacity(8));
        // The receiver is there for as long as the other thread runs.
        let _ = give.send(mux.waker(Token(1))?);
        let other = take.recv().map_err(io::Error::other)?;
        let (begin, cpu) = (Instant::now(), cpu_time()?);
        for _ in 0..trips {
            if processor == 0 {
                other.wake();
            }
            assert_eq!(mux.wait(&mut events, Timeout::Infinite)?, 1);
            if processor == 1 {
                other.wake();
            }
        }
        // Handed back: to drop it may be to close its fd, and with it goes a wake that was not heard.
        io::Result::Ok((begin.elapsed(), cpu_time()? - cpu, other))
    };
    let (first, second) = thread::scope(|scope| {
        let first = scope.spawn(|| rally(0, to_second, from_second));
        let second = scope.spawn(|| rally(1, to_first, from_first));
        let panicked = |_| io::Error::other("a thread has panicked");
        io::Result::Ok((first.join().map_err(panicked)??, second.join().map_err(panicked)??))
    })?;
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(trips);
    Ok([first.0, first.1 + second.1].map(micros).to_vec())
}
