//! A TCP echo server on all cores: a thread and a `Reactor` for each, which share nothing.
//!
//! `cargo run --example sharded_echo -- 127.0.0.1:7777`, and `cargo run --example load -- 127.0.0.1:7777`.
//!
//! What to copy from it: each thread has a listening socket of its own for the same port (`SO_REUSEPORT`), and
//! the kernel deals out the connections: Linux and DragonFly do. Where the option is missing, or all connections
//! go to one of the sockets, `--hand-over` has the first thread accept them and hand them round, by
//! `Handle::submit`. The reactors are made by the main thread, which keeps their handles; it waits for SIGINT or
//! SIGTERM meanwhile, and ends each thread by way of its handle, after all that was handed over before.

use iomux_backend::{Handle, Interest, Key, Mode, Reactor, Timeout, Waker};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "\
usage: sharded_echo [--threads NUMBER] [--hand-over] [ADDRESS:PORT]
Without ADDRESS:PORT, any free port of 127.0.0.1; without --threads, one for each core.
--hand-over: the first thread accepts all connections and hands them round. SIGINT and SIGTERM end it.
";

const BUFFER_SIZE: usize = 16 * 1024;
/// When to try again to accept, if no client has gone meanwhile.
const RETRY: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let done = match parse(&words) {
        Ok(Some(options)) => run(&options),
        Ok(None) => io::stdout().write_all(USAGE.as_bytes()),
        Err(message) => {
            eprint!("sharded_echo: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = done {
        eprintln!("sharded_echo: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

struct Options {
    threads: usize,
    hands_over: bool,
    address: String,
}

fn parse(words: &[String]) -> Result<Option<Options>, String> {
    let mut threads = thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let (mut hands_over, mut address) = (false, None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--hand-over" => hands_over = true,
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
    Ok(Some(Options { threads, hands_over, address: address.unwrap_or_else(|| "127.0.0.1:0".into()) }))
}

/// Has the threads serve until a signal comes, and says what each has done.
fn run(options: &Options) -> io::Result<()> {
    let Options { threads, hands_over, address } = options;
    let in_context = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
    let mut signals = signals()?;
    let listeners = listen(address, if *hands_over { 1 } else { *threads }).map_err(in_context)?;
    let local = listeners[0].local_addr()?;
    let mut shards = (0..*threads).map(|_| Shard::new()).collect::<io::Result<Vec<_>>>()?;
    let ends = shards.iter_mut().map(|shard| Ok((shard.reactor.handle()?, shard.waker.clone())));
    let ends = ends.collect::<io::Result<Vec<_>>>()?;
    for (shard, listener) in shards.iter_mut().zip(listeners) {
        shard.listen(listener)?;
    }
    if *hands_over {
        shards[0].others = ends.iter().map(|(handle, _)| handle.clone()).collect();
    }
    let threads = shards.into_iter().map(|shard| thread::Builder::new().spawn(|| shard.run()));
    let threads = threads.collect::<io::Result<Vec<_>>>()?;
    writeln!(io::stdout(), "listening on {local}")?;

    signals.read_exact(&mut [0])?; // goes on by itself when a handler has run
    for (handle, waker) in ends {
        // Submitted, so that it comes after the connections that were. If it fails the thread has ended.
        let _ = handle.submit(move |_| waker.wake());
    }
    let mut all = Totals::default();
    for (number, thread) in threads.into_iter().enumerate() {
        let served =
            thread.join().map_err(|_| io::Error::other(format!("thread {number} has panicked")))??;
        writeln!(
            io::stdout(),
            "thread {number}: {} connections, {} bytes",
            served.connections,
            served.bytes
        )?;
        all.connections += served.connections;
        all.bytes += served.bytes;
    }
    writeln!(io::stdout(), "in all: {} connections, {} bytes", all.connections, all.bytes)
}

/// Where the handlers of SIGINT and SIGTERM write to, whichever thread they interrupt.
fn signals() -> io::Result<UnixStream> {
    let (reader, writer) = UnixStream::pair()?;
    for signal in [libc::SIGINT, libc::SIGTERM] {
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
    }
    Ok(reader)
}

/// So many listening sockets for the same address, and the same port if it is any.
fn listen(address: &str, count: usize) -> io::Result<Vec<TcpListener>> {
    if count == 1 {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        return Ok(vec![listener]);
    }
    let mut address = address.to_socket_addrs()?.next().ok_or(ErrorKind::NotFound)?;
    let mut listeners = Vec::new();
    for _ in 0..count {
        let listener = listen_beside_others(address)?;
        address = listener.local_addr()?;
        listeners.push(listener);
    }
    Ok(listeners)
}

fn listen_beside_others(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    share_port(&socket)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

// Where socket2 has the option.
#[cfg(not(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin")))]
fn share_port(socket: &Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(any(target_os = "solaris", target_os = "illumos", target_os = "cygwin"))]
fn share_port(_socket: &Socket) -> io::Result<()> {
    Err(io::Error::new(ErrorKind::Unsupported, "no SO_REUSEPORT here: try --hand-over"))
}

/// What a reactor owns.
enum Source {
    Listener(TcpListener),
    Client(TcpStream),
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Listener(listener) => listener.as_fd(),
            Self::Client(client) => client.as_fd(),
        }
    }
}

/// A client's state, with the bytes that are on their way back to it.
struct Connection {
    buffer: Box<[u8]>,
    pending: Range<usize>,
    asked: Interest,
    has_ended: bool,
}

impl Connection {
    fn new() -> Self {
        let (buffer, asked) = (vec![0; BUFFER_SIZE].into(), Interest::READABLE);
        Self { buffer, pending: 0..0, asked, has_ended: false }
    }

    /// Reads and writes once, what it can; returns how many bytes were sent back.
    fn exchange(&mut self, mut client: &TcpStream) -> io::Result<usize> {
        if !self.has_ended
            && self.pending.end < self.buffer.len()
            && let Some(count) = unless_blocked(client.read(&mut self.buffer[self.pending.end..]))?
        {
            self.pending.end += count;
            self.has_ended = count == 0;
        }
        if self.pending.is_empty() {
            return Ok(0);
        }
        let sent = unless_blocked(client.write(&self.buffer[self.pending.clone()]))?.unwrap_or(0);
        self.pending.start += sent;
        if self.pending.is_empty() {
            self.pending = 0..0;
        }
        Ok(sent)
    }

    fn is_done(&self) -> bool {
        self.has_ended && self.pending.is_empty()
    }

    fn interest(&self) -> Interest {
        let mut interest = Interest::empty();
        interest.set(Interest::READABLE, !self.has_ended && self.pending.end < self.buffer.len());
        interest.set(Interest::WRITABLE, !self.pending.is_empty());
        interest
    }
}

fn unless_blocked(answer: io::Result<usize>) -> io::Result<Option<usize>> {
    match answer {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        answer => answer.map(Some),
    }
}

#[derive(Default)]
struct Totals {
    connections: usize,
    bytes: u64,
}

/// What one thread has.
struct Shard {
    reactor: Reactor<Source, Option<Connection>>,
    /// What is reported when it is to end, and what has it reported.
    end: Key,
    waker: Waker,
    listener: Option<Key>,
    /// To whom it hands over what it accepts, this one included; if there are none it keeps it.
    others: Vec<Handle<Source, Option<Connection>>>,
    /// No client can be taken, for want of fds as a rule: when to try again.
    retry: Option<Instant>,
    /// Of the connections that are closed.
    totals: Totals,
}

impl Shard {
    fn new() -> io::Result<Self> {
        let mut reactor = Reactor::new()?;
        let (end, waker) = reactor.waker()?;
        let (others, totals) = (Vec::new(), Totals::default());
        Ok(Self { reactor, end, waker, listener: None, others, retry: None, totals })
    }

    fn listen(&mut self, listener: TcpListener) -> io::Result<()> {
        let key = self.reactor.insert(Source::Listener(listener), None, Interest::READABLE, Mode::Level)?;
        self.listener = Some(key);
        Ok(())
    }

    /// Serves until it is to end; what it has done then.
    fn run(mut self) -> io::Result<Totals> {
        while self.turn()? {}
        // A task can't count: it is given the reactor, and not what is beside it.
        let open = self.reactor.iter_mut().filter(|(_, _, state)| state.is_some()).count();
        self.totals.connections += open;
        Ok(self.totals)
    }

    /// Waits once, and does what is to be done then; `false` when it is to end.
    fn turn(&mut self) -> io::Result<bool> {
        self.reactor.wait(self.retry.map_or(Timeout::Infinite, Timeout::Until))?;
        while let Some(ready) = self.reactor.next_ready() {
            match ready.key() {
                key if key == self.end => return Ok(false),
                key if Some(key) == self.listener => self.accept(key),
                key => self.serve(key),
            }
        }
        if self.retry.is_some_and(|time| time <= Instant::now()) {
            self.accept_again();
        }
        Ok(true)
    }

    /// Takes one client; for the next the listener is reported again.
    fn accept(&mut self, key: Key) {
        let Some(Source::Listener(listener)) = self.reactor.source(key) else { return };
        match listener.accept() {
            Ok((client, _)) => self.deal_out(client),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                _ => {
                    // Out of fds, as a rule: who waits in the queue would be reported for ever.
                    self.retry = Some(Instant::now() + RETRY);
                    let _ = self.reactor.pause(key);
                }
            },
        }
    }

    fn accept_again(&mut self) {
        self.retry = None;
        if let Some(key) = self.listener {
            let _ = self.reactor.resume(key);
        }
    }

    /// A client that can't be taken is closed.
    fn deal_out(&mut self, client: TcpStream) {
        if client.set_nonblocking(true).and(client.set_nodelay(true)).is_err() {
            return; // gone already
        }
        if self.others.is_empty() {
            take(&mut self.reactor, client);
            return;
        }
        self.others.rotate_left(1);
        let _ = self.others[0].submit(|reactor| take(reactor, client));
    }

    fn serve(&mut self, key: Key) {
        let Some((Source::Client(client), Some(connection))) = self.reactor.get(key) else { return };
        let Ok(sent) = connection.exchange(client) else { return self.close(key) };
        self.totals.bytes += sent as u64;
        if connection.is_done() {
            return self.close(key);
        }
        let interest = connection.interest();
        if mem::replace(&mut connection.asked, interest) != interest
            && self.reactor.modify(key, interest, Mode::Level).is_err()
        {
            self.close(key);
        }
    }

    fn close(&mut self, key: Key) {
        if self.reactor.remove(key).is_some() {
            self.totals.connections += 1;
        }
        if self.retry.is_some() {
            self.accept_again();
        }
    }
}

fn take(reactor: &mut Reactor<Source, Option<Connection>>, client: TcpStream) {
    let connection = Some(Connection::new());
    let _ = reactor.insert(Source::Client(client), connection, Interest::READABLE, Mode::Level);
}
