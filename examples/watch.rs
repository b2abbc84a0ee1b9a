//! Shows which of several inputs are ready, and how much data each has sent, on one line per input.
//!
//! `mkfifo left right; cargo run --example watch -- left right`, and in another terminal `date > left`.
//!
//! What to copy from it: the index of a slot is the line on the screen, so the program needs no other table. Each
//! ready input is read once per turn, so that none is starved. The program clears the slot of an input that has
//! ended, failed or hung up, because poll(2) would report it as ready indefinitely. It writes only while stdout has
//! room, and at most 20 times per second. Signals have slots, too: their handlers write to sockets.
//!
//! The program restores the terminal's settings when it exits, also by SIGINT, SIGTERM, SIGHUP and SIGQUIT, and while
//! Ctrl-Z stops it. In the background it does not change them, because they belong to the shell then.
//!
//! What it does not do: after another signal such as SIGKILL, the terminal needs `stty sane`. Inputs beyond the
//! number of lines of the terminal overwrite each other.

mod common;

use common::in_context;
use common::output::{self, PIPE_ROOM};
use iomux::{HAS_READ_CLOSED, Interest, PollFd, Readiness, Slots, Timeout};
use iomux_backend::{TryRead, TryWrite};
use nix::sys::termios::{
    LocalFlags, SetArg, SpecialCharacterIndices, Termios, tcgetattr, tcgetsid, tcsetattr,
};
use nix::unistd::{getpgrp, getsid, tcgetpgrp};
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use socket2::{Domain, SockAddr, Socket, Type};
use std::fmt::{self, Display};
use std::fs::{self, File};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const USAGE: &str = "\
Usage: watch PATH...
Show when each PATH is readable, and how much data has arrived.

A PATH is a FIFO, a terminal, a serial port, a socket to connect to, a file,
or '-' for standard input. A terminal shows as many as it has lines. If standard
output is not a terminal, each change is printed as a line.

  -h, --help  display this help and exit

The program exits when all inputs have ended, on Ctrl-C, and on 'q' if standard
input is a terminal that is not watched.
";

// Indexes of the slots after those of the lines. A signal that ends the program comes before one that continues it.
const STDOUT: usize = 0;
const END: usize = 1;
const STOP: usize = 2;
const CONTINUED: usize = 3;
const KEYS: usize = 4;

/// The minimum time between two frames.
const FRAME: Duration = Duration::from_millis(50);

fn main() -> ExitCode {
    let words = common::arguments();
    common::run("watch", USAGE, parse(&words), watch)
}

fn parse(words: &[String]) -> Result<Option<&[String]>, String> {
    if words.iter().any(|word| word == "-h" || word == "--help") {
        return Ok(None);
    }
    match words.iter().find(|word| word.starts_with('-') && *word != "-") {
        Some(option) => Err(format!("unknown option '{option}'; for a file of this name, use './{option}'")),
        None if words.is_empty() => Err("missing PATH; use '-' for standard input".into()),
        None => Ok(Some(words)),
    }
}

fn watch(paths: &[String]) -> io::Result<()> {
    // Open the inputs before changing the terminal, so that an error is printed as usual.
    let inputs: io::Result<Vec<_>> = paths.iter().map(|path| open(path).map_err(in_context(path))).collect();
    let inputs = inputs?;
    let stdin = File::from(io::stdin().as_fd().try_clone_to_owned()?); // `Stdin` would read ahead
    let stdout = output::reopen(io::stdout())?;
    let end = common::signals(&[SIGINT, SIGTERM, SIGHUP, SIGQUIT])?;
    let (stop, continued) = (common::signals(&[SIGTSTP])?, common::signals(&[SIGCONT])?);
    let has_keys = stdin.is_terminal() && !paths.iter().any(|path| path == "-");

    let mut slots = Slots::with_capacity(inputs.len() + 5);
    let asked = if HAS_READ_CLOSED { Interest::READABLE | Interest::READ_CLOSED } else { Interest::READABLE };
    for (index, input) in inputs.iter().enumerate() {
        slots.set(index, input.as_fd(), asked)?;
    }
    slots.set(inputs.len() + STDOUT, stdout.as_fd(), Interest::WRITABLE)?;
    slots.set(inputs.len() + END, end.as_fd(), Interest::READABLE)?;
    slots.set(inputs.len() + STOP, stop.as_fd(), Interest::READABLE)?;
    slots.set(inputs.len() + CONTINUED, continued.as_fd(), Interest::READABLE)?;
    if has_keys {
        slots.set(inputs.len() + KEYS, stdin.as_fd(), Interest::READABLE)?;
    }

    let lines = paths.iter().zip(&inputs).map(|(path, input)| Line::new(path, input));
    let screen = Screen::new(&stdout, lines.collect());
    let keys = if has_keys { Some(Keys::new(&stdin)?) } else { None };
    Watch { inputs: &inputs, stop: &stop, continued: &continued, slots, screen, keys }.run()
}

