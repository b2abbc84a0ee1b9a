//! The echo server on several threads as a process: every connection is served, and counted once.

use crate::example;
use crate::program::ends_on_a_stopped_terminal;
use crate::server::{
    AT_ONCE, MORE_THAN_FITS, Server, answer, comes_back, expect, expect_end, noise, reset,
    write_until_blocked,
};
use crate::support::skip;
use iomux_backend::{Capabilities, Multiplexer, native};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::process::Command;

/// Each way of dealing out the connections, with several threads and with one.
const WAYS: [&[&str]; 6] = [
    &["--threads", "3"],
    &["--threads", "3", "--shared"],
    &["--threads", "3", "--hand-over"],
    &["--threads", "1"],
    &["--threads", "1", "--shared"],
    &["--threads", "1", "--hand-over"],
];

/// The numbers of connections and bytes at the end of a line.
#[track_caller]
fn counts(line: &str) -> [u64; 2] {
    let (_, counts) = line.split_once(": ").expect(line);
    let (connections, bytes) = counts.split_once(" connections, ").expect(line);
    [connections, bytes.strip_suffix(" bytes").expect(line)].map(|number| number.parse().expect(line))
}

/// What it says at its end: a line for each thread, and one for all.
#[track_caller]
fn totals(said: &str) -> (Vec<[u64; 2]>, [u64; 2]) {
    let (threads, all) = said.trim_end().rsplit_once('\n').expect(said);
    assert!(all.starts_with("in all: "), "{said}");
    let of_threads: Vec<_> = threads.lines().map(counts).collect();
    for (number, line) in threads.lines().enumerate() {
        assert!(line.starts_with(&format!("thread {number}: ")), "{said}");
    }
    let all = counts(all);
    assert_eq!([0, 1].map(|which| of_threads.iter().map(|counts| counts[which]).sum::<u64>()), all, "{said}");
    (of_threads, all)
}

#[test]
fn each_connection_is_counted_once() {
    let count = AT_ONCE.min(200);
    for way in WAYS {
        let server = Server::start("sharded_echo", way);
        let load = Command::new(example("load"))
            .args([&server.address.to_string(), "--connections", &count.to_string(), "--messages", "10"])
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&load.stdout);
        assert!(load.status.success() && said.starts_with(&format!("{count} connections, ")), "{load:?}");
        let bytes = said.split(", ").nth(2).and_then(|text| text.strip_suffix(" bytes")).expect(&said);
        let (_, all) = totals(&server.end_by(Signal::SIGTERM));
        assert_eq!(all, [count, bytes.parse().unwrap()], "{way:?}");
    }
}

#[test]
fn open_connections_are_counted_and_closed() {
    for way in WAYS {
        let server = Server::start("sharded_echo", way);
        let clients: Vec<_> = (0..10).map(|_| server.connect()).collect();
        clients.iter().for_each(|client| comes_back(client, b"hello"));
        reset(server.connect()); // may be gone before it was accepted
        let (_, [connections, bytes]) = totals(&server.end_by(Signal::SIGINT));
        assert!((10..=11).contains(&connections) && bytes == 50, "{way:?}: {connections}, {bytes}");
        clients.iter().for_each(expect_end);
    }
}

#[test]
fn handed_over_connections_go_round_robin() {
    let server = Server::start("sharded_echo", &["--hand-over", "--threads", "4"]);
    for _ in 0..20 {
        comes_back(&server.connect(), b"hi");
    }
    let (of_threads, _) = totals(&server.end_by(Signal::SIGTERM));
    assert_eq!(of_threads, [[5, 10]; 4]);
}

#[test]
fn a_shared_listener_goes_round() {
    if !native().unwrap().capabilities().contains(Capabilities::EXCLUSIVE) {
        return skip("a_shared_listener_goes_round", "no exclusive registrations here");
    }
    let server = Server::start("sharded_echo", &["--shared", "--threads", "4"]);
    for _ in 0..20 {
        // The kernel skips a thread that is not waiting yet.
        server.falls_asleep("between two connections");
        comes_back(&server.connect(), b"hi");
    }
    let (of_threads, _) = totals(&server.end_by(Signal::SIGTERM));
    assert_eq!(of_threads, [[5, 10]; 4]);
}

#[test]
fn bytes_before_end_of_file_come_back() {
    let server = Server::start("sharded_echo", &["--threads", "2"]);
    let client = server.connect();
    let sent = noise(1, 2 << 20);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (&client).write_all(&sent).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        });
        expect(&client, &sent);
        expect_end(&client);
    });
}

#[test]
fn client_that_does_not_read_blocks_no_other_on_its_thread() {
    let server = Server::start("sharded_echo", &["--threads", "1"]);
    let (slow, other) = (server.connect(), server.connect());
    let sent = write_until_blocked(&slow, MORE_THAN_FITS, || comes_back(&other, b"and others are served"));
    slow.shutdown(Shutdown::Write).unwrap();
    comes_back(&other, b"still");
    server.falls_asleep("when a client does not read");
    // And when it does read, everything is there.
    assert_eq!((&slow).read_to_end(&mut Vec::new()).unwrap(), sent);
    comes_back(&other, b"and then");
    server.falls_asleep("when a client is gone");
    server.end_by(Signal::SIGTERM);
}

#[test]
fn out_of_fds_clients_wait_and_are_served() {
    for way in [&["--threads", "1"][..], &["--threads", "2", "--hand-over"], &["--threads", "2", "--shared"]]
    {
        let server = Server::with_few_fds("sharded_echo", 24, way);
        let mut clients: Vec<_> = (0..40).map(|_| server.connect()).collect();
        clients.reverse();
        while let Some(first) = clients.pop() {
            comes_back(&first, b"served");
            server.falls_asleep("when others wait and there are no fds");
            // Now there is an fd for one that waits.
        }
        assert_eq!(totals(&server.end_by(Signal::SIGTERM)).1, [40, 240]);
    }
}

#[test]
fn stopped_terminal_does_not_delay_the_exit() {
    ends_on_a_stopped_terminal("sharded_echo", &[]);
}

#[test]
fn wrong_arguments_are_explained() {
    let (code, said, complaint) = answer("sharded_echo", &["--help"]);
    assert!(code == Some(0) && said.starts_with("Usage: sharded_echo") && complaint.is_empty(), "{said}");
    for (arguments, reason) in [
        (&["--threads"][..], "--threads needs a value"),
        (&["--threads", "0"], "invalid number of threads '0'"),
        (&["--shared", "--hand-over"], "give at most one of --shared and --hand-over"),
        (&["--fast"], "unknown option '--fast'"),
        (&["a:1", "b:2"], "extra operand 'b:2'"),
    ] {
        let (code, _, said) = answer("sharded_echo", arguments);
        assert!(code == Some(2) && said.contains(reason) && said.contains("Usage: "), "{said}");
    }
    for way in WAYS {
        let (code, _, said) = answer("sharded_echo", &[way, &["192.0.2.1:0"]].concat());
        assert!(code == Some(1) && said.starts_with("sharded_echo: 192.0.2.1:0: "), "{said}");
    }
}
