//! `examples/supervise.rs` as a process: whole lines, every exit reported, no signal lost, and an end in any case.

use crate::example;
use crate::program::{DEADLINE, Lines, Outcome, Program, explains_itself, outcome, read_to_end};
use crate::support::skip;
use crate::terminal::Terminal;
use iomux::{Interest, PollFd};
use nix::sys::signal::Signal;
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::fs::{self, File, OpenOptions};
use std::io::{self, PipeWriter, Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

/// What a shell waits for that is to live on: a child of its own that says nothing.
const LIVE_ON: &str = "tail -f /dev/null";

/// Whether it can run here at all.
fn can_run() -> bool {
    if !iomux::has_ppoll() {
        skip("supervise", "this system has no ppoll(2)");
    }
    iomux::has_ppoll()
}

#[track_caller]
fn supervise(commands: &[&str]) -> Outcome {
    outcome("supervise", commands)
}

/// One that runs, with stdout and stderr in one pipe.
#[track_caller]
fn started(commands: &[&str]) -> (Program, Lines) {
    let (reader, writer) = io::pipe().unwrap();
    let mut command = Command::new(example("supervise"));
    command.args(commands).stdin(Stdio::null());
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    (Program::start(&mut command), Lines::of(reader))
}

#[track_caller]
fn says(output: &Lines, expected: &str) {
    assert_eq!(output.next(), expected);
}

/// Waits until the system says that a process is stopped, where there is Linux's /proc.
#[track_caller]
fn is_stopped(pid: &str) {
    let stat = format!("/proc/{pid}/stat");
    if !Path::new(&stat).exists() {
        return skip("whether a command is stopped", "no /proc/PID/stat");
    }
    let begin = Instant::now();
    while !fs::read_to_string(&stat).unwrap().contains(") T ") {
        assert!(begin.elapsed() < DEADLINE, "it runs on");
        thread::yield_now();
    }
}

/// A FIFO that a command can read from: it waits there until something is written, or until it's dropped.
fn fifo(folder: &Path) -> (String, File) {
    let path = folder.join("fifo");
    mkfifo(&path, Mode::S_IRWXU).unwrap();
    let path = path.display().to_string();
    // For both, which doesn't wait for the other end.
    let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    (path, file)
}

/// Waits until a pipe has no room.
#[track_caller]
fn is_filled(writer: &PipeWriter) {
    let begin = Instant::now();
    let mut fds = [PollFd::new(writer.as_fd(), Interest::WRITABLE).unwrap()];
    while iomux::poll(&mut fds, Duration::from_millis(1)).unwrap() != 0 {
        assert!(begin.elapsed() < DEADLINE, "the pipe is never full");
    }
}

#[test]
fn concurrent_lines_are_not_mixed() {
    if !can_run() {
        return;
    }
    // Each `put` is a write. printf(1) is no part of OpenBSD's sh: 60,000 processes would take minutes.
    let put = "case $(echo -n) in -n) put() { echo \"$1\\c\"; };; *) put() { echo -n \"$1\"; };; esac";
    let command = |name: &str, redirection: &str| {
        format!(
            "{name}={put}; i=0; while [ $i -lt 10000 ]; do put {name}$i; put ' of '; echo 10000; \
             i=$((i+1)); done {redirection}"
        )
    };
    let (mut program, output) = started(&[&command("a", ""), &command("b", "1>&2")]);
    let said = output.rest();
    assert_eq!(program.end(), 0);
    for (name, mark) in [("a", '|'), ("b", '!')] {
        let prefix = format!("{name}{mark} ");
        let lines: Vec<_> = said.lines().filter_map(|line| line.strip_prefix(&prefix)).collect();
        let expected: Vec<_> = (0..10000).map(|number| format!("{name}{number} of 10000")).collect();
        assert!(lines == expected, "{} lines of {name}", lines.len());
        assert!(said.contains(&format!("\n{name}: exited with 0\n")), "its exit is reported");
    }
    assert_eq!(said.lines().count(), 20002, "and nothing else");
}

#[test]
fn status_is_of_the_first_failed_command() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, _file) = fifo(folder.path());
    // The first to exit is the last in order.
    let slow = format!("slow=read line < {path}; exit 3");
    let quick = format!("quick=echo > {path}; exit 4");
    let Outcome { code, stderr, .. } = supervise(&["true", &slow, &quick]);
    assert_eq!(code, 3, "{stderr}");
    let has = |line| stderr.lines().any(|said| said == line);
    assert!(has("1: exited with 0") && has("slow: exited with 3") && has("quick: exited with 4"), "{stderr}");
    assert_eq!(supervise(&["true", "exit 0"]).code, 0);
    let Outcome { code, stderr, .. } = supervise(&["true", "kill -KILL $$"]);
    assert!(code == 137 && stderr.contains("2: killed by SIGKILL\n"), "{code}: {stderr}");
}

