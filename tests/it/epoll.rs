//! What only epoll has: what the kernel says of its table, files that it rejects, its flags, nesting, and threads.

mod shared;

use crate::support::{Thread, empty_pipe, full_pipe, skip};
use iomux_backend::{
    BusyPoll, Capabilities, Epoll, EpollFlags, Error, Events, Interest, Mode, Multiplexer, Poll, Reactor,
    Readiness, SigSet, Signal, Timeout, Token, WakerSource,
};
use std::io::{self, PipeReader, Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use std::time::Duration;

const READABLE: Interest = Interest::READABLE;
const WRITABLE: Interest = Interest::WRITABLE;

fn seen(mux: &mut impl Multiplexer<'static>, events: &mut Events) -> Vec<(usize, Readiness)> {
    mux.wait(events, Timeout::Nowait).unwrap();
    events.iter().map(|event| (event.token().0, event.readiness())).collect()
}

/// Registers an fd that is closed before the multiplexer is gone.
fn register(epoll: &mut Epoll<'static>, fd: RawFd, token: usize, interest: Interest, mode: Mode) {
    // SAFETY: the caller closes it, and epoll must stay sound. No number here is reused.
    unsafe { epoll.register_raw(fd, Token(token), interest, mode) }.unwrap();
}

fn by_number(fd: RawFd) -> BorrowedFd<'static> {
    // SAFETY: only its number is read.
    unsafe { BorrowedFd::borrow_raw(fd) }
}

/// Sources whose fd is the highest there is, so that no other test is given the number.
fn far_away(reader: &PipeReader, offset: i32) -> std::os::fd::OwnedFd {
    nix::fcntl::fcntl(reader, nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(900 + offset))
        // SAFETY: just opened, and it has no other owner.
        .map(|fd| unsafe { std::os::fd::FromRawFd::from_raw_fd(fd) })
        .unwrap()
}

#[test]
fn regular_file_is_not_pollable() {
    let file = tempfile::tempfile().unwrap();
    let mut epoll = Epoll::new().unwrap();
    let error = epoll.register(file.as_fd(), Token(1), READABLE, Mode::Level).unwrap_err();
    let fd = file.as_raw_fd();
    assert_eq!(error, Error::NotPollable { fd, backend: "epoll" });
    assert!(error.to_string().contains("read it without waiting"), "{error}");
    // For such a file the kernel fails with EPERM, whatever the operation, or with ENOENT.
    let error = epoll.modify(file.as_fd(), Token(1), READABLE, Mode::Level).unwrap_err();
    let of_kernel = Error::Os { call: "epoll_ctl", code: libc::EPERM };
    assert!(error == of_kernel || error == Error::NotRegistered { fd }, "{error:?}");
    let answer = epoll.wait(&mut Events::with_capacity(1), Timeout::Infinite);
    assert_eq!(answer, Err(Error::NothingToWaitFor));
}

#[test]
fn nested_epolls_have_their_own_error() {
    let epolls: Vec<_> = (0..10).map(|_| Epoll::new().unwrap()).collect();
    let fds: Vec<_> = epolls.iter().map(|epoll| epoll.share().unwrap()).collect();
    let add = |outer: usize, inner: usize| {
        let (fd, flags) = (fds[inner].as_fd(), EpollFlags::empty());
        epolls[outer].register_with(fd, Token(inner), READABLE, Mode::Level, flags)
    };
    assert_eq!((add(0, 1), add(1, 2)), (Ok(()), Ok(())));
    assert_eq!(add(2, 0), Err(Error::NestedTooDeep { fd: fds[0].as_raw_fd() }), "a circle");
    let deeper = (2..9).find_map(|outer| add(outer, outer + 1).err().map(|error| (outer + 1, error)));
    let (inner, error) = deeper.unwrap();
    assert_eq!(error, Error::NestedTooDeep { fd: fds[inner].as_raw_fd() });
    let text = "epolls would wait for each other in a circle, or be nested more than five deep; \
                register its sources here instead";
    assert_eq!(error.to_string(), format!("can't register the epoll fd {}: {text}", fds[inner].as_raw_fd()));
    let itself = add(9, 9).unwrap_err();
    assert_eq!(itself, Error::Os { call: "epoll_ctl", code: libc::EINVAL });
    assert!(itself.to_string().contains("an epoll can't wait for itself"), "{itself}");
}

