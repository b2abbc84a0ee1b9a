//! `examples/nc.rs` as its users meet it: real processes, real TCP on 127.0.0.1.
//!
//! Nothing here sleeps, and no wait is infinite: every wait ends at the deadline, and every nc is
//! killed when its test is over, however that went.

mod process;

use crate::program::{DEADLINE, Task, read_to_end, with_one_port_for_clients};
use crate::server::{MORE_THAN_FITS, send_urgent, write_until_blocked as write_until_full};
use crate::support::skip;
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::pty::openpty;
use process::{
    LARGE, Nc, assert_same, content, expect, expect_at, expect_end_at, file_of, noise, reset, write_all,
    write_until_blocked,
};
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Stdio;

#[test]
fn file_arrives_byte_for_byte() {
    let sent = noise(1, LARGE);
    let received = tempfile::tempfile().unwrap();
    let (server, address) = Nc::listening(Stdio::null(), received.try_clone().unwrap());
    let client = Nc::connecting(address, file_of(&sent), Stdio::null());
    client.ends_well();
    server.ends_well();
    assert_same(&content(received), &sent);
}

#[test]
fn files_arrive_both_ways_at_once() {
    let (question, answer) = (noise(2, LARGE), noise(3, LARGE - 1));
    let (at_server, at_client) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    let (server, address) = Nc::listening(file_of(&answer), at_server.try_clone().unwrap());
    let client = Nc::connecting(address, file_of(&question), at_client.try_clone().unwrap());
    client.ends_well();
    server.ends_well();
    assert_same(&content(at_server), &question);
    assert_same(&content(at_client), &answer);
}

#[test]
fn peer_that_does_not_read_can_send() {
    let (stdin, input) = io::pipe().unwrap();
    let (output, stdout) = io::pipe().unwrap();
    let (nc, peer) = Nc::with_peer(stdin, stdout);
    let (question, answer) = (noise(4, LARGE), noise(5, LARGE));

    let writes = write_all(input, &question);
    let answers = write_all(peer.try_clone().unwrap(), &answer);
    expect(&output, &answer);
    answers.result("all of the answer was taken");
    peer.shutdown(Shutdown::Write).unwrap();
    assert!(writes.is_running(), "the question fits nowhere");

    expect_at(&peer, &question);
    expect_end_at(&peer);
    nc.ends_well();
}

#[test]
fn stdin_is_sent_while_stdout_is_not_read() {
    let (stdin, input) = io::pipe().unwrap();
    let (output, stdout) = io::pipe().unwrap();
    let (nc, peer) = Nc::with_peer(stdin, stdout);
    let (question, answer) = (noise(6, LARGE), noise(7, LARGE));

    // So that the pipe has less room than nc's buffer holds when poll says that it is writable.
    (&peer).write_all(b"greeting").unwrap();
    nc.falls_asleep("when the greeting was written");
    let answers = write_all(peer.try_clone().unwrap(), &answer);
    let writes = write_all(input, &question);
    expect_at(&peer, &question);
    expect_end_at(&peer);
    writes.result("all of the question was taken");
    assert!(answers.is_running(), "the answer fits nowhere");

    expect(&output, b"greeting");
    expect(&output, &answer);
    answers.result("all of the answer was taken");
    peer.shutdown(Shutdown::Write).unwrap();
    nc.ends_well();
    assert_same(&read_to_end(output).result("stdout ends"), b"");
}

#[test]
fn peer_answers_after_the_end_of_stdin() {
    let (stdin, mut input) = io::pipe().unwrap();
    let (output, stdout) = io::pipe().unwrap();
    let (nc, mut peer) = Nc::with_peer(stdin, stdout);
    input.write_all(b"question").unwrap();
    drop(input);
    expect_at(&peer, b"question");
    expect_end_at(&peer);
    nc.falls_asleep("when stdin has ended");

    peer.write_all(b"answer").unwrap();
    expect(&output, b"answer");
    peer.write_all(b"afterthought").unwrap();
    drop(peer);
    assert_same(&read_to_end(output).result("stdout ends"), b"afterthought");
    nc.ends_well();
}

