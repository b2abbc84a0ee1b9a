//! A TCP echo server on all cores, with one thread and one `Reactor` per core.
//!
//! `cargo run --example sharded_echo -- 127.0.0.1:7777`, and `cargo run --example load -- 127.0.0.1:7777`.
//!
//! What to copy from it: each thread has its own listening socket for the same port (`SO_REUSEPORT`). Linux and
//! DragonFly distribute the connections among these sockets. With `--shared`, all threads use the same socket,
//! registered as exclusive, and `Reactor::requeue` makes the kernel wake the threads in turn. With `--hand-over`, the
//! first thread accepts the connections and distributes them with `Handle::submit`. This also works if a platform has
//! no `SO_REUSEPORT`, or gives all connections to one of the sockets. The guide's page on listening compares the
//! three.
//!
//! The main thread creates the reactors and keeps their handles. It waits for SIGINT or SIGTERM, and ends each thread
//! through its handle, after the connections that were handed over before. Bytes on their way back to a client are then
//! lost; `echo_server` waits for them.

mod common;

use common::{Buffer, in_context};
use iomux_backend::{Capabilities, Cause, Handle, Interest, Key, Mode, Reactor, Timeout, Waker};
use signal_hook::consts::{SIGINT, SIGTERM};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::thread;

const USAGE: &str = "\
Usage: sharded_echo [OPTION]... [ADDRESS:PORT]
Send back what each client sends, with several threads.

The default ADDRESS:PORT is 127.0.0.1:0. Port 0 stands for any free port. Each
thread has its own listening socket, unless --shared or --hand-over is given.

      --hand-over   accept all connections in the first thread, and distribute
                    them to all threads
      --shared      accept from one socket, with the threads taking turns
      --threads N   use N threads (default: one per core)
  -h, --help        display this help and exit

SIGINT and SIGTERM end the program.
";

const BUFFER_SIZE: usize = 16 * 1024;

fn main() -> ExitCode {
    let options = parse(&common::arguments());
    common::run("sharded_echo", USAGE, options, |options| run(&options))
}

/// The threads that accept connections, and the sockets that they use.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Each thread has its own socket.
    Own,
    /// All threads have the same socket.
    Shared,
    /// The first thread accepts for all.
    HandOver,
}

struct Options {
    threads: usize,
    way: Way,
    address: String,
}

fn parse(words: &[String]) -> Result<Option<Options>, String> {
    let mut threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let (mut way, mut address) = (Way::Own, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--shared" | "--hand-over" if way != Way::Own => {
                return Err("give at most one of --shared and --hand-over".into());
            }
            "--shared" => way = Way::Shared,
            "--hand-over" => way = Way::HandOver,
            "--threads" => {
                let text = words.next().ok_or("--threads needs a value")?;
                let number: Result<NonZeroUsize, _> = text.parse();
                threads =
                    number.map_err(|error| format!("invalid number of threads '{text}': {error}"))?.get();
            }
            option if option.starts_with('-') => return Err(format!("unknown option '{option}'")),
            text if address.is_some() => return Err(format!("extra operand '{text}'")),
            text => address = Some(text.to_owned()),
        }
    }
    Ok(Some(Options { threads, way, address: address.unwrap_or_else(|| "127.0.0.1:0".into()) }))
}

/// Runs the threads until a signal arrives, and prints statistics per thread.
fn run(options: &Options) -> io::Result<()> {
    let Options { threads, way, address } = options;
    let listeners = listen(address, *way, *threads)?;
    // The name resolution above may take long. Until here, the signals end the program.
    let mut signals = common::signals(&[SIGINT, SIGTERM])?;
    let mut shards = (0..*threads).map(|_| Shard::new()).collect::<io::Result<Vec<_>>>()?;
    let ends = shards.iter_mut().map(|shard| Ok((shard.reactor.handle()?, shard.waker.clone())));
    let ends = ends.collect::<io::Result<Vec<_>>>()?;
    common::announce(&listeners[0])?;
    for (shard, listener) in shards.iter_mut().zip(listeners) {
        shard.insert_listener(listener, *way)?;
    }
    if *way == Way::HandOver {
        shards[0].others = ends.iter().map(|(handle, _)| handle.clone()).collect();
    }
    let threads = shards.into_iter().map(|shard| thread::Builder::new().spawn(|| shard.run()));
    let threads = threads.collect::<io::Result<Vec<_>>>()?;

    signals.read_exact(&mut [0])?; // std restarts this read after EINTR
    for (handle, waker) in ends {
        // The end is submitted, so that it follows the submitted connections. An error means that the thread has ended.
        let _ = handle.submit(move |_| waker.wake());
    }
    let mut all = Totals::default();
    for (number, thread) in threads.into_iter().enumerate() {
        let Totals { connections, bytes } =
            thread.join().map_err(|_| io::Error::other(format!("thread {number} has panicked")))??;
        common::print(format_args!("thread {number}: {connections} connections, {bytes} bytes"))?;
        all.connections += connections;
        all.bytes += bytes;
    }
    common::print(format_args!("in all: {} connections, {} bytes", all.connections, all.bytes))
}