#[test]
fn exclusive_takes_read_and_write_only() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let (reader, _writer) = full_pipe();
    let mut epoll = Epoll::new().unwrap();
    let unsupported = |answer| matches!(answer, Err(Error::Unsupported { backend: "epoll", .. }));
    for interest in [Interest::PRIORITY, Interest::READ_CLOSED, READABLE | Interest::READ_CLOSED] {
        assert!(
            unsupported(epoll.register(listener.as_fd(), Token(1), interest, Mode::Exclusive)),
            "{interest:?}"
        );
    }
    for mode in [Mode::OneShot, Mode::EdgeOneShot] {
        let flags = EpollFlags::EXCLUSIVE;
        assert!(
            unsupported(epoll.register_with(listener.as_fd(), Token(1), READABLE, mode, flags)),
            "{mode:?}"
        );
    }
    let inner = Epoll::new().unwrap().into_owned_fd();
    assert!(unsupported(epoll.register(inner.as_fd(), Token(1), READABLE, Mode::Exclusive)));
    epoll.register(listener.as_fd(), Token(1), READABLE | WRITABLE, Mode::Exclusive).unwrap();
    assert!(unsupported(epoll.modify(listener.as_fd(), Token(2), READABLE, Mode::Level)), "from exclusive");
    epoll.register_with(reader.as_fd(), Token(3), READABLE, Mode::Edge, EpollFlags::EXCLUSIVE).unwrap();
    assert!(unsupported(epoll.modify(reader.as_fd(), Token(3), READABLE, Mode::Edge)), "a flag, not a mode");
    epoll.deregister(reader.as_fd()).unwrap();
    epoll.register(reader.as_fd(), Token(4), READABLE, Mode::Level).unwrap();
    assert!(unsupported(epoll.modify(reader.as_fd(), Token(5), READABLE, Mode::Exclusive)), "to exclusive");
    let mut events = Events::with_capacity(4);
    assert_eq!(epoll.wait(&mut events, Timeout::Nowait), Ok(1));
    assert_eq!(events.get(0).map(|event| event.token()), Some(Token(4)), "as it was");
}

#[test]
fn exclusive_wakes_one_of_two() {
    let (mut reader, mut writer) = io::pipe().unwrap();
    let mut epolls = [Epoll::new().unwrap(), Epoll::new().unwrap()];
    let watched = reader.try_clone().unwrap();
    for epoll in &mut epolls {
        epoll.register(watched.as_fd(), Token(1), READABLE, Mode::Exclusive).unwrap();
    }
    let (woken, waits) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        for mut epoll in epolls {
            let woken = woken.clone();
            scope.spawn(move || {
                let count = epoll.wait(&mut Events::with_capacity(1), Duration::from_millis(500).into());
                woken.send(count.unwrap()).unwrap();
            });
        }
        writer.write_all(b"!").unwrap();
        assert_eq!(waits.recv().unwrap(), 1, "one of them");
        reader.read_exact(&mut [0]).unwrap();
        // The other may have looked before the byte was read, or it was not woken: never both for long.
        let other = waits.recv().unwrap();
        assert!(other <= 1);
    });
}

#[test]
fn epoll_in_a_poll_loses_no_change() {
    let (reader, _writer) = full_pipe();
    let mut inner = Epoll::new().unwrap();
    inner.register(reader.as_fd(), Token(1), Interest::empty(), Mode::Level).unwrap();
    inner.modify(reader.as_fd(), Token(2), READABLE, Mode::Level).unwrap();
    let shared = inner.share().unwrap();
    let mut outer = Poll::new();
    outer.register(shared.as_fd(), Token(7), READABLE, Mode::Level).unwrap();
    let mut events = Events::with_capacity(4);
    let mut is_ready = |outer: &mut Poll<'_>| outer.wait(&mut events, Timeout::Nowait).unwrap() == 1;
    assert!(is_ready(&mut outer), "what was modified before");
    inner.modify(reader.as_fd(), Token(3), Interest::empty(), Mode::Level).unwrap();
    assert!(!is_ready(&mut outer), "what is modified after");
    inner.modify(reader.as_fd(), Token(4), READABLE, Mode::Level).unwrap();
    assert!(is_ready(&mut outer));
    let mut events = Events::with_capacity(4);
    assert_eq!(inner.wait(&mut events, Timeout::Nowait), Ok(1));
    assert_eq!(events.get(0).map(|event| event.token()), Some(Token(4)));
    let answer = inner.register(shared.as_fd(), Token(9), READABLE, Mode::Level);
    assert!(matches!(answer, Err(Error::Os { call: "epoll_ctl", .. })), "in itself: {answer:?}");
}

