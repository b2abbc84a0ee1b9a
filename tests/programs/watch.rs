//! `examples/watch.rs` as a process, on pipes and on a terminal of its own.

use crate::example;
use crate::program::{Lines, Outcome, Program, explains_itself, outcome};
use crate::terminal::Terminal;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::sys::termios::{LocalFlags, SpecialCharacterIndices, Termios, tcgetattr};
use nix::unistd::mkfifo;
use socket2::{Domain, SockAddr, Socket, Type};
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// FIFOs in a folder of their own.
struct Fifos {
    folder: TempDir,
}

impl Fifos {
    fn new(names: &[&str]) -> Self {
        let fifos = Self { folder: tempfile::tempdir().unwrap() };
        for name in names {
            mkfifo(fifos.path(name).as_str(), Mode::S_IRWXU).unwrap();
        }
        fifos
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Its other end, which waits for watch to open it.
    fn writer(&self, name: &str) -> File {
        OpenOptions::new().write(true).open(self.path(name)).unwrap()
    }
}

/// One that writes to a pipe.
#[track_caller]
fn piped(paths: &[&str]) -> (Program, Lines) {
    let mut command = Command::new(example("watch"));
    let mut program =
        Program::start(command.args(paths).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()));
    let lines = Lines::of(program.child().stdout.take().unwrap());
    (program, lines)
}

/// One in a session of its own, on a terminal whose other end the test has.
struct OnTerminal {
    program: Program,
    lines: Lines,
    terminal: Terminal,
    before: Termios,
}

impl OnTerminal {
    #[track_caller]
    fn start(paths: &[&str]) -> Self {
        Self::run(Terminal::new(), Command::new(example("watch")).args(paths))
    }

    #[track_caller]
    fn run(terminal: Terminal, command: &mut Command) -> Self {
        let before = tcgetattr(&terminal.slave).unwrap();
        terminal.control(command.stdout(terminal.slave.try_clone().unwrap()).stderr(Stdio::null()));
        let program = Program::start(command);
        let lines = Lines::of(terminal.master.try_clone().unwrap());
        Self { program, lines, terminal, before }
    }

    /// One that a shell with job control runs by this script: "$@" is its command.
    #[track_caller]
    fn in_shell(script: &str, path: &str) -> Self {
        let terminal = Terminal::new();
        let mut shell = Command::new("sh");
        // OpenBSD's sh gives the terminal to its jobs only if it is interactive.
        shell.args(["-i", "-c", &format!("set -m; {script}"), "sh"]).arg(example("watch")).arg(path);
        Self::run(terminal, &mut shell)
    }

    #[track_caller]
    fn hears_keys(&self) {
        let flags = self.settings().local_flags;
        assert!(!flags.intersects(LocalFlags::ICANON | LocalFlags::ECHO), "{flags:?}");
    }

    #[track_caller]
    fn is_as_before(&self) {
        assert!(self.settings() == self.before, "{:?} is not {:?}", self.settings(), self.before);
    }

    /// Those of the slave, by the master: the BSDs revoke the slave when the session ends.
    fn settings(&self) -> Termios {
        tcgetattr(&self.terminal.master).unwrap()
    }

    /// That it has ended well, and the terminal is as it was.
    #[track_caller]
    fn has_left(mut self) {
        assert_eq!(self.program.end(), 0);
        self.is_as_before();
    }
}

/// What a shell says of a job that Ctrl-Z has stopped. In OpenBSD's, its status is 0 until it ends.
fn stopped() -> String {
    format!("stopped with {}", if cfg!(target_os = "openbsd") { 0 } else { 128 + libc::SIGTSTP })
}

#[test]
fn fifo_bytes_are_counted() {
    let fifos = Fifos::new(&["one"]);
    let path = fifos.path("one");
    let (mut program, lines) = piped(&[&path]);
    let first = lines.next();
    assert!(
        first.starts_with(&path) && first.contains("  fd ") && first.ends_with("  -  0 bytes"),
        "{first}"
    );
    let mut writer = fifos.writer("one");
    writer.write_all(b"hello").unwrap();
    lines.find(&["READABLE", "  5 bytes"]);
    writer.write_all(b", world").unwrap();
    lines.find(&["READABLE", "  12 bytes"]);
    drop(writer);
    lines.find(&["HANGUP", "  12 bytes  ended"]);
    assert_eq!(program.end(), 0, "its only input has ended");
}

#[test]
fn hangup_of_an_input_is_shown_once() {
    let fifos = Fifos::new(&["gone", "here"]);
    let (gone, here) = (fifos.path("gone"), fifos.path("here"));
    let (mut program, lines) = piped(&[&gone, &here]);
    let (writer, mut other) = (fifos.writer("gone"), fifos.writer("here"));
    drop(writer);
    lines.find(&[&gone, "HANGUP", "ended"]);
    program.falls_asleep("when an input has hung up");
    for count in 1..=3 {
        other.write_all(b"!").unwrap();
        let next = lines.next();
        assert!(next.starts_with(&here) && next.ends_with(&format!("{count} bytes")), "{next}");
        program.falls_asleep("when an input has hung up");
    }
    program.signal(Signal::SIGTERM);
    assert_eq!(program.end(), 0);
    assert_eq!(lines.rest(), "", "and nothing more was shown");
}