#[test]
fn urgent_byte_is_printed_in_order() {
    let (stdin, input) = io::pipe().unwrap();
    let (output, stdout) = io::pipe().unwrap();
    let (nc, peer) = Nc::with_peer(stdin, stdout);
    send_urgent(&peer);
    expect(&output, b"abc");
    peer.shutdown(Shutdown::Write).unwrap();
    nc.falls_asleep("after an urgent byte and the end");
    drop(input);
    nc.ends_well();
}

#[test]
fn stdin_is_sent_after_the_peers_end() {
    let (stdin, mut input) = io::pipe().unwrap();
    let (output, stdout) = io::pipe().unwrap();
    let (nc, mut peer) = Nc::with_peer(stdin, stdout);
    peer.write_all(b"greeting").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    expect(&output, b"greeting");
    input.write_all(b"question").unwrap();
    expect_at(&peer, b"question");
    nc.falls_asleep("when the peer has ended");

    input.write_all(b"afterthought").unwrap();
    drop(input);
    expect_at(&peer, b"afterthought");
    expect_end_at(&peer);
    nc.ends_well();
}

#[test]
fn dev_null_as_stdin_is_end_of_file() {
    let (output, stdout) = io::pipe().unwrap();
    let (nc, mut peer) = Nc::with_peer(Stdio::null(), stdout);
    expect_end_at(&peer);
    peer.write_all(b"answer").unwrap();
    drop(peer);
    assert_same(&read_to_end(output).result("stdout ends"), b"answer");
    nc.ends_well();
}

#[test]
fn it_sleeps_without_events() {
    let (stdin, mut input) = io::pipe().unwrap();
    let (output, stdout) = io::pipe().unwrap();
    let (nc, mut peer) = Nc::with_peer(stdin, stdout);
    input.write_all(b"question").unwrap();
    expect_at(&peer, b"question");
    nc.falls_asleep("when all of stdin was sent");
    peer.write_all(b"answer").unwrap();
    expect(&output, b"answer");
    nc.falls_asleep("when all of the answer was written");
}

#[test]
fn blocked_sender_sleeps_and_loses_nothing() {
    let (stdin, input) = io::pipe().unwrap();
    let (nc, peer) = Nc::with_peer(stdin, Stdio::null());
    let offered = noise(8, LARGE);
    let written = write_until_blocked(&nc, &input, &offered);
    drop(input);
    nc.falls_asleep("when stdin has ended behind a full buffer");

    expect_at(&peer, &offered[..written]);
    expect_end_at(&peer);
    drop(peer);
    nc.ends_well();
}

#[test]
fn end_of_stdin_follows_its_bytes() {
    // Learned from one nc, for the next: how much it takes while the peer does not read.
    let taken = {
        let (stdin, input) = io::pipe().unwrap();
        let (nc, _peer) = Nc::with_peer(stdin, Stdio::null());
        write_until_blocked(&nc, &input, &noise(12, LARGE))
    };
    // 64 KiB less and the pipe is empty at last, 32 KiB less and nc's buffer is half full: nc finds the end.
    let sent = noise(13, taken - (96 << 10));
    let (stdin, input) = io::pipe().unwrap();
    let (nc, peer) = Nc::with_peer(stdin, Stdio::null());
    write_all(input, &sent).result("nc reads stdin");
    nc.falls_asleep("when stdin has ended and the peer does not read");

    expect_at(&peer, &sent);
    expect_end_at(&peer);
    drop(peer);
    nc.ends_well();
}

#[test]
fn stdin_and_stdout_stay_blocking_for_the_shell() {
    let (stdin, mut input) = io::pipe().unwrap();
    let (output, stdout) = io::pipe().unwrap();
    let (nc, mut peer) = Nc::with_peer(stdin.try_clone().unwrap(), stdout.try_clone().unwrap());
    input.write_all(b"question").unwrap();
    expect_at(&peer, b"question");
    peer.write_all(b"answer").unwrap();
    expect(&output, b"answer");
    for (name, fd) in [("stdin", stdin.as_fd()), ("stdout", stdout.as_fd())] {
        let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL).unwrap());
        assert!(!flags.contains(OFlag::O_NONBLOCK), "{name}");
    }
    drop(nc);
}

