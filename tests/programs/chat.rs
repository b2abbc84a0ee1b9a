//! The chat as a process, with several clients in one test.

use crate::server::{MORE_THAN_FITS, Server, answer, expect_end, patient, reset};
use crate::support::{is_sanitized, skip};
use nix::sys::signal::Signal;
use std::fs;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

/// What the chat may take: far less than what is sent, far more than its queues and its program.
const MOST_KB: u64 = 32 << 10;

/// Somebody in the chat.
struct Client {
    stream: TcpStream,
    lines: BufReader<TcpStream>,
    name: SocketAddr,
}

impl Client {
    /// Comes in, which all of `present` hear, so that the next comes in later.
    #[track_caller]
    fn new(chat: &Server, present: &mut [&mut Self]) -> Self {
        let stream = chat.connect();
        let name = stream.local_addr().unwrap();
        let lines = BufReader::new(stream.try_clone().unwrap());
        for other in present {
            other.hears(&format!("* {name} has come"));
        }
        Self { stream, lines, name }
    }

    #[track_caller]
    fn says(&self, text: &str) {
        (&self.stream).write_all(text.as_bytes()).unwrap();
    }

    #[track_caller]
    fn hears(&mut self, line: &str) {
        assert_eq!(self.next_line(), format!("{line}\n"));
    }

    #[track_caller]
    fn next_line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }
}

fn three(chat: &Server) -> (Client, Client, Client) {
    let mut one = Client::new(chat, &mut []);
    // No client hears the join, so a reply is needed to know that it is in.
    let mut two = Client::new(chat, &mut [&mut one]);
    let three = Client::new(chat, &mut [&mut one, &mut two]);
    (one, two, three)
}

/// The most memory that it has had, in kB; `None` where that can't be seen.
fn most_memory(chat: &Server) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{}/status", chat.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn messages_arrive_in_order() {
    let chat = Server::start("chat", &[]);
    let (mut one, mut two, mut three) = three(&chat);
    for number in 0..100 {
        one.says(&format!("one {number}\nand more\n"));
        for other in [&mut two, &mut three] {
            other.hears(&format!("{}: one {number}", one.name));
            other.hears(&format!("{}: and more", one.name));
        }
        two.says(&format!("two {number}\n"));
        for other in [&mut one, &mut three] {
            other.hears(&format!("{}: two {number}", two.name));
        }
    }
    three.says("goodbye\n");
    one.hears(&format!("{}: goodbye", three.name)); // and never what it has said itself
    two.hears(&format!("{}: goodbye", three.name));
    assert_eq!(chat.end_by(Signal::SIGTERM), "");
}

#[test]
fn fragmented_line_arrives_whole() {
    let chat = Server::start("chat", &[]);
    let (one, mut two, mut three) = three(&chat);
    for piece in ["a l", "in", "e"] {
        one.says(piece);
        // What comes after it on another connection: so the piece has been read, and not passed on.
        three.says("meanwhile\n");
        two.hears(&format!("{}: meanwhile", three.name));
    }
    one.says("\nthe be");
    for other in [&mut two, &mut three] {
        other.hears(&format!("{}: a line", one.name));
    }
    one.says("ginning\r\n\n\x1b[2Jof another");
    one.stream.shutdown(Shutdown::Write).unwrap();
    for other in [&mut two, &mut three] {
        other.hears(&format!("{}: the beginning", one.name));
        other.hears(&format!("{}: [2Jof another", one.name));
        other.hears(&format!("* {} has left", one.name));
    }
}

#[test]
fn endless_line_is_cut() {
    let chat = Server::start("chat", &[]);
    let mut one = Client::new(&chat, &mut []);
    let two = Client::new(&chat, &mut [&mut one]);
    let piece = "x".repeat(4096);
    for _ in 0..3 {
        two.says(&piece);
    }
    two.says("the end\n");
    for _ in 0..3 {
        one.hears(&format!("{}: {piece}", two.name));
    }
    one.hears(&format!("{}: the end", two.name));
}

#[test]
fn long_line_is_cut_between_characters() {
    let chat = Server::start("chat", &[]);
    let mut one = Client::new(&chat, &mut []);
    let two = Client::new(&chat, &mut [&mut one]);
    // Each begins at another of the bytes that a character has.
    for shift in 0..4 {
        let line = "x".repeat(shift) + &"\u{1F980}".repeat(1500);
        two.says(&(line.clone() + "\n"));
        let heard = one.next_line() + &one.next_line();
        assert_eq!(heard.replace(&format!("{}: ", two.name), "").replace('\n', ""), line);
    }
}

#[test]
fn control_characters_are_filtered() {
    let chat = Server::start("chat", &[]);
    let mut one = Client::new(&chat, &mut []);
    let two = Client::new(&chat, &mut [&mut one]);
    // CSI is ESC and a bracket, or U+009B, which has two bytes in UTF-8, or the byte 9B, which is no UTF-8.
    two.says("a\x1b[2Jb\u{9b}2Jc\0\td\n\u{9b}\x07\n");
    (&two.stream).write_all(b"e\x9b2Jf\n").unwrap();
    one.hears(&format!("{}: a[2Jb2Jc\td", two.name));
    one.hears(&format!("{}: e\u{fffd}2Jf", two.name));
}

