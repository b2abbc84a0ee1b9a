//! The echo server and its client as processes: no byte is lost, no fd leaks, and no client affects another.

use crate::example;
use crate::program::{DEADLINE, Lines, Program, ends_on_a_stopped_terminal, with_one_port_for_clients};
use crate::server::{AT_ONCE, MORE_THAN_FITS, Server, comes_back, echo, reset, write_until_blocked};
use crate::support::{is_emulated, is_sanitized, skip};
use iomux_backend::ALL_NAMES as NAMES;
use nix::sys::signal::Signal;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

#[track_caller]
fn start(arguments: &[&str]) -> Server {
    Server::start("echo_server", arguments)
}

/// Waits until the server has as many fds again as before: it learns of a closed connection a little later.
#[track_caller]
fn has_fds_again(server: &Server, before: usize) {
    let begin = Instant::now();
    while server.fds() != Some(before) {
        assert!(begin.elapsed() < DEADLINE, "{:?} fds, {before} before", server.fds());
        iomux::wait(&mut [], Duration::from_millis(1)).unwrap();
    }
}

fn load(server: &Server, connections: &str, messages: &str) {
    let output = Command::new(example("load"))
        .args([&server.address.to_string(), "--connections", connections, "--messages", messages])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("all as sent"), "{output:?}");
    assert!(said.starts_with(&format!("{connections} connections, ")), "{said}");
}

#[test]
fn two_thousand_connections_lose_no_byte() {
    for &backend in NAMES {
        let server = start(&["--backend", backend]);
        let before = server.fds();
        let connections = if backend.contains("-without-") { AT_ONCE / 10 } else { AT_ONCE }.to_string();
        load(&server, &connections, "10");
        match before {
            Some(before) => has_fds_again(&server, before),
            None => skip("the server's fds", "no /proc to count them in"),
        }
        let last = server.end_by(Signal::SIGTERM);
        assert!(last.starts_with(&format!("served {connections} connections, ")), "{last}");
    }
}

#[test]
fn held_connections_stay_open_until_stdin_ends() {
    let server = start(&[]);
    let before = server.fds();
    let mut command = Command::new(example("load"));
    command.args([&server.address.to_string(), "--connections", "50", "--messages", "2", "--hold"]);
    let mut load = Program::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
    let said = Lines::of(load.child().stdout.take().unwrap());
    assert_eq!(said.next(), "50 connections are open, and have had everything back");
    assert_eq!(server.fds(), before.map(|before| before + 50));
    drop(load.child().stdin.take());
    assert!(said.next().ends_with(", all as sent"));
    assert_eq!(load.end(), 0);
}

#[test]
fn sigint_and_sigterm_end_every_backend() {
    for &backend in NAMES {
        for signal in [Signal::SIGINT, Signal::SIGTERM] {
            let server = start(&["--backend", backend]);
            let client = server.connect();
            comes_back(&client, b"hello");
            client.shutdown(Shutdown::Write).unwrap();
            assert_eq!((&client).read(&mut [0]).unwrap(), 0, "{backend}");
            assert_eq!(server.end_by(signal), "served 1 connections, 5 bytes\n", "{backend}");
        }
    }
}

#[test]
fn lingering_client_delays_the_exit_briefly() {
    let server = start(&[]);
    let client = server.connect();
    comes_back(&client, b"hello");
    assert_eq!(server.end_by(Signal::SIGTERM), "served 1 connections, 5 bytes\n");
    assert_eq!((&client).read(&mut [0]).unwrap(), 0, "the connection is closed");
}

#[test]
fn signal_ends_a_busy_server() {
    let server = start(&[]);
    let client = server.connect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while (&client).write_all(&[7; 1000]).is_ok() && (&client).read(&mut [0; 4096]).is_ok() {}
        });
        comes_back(&server.connect(), b"it is busy");
        server.end_by(Signal::SIGTERM);
    });
}