struct Watch<'a> {
    inputs: &'a [File],
    stop: &'a UnixStream,
    continued: &'a UnixStream,
    slots: Slots<'a>,
    screen: Screen<'a>,
    /// `None` unless stdin is a terminal that is not an input.
    keys: Option<Keys<'a>>,
}

impl Watch<'_> {
    fn run(mut self) -> io::Result<()> {
        loop {
            let timeout = self.screen.refresh();
            if self.screen.is_blocked() {
                self.slots.resume(self.inputs.len() + STDOUT)?;
            } else if self.screen.is_complete() {
                return Ok(());
            } else {
                self.slots.pause(self.inputs.len() + STDOUT)?; // or a pipe without a reader ends every wait
            }
            self.slots.wait(timeout)?;
            while let Some(ready) = self.slots.next_ready() {
                let (index, readiness) = (ready.index(), ready.readiness());
                if let Some(line) = self.screen.lines.get_mut(index) {
                    line.take(&self.inputs[index], readiness);
                    if line.end.is_some() {
                        self.slots.clear(index)?;
                    }
                    continue;
                }
                match (index - self.inputs.len(), &self.keys) {
                    (STDOUT, _) => self.screen.write()?,
                    // The other events may be out of date. The next wait reports them again.
                    (STOP, _) => {
                        self.suspend()?;
                        break;
                    }
                    (CONTINUED, _) => {
                        self.resume()?;
                        break;
                    }
                    (KEYS, Some(keys)) if !keys.is_to_quit(readiness) => {}
                    _ => return self.screen.leave(),
                }
            }
        }
    }

    /// Restores the terminal for the shell, and stops the program (Ctrl-Z).
    fn suspend(&mut self) -> io::Result<()> {
        self.stop.try_read(&mut [0; 64])?;
        self.screen.leave()?;
        let Some(keys) = &mut self.keys else { return common::stop() };
        keys.give_back();
        common::stop()?;
        // If the program was not stopped, no SIGCONT has arrived.
        if keys.is_in_background() { Ok(()) } else { keys.take() }
    }

    /// Takes the terminal again after `fg` or `bg`, also if SIGSTOP stopped the program.
    fn resume(&mut self) -> io::Result<()> {
        self.continued.try_read(&mut [0; 64])?;
        match &mut self.keys {
            Some(keys) if keys.is_in_background() => return common::stop(), // until `fg`
            Some(keys) => keys.take()?,
            None => {}
        }
        self.screen.begin_anew();
        Ok(())
    }
}

/// Opens an input without blocking.
fn open(path: &str) -> io::Result<File> {
    if path == "-" {
        // Stdin stays blocking: the shell shares its O_NONBLOCK, which would outlive this program.
        return io::stdin().as_fd().try_clone_to_owned().map(File::from);
    }
    if fs::metadata(path)?.file_type().is_socket() {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)?; // fails if the listener's queue is full
        return Ok(OwnedFd::from(socket).into());
    }
    File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY).open(path)
}

/// The keys of the terminal, which arrive one by one.
struct Keys<'a> {
    terminal: &'a File,
    /// The original settings of the terminal, while they are changed.
    before: Option<Termios>,
}

impl<'a> Keys<'a> {
    fn new(terminal: &'a File) -> io::Result<Self> {
        let mut keys = Self { terminal, before: None };
        if keys.is_in_background() {
            common::stop()?; // `resume` then takes the terminal
        } else {
            keys.take()?;
        }
        Ok(keys)
    }

    /// Returns `true` if the program is in the background. There, tcsetattr(3) would stop the program, even if a signal
    /// is about to end it.
    fn is_in_background(&self) -> bool {
        // No shell reads a terminal that does not control the program. OpenBSD tells root a group for it that does not exist.
        tcgetsid(self.terminal) == getsid(None)
            && tcgetpgrp(self.terminal).is_ok_and(|group| group != getpgrp())
    }

    /// Makes each key arrive immediately, without echo. Ctrl-C stays a signal, and discards the keys before it. So a read
    /// after an event must not block (`VMIN` 0), although stdin itself stays blocking.
    fn take(&mut self) -> io::Result<()> {
        let before = match self.before.take() {
            Some(before) => before,
            None => tcgetattr(self.terminal)?,
        };
        let mut settings = before.clone();
        settings.local_flags.remove(LocalFlags::ICANON | LocalFlags::ECHO);
        settings.control_chars[SpecialCharacterIndices::VMIN as usize] = 0;
        settings.control_chars[SpecialCharacterIndices::VTIME as usize] = 0;
        tcsetattr(self.terminal, SetArg::TCSANOW, &settings)?;
        self.before = Some(before);
        Ok(())
    }

    /// Restores the terminal, unless the shell has done so during a stop.
    fn give_back(&mut self) {
        if self.is_in_background() {
            return;
        }
        if let Some(before) = self.before.take() {
            let _ = tcsetattr(self.terminal, SetArg::TCSANOW, &before); // fails if the terminal is gone
        }
    }

    /// Returns `true` if `q` was pressed, or the terminal is gone.
    fn is_to_quit(&self, readiness: Readiness) -> bool {
        let mut pressed = [0; 64];
        match self.terminal.try_read(&mut pressed) {
            Ok(Some(0)) => readiness.is_closed(), // the input may be gone already
            Ok(count) => pressed[..count.unwrap_or(0)].contains(&b'q'),
            Err(_) => true,
        }
    }
}

