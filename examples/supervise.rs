//! Runs several commands at the same time, and prints their output line by line, under their names.
//!
//! `cargo run --example supervise -- 'web=python3 -m http.server' 'clock=while date; do sleep 1; done'`
//!
//! What to copy from it: a wait that loses no signal. The handlers only set flags; the signals are blocked,
//! and let through by the mask of ppoll(2) alone, so none can come between the look at the flags and the
//! wait. Since a busy ppoll lets no signal through, signals and output take turns (`MaskTurns`). Commands are
//! started before the signals are blocked, since a child inherits the mask. A stream is a slot of the table,
//! by its index, and is cleared when it ends.
//!
//! Each command has its own process group, and no stdin, so the terminal sends its signals to this program only. The
//! program forwards SIGINT, SIGQUIT, SIGTERM, SIGHUP and SIGTSTP (Ctrl-Z) to the groups of all running commands. The
//! kernel stops a command that reads the terminal. The program prints that, and sends SIGCONT after each signal, because
//! a stopped command does not act on other signals.
//!
//! When a command has exited, the program prints what its pipes hold, and then its exit status. A command may close its
//! output and continue. The program prints the output of a command's background processes while another command runs,
//! but does not wait for them. A slow reader of the output slows the commands down. Signals are forwarded
//! meanwhile, and the second one also ends this program.
//!
//! What it does not do: it waits for a command that ignores the signals, and SIGKILL of this program leaves the commands
//! running.

mod common;

use common::in_context;
use common::output::{self, PIPE_ROOM};
use iomux::{Error, Interest, MaskGuard, MaskTurns, PollFd, SigSet, Slots, Timeout};
use iomux_backend::{Signal, TryRead, TryWrite};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::killpg;
use nix::unistd::Pid;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::mem;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Command, ExitCode, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const USAGE: &str = "\
Usage: supervise [NAME=]COMMAND...
Run each COMMAND with 'sh -c', all at the same time, and label their output.

  -h, --help  display this help and exit

A line of a command's standard output is printed as 'NAME| line' on standard
output, and a line of its standard error as 'NAME! line' on standard error.
A NAME consists of letters, digits, '.', '_' and '-'. The default is the position
of the command: 1, 2, ... A COMMAND that starts with an assignment needs a NAME.
A COMMAND that reads the terminal is stopped by SIGTTIN.

Exit status:
  that of the first COMMAND, in the given order, that did not exit with 0;
  128 + N if signal N killed it; 0 if all exited with 0;
  1 if supervise failed, after it has sent SIGTERM to the commands;
  2 if the arguments are invalid.
";

/// A longer line is printed in chunks of this size.
const LONGEST_LINE: usize = 4096;

/// More than a pipe holds, so that what is left in the background can't hold up the end by writing on.
const LAST_READ: usize = 1 << 20;

/// The streams of a command, each a slot: the command at `n` has its stdout at `2 * n`, its stderr after it.
const STREAMS: usize = 2;

fn main() -> ExitCode {
    let words = common::arguments();
    common::run("supervise", USAGE, parse(&words), |commands| run(&commands).map(ExitCode::from))
}

/// The commands with their names; `None` for `--help`.
fn parse(words: &[String]) -> Result<Option<Vec<(String, &str)>>, String> {
    let mut commands = Vec::new();
    for (index, word) in words.iter().enumerate() {
        let is_name = |text: &str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        };
        let (name, command) = match word.split_once('=') {
            _ if word == "-h" || word == "--help" => return Ok(None),
            _ if word.starts_with('-') => return Err(format!("unknown option '{word}'")),
            Some((name, command)) if is_name(name) => (name.to_owned(), command),
            _ => ((index + 1).to_string(), word.as_str()),
        };
        if command.trim().is_empty() {
            return Err(format!("missing COMMAND in '{word}'"));
        }
        commands.push((name, command));
    }
    if commands.is_empty() { Err("missing COMMAND".into()) } else { Ok(Some(commands)) }
}

