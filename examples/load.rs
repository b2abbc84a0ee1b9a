//! A client for `echo_server`, with many connections. It checks every byte that comes back.
//!
//! `cargo run --example load -- 127.0.0.1:7777 --connections 2000 --messages 100`
//!
//! What to copy from it: the client side of a protocol on a `Reactor`. The connections are opened concurrently, and
//! none is starved. Each connection has its state in the reactor. All have the same deadline, which expires even if a
//! connection is busy.

mod common;

use iomux_backend::{Any, Cause, Interest, Mode, NAMES, Reactor, Timeout, TryRead, TryWrite, by_name};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Write};
use std::net::{Shutdown, ToSocketAddrs};
use std::num::NonZeroU32;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const CHUNK: usize = 4096;

fn main() -> ExitCode {
    let usage = format!(
        "\
Usage: load [OPTION]... ADDRESS:PORT
Send messages to the echo server at ADDRESS:PORT, and check every byte that it
sends back.

      --backend NAME      use this backend: {}
                          (default: $IOMUX_BACKEND, or else {})
      --connections N     open N connections (default: 2000)
      --deadline SECONDS  fail if a connection takes longer than this (default: 120)
      --hold              after the last message, print a line, and keep the
                          connections open until standard input ends
      --messages N        send N messages per connection (default: 100)
      --size N            send N bytes per message, on average (default: 64)
  -h, --help              display this help and exit
",
        NAMES.join(", "),
        NAMES[0]
    );
    let options = parse(&common::arguments());
    common::run("load", &usage, options, |(backend, options)| {
        let summary = run(backend, &options).map_err(common::in_context(&options.address))?;
        writeln!(io::stdout(), "{summary}")
    })
}

struct Options {
    address: String,
    connections: u64,
    /// The number of messages per connection.
    messages: u64,
    /// The average number of bytes per message.
    size: u64,
    deadline: Duration,
    /// Keep all connections open until stdin ends.
    hold: bool,
}

fn parse(words: &[String]) -> Result<Option<(Any<'static>, Options)>, String> {
    let mut backend = std::env::var("IOMUX_BACKEND").unwrap_or_else(|_| NAMES[0].into());
    let (mut address, mut deadline, mut hold) = (None, 120, false);
    let (mut connections, mut messages, mut size) = (2000, 100, 64);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number = |text: &String| match text.parse::<NonZeroU32>() {
            Ok(number) => Ok(number.get().into()),
            Err(error) => Err(format!("{word}: '{text}': {error}")),
        };
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--connections" => connections = number(value()?)?,
            "--messages" => messages = number(value()?)?,
            "--size" => size = number(value()?)?,
            "--deadline" => deadline = number(value()?)?,
            "--hold" => hold = true,
            "--backend" => backend = value()?.clone(),
            option if option.starts_with('-') => return Err(format!("unknown option '{option}'")),
            text if address.is_some() => return Err(format!("extra operand '{text}'")),
            text => address = Some(text.to_owned()),
        }
    }
    let backend = by_name(&backend).map_err(|error| error.to_string())?;
    let address = address.ok_or("missing ADDRESS:PORT")?;
    let deadline = Duration::from_secs(deadline);
    Ok(Some((backend, Options { address, connections, messages, size, deadline, hold })))
}

/// The stream that a connection sends, and expects back. It consists of messages of different sizes. The connection
/// sends a message after the previous one has come back.
struct Talk {
    /// The number of the connection.
    number: u64,
    messages_left: u64,
    /// The position in the stream at which the current message ends.
    message_end: u64,
    sent: u64,
    received: u64,
    /// All bytes have come back. The connection stays open until the others are done.
    is_held: bool,
}

impl Talk {
    fn new(number: u64, options: &Options) -> Self {
        let messages_left = options.messages;
        let mut talk = Self { number, messages_left, message_end: 0, sent: 0, received: 0, is_held: false };
        talk.begin_message(options.size);
        talk
    }

    fn begin_message(&mut self, size: u64) {
        self.messages_left -= 1;
        self.message_end += 1 + self.noise(self.message_end) % (2 * size - 1);
    }

