//! A TCP echo server whose connections are all busy: requests per second, the server's CPU, latencies.
//!
//! One thread serves, and one sends requests. A connection sends its next request after each response, so latencies are
//! those under full load.

use crate::fds;
use crate::peers::{Ask, Benchmark, EVENTS, Mechanism, Peer, competitors, raw};
use crate::runner::{Case, Competitor, Runner, Sample};
use hdrhistogram::Histogram;
use iomux_backend::{Epoll, Error, Events, Interest, Mode, Multiplexer, Native, Reactor, Token};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Options {
    /// Numbers of connections
    #[arg(long, value_delimiter = ',', default_value = "100,5000")]
    connections: Vec<usize>,
    /// Number of requests per turn, over all connections
    #[arg(long, default_value_t = 50_000)]
    requests: usize,
}

pub(crate) const MESSAGE: usize = 64;
/// Ends a turn, instead of a message.
const STOP: &[u8] = b".";

pub(crate) const MEASURES: &[(&str, &str)] = &[
    ("throughput", "requests/s"),
    ("the server's CPU", "µs per request"),
    ("latency, median", "µs"),
    ("latency, 99 %", "µs"),
    ("latency, 99.9 %", "µs"),
];

pub(crate) fn run(runner: &mut Runner, options: &Options) -> io::Result<()> {
    for &wanted in &options.connections {
        let count = fds::as_many(runner, "echo, connections", wanted, 2).max(1);
        let echo = Echo::connect(count, options.requests.max(count))?;
        runner.run(Case {
            benchmark: "echo",
            name: format!("{count} connections, {MESSAGE}-byte messages"),
            at: Some(count),
            measures: MEASURES,
            baseline: "raw epoll",
            competitors: echo.competitors(),
        })?;
    }
    Ok(())
}

/// Connections that are kept over all turns, since new ones would exhaust the ports.
pub(crate) struct Echo {
    served: Vec<TcpStream>,
    clients: Vec<TcpStream>,
    requests: usize,
    /// The timeout of each wait of the server, which never expires.
    pub(crate) timeout: Option<Duration>,
}

impl<'fd> Benchmark<'fd> for Echo {
    fn admits(&self, _mechanism: Mechanism) -> bool {
        true
    }

    fn once<P: Peer<'fd>>(&'fd self) -> io::Result<Sample> {
        self.measure(|| self.serve::<P>())
    }
}

