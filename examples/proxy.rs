//! A TCP forwarder between clients and a target.
//!
//! `cargo run --example proxy -- 127.0.0.1:8080 example.org:80`, and `curl -H 'Host: example.org' 127.0.0.1:8080`.
//!
//! What to copy from it: the state of each connection holds the key of its peer, and `Reactor::get_pair` borrows
//! both. Each direction has one buffer of fixed size. The proxy waits for the source only while the buffer has room,
//! and for the sink only while bytes are pending. So the slower end determines the speed. The proxy forwards the end
//! of a stream, or a reset, after the data before it. A signal resets the open connections, because neither side has
//! ended its stream. The connection to the target is non-blocking, and has a deadline. A connection without an
//! interest is paused, so that a hangup does not cause a busy loop. The listener is paused while the process is out
//! of file descriptors.
//!
//! What it does not do: it has no idle timeout. If the target answers and resets the connection, the client receives
//! only what its socket accepts immediately.

mod common;

use common::{Buffer, in_context, say};
use iomux_backend::{Cause, Error, Interest, Key, Mode, Reactor, Readiness, Timeout};
use signal_hook::consts::{SIGINT, SIGTERM};
use socket2::{Domain, Socket, Type};
use std::fmt;
use std::io::{self, ErrorKind, IsTerminal};
use std::mem;
use std::net::{Shutdown, SocketAddr, ToSocketAddrs};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "\
Usage: proxy [--status] LISTEN TARGET
Forward TCP connections from LISTEN to TARGET. Both are ADDRESS:PORT.

Port 0 of LISTEN stands for any free port. The name in TARGET is resolved once,
at the start, and its first address is used. TARGET must not lead back to LISTEN.

      --status  print statistics every second; this is the default
                if standard error is a terminal
  -h, --help    display this help and exit

SIGINT and SIGTERM end the program.
";

const BUFFER_SIZE: usize = 64 * 1024;
/// How long the target may take to accept a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

fn main() -> ExitCode {
    let options = parse(&common::arguments());
    common::run("proxy", USAGE, options, |options| Proxy::start(&options)?.run())
}

/// `true` if `--status` was given, and LISTEN and TARGET.
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
        format!("two addresses are required, LISTEN and TARGET; {} given", given.len())
    })?;
    Ok(Some((status, addresses)))
}

/// The role of a source in the reactor.
enum Role {
    Listener,
    /// The socket that the signal handlers write to.
    Signals,
    /// A client, or its connection to the target.
    End(End),
}

/// One end of a forwarded connection, with the bytes from it to the other end.
struct End {
    /// `None` until the other end exists.
    other: Option<Key>,
    is_client: bool,
    is_connected: bool,
    buffer: Buffer,
    end_is_passed: bool,
}

impl End {
    /// The client's end is connected. The target's end is still connecting.
    fn new(other: Option<Key>) -> Self {
        let (is_client, buffer) = (other.is_none(), Buffer::new(BUFFER_SIZE));
        Self { other, is_client, is_connected: is_client, buffer, end_is_passed: false }
    }

    /// Writes once, forwards the end of file after the last byte, and returns the number of bytes written.
    fn drain(&mut self, to: &Socket) -> io::Result<u64> {
        let sent = self.buffer.drain(to, BUFFER_SIZE)?;
        if self.buffer.is_done() && !mem::replace(&mut self.end_is_passed, true) {
            to.shutdown(Shutdown::Write)?;
        }
        Ok(sent as u64)
    }

    /// Forwards the data that arrived before the reset, as far as the other end accepts it immediately. The data may
    /// explain the reset. Returns the number of bytes written.
    fn pass_rest(&mut self, from: &Socket, to: &Socket) -> u64 {
        let mut all = 0;
        loop {
            let _ = self.buffer.fill(from); // its error was handled before
            match self.buffer.drain(to, BUFFER_SIZE) {
                Ok(count @ 1..) => all += count as u64,
                _ => return all,
            }
        }
    }

