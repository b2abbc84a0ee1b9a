//! Shared code of the examples: how a program starts and ends, non-blocking sockets, and a buffer between two of them.

#![allow(dead_code, reason = "each example uses a part of it")]

pub(crate) mod output;

use iomux::{PollFd, Timeout};
use iomux_backend::{Interest, Key, Reactor, TrustedMultiplexer, TryRead, TryWrite};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use socket2::{SockAddr, Socket, TcpKeepalive};
use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::os::fd::{AsFd, IntoRawFd};
use std::os::unix::net::UnixStream;
use std::process::{ExitCode, Termination};
use std::sync::LazyLock;
use std::time::Duration;

/// How many clients a server accepts per turn, so that a burst does not delay the connected clients.
pub(crate) const ACCEPTS: usize = 16;

/// How long to wait after an error of accept(2).
const RETRY: Duration = Duration::from_millis(10);

/// The idle time after which the kernel sends TCP keepalive probes, to detect a peer that has vanished.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Returns the arguments of the program. [`run`] rejects those that are not UTF-8.
pub(crate) fn arguments() -> Vec<String> {
    std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect()
}

/// Runs `main` with `options`, or prints `usage` if there are none, because of `--help`.
pub(crate) fn run<O, T: Termination>(
    name: &str,
    usage: &str,
    options: Result<Option<O>, String>,
    main: impl FnOnce(O) -> io::Result<T>,
) -> ExitCode {
    let options = match std::env::args_os().skip(1).find(|word| word.to_str().is_none()) {
        // A lossy conversion would use a different path or command.
        Some(word) => Err(format!("the argument {word:?} is not UTF-8")),
        None => options,
    };
    let result = match options {
        Ok(Some(options)) => main(options).map(Termination::report),
        Ok(None) => io::stdout().write_all(usage.as_bytes()).map(|()| ExitCode::SUCCESS),
        Err(message) => {
            let _ = writeln!(io::stderr(), "{name}: {message}\n{}", usage.trim_end());
            return ExitCode::from(2);
        }
    };
    result.unwrap_or_else(|error| {
        say(format_args!("{name}: {error}"));
        ExitCode::FAILURE
    })
}

/// Prints a line on stderr, unless stderr is full. A server must not wait for its log, and must not exit because its log
/// can't be written. `eprintln!` would do both.
pub(crate) fn say(message: impl Display) {
    log(format_args!("{message}\n"));
}

/// Writes what stderr accepts without blocking.
pub(crate) fn log(text: impl Display) {
    static AGAIN: LazyLock<io::Result<File>> = LazyLock::new(|| output::reopen(io::stderr()));
    let stderr = io::stderr();
    let stderr = AGAIN.as_ref().map_or(stderr.as_fd(), File::as_fd);
    let _ = output::write_now(stderr, text.to_string().as_bytes());
}

/// Prints a line on stdout, unless stdout is full. SIGTERM could not end a program that blocks there.
pub(crate) fn print(line: impl Display) -> io::Result<()> {
    static AGAIN: LazyLock<io::Result<File>> = LazyLock::new(|| output::reopen(io::stdout()));
    let stdout = io::stdout();
    let stdout = AGAIN.as_ref().map_or(stdout.as_fd(), File::as_fd);
    match output::write_now(stdout, format!("{line}\n").as_bytes()) {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
        result => result,
    }
}

/// Waits until stdin ends. It works even if another program has set `O_NONBLOCK` of stdin.
pub(crate) fn until_stdin_ends() -> io::Result<()> {
    // `Stdin` reads ahead, which poll(2) can't see, but the end stays readable. It needs no other fd, of which there may be none.
    let stdin = io::stdin();
    loop {
        iomux::wait(&mut [PollFd::new(stdin.as_fd(), Interest::READABLE)?], Timeout::Infinite)?;
        if stdin.try_read(&mut [0; 4096]).map_err(in_context("stdin"))? == Some(0) {
            return Ok(());
        }
    }
}