#[test]
fn into_owned_fd_keeps_the_registrations() {
    let (reader, _writer) = full_pipe();
    let mut epoll = Epoll::new().unwrap();
    epoll.register(reader.as_fd(), Token(1), Interest::empty(), Mode::Level).unwrap();
    epoll.modify(reader.as_fd(), Token(2), READABLE, Mode::Level).unwrap();
    let fd = epoll.into_owned_fd();
    let mut outer = Poll::new();
    outer.register(fd.as_fd(), Token(7), READABLE, Mode::Level).unwrap();
    assert_eq!(outer.wait(&mut Events::with_capacity(1), Timeout::Nowait), Ok(1));
}

// Why READ_NORMAL has a note: what wakes with EPOLLIN alone needs READABLE.
#[test]
fn epoll_fd_needs_readable() {
    let normal = Interest::READ_NORMAL;
    for (interest, count) in [(READABLE, 1), (READABLE | normal, 1), (normal, 0)] {
        let (reader, mut writer) = empty_pipe();
        let mut inner = Epoll::new().unwrap();
        inner.register(reader.as_fd(), Token(1), READABLE, Mode::Level).unwrap();
        let shared = inner.share().unwrap();
        let mut outer = Epoll::new().unwrap();
        outer.register(shared.as_fd(), Token(2), interest, Mode::Level).unwrap();
        writer.write_all(b"!").unwrap();
        assert_eq!(outer.wait(&mut Events::with_capacity(1), Timeout::Nowait), Ok(count), "{interest:?}");
    }
}

// Asked for EPOLLIN behind the caller's back, epoll would report these without end, and poll(2) never.
#[test]
fn eventfd_needs_readable() {
    let counter = WakerSource::new().unwrap();
    counter.waker().wake();
    let all: [Box<dyn Multiplexer>; 2] = [Box::new(Poll::new()), Box::new(Epoll::new().unwrap())];
    for mut mux in all {
        let mut events = Events::with_capacity(1);
        mux.register(counter.as_fd(), Token(1), Interest::READ_NORMAL, Mode::Level).unwrap();
        assert_eq!(mux.wait(&mut events, Timeout::Nowait), Ok(0), "{}", mux.name());
        mux.modify(counter.as_fd(), Token(1), READABLE, Mode::Level).unwrap();
        assert_eq!(mux.wait(&mut events, Timeout::Nowait), Ok(1), "{}", mux.name());
    }
}

#[test]
fn reactor_over_a_shared_epoll_defers_nothing() {
    let (reader, _writer) = full_pipe();
    let inner = Epoll::new().unwrap();
    let shared = inner.share().unwrap();
    let mut reactor = Reactor::with(inner, 4);
    let key = reactor.insert(reader, (), Interest::empty(), Mode::Level).unwrap();
    let mut outer = Poll::new();
    outer.register(shared.as_fd(), Token(7), READABLE, Mode::Level).unwrap();
    let mut events = Events::with_capacity(4);
    assert_eq!(outer.wait(&mut events, Timeout::Nowait), Ok(0));
    reactor.modify(key, READABLE, Mode::Level).unwrap();
    assert_eq!(outer.wait(&mut events, Timeout::Nowait), Ok(1));
    reactor.pause(key).unwrap();
    assert_eq!(outer.wait(&mut events, Timeout::Nowait), Ok(0));
}

#[test]
fn busy_poll_is_set_or_unsupported() {
    let epoll = Epoll::new().unwrap();
    let asked = BusyPoll { time: Duration::from_nanos(49_001), budget: 8, is_preferred: true };
    match epoll.set_busy_poll(asked) {
        Ok(()) => {
            let set = BusyPoll { time: Duration::from_micros(50), ..asked };
            assert_eq!(epoll.busy_poll(), Ok(set), "rounded up to µs");
        }
        Err(error) => {
            assert!(matches!(error, Error::Unsupported { backend: "epoll", .. }), "{error}");
            assert_eq!(epoll.busy_poll(), Err(error));
            skip("busy-polling", "this kernel has none (Linux 6.9 with network busy-polling)");
        }
    }
}

#[test]
fn epoll_capabilities_are_complete() {
    let it_can_not = Capabilities::FILES | Capabilities::REPORTS_CLOSED | Capabilities::FORK;
    assert_eq!(Epoll::new().unwrap().capabilities(), Capabilities::all() - it_can_not);
}