/// Returns a listening socket per accepting thread, all with the same address and port.
fn listen(address: &str, way: Way, threads: usize) -> io::Result<Vec<Socket>> {
    if way == Way::HandOver || threads == 1 {
        return Ok(vec![common::listen(address)?]);
    }
    if way == Way::Shared {
        let listener = common::listen(address)?;
        return (0..threads).map(|_| listener.try_clone()).collect();
    }
    let addresses = address.to_socket_addrs().map_err(in_context(address));
    let mut shared = addresses?.next().ok_or(ErrorKind::NotFound)?;
    let mut listeners = Vec::new();
    for _ in 0..threads {
        let listener = listen_with_others(shared).map_err(in_context(address))?;
        shared = listener.local_addr()?.as_socket().ok_or(ErrorKind::Unsupported)?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn listen_with_others(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    share_port(&socket)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.set_out_of_band_inline(true)?; // as in `common::listen`
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(socket)
}

// The platforms on which socket2 has the option.
#[cfg(not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin")))]
fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))]
fn share_port(_socket: &Socket) -> io::Result<()> {
    Err(io::Error::new(ErrorKind::Unsupported, "no SO_REUSEPORT here: try --shared or --hand-over"))
}

/// The role of a source in a reactor.
enum Role {
    Listener,
    /// A client, with the bytes to send back to it.
    Client(Buffer),
}

#[derive(Default)]
struct Totals {
    connections: usize,
    bytes: usize,
}

/// The data of one thread.
struct Shard {
    reactor: Reactor<Socket, Role>,
    /// The key of the waker that ends the thread, and the waker.
    end: Key,
    waker: Waker,
    /// The threads that receive its clients, itself included. If this is empty, the thread keeps them.
    others: Vec<Handle<Socket, Role>>,
    /// Statistics of closed connections.
    totals: Totals,
}

impl Shard {
    fn new() -> io::Result<Self> {
        let mut reactor = Reactor::new()?;
        let (end, waker) = reactor.waker()?;
        Ok(Self { reactor, end, waker, others: Vec::new(), totals: Totals::default() })
    }

    /// Registers a listener. Without exclusive mode, each connection wakes all threads that share the listener.
    fn insert_listener(&mut self, listener: Socket, way: Way) -> io::Result<()> {
        let has_exclusive = self.reactor.capabilities().contains(Capabilities::EXCLUSIVE);
        let mode = if way == Way::Shared && has_exclusive { Mode::Exclusive } else { Mode::Level };
        self.reactor.insert(listener, Role::Listener, Interest::READABLE, mode)?;
        Ok(())
    }

    /// Serves until its waker ends it, and returns statistics.
    fn run(mut self) -> io::Result<Totals> {
        while self.turn()? {}
        // A submitted task can't count itself, because it gets the reactor without the totals.
        let open = self.reactor.iter_mut().filter(|(_, _, role)| matches!(role, Role::Client(_))).count();
        self.totals.connections += open;
        Ok(self.totals)
    }

    /// Waits once, serves the ready sources, and returns `false` if the thread must end.
    fn turn(&mut self) -> io::Result<bool> {
        self.reactor.wait(Timeout::Infinite)?;
        // `next` would skip wakers, and with them the one that ends the thread.
        while let Some(ready) = self.reactor.next_ready() {
            let key = ready.key();
            if key == self.end {
                return Ok(false);
            }
            match (self.reactor.get(key), ready.cause()) {
                (Some((_, Role::Listener)), Cause::Expired) => self.reactor.resume(key)?,
                (Some((_, Role::Listener)), Cause::Ready(_)) => {
                    self.accept(key);
                    // Another thread gets the next connection. Without exclusive mode, this has no effect.
                    if self.reactor.requeue(key).is_err() {
                        common::accept_later(&mut self.reactor, key);
                    }
                }
                (Some((_, Role::Client(_))), _) => {
                    if !self.serve(key).unwrap_or(false) && self.reactor.remove(key).is_some() {
                        self.totals.connections += 1;
                    }
                }
                (None, _) => {}
            }
        }
        Ok(true)
    }

    fn accept(&mut self, listener: Key) {
        for _ in 0..common::ACCEPTS {
            let Some((client, _)) = common::accept(&mut self.reactor, listener) else { return };
            if self.others.is_empty() {
                take(&mut self.reactor, client);
            } else {
                self.others.rotate_left(1);
                let _ = self.others[0].submit(|reactor| take(reactor, client));
            }
        }
    }

    /// Reads once, writes once, and sets the interest. Returns `false` if the client is done.
    fn serve(&mut self, key: Key) -> io::Result<bool> {
        let Some((client, Role::Client(buffer))) = self.reactor.get(key) else { return Ok(true) };
        buffer.fill(client)?;
        self.totals.bytes += buffer.drain(client, BUFFER_SIZE)?;
        let interest = buffer.source_interest() | buffer.sink_interest();
        if interest.is_empty() {
            return Ok(false);
        }
        self.reactor.modify(key, interest, Mode::Level)?;
        Ok(true)
    }
}

/// A client that can't be taken is closed.
fn take(reactor: &mut Reactor<Socket, Role>, client: Socket) {
    let role = Role::Client(Buffer::new(BUFFER_SIZE));
    let _ = reactor.insert(client, role, Interest::READABLE, Mode::Level);
}
