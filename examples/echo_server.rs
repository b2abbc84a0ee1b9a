//! A TCP echo server for thousands of clients, on one `Reactor` and one thread.
//!
//! `cargo run --example echo_server -- 127.0.0.1:7777`, and `cargo run --example load -- 127.0.0.1:7777`.
//!
//! What to copy from it: a connection has one buffer of fixed size; it is read from only while there is room,
//! and asked for `WRITABLE` only while bytes are pending, so a client that does not read stops its own sending
//! and nobody else's. Idle clients are closed by the wait's own timeout. When fds run out the listener is
//! paused, so that the loop does not spin. SIGINT and SIGTERM are let through in the wait alone, and end the
//! server once what is pending was sent.

use iomux_backend::{
    Any, Capabilities, Error, Interest, Key, Mode, Multiplexer, NAMES, Reactor, Ready, SigSet, Signal,
    Timeout, by_name,
};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::collections::BTreeSet;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
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

struct Options {
    backend: String,
    idle: Duration,
    address: String,
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let options = match parse(&words) {
        Ok(Some(options)) => options,
        Ok(None) => {
            print!("{}", usage());
            return ExitCode::SUCCESS;
        }
        Err(message) => {
            eprint!("echo_server: {message}\n{}", usage());
            return ExitCode::from(2);
        }
    };
    let backend = match by_name(&options.backend) {
        Ok(backend) => backend,
        Err(error) => {
            eprintln!("echo_server: {error}");
            return ExitCode::from(2);
        }
    };
    // As many clients as the system allows, not the shell's default.
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
    match Server::start(backend, &options).and_then(Server::run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo_server: {}: {error}", options.address);
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    format!(
        "usage: echo_server [--backend NAME] [--idle SECONDS] [ADDRESS:PORT]\n\
         The backends here: {}. Without --backend, $IOMUX_BACKEND, or poll.\n",
        NAMES.join(", ")
    )
}

fn parse(words: &[String]) -> Result<Option<Options>, String> {
    let backend = std::env::var("IOMUX_BACKEND").unwrap_or_else(|_| "poll".into());
    let mut options = Options { backend, idle: Duration::from_secs(60), address: "127.0.0.1:0".into() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--backend" => options.backend = value()?,
            "--idle" => {
                let seconds = value()?;
                let seconds = seconds.parse().map_err(|_| format!("'{seconds}' is no number of seconds"))?;
                options.idle = Duration::from_secs(seconds);
            }
            option if option.starts_with('-') => return Err(format!("unknown option '{option}'")),
            address => options.address = address.into(),
        }
    }
    Ok(Some(options))
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

/// The bytes of a client that are on their way back to it.
struct Connection {
    buffer: Box<[u8]>,
    pending: Range<usize>,
    has_ended: bool,
    asked: Interest,
    /// When it has been idle for too long.
    expires: Instant,
}

impl Connection {
    fn new(expires: Instant) -> Self {
        let buffer = vec![0; BUFFER_SIZE].into();
        Self { buffer, pending: 0..0, has_ended: false, asked: Interest::READABLE, expires }
    }

