//! More clients than fds: the server serves those that it has, rests, and takes the others when it can.

use crate::process::Process;
use crate::server::{Server, expect, reset};
use crate::{Random, alone, amount, can_watch_servers, report, whole_backends};
use nix::sys::signal::Signal;
use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

/// What a server may have.
const FDS: usize = 64;
/// Enough that many wait, and not more than a listener's queue holds.
const CLIENTS: usize = FDS + 60;

#[track_caller]
fn comes_back(mut client: &TcpStream, bytes: &[u8]) {
    client.write_all(bytes).unwrap();
    expect(client, bytes);
}

/// A server at its limit looks ten times a second whether there are fds. One that is told of those who wait, again
/// and again, computes all the time.
#[track_caller]
fn rests(server: &Server) -> u64 {
    server.falls_asleep("when clients wait and there are no fds");
    let process = Process(server.id());
    let before = process.ticks().unwrap();
    iomux::wait(&mut [], Duration::from_millis(500)).unwrap();
    let ticks = process.ticks().unwrap() - before;
    assert!(ticks <= 10, "{ticks} of 50 hundredths of a second were computed, for nobody");
    ticks
}

/// Takes all that it is given, though it has no fds for half of them; returns how many clients there were.
fn exhaust(program: &str, arguments: &[&str]) {
    let server = Server::with_few_fds(program, FDS, arguments);
    let process = Process(server.id());
    let [before, most] = [process.fds(), process.most_fds(FDS)].map(Option::unwrap);
    let (mut random, mut served, mut ticks) = (Random(6), 0, 0);
    let rounds = amount(1, 100);
    for round in 0..rounds {
        let mut clients: Vec<_> = (0..CLIENTS).map(|_| server.connect()).collect();
        process.comes_to_fds(most);
        if round == 0 {
            ticks = rests(&server);
        }
        // The first ones are served, whoever else waits; those that wait are, in their turn, when one has gone.
        clients.reverse();
        while let Some(first) = clients.pop() {
            comes_back(&first, b"served");
            served += 1;
            if random.below(2) == 0 {
                reset(first);
            }
        }
        process.comes_to_fds(before);
    }
    server.end_by(Signal::SIGTERM);
    report(&format!(
        "descriptors, {program} {}: {served} clients, {CLIENTS} at once on {FDS} fds, all served; \
         at its limit it computed {} ms of 500; {before} fds again",
        arguments.join(" "),
        ticks * 10
    ));
}

#[test]
fn a_server_without_fds_rests_serves_those_it_has_and_takes_the_others_later() {
    let _alone = alone();
    if !can_watch_servers("what a server without fds does") {
        return;
    }
    whole_backends().for_each(|backend| exhaust("echo_server", &["--backend", backend]));
    exhaust("sharded_echo", &["--threads", "2", "--hand-over"]);
}
