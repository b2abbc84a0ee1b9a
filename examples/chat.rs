//! A line chat: each client receives the lines of all others, with the address of the sender in front.
//!
//! `cargo run --example chat -- 127.0.0.1:7777`, and `nc 127.0.0.1 7777` in other terminals.
//!
//! What to copy from it: a slow client does not delay the others. Each client has a queue of bounded size, and the
//! chat waits for `WRITABLE` only while bytes are queued. While a queue is half full, the chat reads from no client,
//! so that a fast sender does not overrun a slow reader. A client that is still behind at its deadline is
//! disconnected, and the others are notified. A long line is sent in parts, so that no client can fill the memory.
//! The chat sends its own notices at the end of a turn, and never in the middle of a message.

mod common;

use iomux_backend::{Cause, Interest, Key, Mode, Reactor, Timeout, TryRead, TryWrite};
use signal_hook::consts::{SIGINT, SIGTERM};
use socket2::Socket;
use std::collections::VecDeque;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

const USAGE: &str = "\
Usage: chat [ADDRESS:PORT]
Send each line of a client to all other clients.

The default ADDRESS:PORT is 127.0.0.1:0. Port 0 stands for any free port.

  -h, --help  display this help and exit

SIGINT and SIGTERM end the program.
";

/// The size of a client's queue, in bytes. A client is behind if its queue is more than half full.
const QUEUE_SIZE: usize = 512 * 1024;
/// How long a client may be behind before the chat disconnects it.
const PATIENCE: Duration = Duration::from_secs(5);
const SHUT_OUT: &str = "does not read, and is disconnected";
/// The size of a read, which fits into every queue together with the address in front of each line.
const READ_SIZE: usize = 4096;
/// A longer line is forwarded in parts.
const LONGEST_LINE: usize = 4096;

fn main() -> ExitCode {
    let words = common::arguments();
    common::run("chat", USAGE, parse(&words), |address| Chat::start(address)?.run())
}

fn parse(words: &[String]) -> Result<Option<&str>, String> {
    match words {
        [] => Ok(Some("127.0.0.1:0")),
        [word, ..] if word == "-h" || word == "--help" => Ok(None),
        [option, ..] if option.starts_with('-') => Err(format!("unknown option '{option}'")),
        [address] => Ok(Some(address)),
        [_, more, ..] => Err(format!("extra operand '{more}'")),
    }
}

/// The role of a source in the reactor.
enum Role {
    Listener,
    /// The socket that the signal handlers write to.
    Signals,
    Client(Client),
}

struct Client {
    address: SocketAddr,
    /// The start of a line that has not ended yet.
    line: Vec<u8>,
    /// Bytes to send to this client.
    queue: VecDeque<u8>,
    /// The client counts as behind, and has a deadline.
    was_behind: bool,
}

impl Client {
    fn new(address: SocketAddr) -> Self {
        Self { address, line: Vec::new(), queue: VecDeque::new(), was_behind: false }
    }

    fn is_behind(&self) -> bool {
        self.queue.len() > QUEUE_SIZE / 2
    }

    /// Takes the bytes of a read, and returns the complete lines in the form for the other clients.
    fn hear(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut lines = Vec::new();
        for &byte in bytes {
            if byte == b'\n' || common::is_full(&self.line, byte, LONGEST_LINE) {
                self.end_line(&mut lines);
            }
            if byte != b'\n' {
                self.line.push(byte);
            }
        }
        lines
    }

    /// Removes control characters, because a terminal would act on them, and drops a line that is empty then. Some
    /// control characters have two bytes in UTF-8.
    fn end_line(&mut self, lines: &mut Vec<u8>) {
        let line = String::from_utf8_lossy(&self.line);
        let line: String = line.chars().filter(|c| !c.is_control() || *c == '\t').collect();
        self.line.clear();
        if !line.is_empty() {
            lines.extend(format!("{}: {line}\n", self.address).bytes());
        }
    }

    /// Queues `text`, and returns `false` if the queue has no room.
    fn tell(&mut self, to: &Socket, text: &[u8]) -> bool {
        // Write first: the client may be ready, and only not served yet in this turn.
        if self.queue.len() + text.len() > QUEUE_SIZE / 2 && self.send(to).is_err() {
            return false;
        }
        self.queue.extend(text);
        self.queue.len() <= QUEUE_SIZE
    }

    /// Writes once, if the queue is not empty.
    fn send(&mut self, to: &Socket) -> io::Result<()> {
        if !self.queue.is_empty() {
            let sent = to.try_write(self.queue.make_contiguous())?.unwrap_or(0);
            self.queue.drain(..sent);
        }
        Ok(())
    }
}

struct Chat {
    reactor: Reactor<Socket, Role>,
    /// Notices of clients that have left, which the others receive at the end of the turn.
    news: Vec<String>,
    /// The number of clients that are behind. Unless it is 0, the chat reads from no client.
    behind: usize,
    /// Some clients are not read at the moment.
    are_held: bool,
}