#[test]
fn closed_fd_gets_the_kernels_error() {
    let (reader, _writer) = full_pipe();
    let mut epoll = Epoll::new().unwrap();
    let closed = far_away(&reader, 30);
    let number = closed.as_raw_fd();
    register(&mut epoll, number, 1, READABLE, Mode::Level);
    drop(closed);
    let of_kernel = Err(Error::Os { call: "epoll_ctl", code: libc::EBADF });
    for _ in 0..2 {
        assert_eq!(epoll.deregister(by_number(number)), of_kernel);
        assert_eq!(epoll.modify(by_number(number), Token(2), WRITABLE, Mode::Level), of_kernel);
    }
    let mut events = Events::with_capacity(4);
    assert_eq!(seen(&mut epoll, &mut events), [(1, Readiness::READABLE)], "a dup of it is open");
    drop(reader);
    assert_eq!(seen(&mut epoll, &mut events), [], "and gone with that");
}

#[test]
fn stale_registration_blocks_the_same_file_only() {
    let (reader, _writer) = full_pipe();
    let (other, _other_writer) = full_pipe();
    let mut epoll = Epoll::new().unwrap();
    let closed = far_away(&reader, 95);
    let number = closed.as_raw_fd();
    register(&mut epoll, number, 1, READABLE, Mode::Exclusive);
    drop(closed);
    let mut events = Events::with_capacity(4);
    let new = far_away(&other, 95);
    assert_eq!(new.as_raw_fd(), number);
    register(&mut epoll, number, 2, READABLE, Mode::OneShot);
    let mut all = seen(&mut epoll, &mut events);
    all.sort_unstable_by_key(|(token, _)| *token);
    assert_eq!(all, [1, 2].map(|token| (token, Readiness::READABLE)));
    epoll.deregister(by_number(number)).unwrap();
    drop(new);
    let same = far_away(&reader, 95);
    assert_eq!(same.as_raw_fd(), number);
    // SAFETY: as in `register`.
    let again = unsafe { epoll.register_raw(number, Token(3), READABLE, Mode::Level) };
    assert_eq!(again, Err(Error::AlreadyRegistered { fd: number }));
    assert_eq!(epoll.deregister(same.as_fd()), Ok(()), "the old one");
    register(&mut epoll, number, 3, READABLE, Mode::Level);
    assert_eq!(seen(&mut epoll, &mut events), [(3, Readiness::READABLE)]);
}

#[test]
fn infinite_wait_for_nothing_is_an_error() {
    let (reader, _writer) = full_pipe();
    let mut epoll = Epoll::new().unwrap();
    epoll.register(reader.as_fd(), Token(1), READABLE, Mode::Level).unwrap();
    epoll.deregister(reader.as_fd()).unwrap();
    let answer = epoll.wait(&mut Events::with_capacity(1), Timeout::Infinite);
    assert_eq!(answer, Err(Error::NothingToWaitFor));
}

#[test]
fn signal_interrupts_a_masked_nowait() {
    signal_hook::flag::register(Signal::USR1.as_raw(), Arc::default()).unwrap();
    let blocked = SigSet::from(Signal::USR1).block().unwrap();
    let mut epoll = Epoll::new().unwrap();
    let mut events = Events::with_capacity(1);
    for round in 0..4 {
        Thread::this().send(Signal::USR1);
        let answer = epoll.wait_masked(&mut events, Timeout::Nowait, &blocked.wait_mask());
        assert_eq!(answer, Err(Error::Interrupted), "round {round}");
    }
}

#[test]
fn unnamed_flag_is_unsupported() {
    let (reader, _writer) = full_pipe();
    let other = reader.try_clone().unwrap();
    let mut epoll = Epoll::new().unwrap();
    epoll.register(other.as_fd(), Token(1), Interest::empty(), Mode::Level).unwrap();
    epoll.modify(other.as_fd(), Token(2), READABLE, Mode::Level).unwrap();
    let unnamed = (0..32).map(|bit| 1 << bit).filter(|bit| EpollFlags::all().bits() & bit == 0);
    for flags in unnamed.map(EpollFlags::from_bits_retain) {
        let answer = epoll.register_with(reader.as_fd(), Token(0), READABLE, Mode::Level, flags);
        assert!(
            matches!(answer, Err(Error::Unsupported { what, .. }) if what.contains("flag")),
            "{answer:?}"
        );
        assert_eq!(epoll.deregister(reader.as_fd()), Err(Error::NotRegistered { fd: reader.as_raw_fd() }));
    }
    let mut events = Events::with_capacity(4);
    assert_eq!(epoll.wait(&mut events, Timeout::Nowait), Ok(1));
    assert_eq!(events.get(0).map(|event| event.token()), Some(Token(2)), "the other's change");
}