/// Adds `what` to the front of an error's message.
pub(crate) fn in_context(what: impl Display) -> impl FnOnce(io::Error) -> io::Error {
    move |error| io::Error::new(error.kind(), format!("{what}: {error}"))
}

/// Returns `true` if a line must end before `byte`. A UTF-8 character is never split.
pub(crate) fn is_full(line: &[u8], byte: u8, longest: usize) -> bool {
    let continues_character = byte & 0b1100_0000 == 0b1000_0000;
    line.len() >= longest + if continues_character { 3 } else { 0 }
}

/// Returns a socket that becomes readable once one of `signals` has arrived. The signal handler writes to its other end.
/// Signals that are ignored at the start stay ignored. Signals that are blocked at the start are unblocked: a program
/// usually inherits such a mask by mistake, and SIGTERM could not end it.
pub(crate) fn signals(signals: &[i32]) -> io::Result<UnixStream> {
    let (reader, writer) = UnixStream::pair()?;
    for &signal in signals.iter().filter(|signal| !is_ignored(**signal)) {
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
        let number = nix::sys::signal::Signal::try_from(signal)?;
        SigSet::from(number).thread_unblock()?;
    }
    let _ = writer.into_raw_fd(); // stays open: without a writer, the reader would get end of file
    Ok(reader)
}

/// Returns `true` if a signal is ignored. A program inherits this: nohup(1) ignores SIGHUP, and a script that starts
/// `x &` ignores SIGINT and SIGQUIT. A handler would replace it.
pub(crate) fn is_ignored(signal: i32) -> bool {
    // SAFETY: a sigaction is integers, so all zeroes is one.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: no new action is set; the old one is written to `action`, which this function alone can reach.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    result == 0 && action.sa_sigaction == libc::SIG_IGN
}

/// Stops the program, as SIGTSTP does without a handler and unblocked, and returns after SIGCONT. The kernel does not
/// stop a program without a shell that could continue it.
pub(crate) fn stop() -> io::Result<()> {
    let _let_through = iomux::SigSet::from(iomux::Signal::TSTP).unblock()?;
    let default = SigAction::new(SigHandler::SigDfl, SaFlags::empty(), SigSet::empty());
    // SAFETY: no function becomes a handler.
    let ours = unsafe { sigaction(Signal::SIGTSTP, &default) }?;
    raise(Signal::SIGTSTP)?;
    // SAFETY: it was the action until now.
    unsafe { sigaction(Signal::SIGTSTP, &ours) }?;
    Ok(())
}

/// Listens on `address`, with a backlog for bursts. std's backlog is 128, and the kernel drops further connections.
pub(crate) fn listen(address: &str) -> io::Result<Socket> {
    let listener = Socket::from(TcpListener::bind(address).map_err(in_context(address))?);
    // On the BSDs, connections inherit this. There an urgent byte may arrive before the connection is accepted.
    listener.set_out_of_band_inline(true)?;
    listener.listen(4096)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Prints the address of a listener.
pub(crate) fn announce(listener: &Socket) -> io::Result<()> {
    let address = listener.local_addr()?.as_socket().ok_or(ErrorKind::Unsupported)?;
    print(format_args!("listening on {address}"))
}

/// Accepts one client, or returns `None` if the queue is empty. In level mode, the next wait reports further clients.
pub(crate) fn accept<T, M: TrustedMultiplexer<'static>>(
    reactor: &mut Reactor<Socket, T, M>,
    listener: Key,
) -> Option<(Socket, SockAddr)> {
    match reactor.source(listener)?.accept() {
        Ok((client, address)) => {
            // An error means that the client is gone already.
            set_options(&client).ok()?;
            Some((client, address))
        }
        Err(error) => {
            let gone = [ErrorKind::WouldBlock, ErrorKind::Interrupted, ErrorKind::ConnectionAborted];
            if !gone.contains(&error.kind()) {
                accept_later(reactor, listener);
            }
            None
        }
    }
}

