//! The server of the README: it echoes, closes idle clients, and ends on SIGTERM.

use crate::example;
use crate::program::{DEADLINE, Program};
use crate::server::patient;
use crate::support::skip;
use nix::sys::signal::Signal;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

fn start() -> (Program, SocketAddr) {
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Program::start(Command::new(example("listener")).arg(address.to_string()));
    (server, address)
}

fn connect(address: SocketAddr) -> TcpStream {
    let begin = Instant::now();
    loop {
        match TcpStream::connect(address) {
            Ok(client) => return patient(client),
            Err(error) => assert!(begin.elapsed() < DEADLINE, "{error}"),
        }
        std::thread::yield_now();
    }
}

#[test]
fn listener_echoes_times_out_and_terminates() {
    let (mut server, address) = start();
    let mut client = connect(address);
    let mut idle = connect(address);
    let begin = Instant::now();
    // More than the sockets hold, so that it has to wait for room.
    let bytes: Vec<u8> = (0..4_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
    let mut writer = client.try_clone().unwrap();
    let result = std::thread::scope(|scope| {
        let writer = scope.spawn(|| writer.write_all(&bytes));
        let mut echoed = vec![0; bytes.len()];
        client.read_exact(&mut echoed)?;
        assert!(echoed == bytes, "what came back is what was sent");
        writer.join().unwrap()
    });
    if let Err(error) = result {
        assert!(begin.elapsed() >= Duration::from_secs(4), "{error}");
        return skip("the listener", "the machine is slower than its idle limit");
    }
    assert_eq!(idle.read_to_end(&mut Vec::new()).unwrap(), 0, "it was closed");
    assert!(
        begin.elapsed() >= Duration::from_secs(3),
        "and not before it was idle for 4 s: {:?}",
        begin.elapsed()
    );
    let mut busy = connect(address);
    busy.write_all(b"!").unwrap();
    busy.read_exact(&mut [0]).unwrap();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.end(), 0);
    assert_eq!(busy.read_to_end(&mut Vec::new()).unwrap(), 0);
}
