//! A TCP echo server for thousands of clients, on one `Reactor` and one thread.
//!
//! `cargo run --example echo_server -- 127.0.0.1:7777`, and `cargo run --example load -- 127.0.0.1:7777`.
//!
//! What to copy from it: a connection has one buffer of fixed size; it is read from only while there is room,
//! and asked for `WRITABLE` only while bytes are pending, so a client that does not read stops its own sending
//! and nobody else's. Idle clients are closed by the wait's own timeout. When fds run out the listener is
//! paused, so that the loop does not spin. SIGINT and SIGTERM are let through in the wait alone, and end the
//! server once what is pending was sent.

use iomux::MaskGuard;
use iomux_backend::{
    Any, Capabilities, Error, Interest, Key, Mode, NAMES, Reactor, SigSet, Signal, Timeout, by_name,
};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::num::NonZeroU32;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const BUFFER_SIZE: usize = 16 * 1024;
/// How long clients have, once the server is to end, to read what is theirs.
const LAST_CALL: Duration = Duration::from_secs(2);
/// When to try again to accept, if no client has gone meanwhile.
const RETRY: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let done = match parse(&words) {
        Ok(Some(options)) => Server::start(options).and_then(Server::run),
        Ok(None) => io::stdout().write_all(usage().as_bytes()),
        Err(message) => {
            eprint!("echo_server: {message}\n{}", usage());
            return ExitCode::from(2);
        }
    };
    done.map_or_else(
        |error| {
            eprintln!("echo_server: {error}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}

fn usage() -> String {
    format!(
        "usage: echo_server [--backend NAME] [--idle SECONDS] [ADDRESS:PORT]\n\
         Without ADDRESS:PORT, any free port of 127.0.0.1; clients may be idle for 60 seconds.\n\
         The backends here: {}. Without --backend, $IOMUX_BACKEND, or the first of them.\n",
        NAMES.join(", ")
    )
}

struct Options {
    backend: Any<'static>,
    idle: Duration,
    address: String,
}

fn parse(words: &[String]) -> Result<Option<Options>, String> {
    let mut backend = std::env::var("IOMUX_BACKEND").unwrap_or_else(|_| NAMES[0].into());
    let (mut idle, mut address) = (Duration::from_secs(60), None);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--backend" => backend = value()?,
            "--idle" => {
                let text = value()?;
                let seconds: Result<NonZeroU32, _> = text.parse();
                let seconds =
                    seconds.map_err(|error| format!("'{text}' is no number of seconds: {error}"))?;
                idle = Duration::from_secs(seconds.get().into());
            }
            option if option.starts_with('-') => return Err(format!("unknown option '{option}'")),
            text if address.is_some() => return Err(format!("one ADDRESS:PORT is enough, without '{text}'")),
            text => address = Some(text.to_owned()),
        }
    }
    let backend = by_name(&backend).map_err(|error| error.to_string())?;
    Ok(Some(Options { backend, idle, address: address.unwrap_or_else(|| "127.0.0.1:0".into()) }))
}

/// What the reactor owns.
enum Source {
    Listener(TcpListener),
    Client(TcpStream),
    /// Where the handler of a signal writes to, for a backend without a mask.
    Signals(UnixStream),
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Listener(listener) => listener.as_fd(),
            Self::Client(client) => client.as_fd(),
            Self::Signals(stream) => stream.as_fd(),
        }
    }
}

/// A client's state, with the bytes that are on their way back to it.
struct Connection {
    buffer: Box<[u8]>,
    pending: Range<usize>,
    asked: Interest,
    /// When it has been idle for too long.
    expires: Instant,
    has_ended: bool,
    /// The server is to end: what comes now is not sent back any more.
    is_last_call: bool,
}

impl Connection {
    fn new(expires: Instant) -> Self {
        let (buffer, asked) = (vec![0; BUFFER_SIZE].into(), Interest::READABLE);
        Self { buffer, pending: 0..0, asked, expires, has_ended: false, is_last_call: false }
    }

