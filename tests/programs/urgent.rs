//! Urgent bytes (`MSG_OOB`) reach an example in their place in the stream, as all others do, and are no busy loop.

use crate::server::{Server, expect, expect_end, patient, send_urgent};
use nix::sys::signal::Signal;
use std::net::{Shutdown, TcpListener};

#[test]
fn urgent_byte_is_echoed() {
    for name in ["echo_server", "sharded_echo"] {
        let server = Server::start(name, &[]);
        let client = server.connect();
        send_urgent(&client);
        expect(&client, b"abc");
        server.falls_asleep("after an urgent byte");
        client.shutdown(Shutdown::Write).unwrap();
        expect_end(&client);
        server.end_by(Signal::SIGTERM);
    }
}

#[test]
fn urgent_byte_is_forwarded_both_ways() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Server::start("proxy", &["127.0.0.1:0", &target.local_addr().unwrap().to_string()]);
    let client = proxy.connect();
    let target = patient(target.accept().unwrap().0);
    for (from, to) in [(&client, &target), (&target, &client)] {
        send_urgent(from);
        expect(to, b"abc");
        proxy.falls_asleep("after an urgent byte");
        from.shutdown(Shutdown::Write).unwrap();
        expect_end(to);
    }
}