#[test]
fn pending_bytes_are_sent_before_the_exit() {
    let server = start(&[]);
    let (mut slow, mut others) = (server.connect(), 0);
    write_until_blocked(&slow, MORE_THAN_FITS, || {
        comes_back(&server.connect(), b"served");
        others += 1;
    });
    server.signal(Signal::SIGTERM);
    slow.set_read_timeout(Some(DEADLINE / 2)).unwrap(); // less than a client may be idle
    let mut back = Vec::new();
    slow.read_to_end(&mut back).unwrap();
    assert!(back.iter().all(|byte| *byte == 1));
    drop(slow);
    let all = back.len() + 6 * others;
    assert_eq!(server.end_by(Signal::SIGTERM), format!("served {} connections, {all} bytes\n", others + 1));
}

#[test]
fn client_that_does_not_read_in_time_is_reset() {
    let server = start(&[]);
    let mut slow = server.connect();
    write_until_blocked(&slow, MORE_THAN_FITS, || comes_back(&server.connect(), b"served"));
    // So that nothing of it is unread when the server closes, which would be a reset as well.
    slow.shutdown(Shutdown::Write).unwrap();
    server.end_by(Signal::SIGTERM);
    let error = slow.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn bytes_before_end_of_file_come_back() {
    let server = start(&[]);
    let client = server.connect();
    let sent: Vec<u8> = (0..1_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (&client).write_all(&sent).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        });
        let mut back = Vec::new();
        (&client).read_to_end(&mut back).unwrap();
        assert_eq!(back, sent);
    });
}

#[test]
fn client_that_does_not_read_blocks_only_itself() {
    let server = start(&[]);
    let slow = server.connect();
    write_until_blocked(&slow, MORE_THAN_FITS, || comes_back(&server.connect(), b"and others are served"));
    drop(slow);
    comes_back(&server.connect(), b"still");
}

#[test]
fn only_idle_clients_are_closed() {
    let server = start(&["--idle", "1"]);
    let (idle, busy) = (server.connect(), server.connect());
    idle.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let begin = Instant::now();
    loop {
        comes_back(&busy, b"x");
        match (&idle).read(&mut [0]) {
            Ok(0) => break,
            Ok(_) => panic!("nothing was sent"),
            Err(_) => assert!(begin.elapsed() < DEADLINE, "it is never closed"),
        }
    }
    assert!(begin.elapsed() >= Duration::from_millis(900), "closed after {:?}", begin.elapsed());
    comes_back(&busy, b"still here");
}

/// More clients than the server's buffer, which has room for 1,024 events per wait.
const MORE_THAN_ITS_BUFFER: usize = 1100;

/// Stops the server, has bytes arrive for most clients, and lets it resume once they have been idle for too long.
/// What arrived in time is answered; the other clients are closed.
#[track_caller]
fn only_silent_clients_are_closed(server: &Server, idle: Duration) {
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    let mut clients = Vec::new();
    let first = Instant::now();
    for _ in 0..MORE_THAN_ITS_BUFFER {
        clients.push(server.connect());
        comes_back(&clients[clients.len() - 1], b"I am here"); // so that the queue of the listener is no part of this
    }
    let (talking, silent) = clients.split_at(MORE_THAN_ITS_BUFFER - 10);
    let begin = Instant::now();
    let is_open = clients.iter().all(|client| echo(client, b"hello").is_ok_and(|back| back == b"hello"));
    server.stop();
    let is_sent = is_open && talking.iter().all(|mut client| client.write_all(b"in time").is_ok());
    if begin.elapsed() >= idle || (!is_open && first.elapsed() >= idle) {
        server.signal(Signal::SIGCONT); // so that the next signal can end it
        return skip("who is closed after a stop", "the machine is too slow for the bytes to arrive in time");
    }
    assert!(is_sent, "a client was closed too early");
    iomux::wait(&mut [], idle).unwrap();
    server.signal(Signal::SIGCONT);
    for (number, mut client) in talking.iter().enumerate() {
        let mut back = [0; 7];
        client.read_exact(&mut back).unwrap_or_else(|error| panic!("client {number}: {error}"));
        assert_eq!(&back, b"in time");
    }
    for mut client in silent {
        assert_eq!(client.read(&mut [0]).unwrap(), 0, "closed");
    }
}

#[test]
fn stop_inside_the_wait_closes_only_silent_clients() {
    if is_sanitized() {
        return skip(
            "silent clients of a server that was stopped",
            "a sanitizer is slower than the idle limit",
        );
    }
    with_each_backend(|server, idle| only_silent_clients_are_closed(&server, idle));
}

