//! The readiness of pipes, sockets and files, and its predicates.

use crate::support::{empty_pipe, full_pipe, skip};
use iomux::{HAS_READ_CLOSED, Interest, PollFd, Readiness, Slots, Timeout};
use iomux_sys::poll::HANGUP_ALONE;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Returns the readiness of one fd, without a wait.
#[track_caller]
fn reported(fd: BorrowedFd<'_>, interest: Interest) -> Readiness {
    let mut fds = [PollFd::new(fd, interest).expect("an interest that poll knows")];
    let ready = iomux::poll(&mut fds, Timeout::Nowait).expect("poll works");
    assert_eq!(ready, usize::from(!fds[0].readiness().is_empty()), "the count is that of the reported");
    fds[0].readiness()
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let client = TcpStream::connect(listener.local_addr().expect("its address")).expect("it listens");
    let (server, _) = listener.accept().expect("a connection");
    (client, server)
}

#[test]
fn pipe_is_readable_with_data_writable_with_room() {
    let (reader, writer) = empty_pipe();
    assert_eq!(reported(reader.as_fd(), Interest::READABLE), Readiness::empty());
    assert_eq!(reported(writer.as_fd(), Interest::WRITABLE), Readiness::WRITABLE);
    let (reader, writer) = full_pipe();
    assert_eq!(reported(reader.as_fd(), Interest::READABLE), Readiness::READABLE);
    nix::fcntl::fcntl(&writer, nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK)).unwrap();
    while (&writer).write(&[0; 65536]).is_ok() {}
    assert_eq!(reported(writer.as_fd(), Interest::WRITABLE), Readiness::empty(), "no room is left");
}

#[test]
fn only_the_interest_is_reported() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(b"x").unwrap();
    assert_eq!(reported(ours.as_fd(), Interest::empty()), Readiness::empty());
    assert_eq!(reported(ours.as_fd(), Interest::READABLE), Readiness::READABLE);
    assert_eq!(reported(ours.as_fd(), Interest::WRITABLE), Readiness::WRITABLE);
    let both = Interest::READABLE | Interest::WRITABLE;
    assert_eq!(reported(ours.as_fd(), both), Readiness::READABLE | Readiness::WRITABLE);
    assert_eq!(reported(ours.as_fd(), Interest::PRIORITY), Readiness::empty());
}

#[test]
fn empty_interest_hears_hangup_not_urgent_data() {
    if HANGUP_ALONE.is_none() {
        return skip("a hangup alone", "this system's poll(2) does not wake for it, see docs/platforms.md");
    }
    let (ours, theirs) = tcp_pair();
    let mut slots = Slots::with_capacity(1);
    slots.set(0, ours.as_fd(), Interest::empty()).unwrap();
    assert_eq!(slots.interest(0), Ok(Interest::empty()));
    nix::sys::socket::send(theirs.as_raw_fd(), b"!", nix::sys::socket::MsgFlags::MSG_OOB).unwrap();
    assert_eq!(slots.poll(Duration::from_millis(5)), Ok(0));
    assert_eq!(slots.readiness(0), Ok(Readiness::empty()));
    assert_eq!(slots.wait(Duration::from_micros(5500)), Ok(0));
    assert_eq!(slots.readiness(0), Ok(Readiness::empty()));

    let (ours, theirs) = tcp_pair();
    slots.set(0, ours.as_fd(), Interest::empty()).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(0));
    std::thread::scope(|scope| {
        let ends = scope.spawn(|| slots.wait(Duration::from_secs(600)));
        let reset = libc::linger { l_onoff: 1, l_linger: 0 };
        nix::sys::socket::setsockopt(&theirs, nix::sys::socket::sockopt::Linger, &reset).unwrap();
        drop(theirs);
        assert_eq!(ends.join().unwrap(), Ok(1));
    });
    assert!(slots.readiness(0).unwrap().is_closed());
}

#[test]
fn hangup_is_reported_for_an_empty_interest() {
    let (mut reader, writer) = empty_pipe();
    drop(writer);
    let hears_it_alone = HANGUP_ALONE.is_some().then_some(Interest::empty());
    for interest in hears_it_alone.into_iter().chain([Interest::READABLE]) {
        let readiness = reported(reader.as_fd(), interest);
        assert!(readiness.contains(Readiness::HANGUP), "{readiness:?}");
        assert!(readiness.is_readable() && readiness.is_closed() && readiness.is_read_closed());
    }
    assert_eq!(reader.read(&mut [0]).unwrap(), 0);
}

