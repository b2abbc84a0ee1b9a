//! A TCP forwarder: what a client sends goes to a target, and back what the target answers.
//!
//! `cargo run --example proxy -- 127.0.0.1:8080 example.org:80`, and `curl -H 'Host: example.org' 127.0.0.1:8080`.
//!
//! What to copy from it: two sources that belong together, each with the other's key beside it, and
//! `Reactor::get_pair` to have both at hand. Each direction has one buffer of fixed size: the source is asked
//! only while there is room, the sink only while bytes are pending, so the slower end sets the pace. The end of
//! one side's stream is passed on to the other once all before it was sent, and so is a reset. The connection
//! to the target is made without blocking anybody. An end that is asked for nothing is paused, so that a hangup
//! does not spin the loop; and so is the listener while there are no fds.

use iomux_backend::{Interest, Key, Mode, Reactor, Ready, Timeout};
use libc::EINPROGRESS;
use socket2::{Domain, SockRef, Socket, Type};
use std::fmt;
use std::io::{self, ErrorKind, IsTerminal, Read, Write};
use std::mem;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "\
usage: proxy [--status] LISTEN TARGET
Both are ADDRESS:PORT; port 0 to listen at is any free one. TARGET is looked up once, at the start, and the first
address that it has is taken. Each second there is a line on how much was passed on, if stderr is a terminal;
--status: whatever stderr is. SIGINT and SIGTERM end it.
";

const BUFFER_SIZE: usize = 64 * 1024;
/// That a client which was reported is not there any more.
const GONE: [ErrorKind; 3] = [ErrorKind::WouldBlock, ErrorKind::Interrupted, ErrorKind::ConnectionAborted];
/// When to try again to accept, if no connection has ended meanwhile.
const RETRY: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let done = match parse(&words) {
        Ok(Some(options)) => Proxy::start(&options).and_then(Proxy::run),
        Ok(None) => io::stdout().write_all(USAGE.as_bytes()),
        Err(message) => {
            eprint!("proxy: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = done {
        say(error);
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// Tells who started it; that nobody listens any more is no reason to end.
fn say(message: impl fmt::Display) {
    let _ = writeln!(io::stderr(), "proxy: {message}");
}

/// Whether the status is forced, and LISTEN and TARGET.
type Options = (bool, [String; 2]);

fn parse(words: &[String]) -> Result<Option<Options>, String> {
    let mut addresses = Vec::new();
    let mut status = false;
    for word in words {
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--status" => status = true,
            option if option.starts_with('-') => return Err(format!("unknown option '{option}'")),
            address => addresses.push(address.to_owned()),
        }
    }
    let addresses = addresses.try_into().map_err(|given: Vec<_>| {
        format!("two addresses are needed, LISTEN and TARGET, and {} given", given.len())
    })?;
    Ok(Some((status, addresses)))
}

/// Says in the error's message what it happened to.
fn in_context(what: impl fmt::Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// What the reactor owns.
enum Source {
    Listener(TcpListener),
    /// A client, or the connection to the target that is made for it.
    Stream(TcpStream),
    /// Where the handler of a signal writes to.
    Signals(UnixStream),
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Listener(listener) => listener.as_fd(),
            Self::Stream(stream) => stream.as_fd(),
            Self::Signals(stream) => stream.as_fd(),
        }
    }
}

/// One end of a forwarded connection, with the bytes that are on their way from it to the other end.
struct End {
    /// `None` until the other end is there.
    other: Option<Key>,
    is_client: bool,
    is_connected: bool,
    asked: Interest,
    buffer: Box<[u8]>,
    pending: Range<usize>,
    has_ended: bool,
    end_is_passed: bool,
}

impl End {
    /// The client's comes first, and is there already; the target's is being connected.
    fn new(other: Option<Key>) -> Self {
        let (is_client, buffer, pending) = (other.is_none(), vec![0; BUFFER_SIZE].into(), 0..0);
        let asked = if is_client { Interest::READABLE } else { Interest::WRITABLE };
        let (is_connected, has_ended, end_is_passed) = (is_client, false, false);
        Self { other, is_client, is_connected, asked, buffer, pending, has_ended, end_is_passed }
    }

    fn has_room(&self) -> bool {
        self.is_connected && !self.has_ended && self.pending.end < self.buffer.len()
    }

    /// Reads once, if there is room.
    fn fill(&mut self, mut from: &TcpStream) -> io::Result<()> {
        if self.has_room()
            && let Some(count) = unless_blocked(from.read(&mut self.buffer[self.pending.end..]))?
        {
            self.pending.end += count;
            self.has_ended = count == 0;
        }
        Ok(())
    }

    /// Writes once, if there is something; returns how many bytes were taken.
    fn drain(&mut self, mut to: &TcpStream) -> io::Result<u64> {
        let mut sent = 0;
        if !self.pending.is_empty() {
            sent = unless_blocked(to.write(&self.buffer[self.pending.clone()]))?.unwrap_or(0);
            self.pending.start += sent;
        }
        if self.pending.is_empty() {
            self.pending = 0..0;
            if self.has_ended && !self.end_is_passed {
                to.shutdown(Shutdown::Write)?;
                self.end_is_passed = true;
            }
        }
        Ok(sent as u64)
    }

    /// What this end is to be asked for, when `other` is the one that sends to it.
    fn interest(&self, other: &Self) -> Interest {
        let mut interest = Interest::empty();
        interest.set(Interest::READABLE, self.has_room());
        interest.set(Interest::WRITABLE, !self.is_connected || !other.pending.is_empty());
        interest
    }
}

fn unless_blocked(answer: io::Result<usize>) -> io::Result<Option<usize>> {
    match answer {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        answer => answer.map(Some),
    }
}

/// Reads and writes what it can, once in each direction.
fn exchange(
    (client, there): (&TcpStream, &mut End),
    (target, back): (&TcpStream, &mut End),
    totals: &mut Totals,
) -> io::Result<()> {
    there.fill(client)?;
    if back.is_connected {
        back.fill(target)?;
        totals.there += there.drain(target)?;
        totals.back += back.drain(client)?;
    }
    Ok(())
}

/// The error that waits to be collected.
fn check(stream: &TcpStream) -> io::Result<()> {
    stream.take_error()?.map_or(Ok(()), Err)
}

#[derive(Default)]
struct Totals {
    connections: u64,
    there: u64,
    back: u64,
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { connections, there, back } = self;
        write!(f, "{connections} connections, {there} bytes there, {back} bytes back")
    }
}

