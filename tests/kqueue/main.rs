//! The conformance suite over kqueue(2), and tests of its other features.
#![cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    iomux_libkqueue,
))]

#[path = "../it/support.rs"]
#[allow(dead_code, reason = "of all that it has, this needs little")]
mod support;
mod watched;

use iomux_backend::conformance::Backend;
use iomux_backend::{
    Error, Events, Interest, Kqueue, Mode, Multiplexer, Poll, Reactor, Readiness, Timeout, Token,
};
use std::fs::File;
use std::io::{Read, Write, pipe};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;
use support::skip;

const BOTH: Interest = Interest::READABLE.union(Interest::WRITABLE);

/// Returns why libkqueue fails a property, where it differs from kqueue(2).
fn excuse(property: &str) -> Option<&'static str> {
    if !cfg!(iomux_libkqueue) {
        return None;
    }
    match property {
        "refused_connection_is_reported" | "reset_is_reported" => {
            Some("libkqueue clears the socket's error with SO_ERROR when it returns it")
        }
        "closed_fd_can_be_deregistered" => Some("libkqueue keeps closed fds"),
        "dev_null_is_ready_or_rejected" => Some("libkqueue fails with EFAULT for every fd that it rejects"),
        "room_left_means_nothing_else_ready" => {
            Some("libkqueue with little room returns a level again before it has returned all others")
        }
        _ => None,
    }
}

struct Concrete;

impl Backend for Concrete {
    type Mux<'fd> = Kqueue<'fd>;

    fn create<'fd>() -> Result<Kqueue<'fd>, Error> {
        Kqueue::new()
    }

    fn excuse(property: &str) -> Option<&'static str> {
        excuse(property)
    }
}

mod concrete {
    iomux_backend::conformance!(super::Concrete);
}

struct Boxed;

impl Backend for Boxed {
    type Mux<'fd> = Box<dyn Multiplexer<'fd> + Send + 'fd>;

    fn create<'fd>() -> Result<Self::Mux<'fd>, Error> {
        Ok(Box::new(Kqueue::new()?))
    }

    fn excuse(property: &str) -> Option<&'static str> {
        excuse(property)
    }
}

mod boxed {
    iomux_backend::conformance!(super::Boxed);
}

const fn is_send<T: Send>() {}
const _: () = is_send::<Kqueue<'static>>();

/// Returns the sorted tokens and readiness of a wait with a zero timeout.
fn now<'fd>(mux: &mut impl Multiplexer<'fd>, room: usize) -> Vec<(usize, Readiness)> {
    let mut events = Events::with_capacity(room);
    mux.wait(&mut events, Timeout::Nowait).unwrap();
    let mut seen: Vec<_> = events.iter().map(|event| (event.token().0, event.readiness())).collect();
    seen.sort_by_key(|event| event.0);
    seen
}

/// Creates a readable and writable socket. Returns it and its peer.
fn ready_socket() -> (UnixStream, UnixStream) {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    theirs.write_all(b"!").unwrap();
    (ours, theirs)
}

#[test]
fn one_shot_disarms_both_directions() {
    for mode in [Mode::OneShot, Mode::EdgeOneShot] {
        let (ours, mut theirs) = ready_socket();
        let mut kqueue = Kqueue::new().unwrap();
        kqueue.register(ours.as_fd(), Token(1), BOTH, mode).unwrap();
        assert_eq!(now(&mut kqueue, 1).len(), 1, "{mode:?}: room for one of both filters");
        theirs.write_all(b"!").unwrap();
        assert_eq!(now(&mut kqueue, 1), [], "{mode:?}");
        kqueue.modify(ours.as_fd(), Token(2), BOTH, mode).unwrap();
        let all = (2, Readiness::READABLE | Readiness::WRITABLE);
        assert_eq!(now(&mut kqueue, 8), [all], "{mode:?}: rearmed in both");
        assert_eq!(now(&mut kqueue, 8), [], "{mode:?}");
    }
}