#[test]
fn writer_without_a_reader_is_an_error() {
    let (reader, mut writer) = empty_pipe();
    drop(reader);
    let readiness = reported(writer.as_fd(), Interest::WRITABLE);
    // FreeBSD reports a hangup. Its pipes could go both ways once, and the bits have stayed.
    assert!((readiness.is_error() || readiness.is_closed()) && readiness.is_writable(), "{readiness:?}");
    assert_eq!(writer.write(b"x").unwrap_err().kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn shutdown_is_read_closed_not_hangup() {
    if !HAS_READ_CLOSED {
        return skip("READ_CLOSED", "this system's poll(2) has no POLLRDHUP");
    }
    let (client, server) = tcp_pair();
    assert_eq!(reported(server.as_fd(), Interest::READ_CLOSED), Readiness::empty());
    client.shutdown(Shutdown::Write).unwrap();
    let mut fds = [PollFd::new(server.as_fd(), Interest::READ_CLOSED).unwrap()];
    assert_eq!(iomux::poll(&mut fds, Timeout::Infinite).unwrap(), 1);
    let readiness = fds[0].readiness();
    assert_eq!(readiness, Readiness::READ_CLOSED);
    assert!(readiness.is_read_closed() && readiness.is_readable() && !readiness.is_closed());
}

#[test]
fn urgent_data_is_priority() {
    let (client, server) = tcp_pair();
    let sent = nix::sys::socket::send(
        std::os::fd::AsRawFd::as_raw_fd(&client),
        b"!",
        nix::sys::socket::MsgFlags::MSG_OOB,
    );
    assert_eq!(sent, Ok(1));
    let mut fds = [PollFd::new(server.as_fd(), Interest::PRIORITY).unwrap()];
    assert_eq!(iomux::poll(&mut fds, Timeout::Infinite).unwrap(), 1);
    assert!(fds[0].readiness().is_priority(), "{:?}", fds[0]);
    assert_eq!(fds[0].interest(), Interest::PRIORITY, "asked exactly what was asked");
}

#[test]
fn regular_files_are_always_ready() {
    for path in ["/dev/null", "/", env!("CARGO_MANIFEST_PATH")] {
        let Ok(file) = File::open(path) else {
            skip("regular_files_are_always_ready", path);
            continue;
        };
        assert_eq!(reported(file.as_fd(), Interest::READABLE), Readiness::READABLE, "{path}");
    }
}

#[test]
fn predicates_test_their_own_bits() {
    use Readiness as R;
    type Predicate = fn(R) -> bool;
    let table: [(&str, Predicate, R); 7] = [
        (
            "is_readable",
            R::is_readable,
            R::READABLE | R::READ_NORMAL | R::READ_BAND | R::READ_CLOSED | R::HANGUP | R::ERROR | R::INVALID,
        ),
        (
            "is_writable",
            R::is_writable,
            R::WRITABLE | R::WRITE_NORMAL | R::WRITE_BAND | R::HANGUP | R::ERROR | R::INVALID,
        ),
        ("is_priority", R::is_priority, R::PRIORITY),
        ("is_read_closed", R::is_read_closed, R::READ_CLOSED | R::HANGUP),
        ("is_closed", R::is_closed, R::HANGUP),
        ("is_error", R::is_error, R::ERROR),
        ("is_invalid", R::is_invalid, R::INVALID),
    ];
    for (name, predicate, bits) in table {
        for shift in 0..16 {
            let bit = R::from_bits_retain(1i16.rotate_left(shift));
            assert_eq!(predicate(bit), bits.intersects(bit), "{name} of {bit:?}");
        }
        assert!(!predicate(R::empty()), "{name} of nothing");
    }
}

#[test]
fn unnamed_bits_are_kept() {
    let strange = Readiness::from_bits(i16::MIN | 1).expect("every bit is a bit");
    assert_eq!(strange.bits(), i16::MIN | 1);
    assert!(strange.is_readable());
    let asked = Interest::from_bits_retain(0x400 | Interest::READABLE.bits());
    let (reader, _writer) = full_pipe();
    let fd = PollFd::new(reader.as_fd(), asked).unwrap();
    assert_eq!(fd.interest(), asked, "and reach the kernel as they are");
}