    /// Reads and writes once, what it can; returns how many bytes were sent back.
    fn exchange(&mut self, mut client: &TcpStream) -> io::Result<usize> {
        // Read even in the last call: to close on bytes that were not read is to reset the connection,
        // and what is still on its way to the client would be lost.
        let mut unwanted = [0; 4096];
        let room = if self.is_last_call { &mut unwanted } else { &mut self.buffer[self.pending.end..] };
        if !self.has_ended && !room.is_empty() {
            match unless_blocked(client.read(room))? {
                Some(0) => self.has_ended = true,
                Some(count) if !self.is_last_call => self.pending.end += count,
                _ => {}
            }
        }
        if self.pending.is_empty() {
            return Ok(0);
        }
        let sent = unless_blocked(client.write(&self.buffer[self.pending.clone()]))?.unwrap_or(0);
        self.pending.start += sent;
        if self.pending.is_empty() {
            self.pending = 0..0;
            self.say_goodbye(client)?;
        }
        Ok(sent)
    }

    /// What is pending is still sent; then the client hears that this was all.
    fn begin_last_call(&mut self, client: &TcpStream) -> io::Result<()> {
        self.is_last_call = true;
        self.say_goodbye(client)
    }

    fn say_goodbye(&self, client: &TcpStream) -> io::Result<()> {
        if self.is_last_call && self.pending.is_empty() { client.shutdown(Shutdown::Write) } else { Ok(()) }
    }

    fn is_done(&self) -> bool {
        self.has_ended && self.pending.is_empty()
    }

