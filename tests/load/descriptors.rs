//! A server with fewer fds than clients serves its clients, rests, and accepts the others later.

use crate::process::Process;
use crate::server::{Server, comes_back, reset};
use crate::{Random, alone, amount, can_watch_servers, report, whole_backends};
use nix::sys::signal::Signal;
use std::time::Duration;

/// The server's open-files limit.
const FDS: usize = 64;
/// Enough clients that many wait, but no more than the listener's queue holds.
const CLIENTS: usize = FDS + 60;

/// Checks that a server at its limit is idle. It checks for fds ten times per second. A busy loop on the waiting
/// clients would use all of the CPU.
#[track_caller]
fn rests(server: &Server) -> u64 {
    server.falls_asleep("when clients wait and there are no fds");
    let process = Process(server.id());
    let before = process.ticks().unwrap();
    iomux::wait(&mut [], Duration::from_millis(500)).unwrap();
    let ticks = process.ticks().unwrap() - before;
    assert!(ticks <= 10, "a busy loop: {ticks} of 50 hundredths of a second of CPU time");
    ticks
}

/// Checks that the server serves all clients, with fds for half of them. Returns the number of clients.
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
        // The first clients are served while others wait. The others are served in order as clients leave.
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
        "descriptors, {program} {}: {served} clients, {CLIENTS} at a time on {FDS} fds, all served; \
         at its limit it used {} ms of CPU in 500; {before} fds again",
        arguments.join(" "),
        ticks * 10
    ));
}

#[test]
fn server_without_fds_recovers() {
    let _alone = alone();
    if !can_watch_servers("what a server without fds does") {
        return;
    }
    whole_backends().for_each(|backend| exhaust("echo_server", &["--backend", backend]));
    exhaust("sharded_echo", &["--threads", "2", "--hand-over"]);
}