impl Drop for Keys<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// An input, and what its line displays.
struct Line {
    name: String,
    fd: i32,
    is_regular: bool,
    /// The events since the line was last printed.
    reported: Readiness,
    /// The readiness that the line displays.
    shown: Readiness,
    bytes: u64,
    end: Option<String>,
    has_changed: bool,
}

impl Line {
    fn new(path: &str, input: &File) -> Self {
        let is_regular = input.metadata().is_ok_and(|metadata| metadata.is_file());
        // A control character in a name would move the cursor.
        let name = path.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        let (reported, shown) = (Readiness::empty(), Readiness::empty());
        let fd = input.as_raw_fd();
        Self { name, fd, is_regular, reported, shown, bytes: 0, end: None, has_changed: true }
    }

    /// Reads once, and detects the end of the input.
    fn take(&mut self, input: &File, readiness: Readiness) {
        self.reported |= readiness;
        self.has_changed = true;
        let mut buffer = [0; 64 * 1024];
        match input.try_read(&mut buffer) {
            Ok(Some(0)) => self.end = Some("ended".into()),
            Ok(Some(count)) => self.bytes += count as u64,
            // The input has ended, with nothing to read.
            Ok(None) if readiness.intersects(Readiness::HANGUP | Readiness::ERROR | Readiness::INVALID) => {
                self.end = Some("gone".into());
            }
            Ok(None) => {}
            Err(error) => self.end = Some(error.to_string()),
        }
    }

    fn show(&mut self) {
        self.has_changed = false;
        if !self.reported.is_empty() {
            self.shown = std::mem::replace(&mut self.reported, Readiness::empty());
        }
    }
}

impl Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.shown.iter_names().map(|(name, _)| name).collect();
        let names = if names.is_empty() { "-".into() } else { names.join("|") };
        write!(f, "{}  fd {}  {names}  {} bytes", self.name, self.fd, self.bytes)?;
        if self.is_regular {
            f.write_str("  regular file, always ready")?;
        }
        self.end.as_ref().map_or(Ok(()), |end| write!(f, "  {end}"))
    }
}

/// The output.
struct Screen<'a> {
    stdout: &'a File,
    lines: Vec<Line>,
    /// `true` if a frame overwrites the previous one.
    is_terminal: bool,
    has_lines: bool,
    /// Bytes that are still to be written.
    pending: Vec<u8>,
    /// The time of the next frame.
    next: Instant,
}

impl<'a> Screen<'a> {
    fn new(stdout: &'a File, lines: Vec<Line>) -> Self {
        let (is_terminal, next) = (stdout.is_terminal(), Instant::now());
        Self { stdout, lines, is_terminal, has_lines: false, pending: Vec::new(), next }
    }

    /// Builds a frame if a line has changed and it is time. Returns how long to wait for the next frame.
    fn refresh(&mut self) -> Timeout {
        if self.is_blocked() || !self.lines.iter().any(|line| line.has_changed) {
            return Timeout::Infinite;
        }
        if Instant::now() < self.next && !self.is_complete() {
            return Timeout::Until(self.next);
        }
        self.next = Instant::now() + FRAME;
        let mut frame = String::new();
        if self.is_terminal {
            if self.has_lines {
                frame += &format!("\x1b[{}A", self.lines.len());
            }
            // A line that wraps would displace the others.
            frame += "\x1b[?7l";
        }
        for line in &mut self.lines {
            if self.is_terminal {
                line.show();
                frame += &format!("\r\x1b[K{line}\n");
            } else if line.has_changed {
                line.show();
                frame += &format!("{line}\n");
            }
        }
        if self.is_terminal {
            frame += "\x1b[?7h";
        }
        self.has_lines = true;
        self.pending = frame.into();
        Timeout::Infinite
    }

    /// Prints all lines again, below the output of other programs.
    fn begin_anew(&mut self) {
        if self.is_terminal {
            self.has_lines = false;
            self.lines.iter_mut().for_each(|line| line.has_changed = true);
        }
    }

    /// Returns `true` if no output is left.
    fn is_complete(&self) -> bool {
        self.lines.iter().all(|line| line.end.is_some())
    }

    fn is_blocked(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Writes once. The call does not block if stdout is writable.
    fn write(&mut self) -> io::Result<()> {
        let part = &self.pending[..self.pending.len().min(PIPE_ROOM)];
        let count = self.stdout.try_write(part).map_err(in_context("stdout"))?.unwrap_or(0);
        self.pending.drain(..count);
        Ok(())
    }

    /// Writes the rest of a frame, unless the terminal is full.
    fn leave(&mut self) -> io::Result<()> {
        let mut stdout = [PollFd::new(self.stdout.as_fd(), Interest::WRITABLE)?];
        while self.is_blocked() && iomux::wait(&mut stdout, Timeout::Nowait)? == 1 {
            self.write()?;
        }
        Ok(())
    }
}
