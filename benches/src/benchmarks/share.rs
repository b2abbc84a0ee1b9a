//! Short connections to several workers that share a port: how even their shares are, and the CPU that they take.
//!
//! A client connects, sends a message and reads it back; the worker closes.

use crate::benchmarks::echo::cpu_time;
use crate::runner::{Case, Competitor, Runner, Sample};
use iomux_backend::{Handle, Interest, Key, Mode, Reactor, Timeout, TryRead, TryWrite, Waker, try_io};
use socket2::{Domain, Socket, Type};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many connections a turn has
    #[arg(long, default_value_t = 800)]
    connections: usize,
    /// How many workers there are
    #[arg(long, default_value_t = 4)]
    workers: usize,
    /// How many connections are opened before the first of them is served
    #[arg(long, value_delimiter = ',', default_value = "1,50")]
    bursts: Vec<usize>,
}

const MESSAGE: [u8; 64] = [b'-'; 64];
/// How many connections a worker accepts per turn.
const ACCEPTS: usize = 4;

const SHARES: &[(&str, &str)] = &[
    ("the most loaded worker", "equal shares"),
    ("the least loaded worker", "equal shares"),
    ("CPU of all workers", "µs per connection"),
];
const CPU: &[(&str, &str)] = &[("CPU of the worker", "µs per connection")];

