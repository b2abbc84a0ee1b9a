//! A working netcat: two directions, each at its own pace, over one table of three slots.
//!
//! `cargo run --example nc -- -l 4000` in one terminal, `cargo run --example nc -- 127.0.0.1 4000` in
//! another.
//!
//! What to copy from it: each direction has a buffer of fixed size, and before every wait the slots say
//! what the buffers can do next. A source is asked only while there is room, a sink only while there are
//! bytes, so the slower end sets the pace and the program sleeps whenever it can do nothing.

use iomux::{Error, Interest, Readiness, Slots, Timeout};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::ops::Range;
use std::os::fd::AsFd;
use std::process::ExitCode;

const USAGE: &str = "\
usage: nc HOST PORT        connect
       nc -l [HOST] PORT   listen for one connection, on 127.0.0.1 if no HOST is given;
                           port 0 is any free one
       nc --help           print this
";

// The slots.
const STDIN: usize = 0;
const STDOUT: usize = 1;
const CONNECTION: usize = 2;

const BUFFER_SIZE: usize = 64 * 1024;

/// What can be written to a pipe that poll calls writable without blocking: the least `PIPE_BUF` that POSIX
/// allows. (Linux has room for 4096.)
const PIPE_ROOM: usize = 512;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let command = match parse(&words) {
        Ok(command) => command,
        Err(message) => {
            eprint!("nc: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    run(command).unwrap_or_else(|error| {
        eprintln!("nc: {error}");
        ExitCode::FAILURE
    })
}

enum Command<'a> {
    Help,
    Connect(&'a str, u16),
    Listen(&'a str, u16),
}

fn parse(arguments: &[String]) -> Result<Command<'_>, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["-h" | "--help"] => Ok(Command::Help),
        ["-l", port] => Ok(Command::Listen("127.0.0.1", parse_port(port)?)),
        ["-l", host, port] => Ok(Command::Listen(host, parse_port(port)?)),
        ["-l", ..] => Err("-l takes a PORT, or a HOST and a PORT".into()),
        [option, ..] if option.starts_with('-') => Err(format!("unknown option '{option}'")),
        [host, port] => Ok(Command::Connect(host, parse_port(port)?)),
        _ => Err("a HOST and a PORT are needed".into()),
    }
}

fn parse_port(word: &str) -> Result<u16, String> {
    word.parse().map_err(|_| format!("'{word}' is no port: a number from 0 to 65535"))
}

fn run(command: Command<'_>) -> io::Result<ExitCode> {
    match command {
        Command::Help => io::stdout().write_all(USAGE.as_bytes()).map(|()| ExitCode::SUCCESS),
        Command::Connect(host, port) => {
            let peer = format!("{host}:{port}");
            let connection = TcpStream::connect((host, port)).map_err(in_context(&peer))?;
            relay(&connection, &peer)
        }
        Command::Listen(host, port) => {
            let listener = TcpListener::bind((host, port)).map_err(in_context(format!("{host}:{port}")))?;
            eprintln!("listening on {}", listener.local_addr()?);
            let (connection, peer) = listener.accept()?;
            drop(listener); // one connection: who comes later is refused, not left waiting
            relay(&connection, &peer.to_string())
        }
    }
}