#[test]
fn every_leave_is_announced() {
    let chat = Server::start("chat", &[]);
    let (mut one, two, three) = three(&chat);
    drop(two.lines);
    drop(two.stream);
    one.hears(&format!("* {} has left", two.name));
    drop(three.lines);
    reset(three.stream);
    one.hears(&format!("* {} is gone", three.name));
}

#[test]
fn client_that_does_not_read_is_disconnected() {
    let chat = Server::start("chat", &[]);
    let (mut reads, mut writes, silent) = three(&chat);
    let line = "y".repeat(999) + "\n";
    let lines = line.repeat(64);
    let shut_out = format!("* {} does not read, and is disconnected\n", silent.name);
    let (mut was_told, mut sent) = (false, 0);
    while !was_told {
        assert!(sent < 50_000, "50 MB are kept for it");
        writes.says(&lines);
        sent += 64;
        // Who reads is never further behind than these, however busy the machine is.
        let mut heard = 0;
        while heard < 64 {
            let next = reads.next_line();
            if next == shut_out {
                was_told = true;
            } else {
                assert_eq!(next, format!("{}: {line}", writes.name));
                heard += 1;
            }
        }
    }
    assert_eq!(writes.next_line(), shut_out);
    match most_memory(&chat) {
        Some(_) if is_sanitized() => skip("the memory of the chat", "a sanitizer takes more"),
        Some(kb) => assert!(kb < MOST_KB, "{kb} kB"),
        None => skip("the memory of the chat", "no VmHWM in /proc/PID/status"),
    }
    // What was sent before is still there, and then nothing more.
    let mut rest = Vec::new();
    match patient(silent.stream).read_to_end(&mut rest) {
        Ok(_) => assert!(rest.iter().filter(|byte| **byte == b'\n').count() < sent, "all {sent} lines"),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

#[test]
fn fast_writer_waits_for_slow_readers() {
    let chat = Server::start("chat", &[]);
    let mut reads = Client::new(&chat, &mut []);
    let writes = Client::new(&chat, &mut [&mut reads]);
    let line = "z".repeat(999) + "\n";
    let (mut written, mut blocked) = (0, 0);
    writes.stream.set_nonblocking(true).unwrap();
    while blocked < 20 {
        match (&writes.stream).write(&line.as_bytes()[written % line.len()..]) {
            Ok(count) => (written, blocked) = (written + count, 0),
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::WouldBlock);
                chat.falls_asleep("when a client does not read");
                blocked += 1;
            }
        }
        assert!(written < MORE_THAN_FITS, "whatever is written is taken, though it is not read");
    }
    writes.stream.shutdown(Shutdown::Write).unwrap();
    for _ in 0..written / line.len() {
        reads.hears(&format!("{}: {}", writes.name, line.trim_end()));
    }
    if !written.is_multiple_of(line.len()) {
        reads.hears(&format!("{}: {}", writes.name, &line[..written % line.len()]));
    }
    reads.hears(&format!("* {} has left", writes.name));
}

#[test]
fn out_of_fds_clients_wait_and_are_served() {
    let chat = Server::with_few_fds("chat", 24, &[]);
    let mut first = Client::new(&chat, &mut []);
    let clients: Vec<TcpStream> = (0..30).map(|_| chat.connect()).collect();
    let full = first.next_line();
    assert!(full.ends_with(" has come\n"), "{full}");
    chat.falls_asleep("when others wait and there are no fds");
    // Those that wait come in once others have left. (They are not closed here: with something unread, that
    // would be a reset.)
    for mut client in &clients {
        client.write_all(b"here I am").unwrap();
        client.shutdown(Shutdown::Write).unwrap();
    }
    let mut missing: Vec<_> = clients.iter().map(|client| client.local_addr().unwrap()).collect();
    while !missing.is_empty() {
        let line = first.next_line();
        missing.retain(|name| line != format!("{name}: here I am\n"));
    }
    chat.end_by(Signal::SIGTERM);
}

#[test]
fn it_sleeps_without_messages() {
    let chat = Server::start("chat", &[]);
    let (one, mut two, _three) = three(&chat);
    one.says("hello\n");
    two.hears(&format!("{}: hello", one.name));
    chat.falls_asleep("while all are silent");
    chat.end_by(Signal::SIGINT);
    expect_end(&two.stream);
}

#[test]
fn wrong_arguments_are_explained() {
    let (code, said, complaint) = answer("chat", &["-h"]);
    assert!(code == Some(0) && said.starts_with("Usage: chat") && complaint.is_empty(), "{said}{complaint}");
    for (arguments, reason) in
        [(&["--loud"][..], "unknown option '--loud'"), (&["a:1", "b:2"], "extra operand 'b:2'")]
    {
        let (code, _, said) = answer("chat", arguments);
        assert!(code == Some(2) && said.contains(reason) && said.contains("Usage: chat"), "{said}");
    }
    let (code, _, said) = answer("chat", &["192.0.2.1:0"]);
    assert!(code == Some(1) && said.starts_with("chat: 192.0.2.1:0: "), "{said}");
}