pub(crate) fn run(runner: &mut Runner, options: &Options) -> io::Result<()> {
    let (workers, connections) = (options.workers.max(1), options.connections.max(1));
    for &burst in &options.bursts {
        let with = |way| move || Load { workers, connections, burst: burst.max(1) }.measure(way, false);
        runner.run(Case {
            benchmark: "share",
            name: format!("{workers} workers, {connections} connections, {burst} at a time"),
            at: None,
            measures: SHARES,
            baseline: "SO_REUSEPORT",
            competitors: vec![
                Competitor::new("SO_REUSEPORT", with(Way::Own)),
                Competitor::new("exclusive", with(Way::Exclusive)),
                Competitor::new("exclusive, requeued", with(Way::Requeued)),
                Competitor::new("handed over", with(Way::HandedOver)),
            ],
        })?;
    }
    let burst = options.bursts.iter().copied().max().unwrap_or(1).max(1);
    let with = |reads_first| {
        move || {
            let sample = Load { workers: 1, connections, burst }.measure(Way::Own, reads_first)?;
            Ok(sample[2..].to_vec())
        }
    };
    runner.run(Case {
        benchmark: "share",
        name: format!("1 worker, {connections} connections, {burst} at a time"),
        at: None,
        measures: CPU,
        baseline: "registers first",
        competitors: vec![
            Competitor::new("registers first", with(false)),
            Competitor::new("reads first", with(true)),
        ],
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Each worker has a socket of its own.
    Own,
    /// All have the same socket.
    Exclusive,
    /// All have the same socket, and the worker that has accepted is woken last.
    Requeued,
    /// The first worker accepts for all.
    HandedOver,
}

#[derive(Clone, Copy)]
struct Load {
    workers: usize,
    connections: usize,
    burst: usize,
}

impl Load {
    fn measure(self, way: Way, reads_first: bool) -> io::Result<Sample> {
        let listeners = listen(way, self.workers)?;
        let address = listeners[0].local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
        let new = || Worker::new(way, reads_first);
        let mut workers = (0..self.workers).map(|_| new()).collect::<io::Result<Vec<_>>>()?;
        let mode = if matches!(way, Way::Exclusive | Way::Requeued) { Mode::Exclusive } else { Mode::Level };
        for (worker, listener) in workers.iter_mut().zip(listeners) {
            worker.reactor.insert(listener, Role::Listener, Interest::READABLE, mode)?;
        }
        if way == Way::HandedOver {
            workers[0].others = workers_handles(&mut workers)?;
        }
        let wakers: Vec<Waker> = workers.iter().map(|worker| worker.waker.clone()).collect();
        let done = thread::scope(|scope| {
            let threads: Vec<_> = workers.into_iter().map(|worker| scope.spawn(|| worker.run())).collect();
            let asked = self.ask(address);
            wakers.iter().for_each(Waker::wake);
            let panicked = |_| io::Error::other("a worker has panicked");
            let done = threads.into_iter().map(|thread| thread.join().map_err(panicked)?);
            let done = done.collect::<io::Result<Vec<_>>>()?;
            asked.map(|()| done)
        })?;
        let served: Vec<usize> = done.iter().map(|(served, _)| *served).collect();
        assert_eq!(served.iter().sum::<usize>(), self.connections, "each connection is served once");
        let shares = |served: Option<&usize>| {
            served.map_or(0.0, |served| *served as f64 * self.workers as f64 / self.connections as f64)
        };
        let cpu: Duration = done.iter().map(|(_, cpu)| *cpu).sum();
        let cpu = cpu.as_secs_f64() * 1e6 / self.connections as f64;
        Ok(vec![shares(served.iter().max()), shares(served.iter().min()), cpu])
    }

    /// Opens the connections, some at a time, and reads what comes back.
    fn ask(self, address: SocketAddr) -> io::Result<()> {
        let mut left = self.connections;
        while left > 0 {
            let count = left.min(self.burst);
            let connect = || {
                let mut client = TcpStream::connect(address)?;
                client.write_all(&MESSAGE)?;
                Ok(client)
            };
            for mut client in (0..count).map(|_| connect()).collect::<io::Result<Vec<_>>>()? {
                let mut answer = Vec::with_capacity(MESSAGE.len());
                client.read_to_end(&mut answer)?;
                assert_eq!(answer, MESSAGE, "what was sent comes back");
            }
            left -= count;
        }
        Ok(())
    }
}

fn listen(way: Way, workers: usize) -> io::Result<Vec<Socket>> {
    let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let mut listeners: Vec<Socket> = Vec::new();
    for _ in 0..if way == Way::HandedOver { 1 } else { workers } {
        let listener = match listeners.first() {
            Some(first) if way != Way::Own => first.try_clone()?,
            _ => {
                let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
                listener.set_reuse_port(way == Way::Own)?;
                listener.set_nonblocking(true)?;
                listener.bind(&address.into())?;
                listener.listen(4096)?;
                listener
            }
        };
        address = listener.local_addr()?.as_socket().ok_or(io::ErrorKind::Unsupported)?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn workers_handles(workers: &mut [Worker]) -> io::Result<Vec<Handle<Socket, Role>>> {
    workers.iter_mut().map(|worker| Ok(worker.reactor.handle()?)).collect()
}

enum Role {
    Listener,
    Client,
}

struct Worker {
    reactor: Reactor<Socket, Role>,
    end: Key,
    waker: Waker,
    way: Way,
    reads_first: bool,
    /// Those that it hands its clients over to.
    others: Vec<Handle<Socket, Role>>,
    served: usize,
}

impl Worker {
    fn new(way: Way, reads_first: bool) -> io::Result<Self> {
        let mut reactor = Reactor::new()?;
        let (end, waker) = reactor.waker()?;
        Ok(Self { reactor, end, waker, way, reads_first, others: Vec::new(), served: 0 })
    }

    /// Serves until it is woken. Returns how many connections it has served, and the CPU time that it took.
    fn run(mut self) -> io::Result<(usize, Duration)> {
        let begin = cpu_time()?;
        loop {
            self.reactor.wait(Timeout::Infinite)?;
            while let Some(ready) = self.reactor.next_ready() {
                let key = ready.key();
                if key == self.end {
                    return Ok((self.served, cpu_time()? - begin));
                }
                match self.reactor.get(key) {
                    Some((_, Role::Listener)) => self.accept(key)?,
                    Some((client, Role::Client)) if answer(client)? => {
                        self.reactor.remove(key);
                        self.served += 1;
                    }
                    Some((_, Role::Client)) | None => {}
                }
            }
        }
    }

    fn accept(&mut self, key: Key) -> io::Result<()> {
        let mut accepted = false;
        for _ in 0..ACCEPTS {
            let Some(listener) = self.reactor.source(key) else { break };
            let Some((client, _)) = try_io(|| listener.accept())? else { break };
            client.set_nonblocking(true)?;
            accepted = true;
            if self.reads_first && answer(&client)? {
                self.served += 1;
            } else if self.others.is_empty() {
                self.reactor.insert(client, Role::Client, Interest::READABLE, Mode::Level)?;
            } else {
                self.others.rotate_left(1);
                let taken = self.others[0].submit(|reactor| {
                    let taken = reactor.insert(client, Role::Client, Interest::READABLE, Mode::Level);
                    assert!(taken.is_ok(), "there is memory for one more");
                });
                assert!(taken.is_ok(), "the workers end together");
            }
        }
        if accepted && self.way == Way::Requeued {
            self.reactor.requeue(key)?;
        }
        Ok(())
    }
}

/// Sends a message back, if it is there.
fn answer(client: &Socket) -> io::Result<bool> {
    let mut message = MESSAGE;
    let Some(count) = client.try_read(&mut message)? else { return Ok(false) };
    assert_eq!(count, MESSAGE.len(), "a message comes as a whole");
    assert_eq!(client.try_write(&message)?, Some(count), "there is room for a message");
    Ok(true)
}