#[test]
fn closed_stdout_ends_it_quietly() {
    let (stdin, _input) = io::pipe().unwrap();
    let (output, stdout) = io::pipe().unwrap();
    let (nc, mut peer) = Nc::with_peer(stdin, stdout);
    peer.write_all(b"read").unwrap();
    expect(&output, b"read");
    drop(output);
    // Not once: a program that is started at this moment holds a copy of `output` until its exec.
    let writes = Task::start(move || while peer.write_all(b"not read").is_ok() {});
    assert_eq!(nc.end(), (1, String::new()));
    writes.result("its end ends them");
}

#[test]
fn closed_full_stdout_ends_it_quietly() {
    let (stdin, _input) = io::pipe().unwrap();
    let (output, stdout) = io::pipe().unwrap();
    let (nc, peer) = Nc::with_peer(stdin, stdout);
    // Its connection is reset when it ends, so these writes may fail.
    let writes = Task::start(move || (&peer).write_all(&noise(9, LARGE)));
    expect(&output, &noise(9, 1 << 20));
    drop(output);
    assert_eq!(nc.end(), (1, String::new()));
    assert!(writes.result("the writes end").is_err());
}

#[test]
fn reset_error_names_the_peer() {
    let (stdin, _input) = io::pipe().unwrap();
    let (output, stdout) = io::pipe().unwrap();
    let (nc, mut peer) = Nc::with_peer(stdin, stdout);
    let address = peer.local_addr().unwrap();
    peer.write_all(b"last words").unwrap();
    expect(&output, b"last words");
    reset(peer);
    let (code, said) = nc.end();
    assert_eq!(code, 1);
    assert!(said.starts_with(&format!("nc: {address}: Connection reset by peer")), "{said}");
}

#[test]
fn reset_ends_it_while_stdin_is_idle() {
    let (stdin, _input) = io::pipe().unwrap();
    let (output, stdout) = io::pipe().unwrap();
    let (nc, mut peer) = Nc::with_peer(stdin, stdout);
    let address = peer.local_addr().unwrap();
    peer.write_all(b"greeting").unwrap();
    peer.shutdown(Shutdown::Write).unwrap();
    expect(&output, b"greeting");
    nc.falls_asleep("when the peer has ended");
    reset(peer);
    let (code, said) = nc.end();
    assert_eq!(code, 1);
    assert!(said.starts_with(&format!("nc: {address}: ")), "{said}");
}

#[test]
fn reset_with_full_stdout_is_no_busy_loop() {
    if !Path::new("/proc/self/syscall").exists() {
        // As above: what has not arrived is dropped.
        return skip("a busy loop after a reset", "no /proc/PID/syscall to see that all has come");
    }
    let (stdin, _input) = io::pipe().unwrap();
    let (output, stdout) = io::pipe().unwrap();
    let (nc, mut peer) = Nc::with_peer(stdin, stdout);
    // More than the pipe and the buffer hold, and less than the connection holds besides.
    let last_words = noise(14, 160_000);
    peer.write_all(&last_words).unwrap();
    nc.falls_asleep("when its buffer is full");
    reset(peer);
    nc.falls_asleep("when there is nothing to do but to wait for stdout");
    assert_same(&read_to_end(output).result("stdout ends"), &last_words);
    assert_eq!(nc.end().0, 1);
}

#[test]
fn stdin_is_sent_while_a_terminal_is_full() {
    let (stdin, mut input) = io::pipe().unwrap();
    let terminal = openpty(None, None).unwrap();
    let (nc, mut peer) = Nc::with_peer(stdin, terminal.slave);
    // So that the terminal has less room than for a whole write when poll says that it is writable.
    peer.write_all(b"greeting").unwrap();
    nc.falls_asleep("when the greeting was written");
    write_until_full(&peer, MORE_THAN_FITS, || nc.falls_asleep("when the terminal is full"));
    input.write_all(b"question").unwrap();
    expect_at(&peer, b"question");
    drop(terminal.master);
}

#[test]
fn reset_ends_a_blocked_sender() {
    let (stdin, input) = io::pipe().unwrap();
    let (nc, peer) = Nc::with_peer(stdin, Stdio::null());
    write_until_blocked(&nc, &input, &noise(11, LARGE));
    reset(peer);
    assert_eq!(nc.end().0, 1);
}

