//! Connections come and go in every way, for half an hour. The server's memory and fds stay constant.

use crate::process::Process;
use crate::server::{Server, expect, noise, reset};
use crate::{Random, alone, amount, can_watch_memory, report, whole_backends};
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// The number of clients of one server.
const MOST_OPEN: usize = 100;
/// More than the server's buffer per connection, and less than the socket buffers.
const LONGEST: usize = 32 * 1024;
/// The number of closed connections after which the memory is constant.
const WARM: u64 = 500;
/// The allowed growth of memory after the warm-up, in KiB. Enough connections close that a leak of half a KiB per
/// connection exceeds it.
const MOST_GROWTH_KIB: u64 = 1024;

/// A server, its clients, and the number of closed connections.
struct Churn {
    backend: &'static str,
    server: Server,
    open: Vec<TcpStream>,
    random: Random,
    sent: Vec<u8>,
    gone: u64,
}

impl Churn {
    fn start(backend: &'static str) -> Self {
        let server = Server::start("echo_server", &["--backend", backend]);
        Self { backend, server, open: Vec::new(), random: Random(1), sent: noise(7, 2 * LONGEST), gone: 0 }
    }

    fn process(&self) -> Process {
        Process(self.server.id())
    }

    /// Returns noise of a random length.
    fn piece(&mut self) -> &[u8] {
        let (begin, length) = (self.random.below(LONGEST), 1 + self.random.below(LONGEST));
        &self.sent[begin..begin + length]
    }

    /// Takes a random step with one connection.
    fn step(&mut self) {
        let lot = self.random.below(10);
        if self.open.is_empty() || lot < 4 && self.open.len() < MOST_OPEN {
            return self.open.push(self.server.connect());
        }
        let index = self.random.below(self.open.len());
        if lot < 5 {
            let client = self.open[index].try_clone().unwrap();
            return exchange(&client, self.piece());
        }
        let client = self.open.swap_remove(index);
        self.gone += 1;
        match lot {
            5 => half_close(&client, self.piece()),
            6 => drop(client),
            7 => reset(client),
            // The client does not read the echo, so the server fails with unsent or unread bytes.
            8 => (&client).write_all(self.piece()).unwrap(),
            _ => {
                (&client).write_all(self.piece()).unwrap();
                reset(client);
            }
        }
    }

    /// Returns the server's memory in KiB, with all clients connected and their buffers full.
    fn memory_when_full(&mut self) -> u64 {
        while self.open.len() < MOST_OPEN {
            self.open.push(self.server.connect());
        }
        self.open.iter().for_each(|client| exchange(client, &self.sent[..LONGEST]));
        self.process().kib("VmRSS").expect("seen before")
    }

    /// Takes steps until `end` and until enough connections have closed. Returns the memory.
    fn until(&mut self, time: Instant, gone: u64) -> u64 {
        while Instant::now() < time || self.gone < gone {
            self.step();
        }
        self.memory_when_full()
    }
}

fn exchange(mut client: &TcpStream, bytes: &[u8]) {
    client.write_all(bytes).unwrap();
    expect(client, bytes);
}

fn half_close(mut client: &TcpStream, bytes: &[u8]) {
    client.write_all(bytes).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut back = Vec::new();
    client.read_to_end(&mut back).unwrap();
    assert!(back == bytes, "{} bytes came back of {}", back.len(), bytes.len());
}

fn churn(backend: &'static str) {
    let [warm_up, time] = amount([1, 3], [60, 1800]).map(Duration::from_secs);
    let mut churn = Churn::start(backend);
    let fds = churn.process().fds().expect("seen before");
    let begin = Instant::now();
    churn.memory_when_full();
    let warm = churn.until(begin + warm_up, WARM);
    let mut next = warm_up;
    let mut memory = warm;
    while next < time {
        next = time.min(next + Duration::from_secs(60));
        memory = churn.until(begin + next, WARM + MOST_GROWTH_KIB * 2);
        let (seconds, gone) = (begin.elapsed().as_secs(), churn.gone);
        report(&format!("churn, {backend}: {seconds} s, {gone} connections have gone, VmRSS {memory} KiB"));
        assert!(memory <= warm + MOST_GROWTH_KIB, "{warm} KiB has become {memory}");
    }
    churn.open.clear();
    churn.process().comes_to_fds(fds);
    let (backend, hwm) = (churn.backend, churn.process().kib("VmHWM").expect("seen before"));
    let said = churn.server.end_by(Signal::SIGTERM);
    report(&format!(
        "churn, {backend}: VmRSS {warm} KiB warm, {memory} at the end, VmHWM {hwm}; {fds} fds again; {}",
        said.trim_end()
    ));
}

#[test]
fn churn_leaks_no_memory_or_fd() {
    let _alone = alone();
    if !can_watch_memory("memory while connections come and go") {
        return;
    }
    thread::scope(|scope| whole_backends().for_each(|backend| drop(scope.spawn(move || churn(backend)))));
}
