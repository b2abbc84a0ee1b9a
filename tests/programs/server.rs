//! An example that listens, as a process of its own, and what its tests do at the other end of a connection.

use crate::example;
use crate::support::skip;
use nix::sys::signal::{Signal, kill};
use nix::sys::socket::{MsgFlags, send, setsockopt, sockopt};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// Only what is broken takes that long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// More than the sockets and the program between a sender and a reader can hold, by far.
pub(crate) const MORE_THAN_FITS: usize = 256 << 20;

/// How many connections a test may begin at the same time: no more than a listener's queue takes. It is 128 on the BSDs, and FreeBSD
/// resets what comes beyond that (`syncache_socket` in netinet/tcp_syncache.c).
pub(crate) const AT_ONCE: u64 = if cfg!(target_os = "linux") { 2000 } else { 100 };

/// A running server. Its threads end with its output.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
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
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("it starts");
        let stdout = lines_of(child.stdout.take().expect("it is piped"));
        // Where the test has it go elsewhere, nothing is heard of it here.
        let stderr = child.stderr.take().map_or_else(|| channel().1, lines_of);
        let mut server = Self { child, address: ([0; 4], 0).into(), stdout, stderr };
        let first = server.stdout.recv_timeout(DEADLINE).expect("it says where it listens");
        let address = first.strip_prefix("listening on ").expect(&first);
        server.address = address.parse().expect(&first);
        server
    }

    #[track_caller]
    pub(crate) fn connect(&self) -> TcpStream {
        patient(TcpStream::connect(self.address).unwrap())
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    #[track_caller]
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    /// Stops it, and waits until it has stopped.
    #[track_caller]
    pub(crate) fn stop(&self) {
        self.signal(Signal::SIGSTOP);
        let stopped = WaitStatus::Stopped(self.pid(), Signal::SIGSTOP);
        assert_eq!(waitpid(self.pid(), Some(WaitPidFlag::WUNTRACED)), Ok(stopped));
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.id()).unwrap())
    }

    /// The next line that it says on stderr.
    #[track_caller]
    pub(crate) fn complains(&self) -> String {
        self.stderr.recv_timeout(DEADLINE).expect("a line on stderr")
    }

    /// Waits until the system says that each of its threads sleeps in a system call, which one that spins never does:
    /// a wait that finds something immediately does not sleep. Where there is no Linux's /proc there is nothing to see.
    #[track_caller]
    pub(crate) fn falls_asleep(&self, when: &str) {
        if !Path::new("/proc/self/syscall").exists() {
            return skip("whether a program spins", "no /proc/PID/syscall");
        }
        let begin = Instant::now();
        let runs = |thread: fs::DirEntry| {
            // Without an answer it has ended meanwhile.
            fs::read_to_string(thread.path().join("syscall")).is_ok_and(|call| call == "running\n")
        };
        let task = format!("/proc/{}/task", self.child.id());
        while fs::read_dir(&task).unwrap().any(|thread| thread.is_ok_and(runs)) {
            assert!(begin.elapsed() < DEADLINE, "it spins {when}");
            thread::yield_now();
        }
    }

    /// Ends it by a signal; what it has said on stdout since its first line.
    #[track_caller]
    pub(crate) fn end_by(mut self, signal: Signal) -> String {
        self.signal(signal);
        let deadline = Instant::now() + DEADLINE;
        let mut said = String::new();
        while let Ok(line) = self.stdout.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            said += &line;
            said += "\n";
        }
        assert!(Instant::now() < deadline, "{signal} does not end it; it said: {said}");
        let status: ExitStatus = self.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{said}");
        said
    }
}

fn lines_of(source: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    let lines = BufReader::new(source).lines();
    thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
    receiver
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