#[test]
fn room_for_one_starves_no_direction() {
    if cfg!(iomux_libkqueue) {
        let name = "room_for_one_starves_no_direction";
        return skip(name, "libkqueue drops what does not fit of an fd, and begins with READ again");
    }
    let (ours, _theirs) = ready_socket();
    let mut kqueue = Kqueue::new().unwrap();
    kqueue.register(ours.as_fd(), Token(1), BOTH, Mode::Level).unwrap();
    let seen: Readiness = (0..2).map(|_| now(&mut kqueue, 1)[0].1).collect();
    assert_eq!(seen, Readiness::READABLE | Readiness::WRITABLE);
}

#[test]
fn changes_may_outnumber_room() {
    let sockets: Vec<_> = (0..40).map(|_| ready_socket()).collect();
    let mut kqueue = Kqueue::new().unwrap();
    for (token, (ours, _)) in sockets.iter().enumerate() {
        kqueue.register(ours.as_fd(), Token(token), Interest::READABLE, Mode::Level).unwrap();
    }
    for (token, (ours, _)) in sockets.iter().enumerate() {
        kqueue.modify(ours.as_fd(), Token(100 + token), Interest::WRITABLE, Mode::Level).unwrap();
    }
    let mut seen: Vec<_> = (0..40).flat_map(|_| now(&mut kqueue, 1)).collect();
    seen.sort_by_key(|event| event.0);
    let all: Vec<_> = (100..140).map(|token| (token, Readiness::WRITABLE)).collect();
    assert_eq!(seen, all);
}

#[test]
fn one_wait_fills_a_large_buffer() {
    let limit = iomux::max_open_files().unwrap_or(usize::MAX);
    let count = 2_500.min(limit.saturating_sub(200));
    let (reader, _writer) =
        pipe().map(|(reader, mut writer)| (reader, writer.write_all(b"!").map(|()| writer))).unwrap();
    let copies: Vec<_> = (0..count).map(|_| reader.try_clone().unwrap()).collect();
    let mut kqueue = Kqueue::new().unwrap();
    for (token, copy) in copies.iter().enumerate() {
        kqueue.register(copy.as_fd(), Token(token), Interest::READABLE, Mode::Level).unwrap();
    }
    assert_eq!(now(&mut kqueue, 10_000).len(), count);
}

#[test]
fn late_rejection_is_invalid_once() {
    let name = "late_rejection_is_invalid_once";
    if cfg!(iomux_libkqueue) {
        return skip(name, "libkqueue loses the error of a change when nothing is ready");
    }
    let (reader, _writer) = pipe().unwrap();
    let number = reader.as_raw_fd();
    let mut kqueue = Kqueue::new().unwrap();
    // SAFETY: violated on purpose, since the test is about a closed fd. Nothing else uses the number.
    unsafe { kqueue.register_raw(number, Token(1), Interest::READABLE, Mode::Level) }.unwrap();
    kqueue.modify(reader.as_fd(), Token(1), BOTH, Mode::Level).unwrap();
    drop(reader);
    let mut seen = now(&mut kqueue, 8);
    seen.extend(now(&mut kqueue, 8));
    // SAFETY: it takes numbers, and changes nothing.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } >= 0 {
        return skip(name, "another test was given the number meanwhile");
    }
    assert_eq!(seen, [(1, Readiness::INVALID)]);
}

#[test]
fn rejections_beyond_room_come_later() {
    if !cfg!(iomux_libkqueue) {
        let name = "rejections_beyond_room_come_later";
        return skip(name, "whether /dev/null has filters differs");
    }
    let mut kqueue = Kqueue::new().unwrap();
    let pipes: Vec<_> = (0..3).map(|_| pipe().unwrap()).collect();
    for (token, (reader, _)) in pipes.iter().enumerate() {
        // SAFETY: violated on purpose, since the test is about closed fds. The number stays unused meanwhile, or
        // names a file whose readiness does not matter.
        unsafe { kqueue.register_raw(reader.as_raw_fd(), Token(token), Interest::READABLE, Mode::Level) }
            .unwrap();
        kqueue.modify(reader.as_fd(), Token(token), BOTH, Mode::Level).unwrap();
    }
    // Another file without filters takes the number, which keeps it open.
    let files: Vec<_> = pipes.iter().map(|_| File::open("/dev/null").unwrap()).collect();
    for ((reader, _), file) in pipes.iter().zip(&files) {
        // SAFETY: it takes numbers. Both are open, and the owner of `reader` expects the change.
        assert!(unsafe { libc::dup2(file.as_raw_fd(), reader.as_raw_fd()) } >= 0);
    }
    let seen: Vec<_> = (0..4).flat_map(|_| now(&mut kqueue, 1)).collect();
    assert_eq!(seen, [0, 1, 2].map(|token| (token, Readiness::INVALID)), "each once");
}