    /// Returns the byte at a position of a pseudorandom stream (splitmix64).
    fn noise(&self, position: u64) -> u64 {
        let mixed = (self.number << 40 | position).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB) >> 24
    }

    fn byte(&self, position: u64) -> u8 {
        self.noise(position).to_le_bytes()[0]
    }

    /// Writes once, reads once, and returns `true` after the last byte and the end of file.
    fn go_on(&mut self, server: &Socket, options: &Options) -> io::Result<bool> {
        if self.sent == 0 && !common::is_connected(server)? {
            return Ok(false);
        }
        self.send(server)?;
        let mut buffer = [0; CHUNK];
        let Some(count) = server.try_read(&mut buffer)? else { return Ok(false) };
        let is_over = self.messages_left == 0 && self.received == self.message_end && !self.is_held;
        if count == 0 && !is_over {
            return Err(io::Error::other("closed by the server"));
        }
        self.check(&buffer[..count])?;
        if count > 0 && self.received == self.message_end {
            if self.messages_left > 0 {
                self.begin_message(options.size);
                self.send(server)?;
            } else if options.hold {
                self.is_held = true;
            } else {
                server.shutdown(Shutdown::Write)?;
            }
        }
        Ok(count == 0)
    }

    fn send(&mut self, server: &Socket) -> io::Result<()> {
        let mut buffer = [0; CHUNK];
        while self.sent < self.message_end {
            let positions = self.sent..self.message_end;
            let bytes = buffer.iter_mut().zip(positions).map(|(byte, position)| *byte = self.byte(position));
            let count = bytes.count();
            let Some(sent) = server.try_write(&buffer[..count])? else { break };
            self.sent += sent as u64;
        }
        Ok(())
    }

    fn check(&mut self, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            let position = self.received;
            if position == self.sent {
                return Err(io::Error::other("more has come back than was sent"));
            }
            let expected = self.byte(position);
            if *byte != expected {
                let message = format!("byte {position} was {expected:#04x}, and came back as {byte:#04x}");
                return Err(io::Error::other(message));
            }
            self.received += 1;
        }
        Ok(())
    }

    fn interest(&self) -> Interest {
        let mut interest = Interest::READABLE;
        interest.set(Interest::WRITABLE, self.sent < self.message_end);
        interest
    }

    fn broken(&self, error: &io::Error) -> io::Error {
        let Self { number, sent, received, .. } = self;
        let message = format!("connection {number}: {error} ({sent} bytes sent, {received} received)");
        io::Error::new(error.kind(), message)
    }
}

type Talks = Reactor<Socket, Talk, Any<'static>>;

/// Starts all connections, each with the same deadline.
fn open(talks: &mut Talks, options: &Options) -> io::Result<()> {
    let deadline = Instant::now() + options.deadline;
    let address = options.address.to_socket_addrs()?.next().ok_or(ErrorKind::NotFound)?;
    for number in 0..options.connections {
        let server = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        common::connect(&server, address)?;
        let talk = Talk::new(number, options);
        let interest = talk.interest();
        let key = talks.insert(server, talk, interest, Mode::Level)?;
        talks.set_deadline(key, deadline)?;
    }
    Ok(())
}

fn run(backend: Any<'static>, options: &Options) -> io::Result<String> {
    // The kernel may reject a limit of infinity. The current limit may be enough.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let Options { connections, messages, .. } = options;
    let mut talks = Reactor::with(backend, 1024);
    open(&mut talks, options).map_err(|error| {
        common::in_context(format!("only {} of {connections} connections", talks.len()))(error)
    })?;
    let (mut bytes, mut held) = (0, 0);
    while !talks.is_empty() {
        talks.wait(Timeout::Infinite)?;
        while let Some((key, cause, server, talk)) = talks.next() {
            if cause == Cause::Expired {
                let message = format!("{} of {connections} connections have not ended in time", talks.len());
                return Err(io::Error::new(ErrorKind::TimedOut, message));
            }
            let was_held = talk.is_held;
            let has_ended = talk.go_on(server, options).map_err(|error| talk.broken(&error))?;
            held += u64::from(talk.is_held && !was_held);
            let interest = talk.interest();
            if has_ended {
                bytes += talk.received;
                talks.remove(key);
            } else {
                talks.modify(key, interest, Mode::Level)?;
            }
        }
        if held == *connections {
            held = 0;
            until_stdin_ends(&mut talks)?;
        }
    }
    Ok(format!("{connections} connections, {} messages, {bytes} bytes, all as sent", connections * messages))
}

/// Keeps all connections open until stdin ends, so that the server can be inspected meanwhile.
fn until_stdin_ends(talks: &mut Talks) -> io::Result<()> {
    writeln!(io::stdout(), "{} connections are open, and have had everything back", talks.len())?;
    common::until_stdin_ends()?;
    for (_, server, talk) in talks.iter_mut() {
        talk.is_held = false;
        server.shutdown(Shutdown::Write).map_err(|error| talk.broken(&error))?;
    }
    Ok(())
}