#[test]
fn regular_file_is_read_to_its_end() {
    let fifos = Fifos::new(&[]);
    let path = fifos.path("file");
    fs::write(&path, vec![7; 1_000_000]).unwrap();
    let Outcome { code, stdout, .. } = outcome("watch", &[&path]);
    let last = stdout.lines().last().unwrap();
    assert!(last.contains("READABLE") && last.contains("1000000 bytes  regular file"), "{stdout}");
    assert!(code == 0 && last.ends_with("ended"), "{stdout}");
}

#[test]
fn stdin_is_an_input_and_stays_blocking() {
    let (stdin, mut input) = io::pipe().unwrap();
    let mut command = Command::new(example("watch"));
    command.arg("-").stdin(stdin.try_clone().unwrap()).stdout(Stdio::piped());
    let mut program = Program::start(&mut command);
    drop(command);
    let lines = Lines::of(program.child().stdout.take().unwrap());
    input.write_all(b"quit").unwrap();
    lines.find(&["-  fd ", "READABLE", "  4 bytes"]);
    let flags = OFlag::from_bits_retain(fcntl(&stdin, FcntlArg::F_GETFL).unwrap());
    assert!(!flags.contains(OFlag::O_NONBLOCK));
    drop(input);
    lines.find(&["ended"]);
    assert_eq!(program.end(), 0);
}

#[test]
fn socket_input_is_connected() {
    let fifos = Fifos::new(&[]);
    let path = fifos.path("socket");
    let listener = UnixListener::bind(&path).unwrap();
    let (mut program, lines) = piped(&[&path]);
    let (mut peer, _) = listener.accept().unwrap();
    peer.write_all(b"hello").unwrap();
    lines.find(&["READABLE", "  5 bytes"]);
    drop(peer);
    lines.find(&["ended"]);
    assert_eq!(program.end(), 0);
}

#[test]
fn full_socket_listener_is_an_error() {
    let fifos = Fifos::new(&[]);
    let path = fifos.path("socket");
    let listener = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    let address = SockAddr::unix(&path).unwrap();
    listener.bind(&address).unwrap();
    listener.listen(0).unwrap();
    let client = || {
        let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        client.set_nonblocking(true).unwrap();
        client.connect(&address).map(|()| client)
    };
    let _queued: Vec<_> = (0..1000).map_while(|_| client().ok()).collect();
    let Outcome { code, stderr, .. } = outcome("watch", &[&path]);
    assert_eq!(code, 1);
    assert!(stderr.starts_with(&format!("watch: {path}: ")), "{stderr}");
}

#[test]
fn terminal_lines_are_overwritten() {
    let fifos = Fifos::new(&["one", "two"]);
    let (one, two) = (fifos.path("one"), fifos.path("two"));
    let watch = OnTerminal::start(&[&one, &two]);
    watch.lines.find(&[&one, "  0 bytes"]);
    let second = watch.lines.find(&[&two, "  0 bytes"]);
    assert!(second.starts_with("\r\x1b[K"), "{second:?}");
    let (mut first_writer, mut second_writer) = (fifos.writer("one"), fifos.writer("two"));
    second_writer.write_all(b"abc").unwrap();
    watch.lines.find(&["\x1b[2A", &one, "  0 bytes"]);
    watch.lines.find(&[&two, "READABLE", "  3 bytes"]);
    first_writer.write_all(b"x").unwrap();
    watch.lines.find(&["\x1b[2A", &one, "READABLE", "  1 bytes"]);
    watch.lines.find(&[&two, "  3 bytes"]);
    drop(first_writer);
    watch.lines.find(&[&one, "HANGUP", "ended"]);
    watch.program.falls_asleep("when an input has hung up");
    watch.terminal.types(b"q");
    watch.has_left();
}

#[test]
fn key_ends_it_and_restores_the_terminal() {
    let fifos = Fifos::new(&["one"]);
    for key in ["q", "\x03", "\x1c"] {
        let watch = OnTerminal::start(&[&fifos.path("one")]);
        watch.lines.find(&["  0 bytes"]);
        watch.hears_keys();
        // Ctrl-C discards the output: a read that waited for it would never end.
        assert_eq!(watch.settings().control_chars[SpecialCharacterIndices::VMIN as usize], 0);
        watch.terminal.types(b"other keys");
        watch.terminal.types(key.as_bytes());
        watch.has_left();
    }
}

#[test]
fn every_end_restores_the_terminal() {
    let fifos = Fifos::new(&["one"]);
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGQUIT] {
        let watch = OnTerminal::start(&[&fifos.path("one")]);
        watch.lines.find(&["  0 bytes"]);
        watch.program.signal(signal);
        watch.has_left();
    }
    let watch = OnTerminal::start(&[&fifos.path("one")]);
    watch.lines.find(&["  0 bytes"]);
    drop(fifos.writer("one"));
    watch.lines.find(&["ended"]);
    watch.has_left();
}

