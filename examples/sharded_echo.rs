//! A TCP echo server on all cores: a thread and a `Reactor` for each, which share nothing.
//!
//! `cargo run --example sharded_echo -- 127.0.0.1:7777`, and `cargo run --example load -- 127.0.0.1:7777`.
//!
//! What to copy from it: each thread has its own listening socket for the same port (`SO_REUSEPORT`), and
//! the kernel deals out the connections: Linux and DragonFly do. With `--shared` all threads have the same socket,
//! registered exclusively, and `Reactor::requeue` has the kernel wake them in turn. Where the option is missing, or
//! all connections go to one of the sockets, `--hand-over` has the first thread accept them and hand them round, by
//! `Handle::submit`. The guide's page on listening compares the three.
//!
//! The main thread creates the reactors and keeps their handles. It waits for SIGINT or SIGTERM, and ends each thread
//! through its handle, after all that was handed over before. Bytes that are on their way back to a client are then
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
usage: sharded_echo [--threads NUMBER] [--shared | --hand-over] [ADDRESS:PORT]
Without ADDRESS:PORT, any free port of 127.0.0.1; without --threads, one for each core.
Each thread has a listening socket of its own, but for
--shared: all threads accept from one socket, in turn, and
--hand-over: the first thread accepts all connections and hands them round.
SIGINT and SIGTERM end it.
";

const BUFFER_SIZE: usize = 16 * 1024;

fn main() -> ExitCode {
    let options = parse(&common::arguments());
    common::run("sharded_echo", USAGE, options, |options| run(&options))
}

/// Which threads accept connections, and from what.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Each from a socket of its own.
    Own,
    /// All from the same socket.
    Shared,
    /// The first, for all.
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
                return Err("--shared or --hand-over, not both or twice".into());
            }
            "--shared" => way = Way::Shared,
            "--hand-over" => way = Way::HandOver,
            "--threads" => {
                let text = words.next().ok_or("--threads needs a value")?;
                let number: Result<NonZeroUsize, _> = text.parse();
                threads = number.map_err(|error| format!("'{text}' is no number of threads: {error}"))?.get();
            }
            option if option.starts_with('-') => return Err(format!("unknown option '{option}'")),
            text if address.is_some() => return Err(format!("one ADDRESS:PORT is enough, without '{text}'")),
            text => address = Some(text.to_owned()),
        }
    }
    Ok(Some(Options { threads, way, address: address.unwrap_or_else(|| "127.0.0.1:0".into()) }))
}

/// Has the threads serve until a signal arrives, and prints what each has done.
fn run(options: &Options) -> io::Result<()> {
    let Options { threads, way, address } = options;
    let listeners = listen(address, *way, *threads)?;
    // After the name lookup, which may take long: the signals end the program meanwhile.
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

    signals.read_exact(&mut [0])?; // restarted when it was interrupted by a handler
    for (handle, waker) in ends {
        // Submitted, so that it comes after the connections that were. If it fails the thread has ended.
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

/// Returns a listening socket for each thread that accepts, all for the same address, and the same port if it is any.
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
    socket.bind(&address.into())?;
    socket.listen(4096)?;
    Ok(socket)
}

// Where socket2 has the option.
#[cfg(not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin")))]
fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))]
fn share_port(_socket: &Socket) -> io::Result<()> {
    Err(io::Error::new(ErrorKind::Unsupported, "no SO_REUSEPORT here: try --shared or --hand-over"))
}

/// What a source of a reactor is for.
enum Role {
    Listener,
    /// A client, with the bytes that are on their way back to it.
    Client(Buffer),
}

#[derive(Default)]
struct Totals {
    connections: usize,
    bytes: usize,
}

/// What one thread has.
struct Shard {
    reactor: Reactor<Socket, Role>,
    /// The key that is reported when the thread is to end, and the waker that has it reported.
    end: Key,
    waker: Waker,
    /// The threads that it hands its clients over to, itself included. If there are none it keeps them.
    others: Vec<Handle<Socket, Role>>,
    /// Of the connections that are closed.
    totals: Totals,
}

impl Shard {
    fn new() -> io::Result<Self> {
        let mut reactor = Reactor::new()?;
        let (end, waker) = reactor.waker()?;
        Ok(Self { reactor, end, waker, others: Vec::new(), totals: Totals::default() })
    }

    /// Where no registration is exclusive, a connection wakes all threads that share the listener.
    fn insert_listener(&mut self, listener: Socket, way: Way) -> io::Result<()> {
        let has_exclusive = self.reactor.capabilities().contains(Capabilities::EXCLUSIVE);
        let mode = if way == Way::Shared && has_exclusive { Mode::Exclusive } else { Mode::Level };
        self.reactor.insert(listener, Role::Listener, Interest::READABLE, mode)?;
        Ok(())
    }

    /// Serves until it is to end, and returns what it has done.
    fn run(mut self) -> io::Result<Totals> {
        while self.turn()? {}
        // A task that was handed over can't count itself: it is given the reactor, and not the totals.
        let open = self.reactor.iter_mut().filter(|(_, _, role)| matches!(role, Role::Client(_))).count();
        self.totals.connections += open;
        Ok(self.totals)
    }

    /// Waits once, and serves what is ready; returns `false` when it is to end.
    fn turn(&mut self) -> io::Result<bool> {
        self.reactor.wait(Timeout::Infinite)?;
        // Not `next`, which skips wakers: its own is what ends the thread.
        while let Some(ready) = self.reactor.next_ready() {
            let key = ready.key();
            if key == self.end {
                return Ok(false);
            }
            match (self.reactor.get(key), ready.cause()) {
                (Some((_, Role::Listener)), Cause::Expired) => self.reactor.resume(key)?,
                (Some((_, Role::Listener)), Cause::Ready(_)) => {
                    self.accept(key);
                    // The next connection is another thread's. (This changes nothing unless the listener is exclusive.)
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

    /// Reads and writes once, and has the reactor wait for what comes next; returns `false` if nothing does.
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
