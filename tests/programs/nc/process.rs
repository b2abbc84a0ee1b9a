//! A running nc, and what its tests do at the other ends of its pipes and its connection.

use crate::example;
use crate::program::{DEADLINE, Lines, Program, Task};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::socket::{setsockopt, sockopt};
use std::fs::File;
use std::io::{ErrorKind, PipeReader, PipeWriter, Read, Seek, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

/// More than nc, its pipes and its connection can hold together while no process reads.
pub(super) const LARGE: usize = 8 << 20;

/// The most that a pipe holds (pipe(7); macOS and the BSDs have less).
const PIPE_SIZE: usize = 64 << 10;

/// A running nc.
pub(super) struct Nc {
    program: Program,
    stderr: Lines,
}

impl Nc {
    pub(super) fn start(arguments: &[&str], stdin: impl Into<Stdio>, stdout: impl Into<Stdio>) -> Self {
        let mut command = Command::new(example("nc"));
        command.args(arguments).stdin(stdin).stdout(stdout).stderr(Stdio::piped());
        let mut program = Program::start(&mut command);
        let stderr = Lines::of(program.child().stderr.take().unwrap());
        Self { program, stderr }
    }

    /// An nc that listens, and where.
    #[track_caller]
    pub(super) fn listening(stdin: impl Into<Stdio>, stdout: impl Into<Stdio>) -> (Self, SocketAddr) {
        let nc = Self::start(&["-l", "0"], stdin, stdout);
        let line = nc.stderr.next();
        let address = line.strip_prefix("listening on ").expect(&line).parse().expect(&line);
        (nc, address)
    }

    pub(super) fn connecting(to: SocketAddr, stdin: impl Into<Stdio>, stdout: impl Into<Stdio>) -> Self {
        Self::start(&[&to.ip().to_string(), &to.port().to_string()], stdin, stdout)
    }

    /// An nc that is connected to this test, which plays the peer.
    #[track_caller]
    pub(super) fn with_peer(stdin: impl Into<Stdio>, stdout: impl Into<Stdio>) -> (Self, TcpStream) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let nc = Self::connecting(listener.local_addr().unwrap(), stdin, stdout);
        let (peer, _) = Task::start(move || listener.accept().unwrap()).result("nc connects");
        peer.set_nodelay(true).unwrap();
        peer.set_read_timeout(Some(DEADLINE)).unwrap();
        peer.set_write_timeout(Some(DEADLINE)).unwrap();
        (nc, peer)
    }

    /// Waits until it has ended: its exit code, and what it has said on stderr since.
    #[track_caller]
    pub(super) fn end(mut self) -> (i32, String) {
        let said = self.stderr.rest();
        (self.program.end(), said)
    }

    #[track_caller]
    pub(super) fn ends_well(self) {
        assert_eq!(self.end(), (0, String::new()));
    }

    pub(super) fn is_asleep(&self) -> bool {
        self.program.is_asleep()
    }

    #[track_caller]
    pub(super) fn falls_asleep(&self, when: &str) {
        self.program.falls_asleep(when);
    }
}

/// Bytes that look random, the same for the same seed (xorshift64).
pub(super) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = vec![0; length];
    for word in bytes.chunks_mut(8) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        word.copy_from_slice(&state.to_le_bytes()[..word.len()]);
    }
    bytes
}

#[track_caller]
pub(super) fn assert_same(got: &[u8], expected: &[u8]) {
    if got != expected {
        let difference = got.iter().zip(expected).position(|(one, other)| one != other);
        panic!("{} bytes instead of {}, the first difference at {difference:?}", got.len(), expected.len());
    }
}

/// Writes it all, then closes the sink.
pub(super) fn write_all(mut sink: impl Write + Send + 'static, bytes: &[u8]) -> Task<()> {
    let bytes = bytes.to_vec();
    Task::start(move || sink.write_all(&bytes).unwrap())
}

/// Reads as many bytes as are expected, and compares them.
#[track_caller]
pub(super) fn expect(source: &PipeReader, expected: &[u8]) {
    let (mut source, length) = (source.try_clone().unwrap(), expected.len());
    let read = Task::start(move || {
        let mut bytes = vec![0; length];
        source.read_exact(&mut bytes).map(|()| bytes)
    });
    assert_same(&read.result("nc writes to stdout").unwrap(), expected);
}

#[track_caller]
pub(super) fn expect_at(mut peer: &TcpStream, expected: &[u8]) {
    let mut bytes = vec![0; expected.len()];
    peer.read_exact(&mut bytes).unwrap();
    assert_same(&bytes, expected);
}

#[track_caller]
pub(super) fn expect_end_at(mut peer: &TcpStream) {
    assert_eq!(peer.read(&mut [0]).unwrap(), 0, "nothing but the end of the stream");
}

/// Closes the connection in the way that the other end knows as "reset by peer".
pub(super) fn reset(peer: TcpStream) {
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    setsockopt(&peer, sockopt::Linger, &at_once).unwrap();
    drop(peer);
}

pub(super) fn file_of(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}

pub(super) fn content(mut file: File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Writes until the pipe is full and nc sleeps in spite of it: it has no room left either.
#[track_caller]
pub(super) fn write_until_blocked(nc: &Nc, mut pipe: &PipeWriter, bytes: &[u8]) -> usize {
    fcntl(pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    let deadline = Instant::now() + DEADLINE;
    let mut written = 0;
    loop {
        assert!(written < bytes.len(), "nc takes more than there is room for");
        assert!(Instant::now() < deadline, "nc spins when the peer does not read");
        match pipe.write(&bytes[written..]) {
            Ok(count) => written += count,
            Err(error) if error.kind() != ErrorKind::WouldBlock => panic!("{error}"),
            // Before it has read anything it may be asleep where it connects.
            Err(_) if written > PIPE_SIZE && nc.is_asleep() => return written,
            Err(_) => thread::yield_now(),
        }
    }
}
