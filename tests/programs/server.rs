//! An example that listens, as a process of its own, and what its tests do at the other end of a connection.

use crate::example;
use crate::program::{DEADLINE, Lines, Program};
use nix::sys::signal::Signal;
use nix::sys::socket::{MsgFlags, send, setsockopt, sockopt};
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};

/// More than the sockets and the program between a sender and a reader can hold, by far.
pub(crate) const MORE_THAN_FITS: usize = 256 << 20;

/// How many connections a test may begin at the same time: no more than a listener's queue takes. It is 128 on the BSDs, and FreeBSD
/// resets what comes beyond that (`syncache_socket` in netinet/tcp_syncache.c).
pub(crate) const AT_ONCE: u64 = if cfg!(target_os = "linux") { 2000 } else { 100 };

/// A running server.
pub(crate) struct Server {
    program: Program,
    pub(crate) address: SocketAddr,
    stdout: Lines,
    /// Where the test has it go elsewhere, nothing is heard of it here.
    stderr: Option<Lines>,
}

impl Server {
    /// An example that prints its address first.
    #[track_caller]
    pub(crate) fn start(name: &str, arguments: &[&str]) -> Self {
        Self::started_by(Command::new(example(name)).args(arguments).stderr(Stdio::piped()))
    }

    /// One that may have `fds` fds and no more.
    #[track_caller]
    pub(crate) fn with_few_fds(name: &str, fds: usize, arguments: &[&str]) -> Self {
        let script = format!("ulimit -n {fds}; exec '{}' {}", example(name).display(), arguments.join(" "));
        Self::started_by(Command::new("sh").args(["-c", &script]).stderr(Stdio::piped()))
    }

    #[track_caller]
    pub(crate) fn started_by(command: &mut Command) -> Self {
        let mut program = Program::start(command.stdin(Stdio::null()).stdout(Stdio::piped()));
        let stdout = Lines::of(program.child().stdout.take().expect("it is piped"));
        let stderr = program.child().stderr.take().map(Lines::of);
        let first = stdout.next();
        let address = first.strip_prefix("listening on ").expect(&first).parse().expect(&first);
        Self { program, address, stdout, stderr }
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> TcpStream {
        patient(TcpStream::connect(self.address).unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.program.id()
    }

    /// The number of its fds; `None` where that can't be seen.
    pub(crate) fn fds(&self) -> Option<usize> {
        fs::read_dir(format!("/proc/{}/fd", self.id())).ok().map(Iterator::count)
    }

    #[track_caller]
    pub(crate) fn signal(&self, signal: Signal) {
        self.program.signal(signal);
    }

    #[track_caller]
    pub(crate) fn stop(&self) {
        self.program.stop();
    }

    #[track_caller]
    pub(crate) fn falls_asleep(&self, when: &str) {
        self.program.falls_asleep(when);
    }

    /// The next line that it says on stderr.
    #[track_caller]
    pub(crate) fn complains(&self) -> String {
        self.stderr.as_ref().expect("it is piped").next()
    }

    /// Ends it by a signal; what it has said on stdout since its first line.
    #[track_caller]
    pub(crate) fn end_by(mut self, signal: Signal) -> String {
        self.signal(signal);
        let said = self.stdout.rest();
        assert_eq!(self.program.end(), 0, "{said}");
        said
    }
}

/// A connection on which nothing is waited for without end.
pub(crate) fn patient(stream: TcpStream) -> TcpStream {
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

#[track_caller]
pub(crate) fn expect(mut source: &TcpStream, bytes: &[u8]) {
    let mut got = vec![0; bytes.len()];
    source.read_exact(&mut got).unwrap();
    assert!(got == bytes, "{} bytes came, and are not what was sent", got.len());
}

/// Sends bytes to a server that echoes them, and reads as many.
pub(crate) fn echo(mut client: &TcpStream, bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut back = vec![0; bytes.len()];
    client.write_all(bytes)?;
    client.read_exact(&mut back)?;
    Ok(back)
}

#[track_caller]
pub(crate) fn comes_back(client: &TcpStream, bytes: &[u8]) {
    assert_eq!(echo(client, bytes).unwrap(), bytes);
}

#[track_caller]
pub(crate) fn expect_end(mut source: &TcpStream) {
    assert_eq!(source.read(&mut [0]).unwrap(), 0, "nothing but the end of the stream");
}

/// Sends "a", "b" and "c", of which "b" is urgent.
#[track_caller]
pub(crate) fn send_urgent(to: &TcpStream) {
    for (bytes, flags) in [(b"a", MsgFlags::empty()), (b"b", MsgFlags::MSG_OOB), (b"c", MsgFlags::empty())] {
        assert_eq!(send(to.as_raw_fd(), bytes, flags), Ok(1));
    }
}

/// Closes the connection in the way that the other end knows as "reset by peer".
pub(crate) fn reset(stream: TcpStream) {
    let at_once = libc::linger { l_onoff: 1, l_linger: 0 };
    setsockopt(&stream, sockopt::Linger, &at_once).unwrap();
    drop(stream);
}

/// Writes `most` bytes, or until the sender has been blocked twenty times in a row, each time after `meanwhile`.
/// Nothing holds [`MORE_THAN_FITS`].
#[track_caller]
pub(crate) fn write_until_blocked(mut sender: &TcpStream, most: usize, mut meanwhile: impl FnMut()) -> usize {
    sender.set_nonblocking(true).unwrap();
    let (mut blocked, mut written) = (0, 0);
    while blocked < 20 && written < most {
        match sender.write(&[1; 65536][..65536.min(most - written)]) {
            Ok(count) => {
                written += count;
                blocked = 0;
            }
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                blocked += 1;
                meanwhile();
            }
        }
    }
    assert!(written < MORE_THAN_FITS, "whatever is sent is taken, though it is not read");
    sender.set_nonblocking(false).unwrap();
    written
}

/// Bytes of which each piece looks different.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let words = (0_u64..).map(|number| (number ^ seed << 40).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    words.map(|word| word.to_be_bytes()[2]).take(length).collect()
}

/// How an example answers to these arguments: its exit code, stdout and stderr.
pub(crate) fn answer(name: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(example(name)).args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}