#[test]
fn bytes_before_a_reset_are_printed() {
    if !Path::new("/proc/self/syscall").exists() {
        // A BSD's reset drops what the peer has not sent yet (`tcp_disconnect` in netinet/tcp_usrreq.c).
        return skip("what came before a reset", "no /proc/PID/syscall to see that all has come");
    }
    let (stdin, _input) = io::pipe().unwrap();
    let (output, stdout) = io::pipe().unwrap();
    let (nc, mut peer) = Nc::with_peer(stdin, stdout);
    let last_words = noise(10, 100_000);
    peer.write_all(&last_words).unwrap();
    nc.falls_asleep("when the pipe holds a part of it, and the buffer the rest");
    reset(peer);
    assert_same(&read_to_end(output).result("stdout ends"), &last_words);
    assert_eq!(nc.end().0, 1);
}

#[test]
fn refused_connection_is_named() {
    // While a connection lives, no other socket has its port, and none listens there any more.
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let _client = TcpStream::connect(address).unwrap();
    let _taken = listener.accept().unwrap();
    drop(listener);

    let (code, said) = Nc::connecting(address, Stdio::null(), Stdio::null()).end();
    assert_eq!(code, 1);
    assert_eq!(said, format!("nc: {address}: {}\n", io::Error::from_raw_os_error(libc::ECONNREFUSED)));
}

#[test]
fn connection_to_itself_is_rejected() {
    let Some(mut command) = with_one_port_for_clients(40000, "nc") else { return };
    let output = command.args(["127.0.0.1", "40000"]).stdin(Stdio::null()).output().unwrap();
    let (code, said) = (output.status.code(), String::from_utf8(output.stderr).unwrap());
    let refused = io::Error::from_raw_os_error(libc::ECONNREFUSED);
    assert_eq!((code, said), (Some(1), format!("nc: 127.0.0.1:40000: {refused}\n")));
}

#[test]
fn port_in_use_is_named() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port().to_string();
    let (code, said) = Nc::start(&["-l", "127.0.0.1", &port], Stdio::null(), Stdio::null()).end();
    assert_eq!(code, 1);
    assert_eq!(said, format!("nc: 127.0.0.1:{port}: {}\n", io::Error::from_raw_os_error(libc::EADDRINUSE)));
}

#[test]
fn listener_accepts_one_connection() {
    let (stdin, mut input) = io::pipe().unwrap();
    let (_nc, address) = Nc::listening(stdin, Stdio::null());
    let first = TcpStream::connect(address).unwrap();
    first.set_read_timeout(Some(DEADLINE)).unwrap();
    input.write_all(b"accepted").unwrap();
    expect_at(&first, b"accepted");
    assert_eq!(TcpStream::connect(address).unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn wrong_arguments_are_explained() {
    let wrong: [(&[&str], &str); 9] = [
        (&[], "a HOST and a PORT are required"),
        (&["localhost"], "a HOST and a PORT are required"),
        (&["localhost", "1", "2"], "a HOST and a PORT are required"),
        (&["localhost", "http"], "invalid port 'http'"),
        (&["localhost", "65536"], "invalid port '65536'"),
        (&["-l"], "-l requires a PORT, or a HOST and a PORT"),
        (&["-l", "localhost", "1", "2"], "-l requires a PORT, or a HOST and a PORT"),
        (&["-l", "-1"], "invalid port '-1'"),
        (&["-u", "localhost", "1"], "unknown option '-u'"),
    ];
    for (arguments, message) in wrong {
        let (output, stdout) = io::pipe().unwrap();
        let (code, said) = Nc::start(arguments, Stdio::null(), stdout).end();
        assert_eq!(code, 2, "{arguments:?}");
        assert!(said.starts_with(&format!("nc: {message}")) && said.contains("\nUsage: nc "), "{said}");
        assert_same(&read_to_end(output).result("stdout ends"), b"");
    }
}

#[test]
fn help_goes_to_stdout() {
    let (output, stdout) = io::pipe().unwrap();
    Nc::start(&["--help"], Stdio::null(), stdout).ends_well();
    let help = String::from_utf8(read_to_end(output).result("stdout ends")).unwrap();
    assert!(help.starts_with("Usage: nc "), "{help}");
}
