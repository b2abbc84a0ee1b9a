//! The readiness of sockets: half-closed and reset connections, refused ones, and urgent data.

use super::rig::{Rig, read, write};
use super::{Backend, lacks, os};
use crate::{Capabilities, Interest, Readiness};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

fn unix_pair() -> (UnixStream, UnixStream) {
    UnixStream::pair().expect("a socket pair")
}

/// Creates a connection, and returns the client's socket and the server's.
#[track_caller]
fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind to a free port");
    let address = listener.local_addr().expect("local_addr");
    let client = TcpStream::connect(address).expect("connect to the listener");
    let (server, _) = listener.accept().expect("accept");
    (client, server)
}

pub(super) fn socket_pair_reports_both_directions<B: Backend>() {
    let (ours, theirs) = unix_pair();
    let mut rig = Rig::<B>::new();
    rig.watch(&ours, 1, Interest::READABLE | Interest::WRITABLE);
    assert_eq!(rig.only(1), Readiness::WRITABLE);
    write(&theirs);
    assert_eq!(rig.only(1), Readiness::READABLE | Readiness::WRITABLE);
    read(&ours);
    assert_eq!(rig.only(1), Readiness::WRITABLE);
}

pub(super) fn closed_peer_makes_socket_readable<B: Backend>() {
    let (ours, theirs) = unix_pair();
    let mut rig = Rig::<B>::new();
    rig.watch(&ours, 1, Interest::READABLE);
    rig.silent();
    drop(theirs);
    assert!(rig.only(1).is_readable());
}

pub(super) fn listener_is_readable_on_connect<B: Backend>() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind to a free port");
    let address = listener.local_addr().expect("local_addr");
    let mut rig = Rig::<B>::new();
    rig.watch(&listener, 1, Interest::READABLE);
    rig.silent();
    let _client = TcpStream::connect(address).expect("connect to the listener");
    assert!(rig.only(1).is_readable());
    listener.accept().expect("accept");
    rig.silent();
}

pub(super) fn established_connection_is_writable<B: Backend>() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind to a free port");
    let std::net::SocketAddr::V4(address) = listener.local_addr().expect("local_addr") else {
        unreachable!("bound to an IPv4 address")
    };
    let client = os::connect(address).expect("connect(2) in progress");
    let mut rig = Rig::<B>::new();
    rig.watch(&client, 1, Interest::WRITABLE);
    let readiness = rig.eventually(1, |readiness| readiness.intersects(Readiness::WRITABLE));
    assert!(!readiness.is_error() && !readiness.is_closed(), "{readiness:?}");
    assert!(client.take_error().expect("SO_ERROR").is_none());
}

pub(super) fn refused_connection_is_reported<B: Backend>() {
    let Ok(client) = os::refused_connection() else {
        return super::skip("refused_connection_is_reported", "this platform refuses it immediately");
    };
    let mut rig = Rig::<B>::new();
    rig.watch(&client, 1, Interest::WRITABLE);
    let readiness = rig.eventually(1, Readiness::is_writable);
    // The number is not checked, since an emulator may return another one.
    assert!(
        client.take_error().expect("SO_ERROR").is_some(),
        "SO_ERROR of a refused connection: {readiness:?}"
    );
}

pub(super) fn half_closed_connection_is_writable<B: Backend>() {
    let (client, server) = tcp_pair();
    let mut rig = Rig::<B>::new();
    rig.watch(&server, 1, Interest::READABLE | Interest::WRITABLE);
    assert_eq!(rig.only(1), Readiness::WRITABLE);
    client.shutdown(Shutdown::Write).expect("a connected socket");
    let readiness = rig.eventually(1, Readiness::is_readable);
    assert!(readiness.is_writable() && !readiness.is_closed(), "{readiness:?}");
    write(&server);
    read(&client);
}

pub(super) fn read_closed_is_reported<B: Backend>() {
    if lacks::<B>("read_closed_is_reported", Capabilities::READ_CLOSED) {
        return;
    }
    let (client, server) = tcp_pair();
    let mut rig = Rig::<B>::new();
    rig.watch(&server, 1, Interest::READ_CLOSED);
    write(&client);
    rig.silent();
    client.shutdown(Shutdown::Write).expect("a connected socket");
    let readiness = rig.eventually(1, Readiness::is_read_closed);
    assert!(readiness.intersects(Readiness::READ_CLOSED), "{readiness:?}");
    assert!(!readiness.intersects(Readiness::READABLE), "{readiness:?}: READABLE is not in the interest");
}

pub(super) fn reset_is_reported<B: Backend>() {
    let (client, server) = tcp_pair();
    let mut rig = Rig::<B>::new();
    rig.watch(&server, 1, Interest::READABLE);
    rig.silent();
    os::reset(client).expect("a reset");
    assert!(rig.eventually(1, Readiness::is_readable).is_readable());
    let error = std::io::Read::read(&mut &server, &mut [0]).expect_err("it was reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

pub(super) fn urgent_data_is_priority<B: Backend>() {
    if lacks::<B>("urgent_data_is_priority", Capabilities::PRIORITY) {
        return;
    }
    let (client, server) = tcp_pair();
    let mut rig = Rig::<B>::new();
    rig.watch(&server, 1, Interest::PRIORITY);
    rig.silent();
    os::send_urgent(&client).expect("a connected socket");
    assert!(rig.eventually(1, Readiness::is_priority).is_priority());
}

pub(super) fn normal_data_is_not_priority<B: Backend>() {
    if lacks::<B>("normal_data_is_not_priority", Capabilities::PRIORITY) {
        return;
    }
    let (client, server) = tcp_pair();
    let mut rig = Rig::<B>::new();
    rig.watch(&server, 1, Interest::READABLE);
    write(&client);
    rig.eventually(1, Readiness::is_readable);
    rig.modify(&server, 1, Interest::PRIORITY, crate::Mode::Level);
    rig.silent();
}