#[test]
fn stderr_stays_stderr() {
    if !can_run() {
        return;
    }
    let Outcome { stdout, stderr, .. } = supervise(&["both=echo one; echo two >&2"]);
    assert_eq!((stdout.as_str(), stderr.as_str()), ("both| one\n", "both! two\nboth: exited with 0\n"));
}

/// A file of which `tail -f` says "ready".
fn ready_file() -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(b"ready\n").unwrap();
    file
}

#[test]
fn signals_reach_process_groups() {
    if !can_run() {
        return;
    }
    // Its shell waits for a child that alone could let it end. The child says that it is ready: OpenBSD's sh takes a signal
    // while it forks for its child's. That sh may also tell on stderr that its child was killed.
    let file = ready_file();
    let tree = format!("tree=exec 2> /dev/null; tail -f {}; echo unreachable", file.path().display());
    let kind = format!("kind=trap 'echo bye; exit 5' TERM; {LIVE_ON} & echo ready; wait");
    let (mut program, output) = started(&[&tree]);
    says(&output, "tree| ready");
    program.signal(Signal::SIGTERM);
    says(&output, "tree: killed by SIGTERM");
    assert_eq!(program.end(), 143);

    let (mut program, output) = started(&[&kind]);
    says(&output, "kind| ready");
    program.signal(Signal::SIGTERM);
    says(&output, "kind| bye");
    says(&output, "kind: exited with 5");
    assert_eq!(program.end(), 5);
}

#[test]
fn terminal_keys_signal_a_command() {
    if !can_run() {
        return;
    }
    // No shell: one that forks at that moment takes the interrupt for its child's, and its child for its own.
    let file = ready_file();
    let command = format!("one=ulimit -c 0; exec tail -f {}", file.path().display());
    for signal in [Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP] {
        let (mut program, output) = started(&[&command]);
        says(&output, "one| ready");
        program.signal(signal);
        says(&output, &format!("one: killed by {signal}"));
        assert_eq!(program.end(), 128 + signal as i32);
    }
}

#[test]
fn stopped_command_is_reported_and_ends_by_signal() {
    if !can_run() {
        return;
    }
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (mut program, output) = started(&["one=echo ready; kill -STOP $$; echo unreachable"]);
        says(&output, "one| ready");
        says(&output, "one: stopped by SIGSTOP");
        program.signal(signal);
        says(&output, &format!("one: killed by {signal}"));
        assert_eq!(program.end(), 128 + signal as i32);
    }
}

#[test]
fn terminal_reader_is_reported_and_ends_by_key() {
    if !can_run() {
        return;
    }
    let terminal = Terminal::new();
    let (reader, writer) = io::pipe().unwrap();
    let mut command = Command::new(example("supervise"));
    terminal
        .control(command.arg("one=printf prompt; read line < /dev/tty").stdout(writer.try_clone().unwrap()));
    let mut program = Program::start(command.stderr(writer));
    let output = Lines::of(reader);
    says(&output, "one| prompt");
    says(&output, "one: stopped by SIGTTIN");
    terminal.types(b"\x03"); // Ctrl-C
    says(&output, "one: killed by SIGINT");
    terminal.drain(); // where the end of a session waits for the echo of Ctrl-C to be read
    assert_eq!(program.end(), 130);
}

#[test]
fn commands_stop_and_continue_with_supervise() {
    if !can_run() {
        return;
    }
    let terminal = Terminal::new();
    let (reader, writer) = io::pipe().unwrap();
    let mut shell = Command::new("sh");
    shell
        .args(["-i", "-c", "set -m; \"$@\"; echo stopped; read line; fg > /dev/null", "sh"])
        .arg(example("supervise"));
    shell.arg(format!("one=trap 'echo continued; kill $!; exit 5' CONT; {LIVE_ON} & echo $$; wait"));
    terminal.control(shell.stdout(writer).stderr(Stdio::null()));
    let mut program = Program::start(&mut shell);
    drop(shell);
    terminal.drain();
    let output = Lines::of(reader);
    let said = output.next();
    let pid = said.trim().strip_prefix("one| ").expect(&said);
    terminal.types(b"\x1a"); // Ctrl-Z
    says(&output, "stopped");
    is_stopped(pid);
    terminal.types(b"\n");
    says(&output, "one| continued");
    assert_eq!(program.end(), 5);
}