#[test]
fn stop_restores_the_terminal() {
    let fifos = Fifos::new(&["one"]);
    let script = "\"$@\"; echo stopped with $?; read line; fg; echo ended with $?";
    let watch = OnTerminal::in_shell(script, &fifos.path("one"));
    watch.lines.find(&["  0 bytes"]);
    watch.hears_keys();
    watch.terminal.types(b"\x1a"); // Ctrl-Z
    watch.lines.find(&[&stopped()]);
    watch.is_as_before();
    watch.terminal.types(b"\n");
    let shown = watch.lines.find(&["  0 bytes"]);
    assert!(!shown.contains("\x1b[1A"), "it would write over what the shell has shown: {shown:?}");
    watch.hears_keys();
    watch.terminal.types(b"q");
    watch.lines.find(&["ended with 0"]);
    watch.has_left();
}

#[test]
fn background_leaves_the_terminal_alone() {
    let fifos = Fifos::new(&["one"]);
    let script = "\"$@\"; bg; wait %1; echo stopped with $?; kill -TERM %1; bg; wait %1; echo ended with $?";
    let watch = OnTerminal::in_shell(script, &fifos.path("one"));
    watch.lines.find(&["  0 bytes"]);
    watch.terminal.types(b"\x1a");
    watch.lines.find(&[&stopped()]);
    watch.is_as_before();
    watch.lines.find(&["ended with 0"]);
    watch.has_left();
}

#[test]
fn orphaned_group_is_not_stopped() {
    let fifos = Fifos::new(&["one"]);
    let watch = OnTerminal::start(&[&fifos.path("one")]);
    watch.lines.find(&["  0 bytes"]);
    watch.terminal.types(b"\x1a");
    let mut writer = fifos.writer("one");
    writer.write_all(b"!").unwrap();
    watch.lines.find(&["  1 bytes"]);
    watch.hears_keys();
    watch.terminal.types(b"q");
    watch.has_left();
}

#[test]
fn signal_ends_it_with_unread_output() {
    let fifos = Fifos::new(&["one"]);
    let (_reader, mut writer) = io::pipe().unwrap();
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    while writer.write(&[0; 512]).is_ok() {}
    assert_eq!(writer.write(&[0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    fcntl(&writer, FcntlArg::F_SETFL(OFlag::empty())).unwrap();
    let mut command = Command::new(example("watch"));
    let mut program = Program::start(command.arg(fifos.path("one")).stdout(writer).stdin(Stdio::null()));
    let mut input = fifos.writer("one");
    // More than a FIFO holds, so it reads, whatever becomes of what it shows.
    input.write_all(&[0; 300_000]).unwrap();
    program.falls_asleep("when no process reads its stdout");
    program.signal(Signal::SIGTERM);
    assert_eq!(program.end(), 0);
}

#[test]
fn key_ends_it_with_a_stuck_terminal() {
    let fifos = Fifos::new(&["one"]);
    let terminal = Terminal::new();
    let mut command = Command::new(example("watch"));
    // A frame of 240 kB, by far more than a terminal takes.
    let path = fifos.path(&format!("{}one", "./".repeat(200)));
    command.args(vec![path; 600]).stdout(terminal.slave.try_clone().unwrap());
    // Not its controlling terminal: on OpenBSD, a session ends only when its terminal is drained.
    command.stdin(terminal.slave.try_clone().unwrap());
    let mut program = Program::start(&mut command);
    drop(command);
    terminal.is_filled_by(&program);
    terminal.types(b"q");
    assert_eq!(program.end(), 0);
    assert!(!terminal.is_non_blocking(), "the terminal is others', too");
}

#[test]
fn pty_master_output_arrives_at_the_slave() {
    let fifos = Fifos::new(&["one"]);
    let Terminal { master, slave } = Terminal::new();
    let mut command = Command::new(example("watch"));
    let mut program = Program::start(command.arg(fifos.path("one")).stdin(Stdio::null()).stdout(master));
    let lines = Lines::of(File::from(slave));
    lines.find(&["  0 bytes"]);
    drop(fifos.writer("one"));
    lines.find(&["ended"]);
    assert_eq!(program.end(), 0);
}

#[test]
fn unreadable_input_is_named() {
    let Outcome { code, stderr, .. } = outcome("watch", &["/no/such/input"]);
    assert!(code == 1 && stderr.starts_with("watch: /no/such/input: "), "{code}: {stderr}");
    let Outcome { code, stdout, .. } = outcome("watch", &["/"]);
    assert!(code == 0 && stdout.contains("Is a directory"), "{code}: {stdout}");
}

#[test]
fn help_explains_the_program() {
    let wrong: [(&[&str], &str); 2] =
        [(&[], "missing PATH; use '-' for standard input"), (&["-", "-x"], "unknown option '-x'")];
    explains_itself("watch", &wrong);
}