#[test]
fn stop_before_the_wait_closes_only_silent_clients() {
    if is_sanitized() {
        return skip(
            "silent clients of a server that was stopped",
            "a sanitizer is slower than the idle limit",
        );
    }
    with_each_backend(|server, idle| {
        let busy = server.connect();
        std::thread::scope(|scope| {
            // It is hardly ever inside the wait: there is always something to read, and room to write.
            scope.spawn(|| while (&busy).write_all(&[7; 60_000]).is_ok() {});
            scope.spawn(|| while (&busy).read(&mut [0; 60_000]).is_ok_and(|count| count > 0) {});
            only_silent_clients_are_closed(&server, idle);
            server.end_by(Signal::SIGTERM);
        });
    });
}

/// Runs `test` with a server over each backend and its idle limit, on Linux all at the same time, since each test waits for
/// the limit. OpenBSD allows 7,030 files in all (`kern.maxfiles`), which two servers and their clients come near to.
fn with_each_backend(test: impl Fn(Server, Duration) + Sync) {
    let idle = if is_emulated() { 40 } else { 4 };
    std::thread::scope(|scope| {
        for backend in iomux_backend::NAMES {
            let run = || {
                let arguments = ["--backend", backend, "--idle", &idle.to_string()];
                test(start(&arguments), Duration::from_secs(idle));
            };
            if cfg!(target_os = "linux") {
                scope.spawn(run);
            } else {
                run();
            }
        }
    });
}

#[test]
fn reset_affects_no_other_client() {
    let server = start(&[]);
    let other = server.connect();
    for _ in 0..20 {
        let client = server.connect();
        (&client).write_all(b"and away").unwrap();
        reset(client);
        comes_back(&other, b"unmoved");
    }
}

#[test]
fn out_of_fds_clients_wait_and_are_served() {
    let server = Server::with_few_fds("echo_server", 24, &[]);
    let mut clients: Vec<TcpStream> = (0..40).map(|_| server.connect()).collect();
    comes_back(&clients[0], b"the first");
    // Those that wait in the queue are served once others have gone.
    while let Some(last) = clients.pop() {
        if clients.len() < 10 {
            comes_back(&last, b"served");
        }
    }
    let late = server.connect();
    comes_back(&late, b"late");
    drop(late);
    server.end_by(Signal::SIGTERM);
}

#[test]
fn stopped_terminal_does_not_delay_the_exit() {
    ends_on_a_stopped_terminal("echo_server", &[]);
}

#[test]
fn load_does_not_connect_to_itself() {
    let Some(mut command) = with_one_port_for_clients(40000, "load") else { return };
    let output = command.args(["127.0.0.1:40000", "--connections", "1"]).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(1) && said.contains("Connection refused"), "{said}");
}

#[test]
fn wrong_arguments_are_explained() {
    let said = |program: &str, arguments: &[&str]| {
        let output = Command::new(example(program)).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (code, text) = said("echo_server", &["--backend", "devpoll"]);
    assert_eq!(code, Some(2));
    assert!(text.contains("unknown backend 'devpoll'; available: "), "{text}");
    assert_eq!(said("echo_server", &["--idle"]).0, Some(2));
    let (code, text) = said("echo_server", &["192.0.2.1:0"]);
    assert!(code == Some(1) && text.contains("192.0.2.1:0"), "{text}");
    assert_eq!(said("load", &[]).0, Some(2));
    let (code, text) = said("load", &["127.0.0.1:1", "--connections", "1"]);
    assert!(code == Some(1) && text.contains("127.0.0.1:1: connection 0: "), "{text}");
}

#[test]
fn unwritable_stderr_causes_no_panic() {
    let Ok(full) = File::options().write(true).open("/dev/full") else {
        return skip("messages that can't be written", "no /dev/full");
    };
    for program in
        ["chat", "echo_server", "executor", "load", "nc", "proxy", "sharded_echo", "supervise", "watch"]
    {
        let full = full.try_clone().unwrap();
        let status = Command::new(example(program)).arg("--wrong").stderr(full).status().unwrap();
        assert_eq!(status.code(), Some(2), "{program}");
    }
}