#[test]
fn signal_is_forwarded_while_busy() {
    if !can_run() {
        return;
    }
    // Nothing that it writes to /dev/null makes it wait.
    let mut command = Command::new(example("supervise"));
    // No shell is left, which might tell on stderr that its child was killed.
    command
        .args(["exec yes", "exec yes", "echo ready >&2; exec yes"])
        .stdout(File::create("/dev/null").unwrap());
    let mut program = Program::start(command.stdin(Stdio::null()).stderr(Stdio::piped()));
    let stderr = Lines::of(program.child().stderr.take().unwrap());
    says(&stderr, "3! ready");
    program.signal(Signal::SIGTERM);
    assert_eq!(program.end(), 143);
    let said = stderr.rest();
    let mut lines: Vec<_> = said.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["1: killed by SIGTERM", "2: killed by SIGTERM", "3: killed by SIGTERM"]);
}

#[test]
fn signal_is_forwarded_with_unread_output() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, file) = fifo(folder.path());
    let command = format!("trap 'echo caught > {path}; exit 6' TERM; {LIVE_ON} & echo > {path}; yes & wait");
    let (reader, writer) = io::pipe().unwrap();
    let mut program = Program::start(
        Command::new(example("supervise"))
            .arg(command)
            .stdout(writer.try_clone().unwrap())
            .stderr(Stdio::null()),
    );
    is_filled(&writer);
    let trap = Lines::of(file);
    says(&trap, "");
    program.signal(Signal::SIGTERM);
    says(&trap, "caught");
    drop(writer);
    read_to_end(reader).result("it ends");
    assert_eq!(program.end(), 6);
}

#[test]
fn signal_is_forwarded_with_a_stuck_terminal() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, file) = fifo(folder.path());
    let command = format!("trap 'echo caught > {path}; exit 6' TERM; {LIVE_ON} & echo > {path}; yes & wait");
    let terminal = Terminal::new();
    let mut supervise = Command::new(example("supervise"));
    supervise.arg(command).stdin(Stdio::null());
    supervise.stdout(terminal.slave.try_clone().unwrap()).stderr(Stdio::null());
    let mut program = Program::start(&mut supervise);
    drop(supervise);
    terminal.is_filled_by(&program);
    let trap = Lines::of(file);
    says(&trap, "");
    program.signal(Signal::SIGTERM);
    says(&trap, "caught");
    assert!(!terminal.is_non_blocking(), "the terminal is others', too");
    terminal.drain();
    assert_eq!(program.end(), 6);
}

#[test]
fn command_may_close_its_output() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, mut file) = fifo(folder.path());
    let command = format!("quiet=echo last; exec >&- 2>&-; echo > {path}; read line < {path}.2; exit 7");
    mkfifo(Path::new(&format!("{path}.2")), Mode::S_IRWXU).unwrap();
    let mut release = OpenOptions::new().read(true).write(true).open(format!("{path}.2")).unwrap();
    let (mut program, output) = started(&[&command]);
    says(&output, "quiet| last");
    file.read_exact(&mut [0]).unwrap();
    program.falls_asleep("when a command has closed its output");
    assert!(program.child().try_wait().unwrap().is_none(), "it waits for the command itself");
    release.write_all(b"\n").unwrap();
    says(&output, "quiet: exited with 7");
    assert_eq!(program.end(), 7);
}

#[test]
fn background_processes_are_not_awaited() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, _file) = fifo(folder.path());
    let quiet = format!("a=echo before; read line < {path} & exit 3");
    let Outcome { code, stdout, stderr } = supervise(&[&quiet]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (3, "a| before\n", "a: exited with 3\n"));
    // Neither if it writes on and on: it ends by the pipe that has no reader any more.
    let Outcome { code, stdout, .. } = supervise(&["b=yes & yes & yes & exit 4"]);
    assert!(code == 4 && stdout.lines().all(|line| line == "b| y"));
}

#[test]
fn last_line_needs_no_newline() {
    if !can_run() {
        return;
    }
    let (mut program, output) = started(&["printf 'first\\nlast words'; exit 1"]);
    for line in ["1| first", "1| last words", "1: exited with 1"] {
        says(&output, line);
    }
    assert_eq!(program.end(), 1);
}

