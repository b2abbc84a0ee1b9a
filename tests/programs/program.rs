//! A running example, and waits for it that end by the deadline.

use crate::example;
use crate::support::{is_foreign, skip, sleeps_in};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::sys::termios::{FlowArg, tcflow};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// No working program takes this long.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Work in a thread of its own, so that it can be waited for no longer than the deadline.
pub(crate) struct Task<T>(Receiver<T>);

impl<T: Send + 'static> Task<T> {
    pub(crate) fn start(work: impl FnOnce() -> T + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        thread::spawn(move || sender.send(work()));
        Self(receiver)
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self.0.try_recv(), Err(TryRecvError::Empty))
    }

    #[track_caller]
    pub(crate) fn result(self, what: &str) -> T {
        self.0.recv_timeout(DEADLINE).unwrap_or_else(|error| panic!("{what}: {error}"))
    }
}

pub(crate) fn read_to_end(mut source: impl Read + Send + 'static) -> Task<Vec<u8>> {
    Task::start(move || {
        let mut bytes = Vec::new();
        source.read_to_end(&mut bytes).unwrap();
        bytes
    })
}

/// The output of a program, line by line, as a thread reads it.
pub(crate) struct Lines(Receiver<Vec<u8>>);

impl Lines {
    pub(crate) fn of(output: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        let mut output = BufReader::new(output);
        thread::spawn(move || {
            loop {
                let mut line = Vec::new();
                // Once no process has the terminal open, a read fails instead of returning 0.
                let is_broken = output.read_until(b'\n', &mut line).is_err();
                if line.is_empty() || sender.send(line).is_err() || is_broken {
                    return;
                }
            }
        });
        Self(receiver)
    }

    /// Returns the next line with its newline.
    fn by(&self, deadline: Instant) -> Result<String, RecvTimeoutError> {
        let time = deadline.saturating_duration_since(Instant::now());
        if time.is_zero() {
            return Err(RecvTimeoutError::Timeout); // also for a program that never stops
        }
        self.0.recv_timeout(time).map(|line| String::from_utf8(line).expect("text"))
    }

    /// Returns the next line without its newline.
    #[track_caller]
    pub(crate) fn next(&self) -> String {
        let line = self.by(Instant::now() + DEADLINE).expect("another line");
        line.strip_suffix('\n').expect("a whole line").to_owned()
    }

    /// Returns the next line that has all of these words.
    #[track_caller]
    pub(crate) fn find(&self, words: &[&str]) -> String {
        let deadline = Instant::now() + DEADLINE;
        let mut seen = Vec::new();
        loop {
            match self.by(deadline) {
                Ok(line) if words.iter().all(|word| line.contains(word)) => {
                    return line.trim_end().to_owned();
                }
                Ok(line) => seen.push(line),
                Err(error) => panic!("{error}: {words:?} not in {:?}", &seen[..seen.len().min(100)]),
            }
        }
    }

    /// Returns the remaining lines at end of file.
    #[track_caller]
    pub(crate) fn rest(self) -> String {
        let deadline = Instant::now() + DEADLINE;
        let mut lines = Vec::new();
        loop {
            match self.by(deadline) {
                Ok(line) => lines.push(line),
                Err(RecvTimeoutError::Disconnected) => return lines.concat(),
                Err(error) => panic!("{error}: it does not end: {:?}", &lines[..lines.len().min(100)]),
            }
        }
    }
}

/// A test that fails shows what it did not read.
impl Drop for Lines {
    fn drop(&mut self) {
        if thread::panicking() {
            let unread = self.0.try_iter().take(100);
            unread.for_each(|line| eprint!("unread: {}", String::from_utf8_lossy(&line)));
        }
    }
}

/// The system calls that wait for an event. A sleep in another call, a page fault or a kernel lock is short.
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
const WAITS: &[libc::c_long] = &[
    libc::SYS_poll,
    libc::SYS_ppoll,
    libc::SYS_epoll_wait,
    libc::SYS_epoll_pwait,
    libc::SYS_epoll_pwait2,
    libc::SYS_futex,
    libc::SYS_recvfrom,
    libc::SYS_restart_syscall, // one of them, resumed after a stop
];
#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
const WAITS: &[libc::c_long] = &[];

