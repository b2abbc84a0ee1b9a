//! Tens of thousands of connections, all open at the same time. The open-files limit makes several servers and clients
//! necessary.

use crate::process::Process;
use crate::server::Server;
use crate::{alone, amount, can_watch_servers, example, report};
use nix::sys::signal::Signal;
use rlimit::Resource;
use std::io::{BufRead, BufReader, Lines};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

const MESSAGES: u64 = 3;
/// The fds that a process needs besides its connections.
const OTHER_FDS: u64 = 100;
/// Connections to one address. Linux has 28,232 ports for them, and tries every other one first. Once those are taken,
/// each connect(2) searches all of them.
const PORTS: u64 = 10_000;

/// The example `load`, which keeps its connections open until its stdin ends.
struct Client {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Client {
    fn start(address: SocketAddr, connections: usize) -> Self {
        let mut child = Command::new(example("load"))
            .arg(address.to_string())
            .args(["--connections", &connections.to_string(), "--messages", &MESSAGES.to_string()])
            .args(["--deadline", "600", "--hold"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, said }
    }

    /// Returns its next line. The program has its own deadline, so this ends too.
    #[track_caller]
    fn says(&mut self) -> String {
        self.said.next().expect("it does not end in an error").unwrap()
    }
}

/// A server and its clients, and the server's fds and memory before them.
struct Pair {
    server: Server,
    client: Client,
    fds: usize,
    kib: u64,
}

impl Pair {
    fn start(number: usize, connections: usize) -> Self {
        // Each server has its own address, on platforms with all of 127.0.0.0/8.
        let host = if cfg!(target_os = "linux") { 1 + number } else { 1 };
        let server = Server::start("echo_server", &["--idle", "3600", &format!("127.0.0.{host}:0")]);
        let process = Process(server.id());
        let (fds, kib) = (process.fds().unwrap(), process.kib("VmRSS").unwrap());
        Self { client: Client::start(server.address, connections), server, fds, kib }
    }

    fn process(&self) -> Process {
        Process(self.server.id())
    }

    /// Prints the server's memory while all connections are open. Returns their number.
    fn open(&self) -> usize {
        let open = self.process().fds().unwrap() - self.fds;
        let [now, most] = ["VmRSS", "VmHWM"].map(|field| self.process().kib(field).unwrap());
        let each = (now - self.kib) * 1024 / u64::try_from(open).unwrap();
        report(&format!(
            "connections, {}: {open} open, VmRSS {now} KiB, {each} bytes a connection, VmHWM {most}",
            self.server.address
        ));
        open
    }

    /// Closes the clients, and checks that both sides have the same counts. Returns the number of bytes.
    fn end(mut self, connections: usize) -> u64 {
        drop(self.client.child.stdin.take());
        let said = self.client.says();
        assert!(
            said.ends_with(" bytes, all as sent") && self.client.child.wait().unwrap().success(),
            "{said}"
        );
        self.process().comes_to_fds(self.fds);
        let bytes = said.split(", ").nth(2).expect(&said);
        let served = self.server.end_by(Signal::SIGTERM);
        assert_eq!(served, format!("served {connections} connections, {bytes}\n"), "the client: {said}");
        bytes.trim_end_matches(" bytes").parse().expect(&said)
    }
}

#[test]
fn all_connections_echo_every_byte() {
    let _alone = alone();
    if !can_watch_servers("connections that are open at the same time") {
        return;
    }
    let (_, hard) = Resource::NOFILE.get().unwrap();
    let most_each = usize::try_from(PORTS.min(hard.saturating_sub(OTHER_FDS))).unwrap();
    let (wanted, each) = amount((2_000, 1_000), (100_000, most_each));
    let each = each.min(most_each);
    let sizes: Vec<_> = (0..wanted).step_by(each).map(|begin| each.min(wanted - begin)).collect();
    let mut pairs: Vec<_> =
        sizes.iter().enumerate().map(|(number, size)| Pair::start(number, *size)).collect();
    for (pair, size) in pairs.iter_mut().zip(&sizes) {
        assert_eq!(pair.client.says(), format!("{size} connections are open, and have had everything back"));
    }
    let open: usize = pairs.iter().map(Pair::open).sum();
    report(&format!("connections: {open} open at the same time, on {} servers", pairs.len()));
    assert_eq!(open, wanted);
    let bytes: u64 = pairs.into_iter().zip(sizes).map(|(pair, size)| pair.end(size)).sum();
    report(&format!("connections: {bytes} bytes in {MESSAGES} messages each, all came back; no fd is left"));
}
