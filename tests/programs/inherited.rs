//! What an example inherits and did not ask for: blocked signals, and a stdin that another program has made non-blocking.

use crate::example;
use crate::program::{DEADLINE, Lines, Program};
use crate::server::Server;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use std::io::{self, PipeReader, PipeWriter};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// An example that begins with all signals blocked.
fn with_blocked_signals(name: &str) -> Command {
    let mut command = Command::new(example(name));
    let block = || Ok(sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::all()), None)?);
    // SAFETY: it makes one system call and allocates nothing, as it must between fork and exec.
    unsafe { command.pre_exec(block) };
    command
}

#[test]
fn blocked_signals_of_the_parent_still_end_it() {
    for name in ["chat", "echo_server", "proxy", "sharded_echo"] {
        let mut command = with_blocked_signals(name);
        if name == "proxy" {
            command.args(["127.0.0.1:0", "127.0.0.1:1"]);
        }
        Server::started_by(&mut command).end_by(Signal::SIGTERM);
    }

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    mkfifo(&path, Mode::S_IRWXU).unwrap();
    let mut command = with_blocked_signals("watch");
    let mut watch = Program::start(command.arg(path).stdin(Stdio::null()).stdout(Stdio::piped()));
    let lines = Lines::of(watch.child().stdout.take().unwrap());
    lines.next();
    watch.signal(Signal::SIGTERM);
    assert_eq!(watch.end(), 0);

    if iomux::has_ppoll() {
        let mut command = with_blocked_signals("supervise");
        let mut supervise = Program::start(command.arg("exit 7").stdin(Stdio::null()).stderr(Stdio::null()));
        assert_eq!(supervise.end(), 7);
    }
}

fn non_blocking_pipe() -> (PipeReader, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK)).unwrap();
    (reader, writer)
}

#[test]
fn end_of_a_non_blocking_stdin_is_awaited() {
    let (stdin, input) = non_blocking_pipe();
    let mut command = Command::new(example("executor"));
    command.args(["--serve", "127.0.0.1:0"]).stdin(stdin).stdout(Stdio::piped());
    let mut executor = Program::start(&mut command);
    let first = Lines::of(executor.child().stdout.take().unwrap()).next();
    let address = first.strip_prefix("listening on ").expect(&first);
    executor.falls_asleep("when it waits for stdin");
    TcpStream::connect(address).unwrap().set_read_timeout(Some(DEADLINE)).unwrap();

    let (stdin, held) = non_blocking_pipe();
    let mut command = Command::new(example("load"));
    command.args([address, "--connections", "2", "--messages", "2", "--hold"]);
    let mut load = Program::start(command.stdin(stdin).stdout(Stdio::piped()));
    let said = Lines::of(load.child().stdout.take().unwrap());
    assert_eq!(said.next(), "2 connections are open, and have had everything back");
    load.falls_asleep("when it waits for stdin");
    drop(held);
    assert_eq!(load.end(), 0);
    drop(input);
    assert_eq!(executor.end(), 0);
}