/// A running program, which is killed when it is dropped.
pub(crate) struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Program {
    #[track_caller]
    pub(crate) fn start(command: &mut Command) -> Self {
        Self(command.spawn().expect("it starts"))
    }

    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.0
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.id()
    }

    #[track_caller]
    pub(crate) fn signal(&self, signal: Signal) {
        kill(self.pid(), signal).unwrap();
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.id()).unwrap())
    }

    /// Stops it, and waits until it has stopped.
    #[track_caller]
    pub(crate) fn stop(&self) {
        self.signal(Signal::SIGSTOP);
        let stopped = WaitStatus::Stopped(self.pid(), Signal::SIGSTOP);
        assert_eq!(waitpid(self.pid(), Some(WaitPidFlag::WUNTRACED)), Ok(stopped));
    }

    /// Returns `true` if each thread sleeps in a call that waits, or if there is no Linux's /proc. A busy loop never
    /// sleeps, because its waits return immediately. The state in `stat` does not suffice: a poll is "sleeping" there
    /// before its last check.
    pub(crate) fn is_asleep(&self) -> bool {
        let sleeps = |thread: fs::DirEntry| match sleeps_in(&thread.path()) {
            Ok(Some(call)) => is_foreign() || WAITS.is_empty() || WAITS.contains(&call),
            Ok(None) => false,
            // The thread has ended, or its call is not readable.
            Err(_) => true,
        };
        let Ok(mut threads) = fs::read_dir(format!("/proc/{}/task", self.id())) else { return true };
        threads.all(|thread| thread.is_ok_and(sleeps))
    }

    /// Waits until it is asleep.
    #[track_caller]
    pub(crate) fn falls_asleep(&self, when: &str) {
        let process = PathBuf::from(format!("/proc/{}", self.id()));
        if sleeps_in(&process).is_err() {
            return skip("whether a program spins", "no /proc/PID/syscall that may be read");
        }
        let begin = Instant::now();
        while !self.is_asleep() {
            let has_ended = fs::read_to_string(process.join("stat")).is_ok_and(|stat| stat.contains(") Z "));
            assert!(!has_ended, "it has ended {when}");
            assert!(begin.elapsed() < DEADLINE, "it spins {when}");
            thread::yield_now();
        }
    }

    /// Waits until it has ended, and returns its exit code, or 128 + N if signal N killed it.
    #[track_caller]
    pub(crate) fn end(&mut self) -> i32 {
        let deadline = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.0.try_wait().unwrap() {
                return status.code().or(status.signal().map(|signal| 128 + signal)).unwrap();
            }
            assert!(Instant::now() < deadline, "it does not end");
            iomux::wait(&mut [], Duration::from_millis(1)).unwrap();
        }
    }
}

/// The exit code and output of a program.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs an example to its end, without a stdin.
#[track_caller]
pub(crate) fn outcome(name: &str, arguments: &[&str]) -> Outcome {
    let mut command = Command::new(example(name));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut program = Program::start(&mut command);
    let stdout = read_to_end(program.child().stdout.take().unwrap());
    let stderr = read_to_end(program.child().stderr.take().unwrap());
    let text = |bytes| String::from_utf8(bytes).expect("text");
    let (stdout, stderr) = (text(stdout.result("stdout ends")), text(stderr.result("stderr ends")));
    Outcome { code: program.end(), stdout, stderr }
}

/// `--help` prints to stdout. Each of the `wrong` arguments prints the text next to it to stderr.
#[track_caller]
pub(crate) fn explains_itself(name: &str, wrong: &[(&[&str], &str)]) {
    let usage = format!("Usage: {name} ");
    for help in ["-h", "--help"] {
        let Outcome { code, stdout, stderr } = outcome(name, &[help]);
        assert!(code == 0 && stdout.starts_with(&usage) && stderr.is_empty(), "{stdout}{stderr}");
    }
    for (arguments, message) in wrong {
        let Outcome { code, stdout, stderr } = outcome(name, arguments);
        assert!(code == 2 && stdout.is_empty(), "{arguments:?}: {code}, {stdout}");
        assert!(stderr.starts_with(&format!("{name}: {message}")) && stderr.contains(&usage), "{stderr}");
    }
}

/// On a terminal that was stopped by Ctrl-S, an example still ends by SIGTERM, though it has more to say.
#[track_caller]
pub(crate) fn ends_on_a_stopped_terminal(name: &str, arguments: &[&str]) {
    let terminal = openpty(None, None).unwrap();
    let mut command = Command::new(example(name));
    command.args(arguments).stdin(Stdio::null());
    command.stdout(terminal.slave.try_clone().unwrap()).stderr(terminal.slave.try_clone().unwrap());
    let mut program = Program::start(&mut command);
    // The status of a program may come first.
    Lines::of(File::from(terminal.master.try_clone().unwrap())).find(&["listening on "]);
    tcflow(&terminal.slave, FlowArg::TCOOFF).unwrap();
    program.signal(Signal::SIGTERM);
    assert_eq!(program.end(), 0);
}

/// Returns a command for example `name` in a network namespace whose only ephemeral port is `port`.
/// A client that connects to it connects to itself. Returns `None` if there are no namespaces.
pub(crate) fn with_one_port_for_clients(port: u16, name: &str) -> Option<Command> {
    let script = format!(
        "ip link set lo up && echo {port} {port} > /proc/sys/net/ipv4/ip_local_port_range && exec \"$@\""
    );
    let namespace = || {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "sh", "-c", &script, "sh"]);
        command
    };
    let trial = namespace().arg("true").stderr(Stdio::null()).status();
    if !trial.is_ok_and(|status| status.success()) {
        skip("a connection to itself", "no network namespace can be made");
        return None;
    }
    let mut command = namespace();
    command.arg(example(name));
    Some(command)
}

/// A pipe without any room, and its reader.
pub(crate) fn pipe_without_room() -> (PipeReader, PipeWriter) {
    let (reader, mut writer) = io::pipe().unwrap();
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    for size in [512, 1] {
        while writer.write(&[b'x'; 512][..size]).is_ok() {}
    }
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    (reader, writer)
}