fn run(commands: &[(String, &str)]) -> io::Result<u8> {
    if !iomux::has_ppoll() {
        let message = "this system has no ppoll(2); echo_server waits for signals without it";
        return Err(io::Error::new(ErrorKind::Unsupported, message));
    }
    let flags = Flags::install()?;
    let (mut jobs, mut pipes) = (Vec::new(), Vec::new());
    for (name, command) in commands {
        jobs.push(Job::start(name, command, &mut pipes).map_err(in_context(name))?);
    }
    let mut slots = Slots::with_capacity(pipes.len());
    for (index, pipe) in pipes.iter().enumerate() {
        slots.set(index, pipe.as_fd(), Interest::READABLE)?;
    }
    let streams = jobs.iter().flat_map(|Job { name, .. }| {
        [Stream::new(format!("{name}| "), Sink::Stdout), Stream::new(format!("{name}! "), Sink::Stderr)]
    });
    let streams = streams.collect();
    let (output, turns) = (Output::new(flags)?, MaskTurns::new());
    Supervisor { jobs, pipes: &pipes, slots, streams, output, turns }.run()
}

/// What the handlers of the signals set.
struct Flags {
    child_has_changed: Arc<AtomicBool>,
    to_forward: Vec<(Signal, Arc<AtomicBool>)>,
}

impl Flags {
    fn install() -> io::Result<Self> {
        // Those that the user had ignored stay ignored, for the commands as well.
        let to_forward = [Signal::INT, Signal::QUIT, Signal::TERM, Signal::HUP, Signal::TSTP].into_iter();
        let to_forward = to_forward.filter(|signal| !common::is_ignored(signal.as_raw()));
        let to_forward = to_forward.map(|signal| (signal, Arc::default())).collect();
        let flags = Self { child_has_changed: Arc::default(), to_forward };
        for (signal, flag) in &flags.to_forward {
            signal_hook::flag::register(signal.as_raw(), Arc::clone(flag))?;
        }
        signal_hook::flag::register(Signal::CHLD.as_raw(), Arc::clone(&flags.child_has_changed))?;
        Ok(flags)
    }

    /// Holds the signals back from now on; the flags tell of those that came before.
    fn block(&self) -> Result<MaskGuard, Error> {
        let forwarded = self.to_forward.iter().map(|(signal, _)| *signal);
        SigSet::from_iter(forwarded.chain([Signal::CHLD])).block()
    }

    /// Passes on what has come, to the commands that still run. Returns `true` if a signal has come that is to end them.
    fn forward(&self, jobs: &[Job]) -> io::Result<bool> {
        let mut is_to_end = false;
        for (signal, _) in self.to_forward.iter().filter(|(_, flag)| flag.swap(false, Ordering::AcqRel)) {
            jobs.iter().for_each(|job| job.send(*signal));
            if *signal == Signal::TSTP {
                common::stop()?;
            } else {
                is_to_end = true;
            }
            jobs.iter().for_each(|job| job.send(Signal::CONT));
        }
        Ok(is_to_end)
    }
}

/// A command that was started.
struct Job {
    name: String,
    group: Pid,
    /// How it has ended.
    status: Option<ExitStatus>,
}

impl Job {
    /// Starts it, and adds the pipes of its streams.
    fn start(name: &str, command: &str, pipes: &mut Vec<File>) -> io::Result<Self> {
        let mut shell = Command::new("sh");
        shell.args(["-c", command]).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: a signal that is forwarded reaches what the shell has started, too.
        let mut child = shell.process_group(0).spawn()?;
        let streams = (child.stdout.take().map(OwnedFd::from), child.stderr.take().map(OwnedFd::from));
        let group = Pid::from_raw(child.id().cast_signed());
        let job = Self { name: name.to_owned(), group, status: None };
        for pipe in [streams.0, streams.1].into_iter().flatten() {
            // Of this end of the pipe alone: the command's end stays as it is.
            fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            pipes.push(pipe.into());
        }
        Ok(job)
    }