/// A line each second on how it stands: on a terminal always the same one.
struct Status {
    next: Instant,
    is_one_line: bool,
}

impl Status {
    fn show(&mut self, totals: &Totals, open: usize) {
        if self.next <= Instant::now() {
            self.next = Instant::now() + Duration::from_secs(1);
            let (begin, end) = if self.is_one_line { ("\r", "\x1b[K") } else { ("", "\n") };
            let _ = write!(io::stderr(), "{begin}{open} open, {totals}{end}");
        }
    }
}

struct Proxy {
    reactor: Reactor<Source, Option<End>>,
    listener: Key,
    target: SocketAddr,
    /// No client can be taken, for want of fds as a rule: when to try again.
    retry: Option<Instant>,
    status: Option<Status>,
    totals: Totals,
}

impl Proxy {
    fn start((status, [listen, target]): &Options) -> io::Result<Self> {
        let target =
            target.to_socket_addrs().map_err(in_context(target))?.next().ok_or(ErrorKind::NotFound)?;
        let mut reactor = Reactor::new()?;
        let (signals, writer) = UnixStream::pair()?;
        for signal in [libc::SIGINT, libc::SIGTERM] {
            signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        reactor.insert(Source::Signals(signals), None, Interest::READABLE, Mode::Level)?;
        let listener = TcpListener::bind(listen).map_err(in_context(listen))?;
        listener.set_nonblocking(true)?;
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
        let listener = reactor.insert(Source::Listener(listener), None, Interest::READABLE, Mode::Level)?;
        let shows_status = *status || io::stderr().is_terminal();
        let status = shows_status.then(|| Status { next: Instant::now(), is_one_line: !status });
        Ok(Self { reactor, listener, target, retry: None, status, totals: Totals::default() })
    }

    /// Forwards until a signal says that it is enough, and says then what was done.
    fn run(mut self) -> io::Result<()> {
        while !self.turn()? {}
        if self.status.is_some_and(|status| status.is_one_line) {
            let _ = writeln!(io::stderr());
        }
        writeln!(io::stdout(), "{}", self.totals)
    }

    /// Waits once, and does what is to be done then; `true` once a signal has come.
    fn turn(&mut self) -> io::Result<bool> {
        let next_status = self.status.as_ref().map(|status| status.next);
        let next = [next_status, self.retry].into_iter().flatten().min();
        self.reactor.wait(next.map_or(Timeout::Infinite, Timeout::Until))?;
        while let Some(ready) = self.reactor.next_ready() {
            match self.reactor.source(ready.key()) {
                Some(Source::Listener(_)) => self.accept(),
                Some(Source::Signals(_)) => return Ok(true),
                _ => self.serve(ready),
            }
        }
        if self.retry.is_some_and(|time| time <= Instant::now()) {
            self.accept_again();
        }
        if let Some(status) = &mut self.status {
            // Beside the two ends of each there are the signals and the listener.
            status.show(&self.totals, (self.reactor.len() - 2) / 2);
        }
        Ok(false)
    }

    /// Takes one client; for the next the listener is reported again.
    fn accept(&mut self) {
        match self.accept_and_open() {
            Ok((client, server)) => {
                self.totals.connections += 1;
                if let Err(error) = self.connect(client, server) {
                    say(error);
                }
            }
            Err(error) if GONE.contains(&error.kind()) => {}
            Err(_) => {
                // Out of fds, as a rule: who waits in the queue would be reported for ever.
                self.retry = Some(Instant::now() + RETRY);
                let _ = self.reactor.pause(self.listener);
            }
        }
    }

    /// The socket to the target comes first: a client that was accepted can't be put back into the queue.
    fn accept_and_open(&self) -> io::Result<(TcpStream, Socket)> {
        let Some(Source::Listener(listener)) = self.reactor.source(self.listener) else {
            return Err(ErrorKind::WouldBlock.into());
        };
        let server = Socket::new(Domain::for_address(self.target), Type::STREAM, None)?;
        listener.accept().map(|(client, _)| (client, server))
    }

    fn accept_again(&mut self) {
        self.retry = None;
        let _ = self.reactor.resume(self.listener);
    }

    /// Begins to connect to the target, and takes both ends. If that fails the client is let go.
    fn connect(&mut self, client: TcpStream, server: Socket) -> io::Result<()> {
        client.set_nonblocking(true)?;
        server.set_nonblocking(true)?;
        if let Err(error) = server.connect(&self.target.into())
            && error.raw_os_error() != Some(EINPROGRESS)
        {
            return Err(in_context(self.target)(error));
        }
        let server: TcpStream = server.into();
        let _ = client.set_nodelay(true).and(server.set_nodelay(true)); // slower without, not wrong
        let client = self.insert(client, End::new(None))?;
        let server = self.insert(server, End::new(Some(client))).inspect_err(|_| {
            self.reactor.remove(client);
        })?;
        if let Some((_, Some(end))) = self.reactor.get(client) {
            end.other = Some(server);
        }
        Ok(())
    }

    fn insert(&mut self, stream: TcpStream, end: End) -> io::Result<Key> {
        let asked = end.asked;
        Ok(self.reactor.insert(Source::Stream(stream), Some(end), asked, Mode::Level)?)
    }

    fn serve(&mut self, ready: Ready) {
        let key = ready.key();
        let Some((_, Some(end))) = self.reactor.get(key) else { return };
        let Some(other) = end.other else { return };
        let (client, target) = if end.is_client { (key, other) } else { (other, key) };
        let Some(((Source::Stream(from), Some(there)), (Source::Stream(to), Some(back)))) =
            self.reactor.get_pair(client, target)
        else {
            return;
        };
        if !back.is_connected {
            if let Err(error) = check(to) {
                say(in_context(self.target)(error));
                return self.abort(client, target);
            }
            back.is_connected = to.peer_addr().is_ok(); // if not it is under way still
        }
        // An end that is paused is neither read nor written, which would find its error.
        let well = if ready.readiness().is_error() { check(from).and(check(to)) } else { Ok(()) };
        if well.and_then(|()| exchange((from, there), (to, back), &mut self.totals)).is_err() {
            return self.abort(client, target);
        }
        if there.end_is_passed && back.end_is_passed {
            return self.close(client, target);
        }
        let asked = [(client, there.interest(back)), (target, back.interest(there))];
        if asked.into_iter().any(|(key, interest)| self.ask(key, interest).is_err()) {
            self.abort(client, target);
        }
    }

    /// Where nothing is to be asked the end is paused: a hangup would be reported at every wait.
    fn ask(&mut self, key: Key, interest: Interest) -> Result<(), iomux_backend::Error> {
        let Some((_, Some(end))) = self.reactor.get(key) else { return Ok(()) };
        match mem::replace(&mut end.asked, interest) {
            before if before == interest => Ok(()),
            _ if interest.is_empty() => self.reactor.pause(key),
            _ => self.reactor.modify(key, interest, Mode::Level),
        }
    }

    /// Closes both ends in the way that their peers know as "reset by peer": what they have got is not all.
    fn abort(&mut self, client: Key, target: Key) {
        for key in [client, target] {
            if let Some(Source::Stream(stream)) = self.reactor.source(key) {
                let _ = SockRef::from(stream).set_linger(Some(Duration::ZERO));
            }
        }
        self.close(client, target);
    }

    fn close(&mut self, client: Key, target: Key) {
        self.reactor.remove(client);
        self.reactor.remove(target);
        if self.retry.is_some() {
            self.accept_again();
        }
    }
}