    /// Writes and reads what it can; returns how many bytes were sent back.
    fn exchange(&mut self, mut client: &TcpStream) -> io::Result<usize> {
        let mut sent = 0;
        if !self.pending.is_empty() {
            sent = unless_blocked(client.write(&self.buffer[self.pending.clone()]))?.unwrap_or(0);
            self.pending.start += sent;
        }
        if self.pending.is_empty() {
            self.pending = 0..0;
        }
        if !self.has_ended && self.pending.end < self.buffer.len() {
            match unless_blocked(client.read(&mut self.buffer[self.pending.end..]))? {
                Some(0) => self.has_ended = true,
                Some(count) => self.pending.end += count,
                None => {}
            }
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

struct Server {
    reactor: Reactor<Source, Option<Connection>, Any<'static>>,
    listener: Key,
    idle: Duration,
    /// When each client expires, the next one first.
    expiries: BTreeSet<(Instant, Key)>,
    /// Out of fds: when to accept again.
    retry: Option<Instant>,
    is_to_end: Arc<AtomicBool>,
    mask: Option<SigSet>,
    served: u64,
    bytes: usize,
}

impl Server {
    fn start(backend: Any<'static>, options: &Options) -> io::Result<Self> {
        let has_mask = backend.capabilities().contains(Capabilities::MASK);
        let mut reactor = Reactor::with(backend, 1024);
        let is_to_end = Arc::default();
        let mask = handle_signals(&mut reactor, has_mask, &is_to_end)?;
        let listener = TcpListener::bind(&options.address)?;
        listener.set_nonblocking(true)?;
        println!("listening on {}", listener.local_addr()?);
        let listener = reactor.insert(Source::Listener(listener), None, Interest::READABLE, Mode::Level)?;
        let (expiries, retry, idle) = (BTreeSet::new(), None, options.idle);
        Ok(Self { reactor, listener, idle, expiries, retry, is_to_end, mask, served: 0, bytes: 0 })
    }

    fn run(mut self) -> io::Result<()> {
        while !self.is_to_end.load(Ordering::Acquire) {
            let next = self.expiries.first().map(|(expiry, _)| *expiry).into_iter().chain(self.retry).min();
            self.wait(next.map_or(Timeout::Infinite, Timeout::Until))?;
            self.serve();
            self.close_idle(Instant::now());
            if self.retry.is_some_and(|time| time <= Instant::now()) {
                self.accept_again();
            }
        }
        self.end()
    }

    fn wait(&mut self, timeout: Timeout) -> Result<usize, Error> {
        let answer = match &self.mask {
            Some(mask) => self.reactor.wait_masked(timeout, mask),
            None => self.reactor.wait(timeout),
        };
        // The loop asks what the signal was about.
        if answer == Err(Error::Interrupted) { Ok(0) } else { answer }
    }

    fn serve(&mut self) {
        while let Some(ready) = self.reactor.next_ready() {
            match self.reactor.get(ready.key()) {
                Some((Source::Listener(_), _)) => self.accept(),
                Some((Source::Signals(_), _)) => self.is_to_end.store(true, Ordering::Release),
                _ => self.serve_client(ready),
            }
        }
    }

    fn accept(&mut self) {
        while let Some((Source::Listener(listener), _)) = self.reactor.get(self.listener) {
            match listener.accept() {
                Ok((client, _)) => self.take(client),
                Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
                    // The client stays in the queue, and would be reported for ever.
                    self.retry = Some(Instant::now() + RETRY);
                    let _ = self.reactor.pause(self.listener);
                    return;
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                // Gone again before it was accepted, and the like: the next one may be well.
                Err(_) => {}
            }
        }
    }

    fn accept_again(&mut self) {
        self.retry = None;
        let _ = self.reactor.resume(self.listener);
    }

    fn take(&mut self, client: TcpStream) {
        if client.set_nonblocking(true).is_err() {
            return;
        }
        let expires = Instant::now() + self.idle;
        let connection = Some(Connection::new(expires));
        if let Ok(key) =
            self.reactor.insert(Source::Client(client), connection, Interest::READABLE, Mode::Level)
        {
            self.expiries.insert((expires, key));
            self.served += 1;
        }
    }

    fn serve_client(&mut self, ready: Ready) {
        let key = ready.key();
        let Some((Source::Client(client), Some(connection))) = self.reactor.get(key) else { return };
        let Ok(sent) = connection.exchange(client) else { return self.close(key) };
        if connection.is_done() {
            self.bytes += sent;
            return self.close(key);
        }
        let (old, new) = (connection.expires, Instant::now() + self.idle);
        connection.expires = new;
        let interest = connection.interest();
        let is_changed = std::mem::replace(&mut connection.asked, interest) != interest;
        self.bytes += sent;
        self.expiries.remove(&(old, key));
        self.expiries.insert((new, key));
        if is_changed && self.reactor.modify(key, interest, Mode::Level).is_err() {
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

    fn close_idle(&mut self, now: Instant) {
        while let Some(&(expiry, key)) = self.expiries.first() {
            if expiry > now {
                return;
            }
            self.close(key);
        }
    }

    /// Takes no more, sends what is pending, and says what was done.
    fn end(mut self) -> io::Result<()> {
        self.reactor.remove(self.listener);
        let last_call = Instant::now() + LAST_CALL;
        loop {
            self.reactor.retain(|_, source, connection| match (source, connection) {
                (Source::Client(client), Some(connection)) => {
                    connection.has_ended = true;
                    connection.exchange(client).is_ok() && !connection.pending.is_empty()
                }
                _ => false,
            });
            if self.reactor.is_empty() || Instant::now() >= last_call {
                break;
            }
            let keys: Vec<Key> = self.reactor.keys().collect();
            for key in keys {
                self.reactor.modify(key, Interest::WRITABLE, Mode::Level)?;
            }
            self.reactor.wait(Timeout::Until(last_call))?;
        }
        println!("served {} connections, {} bytes", self.served, self.bytes);
        Ok(())
    }
}

/// Has SIGINT and SIGTERM set `is_to_end`: let through in the masked wait alone, so that none is lost, or else
/// by way of a socket that the reactor waits for.
fn handle_signals(
    reactor: &mut Reactor<Source, Option<Connection>, Any<'static>>,
    has_mask: bool,
    is_to_end: &Arc<AtomicBool>,
) -> io::Result<Option<SigSet>> {
    let signals = [Signal::INT, Signal::TERM];
    if has_mask {
        let blocked = SigSet::from_iter(signals).block()?;
        let mask = blocked.wait_mask();
        std::mem::forget(blocked); // for as long as the program runs
        for signal in signals {
            signal_hook::flag::register(signal.as_raw(), Arc::clone(is_to_end))?;
        }
        return Ok(Some(mask));
    }
    let (reader, writer) = UnixStream::pair()?;
    for signal in signals {
        signal_hook::low_level::pipe::register(signal.as_raw(), writer.try_clone()?)?;
    }
    reactor.insert(Source::Signals(reader), None, Interest::READABLE, Mode::Level)?;
    Ok(None)
}