    /// Returns what has become of its process: exited, killed or stopped. `Child::try_wait` tells of no stop.
    fn change(&self) -> io::Result<Option<ExitStatus>> {
        let mut status = 0;
        // SAFETY: waitpid(2) writes to `status` before it returns, and nothing else has it.
        match unsafe { libc::waitpid(self.group.as_raw(), &raw mut status, libc::WNOHANG | libc::WUNTRACED) }
        {
            -1 => Err(io::Error::last_os_error()),
            0 => Ok(None),
            _ => Ok(Some(ExitStatus::from_raw(status))),
        }
    }

    fn send(&self, signal: Signal) {
        // Once it was waited for, its number may be another's.
        if self.status.is_none() {
            let signal = nix::sys::signal::Signal::try_from(signal.as_raw());
            let _ = signal.and_then(|signal| killpg(self.group, signal)); // gone already
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        self.send(Signal::TERM);
        self.send(Signal::CONT);
    }
}

struct Supervisor<'a> {
    jobs: Vec<Job>,
    pipes: &'a [File],
    slots: Slots<'a>,
    streams: Vec<Stream>,
    output: Output,
    turns: MaskTurns,
}

impl Supervisor<'_> {
    fn run(mut self) -> io::Result<u8> {
        loop {
            self.output.flags.forward(&self.jobs)?;
            if self.output.flags.child_has_changed.swap(false, Ordering::AcqRel) {
                self.report_changes()?;
                if self.jobs.iter().all(|job| job.status.is_some()) {
                    break;
                }
            }
            // Also with no slot left in use: the end of a command is a signal.
            let mask = &self.output.mask;
            unless_interrupted(self.turns.wait(mask, || self.slots.ppoll(Timeout::Infinite, Some(mask))))?;
            while let Some(ready) = self.slots.next_ready() {
                self.read(ready.index())?;
            }
        }
        // What those that ended earlier have left in the background may have said more since.
        (0..self.jobs.len()).try_for_each(|job| self.show_rest(job))?;
        let codes = self.jobs.iter().filter_map(|job| job.status).map(exit_code);
        Ok(codes.into_iter().find(|&code| code != 0).unwrap_or(0))
    }

    fn report_changes(&mut self) -> io::Result<()> {
        for index in 0..self.jobs.len() {
            let job = &mut self.jobs[index];
            if job.status.is_some() {
                continue;
            }
            if let Some(change) = job.change().map_err(in_context(&job.name))? {
                job.status = Some(change).filter(|change| change.stopped_signal().is_none());
                self.show_rest(index)?;
                let report = format!("{}: {}\n", self.jobs[index].name, description(change));
                self.output.write(Sink::Stderr, report.as_bytes(), &self.jobs)?;
            }
        }
        Ok(())
    }

    /// Shows what the pipes of a command hold, and the lines that will not end any more.
    fn show_rest(&mut self, job: usize) -> io::Result<()> {
        for stream in STREAMS * job..STREAMS * (job + 1) {
            let mut count = 0;
            while count < LAST_READ {
                match self.read(stream)? {
                    0 => break,
                    more => count += more,
                }
            }
            self.streams[stream].end_line();
            self.show(stream)?;
        }
        Ok(())
    }

    /// Reads a stream once, and shows the lines that have ended; returns how many bytes there were.
    fn read(&mut self, index: usize) -> io::Result<usize> {
        let mut buffer = [0; 16 * 1024];
        let name = &self.jobs[index / STREAMS].name;
        let result = self.pipes[index].try_read(&mut buffer).map_err(in_context(name))?;
        if result == Some(0) {
            self.slots.clear(index)?;
            self.streams[index].end_line();
        }
        let count = result.unwrap_or(0);
        self.streams[index].add(&buffer[..count]);
        self.show(index)?;
        Ok(count)
    }

    fn show(&mut self, index: usize) -> io::Result<()> {
        let stream = &mut self.streams[index];
        self.output.write(stream.sink, &stream.shown, &self.jobs)?;
        stream.shown.clear();
        Ok(())
    }
}