pub(crate) fn set_options(connection: &Socket) -> io::Result<()> {
    connection.set_nonblocking(true)?;
    // Keep an urgent byte in its place in the stream. A read would skip it otherwise.
    connection.set_out_of_band_inline(true)?;
    connection.set_tcp_nodelay(true)?;
    connection.set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))
}

/// Makes the close of a connection reset it, so that the peer does not take an incomplete stream for a complete one.
pub(crate) fn reset_on_close(connection: &Socket) {
    let _ = connection.set_linger(Some(Duration::ZERO)); // fails if the peer is gone already
}

/// Pauses a listener, usually because the process is out of file descriptors (EMFILE). The clients in its queue would
/// cause a busy loop. The program resumes the listener when its deadline expires.
pub(crate) fn accept_later<T, M: TrustedMultiplexer<'static>>(
    reactor: &mut Reactor<Socket, T, M>,
    listener: Key,
) {
    let _ = reactor.pause(listener).and_then(|()| reactor.set_deadline(listener, RETRY));
}

/// Starts to connect without blocking. `socket` becomes writable once it is connected, or has failed.
pub(crate) fn connect(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    set_options(socket)?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(()),
    }
}

/// Returns `true` once a socket is connected, and `false` while it is connecting.
///
/// If no process listens on a local port, the kernel may assign that port to the client, which then connects to itself.
/// That counts as ECONNREFUSED.
pub(crate) fn is_connected(socket: &Socket) -> io::Result<bool> {
    match socket.take_error()?.map_or_else(|| socket.peer_addr(), Err) {
        Ok(peer) if peer.as_socket() == socket.local_addr()?.as_socket() => {
            Err(io::Error::from_raw_os_error(libc::ECONNREFUSED))
        }
        Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
        result => result.map(|_| true),
    }
}

/// Bytes on their way from a source to a sink. The buffer has a fixed size, so the slower end determines the speed.
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    /// Bytes that the sink has not accepted yet.
    pending: Range<usize>,
    pub(crate) source_has_ended: bool,
}

impl Buffer {
    pub(crate) fn new(size: usize) -> Self {
        Self { bytes: vec![0; size].into(), pending: 0..0, source_has_ended: false }
    }

    pub(crate) fn has_room(&self) -> bool {
        !self.source_has_ended && self.pending.end < self.bytes.len()
    }

    pub(crate) fn has_bytes(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Returns `true` if the buffer is empty and the source has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.source_has_ended && !self.has_bytes()
    }

    /// Returns the interest of the source.
    pub(crate) fn source_interest(&self) -> Interest {
        if self.has_room() { Interest::READABLE } else { Interest::empty() }
    }

    /// Returns the interest of the sink.
    pub(crate) fn sink_interest(&self) -> Interest {
        if self.has_bytes() { Interest::WRITABLE } else { Interest::empty() }
    }

    /// Reads once, if the buffer has room. The end of file and an error end the source.
    pub(crate) fn fill(&mut self, source: &impl TryRead) -> io::Result<()> {
        if !self.has_room() {
            return Ok(());
        }
        match source.try_read(&mut self.bytes[self.pending.end..]) {
            Ok(None) => {}
            Ok(Some(count @ 1..)) => self.pending.end += count,
            end => {
                self.source_has_ended = true;
                end?;
            }
        }
        Ok(())
    }

    /// Writes at most `limit` bytes once, and returns the number of bytes written.
    pub(crate) fn drain(&mut self, sink: &impl TryWrite, limit: usize) -> io::Result<usize> {
        let bytes = &self.bytes[self.pending.clone()];
        if bytes.is_empty() {
            return Ok(0);
        }
        let count = sink.try_write(&bytes[..bytes.len().min(limit)])?.unwrap_or(0);
        self.pending.start += count;
        if self.pending.is_empty() {
            self.pending = 0..0;
        }
        Ok(count)
    }

    /// Ends the source, and discards the bytes of the buffer.
    pub(crate) fn stop(&mut self) {
        self.source_has_ended = true;
        self.pending = 0..0;
    }
}
