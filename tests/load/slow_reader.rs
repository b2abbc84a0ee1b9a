//! Clients that send without reading stop themselves, cost one buffer each, and lose nothing.

use crate::process::Process;
use crate::server::{MORE_THAN_FITS, Server, expect, noise};
use crate::{Random, alone, amount, can_watch_memory, report, whole_backends};
use nix::sys::signal::Signal;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

/// The memory that a client may cost the server: its buffer of 16 KiB and its state.
const MOST_EACH_KIB: u64 = 32;
/// The memory that the server may allocate late for other reasons.
const MOST_KIB: u64 = 1024;

/// A client and its position in the noise, which it sends repeatedly.
struct Slow {
    stream: TcpStream,
    sent: usize,
    read: usize,
}

/// Returns the noise from this position on.
fn rest(noise: &[u8], position: usize) -> &[u8] {
    &noise[position % noise.len()..]
}

impl Slow {
    /// Sends until it was blocked twenty times in a row, each time after `meanwhile`.
    fn send_until_blocked(&mut self, noise: &[u8], meanwhile: impl Fn()) {
        self.stream.set_nonblocking(true).unwrap();
        let mut blocked = 0;
        while blocked < 20 {
            match (&self.stream).write(rest(noise, self.sent)) {
                Ok(count) => {
                    self.sent += count;
                    blocked = 0;
                    assert!(self.sent - self.read < MORE_THAN_FITS, "whatever is sent is taken");
                }
                Err(error) => {
                    assert_eq!(error.kind(), ErrorKind::WouldBlock);
                    blocked += 1;
                    meanwhile();
                }
            }
        }
        self.stream.set_nonblocking(false).unwrap();
    }

    /// Reads and checks at most `most` bytes of the echo.
    fn read(&mut self, noise: &[u8], most: usize) {
        let end = self.sent.min(self.read.saturating_add(most));
        let mut buffer = vec![0; 1 << 16];
        while self.read < end {
            let room = buffer.len().min(end - self.read).min(rest(noise, self.read).len());
            let count = self.stream.read(&mut buffer[..room]).unwrap();
            assert_ne!(count, 0, "{} bytes have come back of {}", self.read, self.sent);
            assert!(buffer[..count] == rest(noise, self.read)[..count], "not what was sent");
            self.read += count;
        }
    }
}

fn slow_clients(backend: &str) {
    let (clients, rounds) = amount((4, 2), (50, 20));
    let server = Server::start("echo_server", &["--backend", backend, "--idle", "3600"]);
    let process = Process(server.id());
    let (noise, other, mut random) = (noise(8, 1 << 20), server.connect(), Random(9));
    let others_are_served = || {
        (&other).write_all(b"served").unwrap();
        expect(&other, b"served");
    };
    others_are_served();
    let before = process.kib("VmRSS").unwrap();
    let connect = |_| Slow { stream: server.connect(), sent: 0, read: 0 };
    let mut slow: Vec<_> = (0..clients).map(connect).collect();
    let mut held = 0;
    for _ in 0..rounds {
        slow.iter_mut().for_each(|client| client.send_until_blocked(&noise, others_are_served));
        server.falls_asleep("when clients do not read");
        held = held.max(slow.iter().map(|client| client.sent - client.read).sum());
        slow.iter_mut().for_each(|client| client.read(&noise, random.below(1 << 24)));
        others_are_served();
    }
    let (most, sent) = (process.kib("VmHWM").unwrap(), slow.iter().map(|client| client.sent).sum::<usize>());
    for client in &mut slow {
        client.stream.shutdown(Shutdown::Write).unwrap();
        client.read(&noise, usize::MAX);
        assert_eq!(client.stream.read(&mut [0]).unwrap(), 0, "and then the end");
    }
    server.end_by(Signal::SIGTERM);
    report(&format!(
        "slow readers, {backend}: {clients} clients, up to {} MiB unread, {} MiB sent, all came back; \
         VmRSS {before} KiB before, VmHWM {most}",
        held >> 20,
        sent >> 20
    ));
    assert!(most - before <= clients * MOST_EACH_KIB + MOST_KIB, "{before} KiB have become {most}");
}

#[test]
fn slow_readers_cost_one_buffer_each() {
    let _alone = alone();
    if !can_watch_memory("what slow readers cost") {
        return;
    }
    whole_backends().for_each(slow_clients);
}
