//! A client for `echo_server`: many connections at once, and every byte that comes back is looked at.
//!
//! `cargo run --example load -- 127.0.0.1:7777 --connections 2000 --messages 100`
//!
//! What to copy from it: the other side of a protocol on a `Reactor`, with the state of each connection beside
//! its source, and a deadline for all of it.

use iomux_backend::{Any, Interest, Key, Mode, NAMES, Reactor, Timeout, by_name};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

struct Options {
    address: String,
    connections: u64,
    messages: u64,
    size: u64,
    deadline: Duration,
    backend: String,
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
            eprint!("load: {message}\n{}", usage());
            return ExitCode::from(2);
        }
    };
    match run(&options) {
        Ok(summary) => {
            println!("{summary}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("load: {}: {error}", options.address);
            ExitCode::FAILURE
        }
    }
}

fn usage() -> String {
    format!(
        "usage: load ADDRESS:PORT [--connections 2000] [--messages 100] [--size 64] [--deadline SECONDS]\n\
         \x20           [--backend NAME]   the backends here: {}\n",
        NAMES.join(", ")
    )
}

fn parse(words: &[String]) -> Result<Option<Options>, String> {
    let backend = std::env::var("IOMUX_BACKEND").unwrap_or_else(|_| "poll".into());
    let deadline = Duration::from_secs(120);
    let address = String::new();
    let mut options = Options { address, connections: 2000, messages: 100, size: 64, deadline, backend };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().ok_or(format!("{word} needs a value"));
        let number = |text: String| text.parse::<u64>().map_err(|_| format!("'{text}' is no number"));
        match word.as_str() {
            "-h" | "--help" => return Ok(None),
            "--connections" => options.connections = number(value()?)?,
            "--messages" => options.messages = number(value()?)?,
            "--size" => options.size = number(value()?)?.max(1),
            "--deadline" => options.deadline = Duration::from_secs(number(value()?)?),
            "--backend" => options.backend = value()?,
            option if option.starts_with('-') => return Err(format!("unknown option '{option}'")),
            address => options.address = address.into(),
        }
    }
    by_name(&options.backend).map_err(|error| error.to_string())?;
    if options.address.is_empty() { Err("an ADDRESS:PORT is needed".into()) } else { Ok(Some(options)) }
}

/// What a connection sends, and expects back: a stream of bytes of its own, in messages of different sizes.
struct Talk {
    seed: u64,
    messages_left: u64,
    /// Where in the stream the message that is under way ends.
    message_end: u64,
    sent: u64,
    received: u64,
}

fn mixed(seed: u64, number: u64) -> u64 {
    let mixed = (seed ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ mixed >> 29).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 17
}

impl Talk {
    fn new(seed: u64, options: &Options) -> Self {
        let mut talk = Self { seed, messages_left: options.messages, message_end: 0, sent: 0, received: 0 };
        talk.next_message(options.size);
        talk
    }

    /// Begins the next message, if there is one: of the wanted size on average.
    fn next_message(&mut self, size: u64) -> bool {
        if self.messages_left == 0 {
            return false;
        }
        self.messages_left -= 1;
        self.message_end += 1 + mixed(self.seed, self.message_end) % (2 * size - 1);
        true
    }

    fn byte(&self, position: u64) -> u8 {
        mixed(self.seed, position).to_le_bytes()[0]
    }

    /// Sends and receives what it can, one message after the other; `false` once all has come back.
    fn go_on(&mut self, server: &TcpStream, size: u64) -> io::Result<bool> {
        loop {
            self.send(server)?;
            if !self.receive(server)? {
                return Ok(true);
            }
            if !self.next_message(size) {
                return Ok(false);
            }
        }
    }

    fn send(&mut self, mut server: &TcpStream) -> io::Result<()> {
        while self.sent < self.message_end {
            let end = self.message_end.min(self.sent + 4096);
            let message: Vec<u8> = (self.sent..end).map(|position| self.byte(position)).collect();
            match server.write(&message) {
                Ok(count) => self.sent += count as u64,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Whether the message that is under way has come back whole.
    fn receive(&mut self, mut server: &TcpStream) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        while self.received < self.message_end {
            let count = match server.read(&mut buffer) {
                Ok(0) => return Err(self.broken("the server closed")),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            for byte in &buffer[..count] {
                if self.received >= self.sent || *byte != self.byte(self.received) {
                    return Err(self.broken("another byte than was sent"));
                }
                self.received += 1;
            }
        }
        Ok(true)
    }

    fn broken(&self, what: &str) -> io::Error {
        let Self { seed, sent, received, .. } = self;
        io::Error::other(format!("connection {seed}: {what}, {sent} sent and {received} received"))
    }

    fn interest(&self) -> Interest {
        let mut interest = Interest::READABLE;
        interest.set(Interest::WRITABLE, self.sent < self.message_end);
        interest
    }
}

fn run(options: &Options) -> io::Result<String> {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard)?;
    let backend = by_name(&options.backend).map_err(io::Error::other)?;
    let mut reactor: Reactor<TcpStream, Talk, Any<'static>> = Reactor::with(backend, 1024);
    for seed in 0..options.connections {
        let server = TcpStream::connect(&options.address)
            .map_err(|error| io::Error::new(error.kind(), format!("connection {seed}: {error}")))?;
        server.set_nonblocking(true)?;
        server.set_nodelay(true)?;
        let talk = Talk::new(seed, options);
        let interest = talk.interest();
        reactor.insert(server, talk, interest, Mode::Level)?;
    }
    let deadline = Instant::now() + options.deadline;
    let mut bytes = 0;
    while !reactor.is_empty() {
        if reactor.wait(Timeout::Until(deadline))? == 0 {
            let left = reactor.len();
            return Err(io::Error::new(ErrorKind::TimedOut, format!("{left} connections have not ended")));
        }
        while let Some(ready) = reactor.next_ready() {
            bytes += serve(&mut reactor, ready.key(), options.size)?;
        }
    }
    let Options { connections, messages, .. } = options;
    Ok(format!("{connections} connections, {} messages, {bytes} bytes, all as sent", connections * messages))
}

/// Goes on with one connection; returns the bytes that it has had back, once it has ended.
fn serve(reactor: &mut Reactor<TcpStream, Talk, Any<'static>>, key: Key, size: u64) -> io::Result<u64> {
    let Some((server, talk)) = reactor.get(key) else { return Ok(0) };
    let before = talk.interest();
    if !talk.go_on(server, size)? {
        let received = talk.received;
        reactor.remove(key);
        return Ok(received);
    }
    let interest = talk.interest();
    if interest != before {
        reactor.modify(key, interest, Mode::Level)?;
    }
    Ok(0)
}