#[test]
fn endless_line_is_shown_in_parts() {
    if !can_run() {
        return;
    }
    let Outcome { stdout, .. } = supervise(&["x=printf '%0100000d\\n' 0; echo next"]);
    let lines: Vec<_> = stdout.lines().map(|line| line.strip_prefix("x| ").expect("the prefix")).collect();
    let (last, pieces) = lines.split_last().unwrap();
    assert_eq!(*last, "next");
    assert!(pieces.len() > 1 && pieces.iter().all(|piece| (1..=4096).contains(&piece.len())));
    assert_eq!(pieces.concat(), "0".repeat(100_000));
}

#[test]
fn long_line_is_cut_between_characters() {
    if !can_run() {
        return;
    }
    let Outcome { stdout, .. } = supervise(&["x=printf 'x\\303\\251%.0s' $(seq 4000)"]);
    let lines: Vec<_> = stdout.lines().map(|line| line.strip_prefix("x| ").expect("the prefix")).collect();
    assert!(lines.len() > 1);
    assert_eq!(lines.concat(), "x\u{e9}".repeat(4000));
}

#[test]
fn second_signal_ends_it_with_unread_output() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, file) = fifo(folder.path());
    let command = format!("trap 'echo caught > {path}; exit 6' TERM; {LIVE_ON} & echo > {path}; wait");
    let (_reader, writer) = io::pipe().unwrap();
    let mut command_line = Command::new(example("supervise"));
    command_line.args([&command, "yes"]).stdout(writer.try_clone().unwrap()).stderr(Stdio::null());
    let mut program = Program::start(&mut command_line);
    is_filled(&writer);
    let trap = Lines::of(file);
    says(&trap, "");
    program.signal(Signal::SIGTERM);
    // So the first signal was forwarded, and is not taken together with the second.
    says(&trap, "caught");
    program.signal(Signal::SIGTERM);
    assert_eq!(program.end(), 1);
}

#[test]
fn missing_command_is_reported() {
    if !can_run() {
        return;
    }
    let Outcome { code, stderr, .. } = supervise(&["good=true", "bad=/no/such/program"]);
    assert!(code == 127 && stderr.contains("bad: exited with 127\n"), "{code}: {stderr}");
    assert!(stderr.lines().any(|line| line.starts_with("bad! ") && line.contains("no/such/program")));
}

#[test]
fn thousand_quick_exits_are_all_reported() {
    if !can_run() {
        return;
    }
    let commands: Vec<_> = (0..50).map(|number| format!("n{number}=exit {}", 10 + number)).collect();
    let commands: Vec<_> = commands.iter().map(String::as_str).collect();
    for _ in 0..20 {
        let Outcome { code, stderr, .. } = supervise(&commands);
        let mut lines: Vec<_> = stderr.lines().collect();
        let mut expected: Vec<_> =
            (0..50).map(|number| format!("n{number}: exited with {}", 10 + number)).collect();
        lines.sort_unstable();
        expected.sort_unstable();
        assert_eq!((code, lines), (10, expected.iter().map(String::as_str).collect()));
    }
}

#[test]
fn closed_stdout_ends_it_and_its_commands() {
    if !can_run() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (path, file) = fifo(folder.path());
    let quiet = format!("quiet=trap 'echo bye > {path}; exit 0' TERM; {LIVE_ON} & echo > {path}; wait");
    let (reader, writer) = io::pipe().unwrap();
    let mut command = Command::new(example("supervise"));
    command.args([&quiet, &format!("read line < {path}; yes")]).stdout(writer).stderr(Stdio::piped());
    let mut program = Program::start(&mut command);
    drop(command);
    drop(reader);
    let stderr = read_to_end(program.child().stderr.take().unwrap());
    assert_eq!(program.end(), 1);
    says(&Lines::of(file), "bye");
    let stderr = String::from_utf8(stderr.result("it has ended")).unwrap();
    assert!(stderr.contains("supervise: stdout: Broken pipe"), "{stderr}");
}

#[test]
fn help_explains_the_program() {
    let wrong: [(&[&str], &str); 4] = [
        (&[], "missing COMMAND"),
        (&["true", ""], "missing COMMAND in ''"),
        (&["name="], "missing COMMAND in 'name='"),
        (&["--quiet", "true"], "unknown option '--quiet'"),
    ];
    explains_itself("supervise", &wrong);
}