impl Echo {
    pub(crate) fn connect(count: usize, requests: usize) -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let mut echo = Self { served: Vec::new(), clients: Vec::new(), requests, timeout: None };
        for _ in 0..count {
            echo.clients.push(TcpStream::connect(listener.local_addr()?)?);
            echo.served.push(listener.accept()?.0);
        }
        for stream in echo.clients.iter().chain(&echo.served) {
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
        }
        Ok(echo)
    }

    pub(crate) fn competitors(&self) -> Vec<Competitor<'_>> {
        let mut competitors = competitors(self);
        if let Some(reactor) = competitors.iter_mut().find(|one| one.name == "iomux Reactor") {
            *reactor = Competitor::new("iomux Reactor", || self.measure(|| self.serve_by_reactor()));
        }
        competitors
    }

    /// Serves in one thread while another sends requests.
    pub(crate) fn measure(&self, serve: impl FnOnce() -> io::Result<Duration> + Send) -> io::Result<Sample> {
        let (cpu, (taken, latencies)) = thread::scope(|scope| {
            let server = scope.spawn(|| {
                stay_on(0);
                let unless_done = HangUp(&self.served[0]);
                let answer = serve()?;
                unless_done.forget();
                io::Result::Ok(answer)
            });
            let client = scope.spawn(|| {
                stay_on(1);
                let unless_done = HangUp(&self.clients[0]);
                let answer = self.ask()?;
                unless_done.forget();
                io::Result::Ok(answer)
            });
            let panicked = |_| io::Error::other("a thread has panicked");
            io::Result::Ok((server.join().map_err(panicked)??, client.join().map_err(panicked)??))
        })?;
        let micros = |quantile| latencies.value_at_quantile(quantile) as f64 / 1e3;
        let requests = self.requests as f64;
        Ok(vec![
            requests / taken.as_secs_f64(),
            cpu.as_secs_f64() * 1e6 / requests,
            micros(0.5),
            micros(0.99),
            micros(0.999),
        ])
    }

    /// Serves until the client ends the turn. Returns the CPU time of the thread.
    fn serve<'fd, P: Peer<'fd>>(&'fd self) -> io::Result<Duration> {
        let mut peer = P::new()?;
        for (token, stream) in self.served.iter().enumerate() {
            peer.add(stream.as_fd(), token, Ask::Read)?;
        }
        let begin = cpu_time()?;
        let mut served = Vec::with_capacity(EVENTS);
        let mut is_over = false;
        while !is_over {
            let mut answer = Ok(());
            peer.wait(self.timeout, |token| {
                served.push(token);
                match send_back(&self.served[token]) {
                    Ok(goes_on) => is_over |= !goes_on,
                    Err(error) => answer = Err(error),
                }
            })?;
            answer?;
            for token in served.drain(..) {
                peer.rearm(self.served[token].as_fd(), token)?;
            }
        }
        Ok(cpu_time()? - begin)
    }

    /// Serves with an `Epoll` and this wait. Returns the CPU time of the thread.
    pub(crate) fn serve_by_epoll(
        &self,
        mut wait: impl FnMut(&mut Epoll<'_>, &mut Events) -> Result<usize, Error>,
    ) -> io::Result<Duration> {
        let (mut epoll, mut events) = (Epoll::new()?, Events::with_capacity(EVENTS));
        for (token, stream) in self.served.iter().enumerate() {
            epoll.register(stream.as_fd(), Token(token), Interest::READABLE, Mode::Level)?;
        }
        let begin = cpu_time()?;
        loop {
            wait(&mut epoll, &mut events)?;
            for event in &events {
                if !send_back(&self.served[event.token().0])? {
                    return Ok(cpu_time()? - begin);
                }
            }
        }
    }

    /// Serves with a `Reactor`, which finds the source by its key.
    fn serve_by_reactor(&self) -> io::Result<Duration> {
        let mut reactor: Reactor<&TcpStream, (), Native<'static>> = Reactor::new()?;
        for stream in &self.served {
            reactor.insert(stream, (), Interest::READABLE, Mode::Level)?;
        }
        let begin = cpu_time()?;
        loop {
            reactor.wait(self.timeout)?;
            while let Some(ready) = reactor.next_ready() {
                let Some((stream, ())) = reactor.get(ready.key()) else { continue };
                if !send_back(stream)? {
                    return Ok(cpu_time()? - begin);
                }
            }
        }
    }

    /// Sends requests on every connection, and checks each response.
    fn ask(&self) -> io::Result<(Duration, Histogram<u64>)> {
        let mut peer = raw::Epoll::<false>::new()?;
        for (token, stream) in self.clients.iter().enumerate() {
            peer.add(stream.as_fd(), token, Ask::Read)?;
        }
        let mut latencies = Histogram::new(3).map_err(io::Error::other)?;
        let begin = Instant::now();
        let mut asked = Vec::with_capacity(self.clients.len());
        for number in 0..self.clients.len() {
            asked.push(self.request(number, number)?);
        }
        let (mut sent, mut done) = (asked.len(), 0);
        while done < self.requests {
            let mut answer = Ok(());
            peer.wait(None, |token| {
                let again = self.response(token, &mut asked[token], &mut latencies).and_then(|()| {
                    done += 1;
                    if sent < self.requests {
                        asked[token] = self.request(token, sent)?;
                        sent += 1;
                    }
                    Ok(())
                });
                if again.is_err() {
                    answer = again;
                }
            })?;
            answer?;
        }
        let taken = begin.elapsed();
        (&self.clients[0]).write_all(STOP)?;
        Ok((taken, latencies))
    }

    fn request(&self, client: usize, number: usize) -> io::Result<(usize, Instant)> {
        let now = Instant::now();
        (&self.clients[client]).write_all(&message(number))?;
        Ok((number, now))
    }

    fn response(
        &self,
        client: usize,
        (number, begin): &mut (usize, Instant),
        latencies: &mut Histogram<u64>,
    ) -> io::Result<()> {
        let mut answer = [0; MESSAGE];
        (&self.clients[client]).read_exact(&mut answer)?;
        assert_eq!(answer, message(*number), "the response is the request");
        let nanos = u64::try_from(begin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        latencies.record(nanos).map_err(io::Error::other)
    }
}

/// Ends a connection when dropped, so that a thread does not wait indefinitely for one that has failed.
struct HangUp<'a>(&'a TcpStream);

impl HangUp<'_> {
    fn forget(self) {
        std::mem::forget(self);
    }
}

impl Drop for HangUp<'_> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

fn message(number: usize) -> [u8; MESSAGE] {
    let mut message = [b'-'; MESSAGE];
    message[..size_of::<usize>()].copy_from_slice(&number.to_ne_bytes());
    message
}

/// Reads once and writes the same bytes back. Returns `false` at the end of a turn.
#[inline(always)]
fn send_back(mut stream: &TcpStream) -> io::Result<bool> {
    let mut buffer = [0; 1024];
    let count = stream.read(&mut buffer)?;
    if &buffer[..count] == STOP {
        return Ok(false);
    }
    assert_eq!(count, MESSAGE, "a message is written and read as a whole");
    stream.write_all(&buffer[..count])?;
    Ok(true)
}

/// Returns the CPU time of this thread.
pub(crate) fn cpu_time() -> io::Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// Pins this thread to one processor if there are several, since a thread that migrates is slower at random.
pub(crate) fn stay_on(processor: usize) {
    let mut set = CpuSet::new();
    if thread::available_parallelism().is_ok_and(|count| count.get() > 1) && set.set(processor).is_ok() {
        // Pinning may be forbidden. The results then vary more.
        let _ = sched_setaffinity(Pid::from_raw(0), &set);
    }
}