    /// Returns the interest of this end, to which `other` sends.
    fn interest(&self, other: &Self) -> Interest {
        if self.is_connected {
            self.buffer.source_interest() | other.buffer.sink_interest()
        } else {
            Interest::WRITABLE
        }
    }
}

/// Reads once and writes once in each direction.
fn exchange(
    (client, there): (&Socket, &mut End),
    (target, back): (&Socket, &mut End),
    totals: &mut Totals,
) -> io::Result<()> {
    there.buffer.fill(client)?;
    if back.is_connected {
        back.buffer.fill(target)?;
        totals.there += there.drain(target)?;
        totals.back += back.drain(client)?;
    }
    Ok(())
}

/// Takes the pending error of the socket (SO_ERROR).
fn check(socket: &Socket) -> io::Result<()> {
    socket.take_error()?.map_or(Ok(()), Err)
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

/// A line of statistics per second. On a terminal it overwrites itself.
struct Status {
    next: Instant,
    is_one_line: bool,
}

impl Status {
    fn show(&mut self, totals: &Totals, open: usize) {
        if self.next <= Instant::now() {
            self.next = Instant::now() + Duration::from_secs(1);
            let (begin, end) = if self.is_one_line { ("\r", "\x1b[K") } else { ("", "\n") };
            common::log(format_args!("{begin}{open} open, {totals}{end}"));
        }
    }
}

struct Proxy {
    reactor: Reactor<Socket, Role>,
    target: SocketAddr,
    status: Option<Status>,
    totals: Totals,
}

impl Proxy {
    fn start((status, [listen, target]): &Options) -> io::Result<Self> {
        let target =
            target.to_socket_addrs().map_err(in_context(target))?.next().ok_or(ErrorKind::NotFound)?;
        let (listener, signals) = (common::listen(listen)?, common::signals(&[SIGINT, SIGTERM])?);
        common::announce(&listener)?;
        let mut reactor = Reactor::new()?;
        reactor.insert(listener, Role::Listener, Interest::READABLE, Mode::Level)?;
        reactor.insert(signals.into(), Role::Signals, Interest::READABLE, Mode::Level)?;
        let shows_status = *status || io::stderr().is_terminal();
        let status = shows_status.then(|| Status { next: Instant::now(), is_one_line: !status });
        Ok(Self { reactor, target, status, totals: Totals::default() })
    }

    /// Forwards until a signal arrives, then resets the open connections, and prints statistics.
    fn run(mut self) -> io::Result<()> {
        while self.turn()? {}
        for (_, socket, role) in self.reactor.iter_mut() {
            if matches!(role, Role::End(_)) {
                common::reset_on_close(socket);
            }
        }
        if self.status.is_some_and(|status| status.is_one_line) {
            say("");
        }
        common::print(self.totals)
    }

    /// Waits once, serves the ready sources, and returns `false` if a signal has arrived.
    fn turn(&mut self) -> io::Result<bool> {
        let next_status = self.status.as_ref().map(|status| status.next);
        self.reactor.wait(next_status.map_or(Timeout::Infinite, Timeout::Until))?;
        while let Some((key, cause, _, role)) = self.reactor.next() {
            match (role, cause) {
                (Role::Signals, _) => return Ok(false),
                (Role::Listener, Cause::Expired) => self.reactor.resume(key)?,
                (Role::Listener, Cause::Ready(_)) => self.accept(key),
                (Role::End(_), Cause::Ready(readiness)) => self.serve(key, readiness),
                // Only a connection to the target has a deadline, until it is established.
                (Role::End(end), Cause::Expired) => {
                    say(format_args!("proxy: {}: {}", self.target, ErrorKind::TimedOut));
                    let ends = [end.other.unwrap_or(key), key];
                    self.abort(ends);
                }
            }
        }
        if let Some(status) = &mut self.status {
            // The reactor has two sources per connection, the signals and the listener.
            status.show(&self.totals, self.reactor.len().saturating_sub(2) / 2);
        }
        Ok(true)
    }

    fn accept(&mut self, listener: Key) {
        for _ in 0..common::ACCEPTS {
            // First of all, because an accepted client can't go back into the queue.
            let Ok(target) = Socket::new(Domain::for_address(self.target), Type::STREAM, None) else {
                return common::accept_later(&mut self.reactor, listener);
            };
            let Some((client, _)) = common::accept(&mut self.reactor, listener) else { return };
            self.totals.connections += 1;
            if let Err(error) = self.connect(client, target) {
                say(format_args!("proxy: {error}"));
            }
        }
    }

    /// Starts to connect to the target, and registers both ends. Resets the client if that fails.
    fn connect(&mut self, client: Socket, target: Socket) -> io::Result<()> {
        common::connect(&target, self.target)
            .inspect_err(|_| common::reset_on_close(&client))
            .map_err(in_context(self.target))?;
        let client = self.insert(client, End::new(None))?;
        let target = self.insert(target, End::new(Some(client))).inspect_err(|_| {
            self.reactor.remove(client);
        })?;
        if let Some((_, Role::End(end))) = self.reactor.get(client) {
            end.other = Some(target);
        }
        Ok(self.reactor.set_deadline(target, CONNECT_TIMEOUT)?)
    }

    fn insert(&mut self, socket: Socket, end: End) -> io::Result<Key> {
        let interest = if end.is_client { Interest::READABLE } else { Interest::WRITABLE };
        Ok(self.reactor.insert(socket, Role::End(end), interest, Mode::Level)?)
    }

    fn serve(&mut self, key: Key, readiness: Readiness) {
        let Some((_, Role::End(End { other: Some(other), is_client, .. }))) = self.reactor.get(key) else {
            return;
        };
        let (client, target) = if *is_client { (key, *other) } else { (*other, key) };
        match self.forward(client, target, readiness) {
            Ok(true) => {}
            Ok(false) => self.close([client, target]),
            Err(_) => self.abort([client, target]),
        }
    }

    /// Reads once and writes once in each direction. Returns `false` once both directions have ended.
    fn forward(&mut self, client: Key, target: Key, readiness: Readiness) -> io::Result<bool> {
        let Some(((from, Role::End(there)), (to, Role::End(back)))) = self.reactor.get_pair(client, target)
        else {
            return Ok(false);
        };
        let was_connected = back.is_connected;
        if !was_connected {
            back.is_connected = common::is_connected(to)
                .inspect_err(|error| say(format_args!("proxy: {}: {error}", self.target)))?;
        }
        // No read or write finds the error of a paused end.
        if readiness.is_error() {
            check(from).and(check(to))?;
        }
        exchange((from, there), (to, back), &mut self.totals)?;
        let is_open = !(there.end_is_passed && back.end_is_passed);
        let interests = [(client, there.interest(back)), (target, back.interest(there))];
        if back.is_connected && !was_connected {
            self.reactor.set_deadline(target, Timeout::Infinite)?;
        }
        for (key, interest) in interests {
            self.ask(key, interest)?;
        }
        Ok(is_open)
    }

    /// Sets the interest of an end. Pauses the end if the interest is empty, because a hangup would end every wait.
    fn ask(&mut self, key: Key, interest: Interest) -> Result<(), Error> {
        if interest.is_empty() {
            self.reactor.pause(key)
        } else {
            self.reactor.modify(key, interest, Mode::Level)
        }
    }

    /// Forwards the data before a reset, and resets both ends, so that their peers get ECONNRESET.
    fn abort(&mut self, [client, target]: [Key; 2]) {
        if let Some(((from, Role::End(there)), (to, Role::End(back)))) = self.reactor.get_pair(client, target)
        {
            self.totals.there += there.pass_rest(from, to);
            self.totals.back += back.pass_rest(to, from);
            common::reset_on_close(from);
            common::reset_on_close(to);
        }
        self.close([client, target]);
    }

    fn close(&mut self, ends: [Key; 2]) {
        for key in ends {
            self.reactor.remove(key);
        }
    }
}
