//! Signals that the user had ignored, as nohup(1) and a shell's `x &` do: no example that handles them undoes that.

use crate::example;
use crate::program::{Lines, Program};
use crate::server::{Server, expect, patient};
use crate::support::skip;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, kill, sigaction};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, mkfifo};
use std::fs::OpenOptions;
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

const IGNORED: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];

/// An example that begins with these signals ignored. A `trap ''` would not do: OpenBSD's sh undoes it for INT and QUIT before
/// an `exec`.
fn ignoring(name: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(example(name));
    let ignore = || {
        let action = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
        // SAFETY: no function becomes a handler.
        IGNORED.iter().try_for_each(|signal| unsafe { sigaction(*signal, &action) }.map(drop))?;
        Ok(())
    };
    // SAFETY: sigaction(2) may be called between fork(2) and execve(2).
    unsafe { command.args(arguments).pre_exec(ignore) };
    command
}

fn send(pid: u32) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap());
    IGNORED.iter().for_each(|signal| kill(pid, *signal).unwrap());
}

#[track_caller]
fn says(output: &Lines, expected: &str) {
    let line = output.next();
    assert!(line.contains(expected), "{expected}: {line}");
}

/// A server that was sent them all.
#[track_caller]
fn server(name: &str, arguments: &[&str]) -> Server {
    let server = Server::started_by(&mut ignoring(name, arguments));
    send(server.id());
    server
}

#[test]
fn servers_ignore_them() {
    for name in ["echo_server", "sharded_echo"] {
        let server = server(name, &[]);
        let client = server.connect();
        (&client).write_all(name.as_bytes()).unwrap();
        expect(&client, name.as_bytes());
    }

    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = server("proxy", &["127.0.0.1:0", &target.local_addr().unwrap().to_string()]);
    let client = proxy.connect();
    (&client).write_all(b"proxy").unwrap();
    expect(&patient(target.accept().unwrap().0), b"proxy");

    let chat = server("chat", &[]);
    let first = Lines::of(chat.connect());
    let second = chat.connect();
    says(&first, &format!("* {} has come", second.local_addr().unwrap()));
}

#[test]
fn watch_ignores_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    mkfifo(&path, Mode::S_IRWXU).unwrap();
    let mut command = ignoring("watch", &[path.to_str().unwrap()]);
    let mut program = Program::start(command.stdin(Stdio::null()).stdout(Stdio::piped()));
    let lines = Lines::of(program.child().stdout.take().unwrap());
    says(&lines, "  0 bytes");
    send(program.id());
    let mut writer = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    writer.write_all(b"hello").unwrap();
    says(&lines, "  5 bytes");
    drop(writer);
    says(&lines, "ended");
    assert_eq!(program.end(), 0);
}

#[test]
fn supervise_and_its_commands_ignore_them() {
    if !iomux::has_ppoll() {
        return skip("supervise", "this system has no ppoll(2)");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    mkfifo(&path, Mode::S_IRWXU).unwrap();
    let command = format!("one=echo ready; read line < {}; exit 7", path.display());
    let mut command = ignoring("supervise", &[&command]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut program = Program::start(&mut command);
    let lines = Lines::of(program.child().stdout.take().unwrap());
    says(&lines, "one| ready");
    send(program.id());
    let mut writer = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    writer.write_all(b"\n").unwrap();
    assert_eq!(program.end(), 7);
}