/// What a command says on its stdout or stderr, and where it is shown.
struct Stream {
    prefix: String,
    sink: Sink,
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// Whole lines, each with the prefix, that are to be written.
    shown: Vec<u8>,
}

impl Stream {
    fn new(prefix: String, sink: Sink) -> Self {
        Self { prefix, sink, line: Vec::new(), shown: Vec::new() }
    }

    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte == b'\n' || common::is_full(&self.line, byte, LONGEST_LINE) {
                self.show_line();
            }
            if byte != b'\n' {
                self.line.push(byte);
            }
        }
    }

    /// Ends a line that has begun.
    fn end_line(&mut self) {
        if !self.line.is_empty() {
            self.show_line();
        }
    }

    fn show_line(&mut self) {
        self.shown.extend_from_slice(self.prefix.as_bytes());
        self.shown.append(&mut self.line);
        self.shown.push(b'\n');
    }
}

fn unless_interrupted(answer: Result<usize, Error>) -> Result<(), Error> {
    match answer {
        Err(Error::Interrupted) => Ok(()), // the handler has set a flag
        answer => answer.map(drop),
    }
}

fn exit_code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

fn description(status: ExitStatus) -> String {
    let name = |signal| match nix::sys::signal::Signal::try_from(signal) {
        Ok(signal) => signal.to_string(),
        Err(_) => format!("signal {signal}"),
    };
    match (status.code(), status.signal(), status.stopped_signal()) {
        (Some(code), ..) => format!("exited with {code}"),
        (_, Some(signal), _) => format!("killed by {}", name(signal)),
        (.., Some(signal)) => format!("stopped by {}", name(signal)),
        _ => status.to_string(),
    }
}

#[derive(Clone, Copy)]
enum Sink {
    Stdout,
    Stderr,
}

/// The program's own stdout and stderr, and the signals that are let through while they take no more.
struct Output {
    stdout: File,
    stderr: File,
    flags: Flags,
    mask: SigSet,
    _blocked: MaskGuard,
}

impl Output {
    fn new(flags: Flags) -> io::Result<Self> {
        let (stdout, stderr) = (output::reopen(io::stdout())?, output::reopen(io::stderr())?);
        let blocked = flags.block()?;
        Ok(Self { stdout, stderr, flags, mask: blocked.wait_mask(), _blocked: blocked })
    }

    /// Writes it all before anything else is written, even if both go to the same terminal. If that waits for a reader, it
    /// fails at the second signal that is to end the commands: they may have ended, and the reader may never come.
    fn write(&self, sink: Sink, mut bytes: &[u8], jobs: &[Job]) -> io::Result<()> {
        let (file, name) = match sink {
            Sink::Stdout => (&self.stdout, "stdout"),
            Sink::Stderr => (&self.stderr, "stderr"),
        };
        let mut is_to_end = false;
        while !bytes.is_empty() {
            // A write that blocks would hold the signals back for as long.
            let mut fds = [PollFd::new(file.as_fd(), Interest::WRITABLE)?];
            let answer = iomux::ppoll(&mut fds, Timeout::Infinite, Some(&self.mask));
            if self.flags.forward(jobs)? && mem::replace(&mut is_to_end, true) {
                return Err(io::Error::other(format!("a second signal has come, and {name} is full")));
            }
            if answer == Err(Error::Interrupted) {
                continue;
            }
            answer?;
            let part = &bytes[..bytes.len().min(PIPE_ROOM)];
            let count = file.try_write(part).map_err(in_context(name))?.unwrap_or(0);
            bytes = &bytes[count..];
        }
        Ok(())
    }
}
