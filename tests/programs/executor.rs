//! `examples/executor` as a process: tasks, sockets and timers, and a wake from another thread.

use crate::example;
use crate::program::{DEADLINE, Lines, Outcome, Program, explains_itself, outcome};
use crate::server::{MORE_THAN_FITS, comes_back, expect, patient, send_urgent, write_until_blocked};
use crate::support::skip;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::process::{ChildStdin, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// One that serves until its stdin is closed.
struct Server {
    program: Program,
    stdin: ChildStdin,
    address: SocketAddr,
}

/// The name of this machine, or its number where no hosts file knows the name.
fn localhost() -> &'static str {
    if ("localhost", 0).to_socket_addrs().is_ok() {
        return "localhost";
    }
    skip("the executor at a name", "nothing knows localhost");
    "127.0.0.1"
}

impl Server {
    #[track_caller]
    fn start() -> Self {
        Self::started_by(Command::new(example("executor")).args(["--serve", &format!("{}:0", localhost())]))
    }

    #[track_caller]
    fn started_by(command: &mut Command) -> Self {
        let mut program = Program::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()));
        let stdin = program.child().stdin.take().unwrap();
        let first = Lines::of(program.child().stdout.take().unwrap()).next();
        let address = first.strip_prefix("listening on ").expect(&first).parse().expect(&first);
        Self { program, stdin, address }
    }

    fn connect(&self) -> TcpStream {
        patient(TcpStream::connect(self.address).unwrap())
    }

    #[track_caller]
    fn falls_asleep(&self, when: &str) {
        self.program.falls_asleep(when);
    }

    /// Ends it by what only another of its threads sees.
    #[track_caller]
    fn ends_well(mut self) {
        drop(self.stdin);
        assert_eq!(self.program.end(), 0);
    }
}

/// That it has run `clients` with `messages` each, and said so.
#[track_caller]
fn has_run(Outcome { code, stdout, stderr }: &Outcome, clients: u32, messages: u32) {
    let sizes =
        (0..clients).flat_map(|client| (0..messages).map(move |index| (31 * index + client) % 1000 + 1));
    let (bytes, all) = (sizes.map(u64::from).sum::<u64>(), clients * messages);
    let lines: Vec<_> = stdout.lines().collect();
    assert!(*code == 0 && lines.len() == 3 && stderr.is_empty(), "{code}: {stdout}{stderr}");
    assert!(lines[0].starts_with("listening on 127.0.0.1:"), "{stdout}");
    let summary = format!("{clients} clients, {all} messages, {bytes} bytes, all as sent, in ");
    assert!(lines[1].starts_with(&summary), "{stdout}");
    assert_eq!(lines[2], format!("{all} timers, none early"));
}

#[test]
fn hundred_clients_are_echoed() {
    has_run(&outcome("executor", &["--clients", "100", "--messages", "20"]), 100, 20);
    has_run(&outcome("executor", &[]), 10, 10);
    has_run(&outcome("executor", &["--clients", "0"]), 0, 10);
}

#[test]
fn timers_and_sockets_work_together() {
    let begin = Instant::now();
    let outcome = outcome("executor", &["--clients", "3", "--messages", "6", "--pause", "50"]);
    let took = begin.elapsed();
    has_run(&outcome, 3, 6);
    assert!(took >= Duration::from_millis(250), "the sixth is due five pauses after the first: {took:?}");
}

#[test]
fn it_sleeps_until_a_task_is_woken() {
    let server = Server::start();
    let client = server.connect();
    comes_back(&client, b"hello");
    server.falls_asleep("when a client is silent");
    server.ends_well();
    assert_eq!((&client).read(&mut [0]).unwrap(), 0, "the connection is closed");
}

#[test]
fn bytes_before_end_of_file_come_back() {
    let server = Server::start();
    let client = server.connect();
    let sent: Vec<u8> = (0..1_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            (&client).write_all(&sent).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        });
        let mut back = Vec::new();
        (&client).read_to_end(&mut back).unwrap();
        assert!(back == sent, "{} bytes of {}", back.len(), sent.len());
    });
    server.ends_well();
}

#[test]
fn urgent_byte_comes_back_in_order() {
    let server = Server::start();
    let client = server.connect();
    send_urgent(&client);
    expect(&client, b"abc");
    server.falls_asleep("after an urgent byte");
    server.ends_well();
}

#[test]
fn busy_client_starves_no_other() {
    let server = Server::start();
    let (busy, other) = (server.connect(), server.connect());
    thread::scope(|scope| {
        scope.spawn(|| while (&busy).write_all(&[7; 60_000]).is_ok() {});
        scope.spawn(|| while (&busy).read(&mut [0; 60_000]).is_ok_and(|count| count > 0) {});
        for _ in 0..100 {
            comes_back(&other, b"served");
        }
        server.ends_well();
    });
}

#[test]
fn client_that_does_not_read_blocks_only_itself() {
    let server = Server::start();
    let slow = server.connect();
    write_until_blocked(&slow, MORE_THAN_FITS, || comes_back(&server.connect(), b"and others are served"));
    server.falls_asleep("when a client does not read");
    drop(slow); // which resets the connection, with a task waiting to write
    comes_back(&server.connect(), b"still");
    server.falls_asleep("when all clients have gone");
    server.ends_well();
}

#[test]
fn out_of_fds_clients_wait_and_are_served() {
    let script = format!("ulimit -n 24; exec '{}' --serve {}:0", example("executor").display(), localhost());
    let server = Server::started_by(Command::new("sh").args(["-c", &script]));
    // So that it waits for its listener before the others come.
    let first = server.connect();
    comes_back(&first, b"the first");
    server.falls_asleep("when a client is silent");
    let mut clients: Vec<TcpStream> = (0..40).map(|_| server.connect()).collect();
    // Again and again: it may have slept before it was out of them.
    let (begin, mut in_a_row) = (Instant::now(), 0);
    while in_a_row < 20 {
        assert!(begin.elapsed() < DEADLINE, "it spins when it is out of fds");
        iomux::wait(&mut [], Duration::from_millis(1)).unwrap();
        in_a_row = if server.program.is_asleep() { in_a_row + 1 } else { 0 };
    }
    // Those that wait in the queue are served once others have gone.
    drop(clients.drain(..30));
    for client in &clients {
        comes_back(client, b"served");
    }
    server.ends_well();
}

#[test]
fn listen_error_names_the_address() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    for place in [&taken, "localhost", "localhost:-1"] {
        let Outcome { code, stdout, stderr } = outcome("executor", &["--serve", place]);
        assert!(code == 1 && stdout.is_empty(), "{place}: {code}: {stdout}");
        assert!(stderr.starts_with(&format!("executor: {place}: ")), "{stderr}");
    }
}

#[test]
fn help_explains_the_program() {
    let wrong: [(&[&str], &str); 5] = [
        (&["--clients"], "--clients needs a value"),
        (&["--clients", "many"], "--clients: 'many': invalid digit"),
        (&["--clients", "65536"], "--clients: '65536': at most 65535"),
        (&["--pause", "-1"], "--pause: '-1': invalid digit"),
        (&["--fast"], "unknown argument '--fast'"),
    ];
    explains_itself("executor", &wrong);
}