/// Says in the error's message what it happened to.
fn in_context(what: impl Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Passes bytes both ways until both directions have ended.
fn relay(connection: &TcpStream, peer: &str) -> io::Result<ExitCode> {
    connection.set_nonblocking(true)?;
    // Not so stdin and stdout: O_NONBLOCK would be shared with the shell and outlive us. And not through
    // `io::Stdin`: its buffer would hold bytes that poll can't see.
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);

    let (mut outbound, mut inbound) = (Direction::new(), Direction::new());
    let mut failure = None;
    let mut end_is_sent = false;
    let mut slots = Slots::with_capacity(3);
    slots.set(STDIN, stdin.as_fd(), Interest::READABLE)?;
    slots.set(STDOUT, stdout.as_fd(), Interest::WRITABLE)?;
    slots.set(CONNECTION, connection.as_fd(), Interest::READABLE)?;
    while !(outbound.is_done() && inbound.is_done()) {
        ask(&mut slots, STDIN, outbound.asks_source())?;
        ask(&mut slots, STDOUT, inbound.asks_sink())?;
        ask(&mut slots, CONNECTION, inbound.asks_source() | outbound.asks_sink())?;
        slots.wait(Timeout::Infinite)?;

        for ready in slots.ready() {
            match ready.index() {
                // Asked for one thing, so whatever is reported, the read or write finds out what it is.
                STDIN => outbound.fill(&stdin).map_err(in_context("stdin"))?,
                STDOUT => match inbound.drain(&stdout, PIPE_ROOM) {
                    // As in `nc | head`: nothing to complain about.
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(ExitCode::FAILURE),
                    result => result.map_err(in_context("stdout"))?,
                },
                _ => {
                    if let Err(error) = exchange(connection, ready.readiness(), &mut outbound, &mut inbound) {
                        outbound.stop(); // but what the peer has sent until then is still passed on
                        failure.get_or_insert(error);
                    }
                }
            }
        }
        if outbound.is_done() && !end_is_sent {
            end_is_sent = true;
            failure = failure.or(connection.shutdown(Shutdown::Write).err());
        }
    }
    failure.map_or(Ok(ExitCode::SUCCESS), |error| Err(in_context(peer)(error)))
}

/// Asks the fd in a slot for `interest`. Where that is nothing the slot is paused, because a hangup or
/// an error is reported even so, and for ever: the loop would spin.
fn ask(slots: &mut Slots<'_>, index: usize, interest: Interest) -> Result<(), Error> {
    if interest.is_empty() {
        return slots.pause(index);
    }
    slots.set_interest(index, interest)?;
    slots.resume(index)
}

/// Writes to the peer and reads from it, as it is ready and the buffers allow: a hangup makes it ready
/// for both, also for what was not asked.
fn exchange(
    connection: &TcpStream,
    readiness: Readiness,
    outbound: &mut Direction,
    inbound: &mut Direction,
) -> io::Result<()> {
    if readiness.is_writable() && outbound.has_bytes() {
        outbound.drain(connection, BUFFER_SIZE)?;
    }
    if readiness.is_readable() && inbound.has_room() {
        inbound.fill(connection)?;
    }
    Ok(())
}

/// Bytes on their way from a source to a sink.
struct Direction {
    buffer: Box<[u8]>,
    /// Where in the buffer the bytes are that the sink has not taken yet.
    pending: Range<usize>,
    source_has_ended: bool,
}

impl Direction {
    fn new() -> Self {
        Self { buffer: vec![0; BUFFER_SIZE].into(), pending: 0..0, source_has_ended: false }
    }

    fn has_room(&self) -> bool {
        !self.source_has_ended && self.pending.end < self.buffer.len()
    }

    fn has_bytes(&self) -> bool {
        !self.pending.is_empty()
    }

    fn is_done(&self) -> bool {
        self.source_has_ended && !self.has_bytes()
    }

    fn asks_source(&self) -> Interest {
        if self.has_room() { Interest::READABLE } else { Interest::empty() }
    }

    fn asks_sink(&self) -> Interest {
        if self.has_bytes() { Interest::WRITABLE } else { Interest::empty() }
    }

    /// Gives up what the sink has not taken.
    fn stop(&mut self) {
        self.source_has_ended = true;
        self.pending = 0..0;
    }

    /// Reads once: a second read could block.
    fn fill(&mut self, mut source: impl Read) -> io::Result<()> {
        match source.read(&mut self.buffer[self.pending.end..]) {
            Ok(count @ 1..) => self.pending.end += count,
            Err(error) if is_not_ready(&error) => {}
            end => {
                self.source_has_ended = true;
                end?;
            }
        }
        Ok(())
    }

    /// Writes once, and at most `limit` bytes.
    fn drain(&mut self, mut sink: impl Write, limit: usize) -> io::Result<()> {
        let bytes = &self.buffer[self.pending.clone()];
        match sink.write(&bytes[..bytes.len().min(limit)]) {
            Ok(count) => self.pending.start += count,
            Err(error) if is_not_ready(&error) => {}
            Err(error) => return Err(error),
        }
        if self.pending.is_empty() {
            self.pending = 0..0;
        }
        Ok(())
    }
}

/// Somebody else was quicker, or a signal arrived: the next wait says more.
fn is_not_ready(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