impl Chat {
    fn start(address: &str) -> io::Result<Self> {
        let (listener, signals) = (common::listen(address)?, common::signals(&[SIGINT, SIGTERM])?);
        common::announce(&listener)?;
        let mut reactor = Reactor::new()?;
        reactor.insert(listener, Role::Listener, Interest::READABLE, Mode::Level)?;
        reactor.insert(signals.into(), Role::Signals, Interest::READABLE, Mode::Level)?;
        Ok(Self { reactor, news: Vec::new(), behind: 0, are_held: false })
    }

    /// Serves until a signal arrives.
    fn run(mut self) -> io::Result<()> {
        loop {
            self.reactor.wait(Timeout::Infinite)?;
            while let Some((key, cause, _, role)) = self.reactor.next() {
                match (role, cause) {
                    (Role::Signals, _) => return Ok(()),
                    (Role::Listener, Cause::Expired) => self.reactor.resume(key)?,
                    (Role::Listener, Cause::Ready(_)) => self.accept(key),
                    (Role::Client(_), Cause::Expired) => self.close(key, SHUT_OUT),
                    (Role::Client(_), Cause::Ready(_)) => self.serve(key),
                }
            }
            self.let_go();
            // A notice may overflow the queue of another client, which then leaves too.
            while let Some(text) = self.news.pop() {
                self.tell_all_but(None, text.as_bytes());
                self.let_go();
            }
        }
    }

    fn accept(&mut self, listener: Key) {
        for _ in 0..common::ACCEPTS {
            let Some((client, address)) = common::accept(&mut self.reactor, listener) else { return };
            let Some(address) = address.as_socket() else { return };
            let role = Role::Client(Client::new(address));
            let Ok(key) = self.reactor.insert(client, role, Interest::READABLE, Mode::Level) else { return };
            self.tell_all_but(Some(key), format!("* {address} has come\n").as_bytes());
        }
    }

    /// Writes once and reads once.
    fn serve(&mut self, key: Key) {
        let Some((socket, Role::Client(client))) = self.reactor.get(key) else { return };
        let mut buffer = [0; READ_SIZE];
        let read = |()| if self.behind > 0 { Ok(None) } else { socket.try_read(&mut buffer) };
        match client.send(socket).and_then(read) {
            Ok(None) => self.ask(key),
            Ok(Some(count @ 1..)) => {
                let lines = client.hear(&buffer[..count]);
                self.ask(key);
                self.tell_all_but(Some(key), &lines);
            }
            Ok(Some(0)) => {
                let mut last = Vec::new();
                client.end_line(&mut last); // the end of the stream also ends the line
                self.tell_all_but(Some(key), &last);
                self.close(key, "has left");
            }
            Err(_) => self.close(key, "is gone"),
        }
    }

    /// Queues `text` for every client except the writer.
    fn tell_all_but(&mut self, writer: Option<Key>, text: &[u8]) {
        let others: Vec<_> = self.reactor.keys().filter(|key| Some(*key) != writer).collect();
        for key in others {
            let Some((socket, Role::Client(client))) = self.reactor.get(key) else { continue };
            if client.tell(socket, text) {
                self.ask(key);
            } else {
                self.close(key, SHUT_OUT);
            }
        }
    }

    /// Sets the client's interest. If the interest does not change, `Epoll` makes no system call.
    fn ask(&mut self, key: Key) {
        self.give_deadline(key);
        let Some((_, Role::Client(client))) = self.reactor.get(key) else { return };
        let mut interest = Interest::empty();
        interest.set(Interest::READABLE, self.behind == 0);
        interest.set(Interest::WRITABLE, !client.queue.is_empty());
        self.are_held |= self.behind > 0;
        let asked = if interest.is_empty() {
            self.reactor.pause(key) // or every wait would report a hangup
        } else {
            self.reactor.modify(key, interest, Mode::Level)
        };
        if asked.is_err() {
            self.close(key, "is gone");
        }
    }

    /// Counts the clients that are behind, and gives each a deadline.
    fn give_deadline(&mut self, key: Key) {
        let Some((_, Role::Client(client))) = self.reactor.get(key) else { return };
        let is_behind = client.is_behind();
        if mem::replace(&mut client.was_behind, is_behind) == is_behind {
            return;
        }
        let deadline = if is_behind { Timeout::After(PATIENCE) } else { Timeout::Infinite };
        self.behind = if is_behind { self.behind + 1 } else { self.behind - 1 };
        if self.reactor.set_deadline(key, deadline).is_err() {
            self.close(key, "is gone");
        }
    }

    /// Resumes reading from all clients once no client is behind.
    fn let_go(&mut self) {
        if self.behind == 0 && mem::take(&mut self.are_held) {
            let clients: Vec<_> = self.reactor.keys().collect();
            clients.into_iter().for_each(|key| self.ask(key));
        }
    }

    fn close(&mut self, key: Key, reason: &str) {
        if let Some((_, Role::Client(Client { address, was_behind, .. }))) = self.reactor.remove(key) {
            self.behind -= usize::from(was_behind);
            self.news.push(format!("* {address} {reason}\n"));
        }
    }
}