    fn interest(&self) -> Interest {
        let has_room = self.is_last_call || self.pending.end < self.buffer.len();
        let mut interest = Interest::empty();
        interest.set(Interest::READABLE, !self.has_ended && has_room);
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

struct Server {
    reactor: Reactor<Source, Option<Connection>, Any<'static>>,
    listener: Key,
    idle: Duration,
    /// When each client expires, the next one first.
    expiries: BTreeSet<(Instant, Key)>,
    /// No client can be taken, for want of fds as a rule: when to try again.
    retry: Option<Instant>,
    is_to_end: Arc<AtomicBool>,
    /// What holds the signals back outside of the wait, if the backend can let them through there.
    blocked: Option<MaskGuard>,
    served: u64,
    bytes: usize,
}

impl Server {
    fn start(options: Options) -> io::Result<Self> {
        // As many clients as the system allows, not the shell's default.
        let _ = rlimit::increase_nofile_limit(u64::MAX);
        let Options { backend, idle, address } = options;
        let mut reactor = Reactor::with(backend, 1024);
        let is_to_end = Arc::default();
        let blocked = handle_signals(&mut reactor, &is_to_end)?;
        let listener = TcpListener::bind(&address)
            .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
        listener.set_nonblocking(true)?;
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
        let listener = reactor.insert(Source::Listener(listener), None, Interest::READABLE, Mode::Level)?;
        let (expiries, retry) = (BTreeSet::new(), None);
        Ok(Self { reactor, listener, idle, expiries, retry, is_to_end, blocked, served: 0, bytes: 0 })
    }

    /// Serves until a signal says that it is enough, takes no more clients then, sends what is pending, and
    /// says what was done.
    fn run(mut self) -> io::Result<()> {
        while !self.is_to_end.swap(false, Ordering::AcqRel) {
            self.turn(None)?;
        }
        self.retry = None;
        self.reactor.remove(self.listener);
        let clients: Vec<_> = self.expiries.iter().map(|(_, key)| *key).collect();
        for key in clients {
            if let Some((Source::Client(client), Some(connection))) = self.reactor.get(key) {
                let _ = connection.begin_last_call(client); // if that fails, so does the next read
            }
            self.serve_client(key);
        }
        let last_call = Instant::now() + LAST_CALL;
        // A second signal does not wait for them.
        while !self.expiries.is_empty()
            && Instant::now() < last_call
            && !self.is_to_end.load(Ordering::Acquire)
        {
            self.turn(Some(last_call))?;
        }
        writeln!(io::stdout(), "served {} connections, {} bytes", self.served, self.bytes)
    }

    /// Waits once, and does what is to be done then.
    fn turn(&mut self, until: Option<Instant>) -> io::Result<()> {
        let expiry = self.expiries.first().map(|(expiry, _)| *expiry);
        let next = [until, expiry, self.retry].into_iter().flatten().min();
        let timeout = next.map_or(Timeout::Infinite, Timeout::Until);
        let answer = match &self.blocked {
            Some(guard) => self.reactor.wait_masked(timeout, &guard.wait_mask()),
            None => self.reactor.wait(timeout),
        };
        match answer {
            Err(Error::Interrupted) => return Ok(()), // the loop looks at what the handler has left
            answer => answer?,
        };
        while let Some(ready) = self.reactor.next_ready() {
            match self.reactor.get(ready.key()) {
                Some((Source::Listener(_), _)) => self.accept(),
                Some((Source::Signals(stream), _)) => {
                    let _count = { stream }.read(&mut [0; 16])?; // how often does not matter
                    self.is_to_end.store(true, Ordering::Release);
                }
                _ => self.serve_client(ready.key()),
            }
        }
        self.close_idle();
        if self.retry.is_some_and(|time| time <= Instant::now()) {
            self.accept_again();
        }
        Ok(())
    }

    fn accept(&mut self) {
        while let Some((Source::Listener(listener), _)) = self.reactor.get(self.listener) {
            match listener.accept() {
                Ok((client, _)) => self.take(client),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => return,
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {} // the next one may be well
                    _ => {
                        // Out of fds, as a rule: who waits in the queue would be reported for ever.
                        self.retry = Some(Instant::now() + RETRY);
                        let _ = self.reactor.pause(self.listener);
                        return;
                    }
                },
            }
        }
    }

    fn accept_again(&mut self) {
        self.retry = None;
        let _ = self.reactor.resume(self.listener);
    }

    fn take(&mut self, client: TcpStream) {
        if client.set_nonblocking(true).and(client.set_nodelay(true)).is_err() {
            return; // gone already
        }
        let expires = Instant::now() + self.idle;
        let connection = Some(Connection::new(expires));
        let answer = self.reactor.insert(Source::Client(client), connection, Interest::READABLE, Mode::Level);
        if let Ok(key) = answer {
            self.expiries.insert((expires, key));
            self.served += 1;
        }
    }

    fn serve_client(&mut self, key: Key) {
        let Some((Source::Client(client), Some(connection))) = self.reactor.get(key) else { return };
        let Ok(sent) = connection.exchange(client) else { return self.close(key) };
        self.bytes += sent;
        if connection.is_done() {
            return self.close(key);
        }
        let expires = Instant::now() + self.idle;
        self.expiries.remove(&(mem::replace(&mut connection.expires, expires), key));
        self.expiries.insert((expires, key));
        let interest = connection.interest();
        if mem::replace(&mut connection.asked, interest) != interest
            && self.reactor.modify(key, interest, Mode::Level).is_err()
        {
            self.close(key);
        }
    }

    fn close(&mut self, key: Key) {
        if let Some((_, Some(connection))) = self.reactor.remove(key) {
            self.expiries.remove(&(connection.expires, key));
        }
        if self.retry.is_some() {
            self.accept_again();
        }
    }

    fn close_idle(&mut self) {
        let now = Instant::now();
        while let Some(&(_, key)) = self.expiries.first().filter(|(expiry, _)| *expiry <= now) {
            self.close(key);
        }
    }
}

/// Has SIGINT and SIGTERM set `is_to_end`: let through in the masked wait alone, so that none is lost, or else
/// by way of a socket that the reactor waits for.
fn handle_signals(
    reactor: &mut Reactor<Source, Option<Connection>, Any<'static>>,
    is_to_end: &Arc<AtomicBool>,
) -> io::Result<Option<MaskGuard>> {
    let signals = [Signal::INT, Signal::TERM];
    if reactor.capabilities().contains(Capabilities::MASK) {
        let blocked = SigSet::from_iter(signals).block()?;
        for signal in signals {
            signal_hook::flag::register(signal.as_raw(), Arc::clone(is_to_end))?;
        }
        return Ok(Some(blocked));
    }
    let (reader, writer) = UnixStream::pair()?;
    for signal in signals {
        signal_hook::low_level::pipe::register(signal.as_raw(), writer.try_clone()?)?;
    }
    reactor.insert(Source::Signals(reader), None, Interest::READABLE, Mode::Level)?;
    Ok(None)
}
