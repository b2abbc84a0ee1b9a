//! A line chat for many clients: what one writes all the others read, with the writer's address before it.
//!
//! `cargo run --example chat -- 127.0.0.1:7777`, and `nc 127.0.0.1 7777` in as many terminals as you like.
//!
//! What to copy from it: one client's bytes go to many, and none of them may hold up the rest. So each has a
//! queue of its own, of bounded size, and is asked for `WRITABLE` only while bytes are queued. Who does not read
//! until the queue is full is shut out, and the others are told. A line may come in pieces, and one that does not
//! end is cut, so that no client can fill the memory. Whoever leaves is told of at the end of a turn, never in
//! the middle of telling something else.

use iomux_backend::{Interest, Key, Mode, Reactor, Timeout};
use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "\
usage: chat [ADDRESS:PORT]
Without ADDRESS:PORT, any free port of 127.0.0.1. SIGINT and SIGTERM end it.
";

/// How many bytes a client may be behind, besides what its socket holds; who is further is shut out.
const QUEUE_SIZE: usize = 256 * 1024;
/// How much is read at once: little enough for any queue, though each line is to have an address before it.
const READ_SIZE: usize = 4096;
/// A line that is longer is passed on in pieces.
const LONGEST_LINE: usize = 4096;
/// When to try again to accept, if no client has left meanwhile.
const RETRY: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let done = match parse(&words) {
        Ok(Some(address)) => Chat::start(address).and_then(Chat::run),
        Ok(None) => io::stdout().write_all(USAGE.as_bytes()),
        Err(message) => {
            eprint!("chat: {message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    if let Err(error) = done {
        eprintln!("chat: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn parse(words: &[String]) -> Result<Option<&str>, String> {
    match words {
        [] => Ok(Some("127.0.0.1:0")),
        [word, ..] if word == "-h" || word == "--help" => Ok(None),
        [option, ..] if option.starts_with('-') => Err(format!("unknown option '{option}'")),
        [address] => Ok(Some(address)),
        [_, more, ..] => Err(format!("one ADDRESS:PORT is enough, without '{more}'")),
    }
}

/// What the reactor owns.
enum Source {
    Listener(TcpListener),
    Client(TcpStream),
    /// Where the handler of a signal writes to.
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

struct Client {
    address: SocketAddr,
    /// The beginning of a line of which the rest has not come yet.
    line: Vec<u8>,
    /// What the others have said, and this one has not taken yet.
    queue: VecDeque<u8>,
    asked: Interest,
}

impl Client {
    /// Takes in what was read; returns the lines that are whole now, as the others are to see them.
    fn hear(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut lines = Vec::new();
        for &byte in bytes {
            // To a terminal the others would be commands.
            if !byte.is_ascii_control() || byte == b'\t' {
                self.line.push(byte);
            }
            if byte == b'\n' || self.line.len() == LONGEST_LINE {
                self.end_line(&mut lines);
            }
        }
        lines
    }

    /// An empty line says nothing, and is left out.
    fn end_line(&mut self, lines: &mut Vec<u8>) {
        if !self.line.is_empty() {
            lines.extend(format!("{}: ", self.address).bytes());
            lines.append(&mut self.line);
            lines.push(b'\n');
        }
    }

    /// Queues `text` for it; `false` if it is too far behind.
    fn tell(&mut self, to: &TcpStream, text: &[u8]) -> bool {
        // Only who does not read is behind, and not who has had no turn yet.
        if self.queue.len() + text.len() > QUEUE_SIZE && self.send(to).is_err() {
            return false;
        }
        self.queue.extend(text);
        self.queue.len() <= QUEUE_SIZE
    }

    /// Writes once, if there is something.
    fn send(&mut self, mut to: &TcpStream) -> io::Result<()> {
        if !self.queue.is_empty() {
            let sent = unless_blocked(to.write(self.queue.make_contiguous()))?.unwrap_or(0);
            self.queue.drain(..sent);
        }
        Ok(())
    }

    fn interest(&self) -> Interest {
        if self.queue.is_empty() { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE }
    }
}

fn unless_blocked(answer: io::Result<usize>) -> io::Result<Option<usize>> {
    match answer {
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
        answer => answer.map(Some),
    }
}

struct Chat {
    reactor: Reactor<Source, Option<Client>>,
    listener: Key,
    /// Who has left, to be told at the end of the turn.
    news: Vec<String>,
    /// No client can be taken, for want of fds as a rule: when to try again.
    retry: Option<Instant>,
}

impl Chat {
    fn start(address: &str) -> io::Result<Self> {
        let mut reactor = Reactor::new()?;
        let (signals, writer) = UnixStream::pair()?;
        for signal in [libc::SIGINT, libc::SIGTERM] {
            signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        reactor.insert(Source::Signals(signals), None, Interest::READABLE, Mode::Level)?;
        let listener = TcpListener::bind(address)
            .map_err(|error| io::Error::new(error.kind(), format!("{address}: {error}")))?;
        listener.set_nonblocking(true)?;
        writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
        let listener = reactor.insert(Source::Listener(listener), None, Interest::READABLE, Mode::Level)?;
        Ok(Self { reactor, listener, news: Vec::new(), retry: None })
    }

    fn run(mut self) -> io::Result<()> {
        while !self.turn()? {}
        Ok(())
    }

    /// Waits once, and does what is to be done then; `true` once a signal has come.
    fn turn(&mut self) -> io::Result<bool> {
        self.reactor.wait(self.retry.map_or(Timeout::Infinite, Timeout::Until))?;
        while let Some(ready) = self.reactor.next_ready() {
            match self.reactor.source(ready.key()) {
                Some(Source::Listener(_)) => self.accept(),
                Some(Source::Signals(_)) => return Ok(true),
                _ => self.serve(ready.key()),
            }
        }
        // To tell of one may be too much for another, who then leaves as well.
        while let Some(text) = self.news.pop() {
            self.tell_all_but(None, text.as_bytes());
        }
        if self.retry.is_some_and(|time| time <= Instant::now()) {
            self.accept_again();
        }
        Ok(false)
    }

    /// Takes one client; for the next the listener is reported again.
    fn accept(&mut self) {
        let Some(Source::Listener(listener)) = self.reactor.source(self.listener) else { return };
        match listener.accept() {
            Ok((client, address)) => self.take(client, address),
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                _ => {
                    // Out of fds, as a rule: who waits in the queue would be reported for ever.
                    self.retry = Some(Instant::now() + RETRY);
                    let _ = self.reactor.pause(self.listener);
                }
            },
        }
    }

    fn accept_again(&mut self) {
        self.retry = None;
        let _ = self.reactor.resume(self.listener);
    }

    fn take(&mut self, client: TcpStream, address: SocketAddr) {
        if client.set_nonblocking(true).and(client.set_nodelay(true)).is_err() {
            return; // gone already
        }
        let (line, queue, asked) = (Vec::new(), VecDeque::new(), Interest::READABLE);
        let state = Some(Client { address, line, queue, asked });
        let answer = self.reactor.insert(Source::Client(client), state, asked, Mode::Level);
        if let Ok(key) = answer {
            self.tell_all_but(Some(key), format!("* {address} has come\n").as_bytes());
        }
    }

    /// Writes and reads once, what it can.
    fn serve(&mut self, key: Key) {
        let Some((Source::Client(stream), Some(client))) = self.reactor.get(key) else { return };
        let mut buffer = [0; READ_SIZE];
        let answer = client.send(stream).and_then(|()| unless_blocked({ stream }.read(&mut buffer)));
        match answer {
            Ok(None) => self.ask(key),
            Ok(Some(count @ 1..)) => {
                let lines = client.hear(&buffer[..count]);
                self.ask(key);
                self.tell_all_but(Some(key), &lines);
            }
            Ok(Some(0)) => {
                let mut last = Vec::new();
                client.end_line(&mut last); // which the end of the stream ends as well
                self.tell_all_but(Some(key), &last);
                self.close(key, "has left");
            }
            Err(_) => self.close(key, "is gone"),
        }
    }

    /// Has everybody told but the writer.
    fn tell_all_but(&mut self, writer: Option<Key>, text: &[u8]) {
        let others: Vec<_> = self.reactor.keys().filter(|key| Some(*key) != writer).collect();
        for key in others {
            let Some((Source::Client(stream), Some(client))) = self.reactor.get(key) else { continue };
            if client.tell(stream, text) {
                self.ask(key);
            } else {
                self.close(key, "has not read what was said, and is shut out");
            }
        }
    }

    /// Asks a client for what it can do next, unless that is what it is asked for.
    fn ask(&mut self, key: Key) {
        let Some((_, Some(client))) = self.reactor.get(key) else { return };
        let interest = client.interest();
        if mem::replace(&mut client.asked, interest) != interest
            && self.reactor.modify(key, interest, Mode::Level).is_err()
        {
            self.close(key, "is gone");
        }
    }

    fn close(&mut self, key: Key, reason: &str) {
        if let Some((_, Some(Client { address, .. }))) = self.reactor.remove(key) {
            self.news.push(format!("* {address} {reason}\n"));
        }
        if self.retry.is_some() {
            self.accept_again();
        }
    }
}