#[test]
fn wait_and_modify_never_allocate() {
    let sockets: Vec<_> = (0..8).map(|_| ready_socket()).collect();
    let mut kqueue = Kqueue::new().unwrap();
    for (token, (ours, _)) in sockets.iter().enumerate() {
        kqueue.register(ours.as_fd(), Token(token), Interest::READABLE, Mode::OneShot).unwrap();
    }
    let waker = kqueue.waker(Token(99)).unwrap();
    kqueue.watch_timer(1, Token(98), Duration::from_micros(1), true).unwrap();
    let mut events = Events::with_capacity(4);
    let mut rounds = |count: usize| {
        for round in 0..count {
            for (token, (ours, _)) in sockets.iter().enumerate() {
                let mode = if round % 2 == 0 { Mode::Level } else { Mode::OneShot };
                kqueue
                    .modify(ours.as_fd(), Token(token), [BOTH, Interest::empty()][round % 2], mode)
                    .unwrap();
            }
            waker.wake();
            kqueue.wait(&mut events, Timeout::Nowait).unwrap();
        }
    };
    rounds(8);
    let counted = allocation_counter::measure(|| rounds(100));
    assert_eq!(counted.count_total, 0);
}

#[test]
fn reactor_runs_on_kqueue() {
    let mut reactor = Reactor::with(Kqueue::new().unwrap(), 8);
    let (ours, theirs) = ready_socket();
    let key = reactor.insert(ours, (), Interest::READABLE, Mode::Edge).unwrap();
    reactor.wait(Timeout::Infinite).unwrap();
    assert!(reactor.next_ready().is_some_and(|ready| ready.key() == key));
    reactor.pause(key).unwrap();
    (&theirs).write_all(b"!").unwrap();
    reactor.wait(Timeout::Nowait).unwrap();
    assert!(reactor.next_ready().is_none());
    reactor.resume(key).unwrap();
    reactor.wait(Timeout::Infinite).unwrap();
    assert!(reactor.next_ready().is_some());
    assert!(reactor.remove(key).is_some());
}

/// Pseudo-random numbers. A failure prints the seed.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// Checks random programs over pipes and sockets, in which kqueue and poll must have the same readiness.
#[test]
fn kqueue_agrees_with_poll() {
    let asked = [Interest::empty(), Interest::READABLE, Interest::WRITABLE, BOTH];
    let modes = [Mode::Level, Mode::Level, Mode::OneShot];
    for seed in 1..60 {
        let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed));
        let sockets: Vec<_> = (0..6).map(|_| UnixStream::pair().unwrap()).collect();
        let (mut poll, mut kqueue) = (Poll::new(), Kqueue::new().unwrap());
        for step in 0..300 {
            let index = numbers.below(sockets.len());
            let (ours, mut theirs) = (&sockets[index].0, &sockets[index].1);
            let (fd, token) = (ours.as_fd(), Token(index));
            let (interest, mode) = (asked[numbers.below(4)], modes[numbers.below(3)]);
            match numbers.below(6) {
                0 => assert_eq!(
                    poll.register(fd, token, interest, mode),
                    kqueue.register(fd, token, interest, mode)
                ),
                1 | 2 => assert_eq!(
                    poll.modify(fd, token, interest, mode).is_ok(),
                    kqueue.modify(fd, token, interest, mode).is_ok()
                ),
                3 => assert_eq!(poll.deregister(fd).is_ok(), kqueue.deregister(fd).is_ok()),
                4 => theirs.write_all(b"!").unwrap(),
                _ => {
                    ours.set_nonblocking(true).unwrap();
                    let mut reader = ours;
                    let _ = reader.read(&mut [0; 2]);
                }
            }
            if numbers.below(2) == 0 {
                assert_eq!(now(&mut poll, 16), now(&mut kqueue, 16), "seed {seed}, step {step}");
            }
        }
    }
}
