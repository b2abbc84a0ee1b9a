//! The proxy as a process between a client and a target, both played by the test.

use crate::program::{DEADLINE, ends_on_a_stopped_terminal, pipe_without_room, with_one_port_for_clients};
use crate::server::{
    MORE_THAN_FITS, Server, answer, expect, expect_end, noise, patient, reset, write_until_blocked,
};
use crate::support::{is_emulated, skip};
use iomux::{Interest, PollFd};
use nix::pty::openpty;
use nix::sys::signal::Signal;
use socket2::{SockRef, Socket, Type};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A proxy, and the target that it forwards to.
struct Forwarded {
    proxy: Server,
    target: TcpListener,
}

impl Forwarded {
    #[track_caller]
    fn new() -> Self {
        let target = listen();
        let proxy = Server::start("proxy", &["127.0.0.1:0", &address(&target).to_string()]);
        Self { proxy, target }
    }

    /// A client, and the connection that the proxy has made for it. (The next that arrives is the right one
    /// if no other client is under way.)
    #[track_caller]
    fn connect(&self) -> (TcpStream, TcpStream) {
        let client = self.proxy.connect();
        (client, accept(&self.target))
    }
}

fn listen() -> TcpListener {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

fn address(listener: &TcpListener) -> SocketAddr {
    listener.local_addr().unwrap()
}

#[track_caller]
fn accept(listener: &TcpListener) -> TcpStream {
    let mut fds = [PollFd::new(listener.as_fd(), Interest::READABLE).unwrap()];
    assert_eq!(iomux::wait(&mut fds, DEADLINE).unwrap(), 1, "there is no connection to the target");
    let (stream, _) = listener.accept().unwrap();
    stream.set_nonblocking(false).unwrap();
    patient(stream)
}

#[track_caller]
fn goes_through(mut from: &TcpStream, to: &TcpStream, bytes: &[u8]) {
    from.write_all(bytes).unwrap();
    expect(to, bytes);
}

#[track_caller]
fn expect_reset(mut source: &TcpStream) {
    let error = source.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[track_caller]
fn expect_reset_or_end(mut source: &TcpStream) {
    match source.read(&mut [0]) {
        Ok(count) => assert_eq!(count, 0),
        Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
    }
}

#[test]
fn bytes_reach_the_other_side() {
    let forwarded = Forwarded::new();
    let (client, target) = forwarded.connect();
    goes_through(&client, &target, b"question");
    goes_through(&target, &client, b"answer");
    goes_through(&client, &target, b"thanks");
}

#[test]
fn ten_megabytes_go_both_ways_at_once() {
    let forwarded = Forwarded::new();
    let (client, target) = forwarded.connect();
    let (question, answer) = (noise(1, 10 << 20), noise(2, 10 << 20));
    thread::scope(|scope| {
        for (from, bytes) in [(&client, &question), (&target, &answer)] {
            scope.spawn(move || {
                { from }.write_all(bytes).unwrap();
                from.shutdown(Shutdown::Write).unwrap();
            });
        }
        for (to, bytes) in [(&target, &question), (&client, &answer)] {
            scope.spawn(move || {
                let mut got = Vec::new();
                { to }.read_to_end(&mut got).unwrap();
                assert!(got == *bytes, "{} bytes came, and are not what was sent", got.len());
            });
        }
    });
    let said = forwarded.proxy.end_by(Signal::SIGTERM);
    assert_eq!(said, "1 connections, 10485760 bytes there, 10485760 bytes back\n");
}

#[test]
fn half_close_is_forwarded() {
    let forwarded = Forwarded::new();
    for is_client_first in [true, false] {
        let (client, target) = forwarded.connect();
        let (first, second) = if is_client_first { (&client, &target) } else { (&target, &client) };
        goes_through(first, second, b"all that I have");
        first.shutdown(Shutdown::Write).unwrap();
        expect_end(second);
        goes_through(second, first, b"not all that I have");
        goes_through(second, first, b"but this is");
        second.shutdown(Shutdown::Write).unwrap();
        expect_end(first);
    }
}

#[test]
fn bytes_precede_the_end_of_file() {
    let forwarded = Forwarded::new();
    let (client, target) = forwarded.connect();
    let sent = noise(3, 4 << 20);
    thread::scope(|scope| {
        scope.spawn(|| {
            (&client).write_all(&sent).unwrap();
            client.shutdown(Shutdown::Write).unwrap();
        });
        expect(&target, &sent);
        expect_end(&target);
    });
}

#[test]
fn back_pressure_stays_within_a_connection() {
    let forwarded = Forwarded::new();
    let (other, others_target) = forwarded.connect();
    let (client, target) = forwarded.connect();
    for sender in [&client, &target] {
        write_until_blocked(sender, MORE_THAN_FITS, || {
            goes_through(&other, &others_target, b"and others");
            goes_through(&others_target, &other, b"go on");
        });
    }
}

#[test]
fn end_behind_pending_bytes_is_no_busy_loop() {
    let forwarded = Forwarded::new();
    SockRef::from(&forwarded.target).set_recv_buffer_size(1 << 16).unwrap();
    let connect_and_send = |most| {
        let (client, target) = forwarded.connect();
        SockRef::from(&client).set_send_buffer_size(1 << 16).unwrap();
        target.shutdown(Shutdown::Write).unwrap();
        expect_end(&client);
        let sent = write_until_blocked(&client, most, || forwarded.proxy.falls_asleep("when it is full"));
        client.shutdown(Shutdown::Write).unwrap();
        (client, target, sent)
    };
    let first = connect_and_send(MORE_THAN_FITS);
    let all_that_fits = first.2;
    // With a little less, the end arrives at the proxy, and what is before it does not leave.
    let step = 75_000.min(all_that_fits / 8);
    let steps = (1..6).map(|count| connect_and_send(all_that_fits - count * step));
    let stuck: Vec<_> = [first].into_iter().chain(steps).collect();
    forwarded.proxy.falls_asleep("when both have ended and one does not read");
    for (_client, mut target, sent) in stuck {
        assert_eq!(target.read_to_end(&mut Vec::new()).unwrap(), sent);
    }
}

#[test]
fn refusing_target_is_named() {
    let target = listen();
    let at = address(&target);
    drop(target);
    let proxy = Server::start("proxy", &["127.0.0.1:0", &at.to_string()]);
    for _ in 0..2 {
        expect_reset_or_end(&proxy.connect());
        let said = proxy.complains();
        assert!(said.starts_with(&format!("proxy: {at}: ")) && said.contains("Connection refused"), "{said}");
    }
    assert_eq!(proxy.end_by(Signal::SIGTERM), "2 connections, 0 bytes there, 0 bytes back\n");
}

#[test]
fn connection_to_itself_is_rejected() {
    let Some(mut command) = with_one_port_for_clients(40000, "proxy") else { return };
    let proxy =
        Server::started_by(command.args(["127.0.0.1:8000", "127.0.0.1:40000"]).stderr(Stdio::piped()));
    let mut client = Command::new("nsenter");
    client.args(["--user", "--net", "--preserve-credentials", "--target", &proxy.id().to_string()]);
    client.arg(crate::example("nc")).args(["127.0.0.1", "8000"]).stdin(Stdio::null());
    assert_eq!(client.output().unwrap().status.code(), Some(1), "it was reset");
    let refused = io::Error::from_raw_os_error(libc::ECONNREFUSED);
    assert_eq!(proxy.complains(), format!("proxy: 127.0.0.1:40000: {refused}"));
}

#[test]
fn silent_target_times_out() {
    // A listener whose queue is full ignores who comes.
    let target = Socket::from(listen());
    target.listen(0).unwrap();
    let at = target.local_addr().unwrap();
    let mut queued = Vec::new();
    loop {
        let client = Socket::new(at.domain(), Type::STREAM, None).unwrap();
        let result = client.connect_timeout(&at, Duration::from_millis(500));
        queued.push(client);
        match result {
            Err(error) if error.kind() == ErrorKind::TimedOut => break,
            Err(error) => return skip("a target that does not answer", &error.to_string()),
            Ok(()) if queued.len() > 100 => {
                return skip("a target that does not answer", "the queue of a listener has no end");
            }
            Ok(()) => {}
        }
    }
    let answers = Forwarded::new();
    let (other, others_target) = answers.connect();
    goes_through(&others_target, &other, b"connected earlier");
    let at = at.as_socket().unwrap();
    let proxy = Server::start("proxy", &["127.0.0.1:0", &at.to_string()]);
    let client = proxy.connect();
    assert_eq!(proxy.complains(), format!("proxy: {at}: timed out"));
    expect_reset(&client);
    goes_through(&other, &others_target, b"and still there");
    proxy.falls_asleep("when all clients have gone");
    assert_eq!(proxy.end_by(Signal::SIGTERM), "1 connections, 0 bytes there, 0 bytes back\n");
}

#[test]
fn reset_is_forwarded() {
    let forwarded = Forwarded::new();
    for is_client_reset in [true, false] {
        let (client, target) = forwarded.connect();
        goes_through(&client, &target, b"hello");
        let (gone, left) = if is_client_reset { (client, target) } else { (target, client) };
        reset(gone);
        expect_reset(&left);
    }
}

#[test]
fn reset_is_forwarded_with_empty_interest() {
    let forwarded = Forwarded::new();
    let (client, target) = forwarded.connect();
    client.shutdown(Shutdown::Write).unwrap();
    expect_end(&target);
    reset(client);
    // A read would say no more than that the stream has ended.
    let mut fds = [PollFd::new(target.as_fd(), Interest::empty()).unwrap()];
    assert_eq!(iomux::wait(&mut fds, DEADLINE).unwrap(), 1, "the reset never comes");
    assert!(target.take_error().unwrap().is_some(), "{fds:?}");

    let (client, target) = forwarded.connect();
    write_until_blocked(&client, MORE_THAN_FITS, || {});
    reset(client);
    expect_reset(&target);
}

#[test]
fn bytes_before_a_reset_are_forwarded() {
    let forwarded = Forwarded::new();
    for is_client_reset in [true, false] {
        let (client, target) = forwarded.connect();
        goes_through(&client, &target, b"hello");
        let (mut gone, left) = if is_client_reset { (client, target) } else { (target, client) };
        // So that it finds both together.
        forwarded.proxy.stop();
        gone.write_all(b"the reason").unwrap();
        reset(gone);
        forwarded.proxy.signal(Signal::SIGCONT);
        expect(&left, b"the reason");
        expect_reset(&left);
    }
}

#[test]
fn signal_resets_unfinished_transfers() {
    let forwarded = Forwarded::new();
    let (client, target) = forwarded.connect();
    goes_through(&target, &client, b"the first half");
    forwarded.proxy.end_by(Signal::SIGTERM);
    expect_reset(&client);
    expect_reset(&target);
}

#[test]
fn immediate_connect_failure_resets_the_client() {
    let proxy = Server::start("proxy", &["127.0.0.1:0", "255.255.255.255:80"]);
    let client = proxy.connect();
    assert!(proxy.complains().starts_with("proxy: 255.255.255.255:80: "));
    expect_reset(&client);
}

/// Returns `true` if the kernel's timer of a connection is that of keepalive, by `tr` of /proc/net/tcp.
fn has_keepalive_timer(table: &str, local: SocketAddr, peer: SocketAddr) -> bool {
    let hex = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => format!("{:08X}:{:04X}", u32::from_ne_bytes(ip.octets()), address.port()),
        IpAddr::V6(_) => unreachable!("all are of 127.0.0.1"),
    };
    let row = table.lines().find(|row| row.contains(&format!(" {} {} ", hex(local), hex(peer))));
    row.and_then(|row| row.split_whitespace().nth(5)).is_some_and(|timer| timer.starts_with("02:"))
}

#[test]
fn both_sides_have_keepalive() {
    let forwarded = Forwarded::new();
    let (client, target) = forwarded.connect();
    goes_through(&client, &target, b"hello");
    let (client_end, target_end) = (forwarded.proxy.address, target.peer_addr().unwrap());
    let begin = Instant::now();
    loop {
        let table = fs::read_to_string("/proc/net/tcp");
        let Some(table) = table.ok().filter(|_| !is_emulated()) else {
            return skip("the keepalive of the proxy", "no /proc/net/tcp of this architecture");
        };
        // While bytes are not acknowledged there is another timer.
        if has_keepalive_timer(&table, client_end, client.local_addr().unwrap())
            && has_keepalive_timer(&table, target_end, target.local_addr().unwrap())
        {
            return;
        }
        assert!(begin.elapsed() < DEADLINE, "no keepalive: {table}");
        thread::yield_now();
    }
}

#[test]
fn out_of_fds_clients_wait_and_are_served() {
    // An even number and an odd one: the last may be one for the client, and none for the target.
    for fds in [24, 25] {
        let target = listen();
        let arguments = ["127.0.0.1:0", &address(&target).to_string()];
        let proxy = Server::with_few_fds("proxy", fds, &arguments);
        let mut clients: VecDeque<TcpStream> = (0..30).map(|_| proxy.connect()).collect();
        while let Some(client) = clients.pop_front() {
            let target = accept(&target);
            goes_through(&client, &target, b"served");
            goes_through(&target, &client, b"and answered");
            proxy.falls_asleep("when others wait and there are no fds");
            // Now both are closed, and there are fds for one that waits.
        }
        assert_eq!(proxy.end_by(Signal::SIGINT), "30 connections, 180 bytes there, 360 bytes back\n");
    }
}

#[test]
fn totals_are_exact() {
    let target = listen();
    let proxy = Server::start("proxy", &["--status", "127.0.0.1:0", &address(&target).to_string()]);
    let client = proxy.connect();
    let served = accept(&target);
    goes_through(&client, &served, &noise(4, 12345));
    goes_through(&served, &client, &noise(5, 678));
    let totals = "1 connections, 12345 bytes there, 678 bytes back";
    let begin = Instant::now();
    while proxy.complains() != format!("1 open, {totals}") {
        assert!(begin.elapsed() < DEADLINE, "the status never says so");
    }
    assert_eq!(proxy.end_by(Signal::SIGINT), format!("{totals}\n"));
}

#[test]
fn unread_log_does_not_block() {
    let closed = listen();
    let at = address(&closed);
    drop(closed);
    let (reader, writer) = pipe_without_room();
    let mut command = Command::new(crate::example("proxy"));
    command.args(["--status", "127.0.0.1:0", &at.to_string()]).stderr(writer.try_clone().unwrap());
    let proxy = Server::started_by(&mut command);
    drop((command, writer));
    for _ in 0..3 {
        expect_reset_or_end(&proxy.connect());
    }
    assert_eq!(proxy.end_by(Signal::SIGTERM), "3 connections, 0 bytes there, 0 bytes back\n");
    let mut said = String::new();
    { reader }.read_to_string(&mut said).unwrap();
    assert_eq!(said.trim_matches('x'), "", "there was no room");
}

#[test]
fn stopped_terminal_does_not_delay_the_exit() {
    ends_on_a_stopped_terminal("proxy", &["127.0.0.1:0", "127.0.0.1:1"]);
}

#[test]
fn status_line_is_for_terminals() {
    let target = listen();
    let arguments = ["127.0.0.1:0".to_owned(), address(&target).to_string()];
    let terminal = openpty(None, None).unwrap();
    let mut command = Command::new(crate::example("proxy"));
    let proxy = Server::started_by(command.args(&arguments).stderr(terminal.slave));
    drop(command); // and with it the slave
    let mut shown = BufReader::new(File::from(terminal.master));
    let mut line = Vec::new();
    for _ in 0..3 {
        shown.read_until(b'K', &mut line).unwrap();
    }
    proxy.end_by(Signal::SIGTERM);
    let line = String::from_utf8(line).unwrap();
    let expected = "\r0 open, 0 connections, 0 bytes there, 0 bytes back\x1b[K";
    assert_eq!(line, expected.repeat(3));

    let (code, said, complaint) = answer("proxy", &["--help"]);
    assert!(code == Some(0) && said.starts_with("Usage: proxy") && complaint.is_empty(), "{said}{complaint}");
}

#[test]
fn wrong_arguments_are_explained() {
    for (arguments, reason) in [
        (&["127.0.0.1:0"][..], "two addresses are required, LISTEN and TARGET; 1 given"),
        (&["a:1", "b:2", "c:3"], "; 3 given"),
        (&["--fast", "a:1", "b:2"], "unknown option '--fast'"),
    ] {
        let (code, _, said) = answer("proxy", arguments);
        assert!(code == Some(2) && said.contains(reason) && said.contains("Usage: proxy"), "{said}");
    }
    let (code, _, said) = answer("proxy", &["127.0.0.1:0", "127.0.0.1:nothing"]);
    assert!(code == Some(1) && said.starts_with("proxy: 127.0.0.1:nothing: "), "{said}");
    let (code, _, said) = answer("proxy", &["192.0.2.1:0", "127.0.0.1:80"]);
    assert!(code == Some(1) && said.starts_with("proxy: 192.0.2.1:0: "), "{said}");
}
