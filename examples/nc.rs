//! A netcat: two directions with independent speeds, over one table of three slots.
//!
//! `cargo run --example nc -- -l 4000` in one terminal, `cargo run --example nc -- 127.0.0.1 4000` in another.
//!
//! What to copy from it: each direction has a buffer of fixed size. Before each wait, the program sets the interest
//! of the slots from the buffers. It polls a source only while the buffer has room, and a sink only while the buffer
//! has bytes. So the slower end determines the speed, and the program sleeps while it can do nothing.

mod common;

use common::output::{PIPE_ROOM, reopen};
use common::{Buffer, in_context, say};
use iomux::{Error, Interest, Readiness, Slots, Timeout};
use socket2::SockRef;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::ExitCode;

const USAGE: &str = "\
Usage: nc HOST PORT
  or:  nc -l [HOST] PORT
Copy standard input to a TCP connection, and the connection to standard output.

  -l          listen for one connection; the default HOST is 127.0.0.1,
              and PORT 0 stands for any free port
  -h, --help  display this help and exit
";

// Indexes of the slots.
const STDIN: usize = 0;
const STDOUT: usize = 1;
const CONNECTION: usize = 2;

const BUFFER_SIZE: usize = 64 * 1024;

fn main() -> ExitCode {
    let words = common::arguments();
    common::run("nc", USAGE, parse(&words), run)
}

enum Command<'a> {
    Connect(&'a str, u16),
    Listen(&'a str, u16),
}

fn parse(arguments: &[String]) -> Result<Option<Command<'_>>, String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let command = match words[..] {
        ["-h" | "--help"] => return Ok(None),
        ["-l", port] => Command::Listen("127.0.0.1", parse_port(port)?),
        ["-l", host, port] => Command::Listen(host, parse_port(port)?),
        ["-l", ..] => return Err("-l requires a PORT, or a HOST and a PORT".into()),
        [option, ..] if option.starts_with('-') => return Err(format!("unknown option '{option}'")),
        [host, port] => Command::Connect(host, parse_port(port)?),
        _ => return Err("a HOST and a PORT are required".into()),
    };
    Ok(Some(command))
}

fn parse_port(word: &str) -> Result<u16, String> {
    word.parse().map_err(|_| format!("invalid port '{word}': must be a number from 0 to 65535"))
}

fn run(command: Command<'_>) -> io::Result<ExitCode> {
    match command {
        Command::Connect(host, port) => {
            let peer = format!("{host}:{port}");
            let connection = TcpStream::connect((host, port)).map_err(in_context(&peer))?;
            common::is_connected(&SockRef::from(&connection)).map_err(in_context(&peer))?;
            relay(&connection, &peer)
        }
        Command::Listen(host, port) => {
            let listener = TcpListener::bind((host, port)).map_err(in_context(format!("{host}:{port}")))?;
            SockRef::from(&listener).set_out_of_band_inline(true)?; // as in `common::listen`
            say(format_args!("listening on {}", listener.local_addr()?));
            let (connection, peer) = listener.accept()?;
            drop(listener); // later connections are refused instead of queued
            relay(&connection, &peer.to_string())
        }
    }
}

/// Copies bytes in both directions until both have ended.
fn relay(connection: &TcpStream, peer: &str) -> io::Result<ExitCode> {
    connection.set_nonblocking(true)?;
    // On an error the peer is gone, but its data is still there.
    let _ = common::set_options(&SockRef::from(connection));
    // Stdin stays blocking: the shell shares its O_NONBLOCK, which would outlive this program. `io::Stdin` has a buffer
    // with bytes that poll(2) can't see, so a `File` reads stdin.
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let stdout = reopen(io::stdout())?;

    let (mut outbound, mut inbound) = (Buffer::new(BUFFER_SIZE), Buffer::new(BUFFER_SIZE));
    let mut failure = None;
    let (mut end_is_sent, mut has_hung_up) = (false, false);
    let mut slots = Slots::with_capacity(3);
    slots.set(STDIN, stdin.as_fd(), Interest::READABLE)?;
    slots.set(STDOUT, stdout.as_fd(), Interest::WRITABLE)?;
    slots.set(CONNECTION, connection.as_fd(), Interest::READABLE)?;
    while !(outbound.is_done() && inbound.is_done()) {
        ask(&mut slots, STDIN, outbound.source_interest())?;
        ask(&mut slots, STDOUT, inbound.sink_interest())?;
        let mut interest = inbound.source_interest() | outbound.sink_interest();
        if has_hung_up {
            ask(&mut slots, CONNECTION, interest)?;
        } else {
            // This slot is not paused, so that the kernel reports a reset even if nothing is to be sent or received. No
            // urgent data follows the end of file, but FreeBSD's poll(2) reports nothing for an empty interest.
            interest.set(Interest::PRIORITY, inbound.source_has_ended);
            slots.set_interest(CONNECTION, interest)?;
        }
        slots.wait(Timeout::Infinite)?;

        for ready in slots.ready() {
            match ready.index() {
                // The slot has one interest, so the read or write finds out what any event means.
                STDIN => outbound.fill(&stdin).map_err(in_context("stdin"))?,
                STDOUT => match inbound.drain(&stdout, PIPE_ROOM) {
                    // As in `nc | head`: this is not worth a message.
                    Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(ExitCode::FAILURE),
                    result => drop(result.map_err(in_context("stdout"))?),
                },
                _ => {
                    has_hung_up |= has_ended(ready.readiness());
                    if let Err(error) = exchange(connection, ready.readiness(), &mut outbound, &mut inbound) {
                        outbound.stop(); // but nc still prints what the peer has sent
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

/// Sets the interest of a slot. Pauses the slot if the interest is empty, because a hangup or an error would end every
/// wait, and cause a busy loop.
fn ask(slots: &mut Slots<'_>, index: usize, interest: Interest) -> Result<(), Error> {
    if interest.is_empty() {
        return slots.pause(index);
    }
    slots.set_interest(index, interest)?;
    slots.resume(index)
}

/// Writes to the peer and reads from it, as the readiness and the buffers allow. A hangup makes the connection ready
/// for both, whatever the interest. SO_ERROR has the error if neither call returned it.
fn exchange(
    connection: &TcpStream,
    readiness: Readiness,
    outbound: &mut Buffer,
    inbound: &mut Buffer,
) -> io::Result<()> {
    if readiness.is_writable() {
        outbound.drain(connection, BUFFER_SIZE)?;
    }
    if readiness.is_readable() {
        inbound.fill(connection)?;
    }
    if has_ended(readiness) { connection.take_error()?.map_or(Ok(()), Err) } else { Ok(()) }
}

/// Returns `true` for readiness that every wait reports from then on, with any interest.
fn has_ended(readiness: Readiness) -> bool {
    readiness.intersects(Readiness::HANGUP | Readiness::ERROR)
}
