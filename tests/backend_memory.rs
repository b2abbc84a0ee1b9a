//! The memory per registered fd, and the allocations of waits. The allocator and many fds need a process of their own.

use allocation_counter::measure;
use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Reactor, Timeout, Token};
use rlimit::Resource;
use std::io::Write;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Mutex;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn poll_takes_27_bytes_per_fd() {
    // 8 bytes for the slot, 8 for the token, 4 for the age, 4 in the table indexed by fd, and an eighth for growth.
    a_registered_fd_costs_at_most(27.0, Poll::new());
}

#[cfg(target_os = "linux")]
#[test]
fn epoll_takes_no_memory_per_fd() {
    a_registered_fd_costs_at_most(0.0, iomux_backend::Epoll::new().unwrap());
}

fn a_registered_fd_costs_at_most(most: f64, mut mux: impl Multiplexer<'static>) {
    const WANTED: usize = 100_000;
    let _alone = ONE_AT_A_TIME.lock();
    let (_, hard) = Resource::NOFILE.get().unwrap();
    Resource::NOFILE.set(hard, hard).unwrap();
    let (reader, _writer) = std::io::pipe().unwrap();
    let mut fds = Vec::new();
    while fds.len() < WANTED {
        match reader.try_clone() {
            Ok(fd) => fds.push(fd),
            Err(_) => break,
        }
    }
    if fds.len() < WANTED {
        eprintln!(
            "skipped: memory at 100,000 fds: the limit of open files is {hard}, so it is {} here",
            fds.len()
        );
    }
    let used = measure(|| {
        for (index, fd) in fds.iter().enumerate() {
            // SAFETY: the multiplexer is dropped before the fds.
            unsafe { mux.register_raw(fd.as_raw_fd(), Token(index), Interest::READABLE, Mode::Level) }
                .unwrap();
        }
    });
    drop(mux);
    let held = u64::try_from(used.bytes_current).unwrap();
    let each = held as f64 / fds.len() as f64;
    eprintln!("{} registered fds: {held} bytes, {each:.1} each", fds.len());
    assert!(each <= most, "{each:.1} bytes a registered fd");
}

#[test]
fn waits_never_allocate() {
    let _alone = ONE_AT_A_TIME.lock();
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"!").unwrap();
    let fds: Vec<_> = (0..100).map(|_| reader.try_clone().unwrap()).collect();
    let mut poll = Poll::new();
    let waker = poll.waker(Token(0)).unwrap();
    for (index, fd) in fds.iter().enumerate() {
        poll.register(fd.as_fd(), Token(index), Interest::READABLE, Mode::OneShot).unwrap();
    }
    let mut events = Events::with_capacity(64);
    let used = measure(|| {
        for _ in 0..1000 {
            waker.wake();
            assert_eq!(poll.wait(&mut events, Timeout::Infinite), Ok(64));
            for fd in &fds {
                poll.modify(fd.as_fd(), Token(1), Interest::READABLE, Mode::OneShot).unwrap();
            }
            poll.deregister(fds[7].as_fd()).unwrap();
            poll.register(fds[7].as_fd(), Token(7), Interest::READABLE, Mode::OneShot).unwrap();
        }
    });
    assert_eq!(used.count_total, 0);
}

#[cfg(target_os = "linux")]
#[test]
fn epoll_waits_never_allocate() {
    let _alone = ONE_AT_A_TIME.lock();
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"!").unwrap();
    let fds: Vec<_> = (0..100).map(|_| reader.try_clone().unwrap()).collect();
    let mut epoll = iomux_backend::Epoll::new().unwrap();
    let waker = epoll.waker(Token(0)).unwrap();
    for (index, fd) in fds.iter().enumerate() {
        epoll.register(fd.as_fd(), Token(index), Interest::READABLE, Mode::Level).unwrap();
    }
    let mut events = Events::with_capacity(64);
    let mut round = || {
        waker.wake();
        assert_eq!(epoll.wait(&mut events, Timeout::Infinite), Ok(64));
        for interest in [Interest::empty(), Interest::READABLE] {
            fds.iter().for_each(|fd| epoll.modify(fd.as_fd(), Token(1), interest, Mode::Level).unwrap());
        }
        fds.iter()
            .for_each(|fd| epoll.modify(fd.as_fd(), Token(1), Interest::READABLE, Mode::OneShot).unwrap());
        fds.iter()
            .for_each(|fd| epoll.modify(fd.as_fd(), Token(1), Interest::READABLE, Mode::Level).unwrap());
        epoll.deregister(fds[7].as_fd()).unwrap();
        epoll.register(fds[7].as_fd(), Token(7), Interest::READABLE, Mode::Level).unwrap();
    };
    let used = measure(|| (0..1000).for_each(|_| round()));
    assert_eq!(used.count_total, 0);
}

#[cfg(target_os = "linux")]
#[test]
fn reactor_changes_never_allocate() {
    let _alone = ONE_AT_A_TIME.lock();
    let mut reactor = Reactor::with(iomux_backend::Epoll::new().unwrap(), 64);
    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"!").unwrap();
    let copies = (0..100).map(|_| reader.try_clone().unwrap());
    let insert = |copy| reactor.insert(copy, (), Interest::READABLE, Mode::Level).unwrap();
    let mut keys: Vec<_> = copies.map(insert).collect();
    let mut round = || {
        keys.iter().for_each(|key| reactor.pause(*key).unwrap());
        assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
        keys.iter().for_each(|key| reactor.resume(*key).unwrap());
        assert_eq!(reactor.wait(Timeout::Infinite), Ok(64));
        keys.iter().for_each(|key| reactor.modify(*key, Interest::empty(), Mode::Level).unwrap());
        keys.iter().for_each(|key| reactor.modify(*key, Interest::READABLE, Mode::OneShot).unwrap());
        keys.iter().for_each(|key| reactor.modify(*key, Interest::READABLE, Mode::Level).unwrap());
        assert_eq!(reactor.wait(Timeout::Infinite), Ok(64));
        while reactor.next_ready().is_some() {}
    };
    // The first round allocates room for all changes between two waits.
    round();
    let used = measure(|| (0..1000).for_each(|_| round()));
    assert_eq!(used.count_total, 0);
    // Without a wait, inserts, modifies and removals don't make the list longer.
    let used = measure(|| {
        for number in 0..1_000_000 {
            let (source, ()) = reactor.remove(keys[number % 100]).unwrap();
            let key = reactor.insert(source, (), Interest::READABLE, Mode::Level).unwrap();
            reactor.modify(key, Interest::empty(), Mode::Level).unwrap();
            reactor.pause(key).unwrap();
            keys[number % 100] = key;
        }
    });
    assert_eq!((used.count_total, used.bytes_max), (0, 0));
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
}

#[cfg(target_os = "linux")]
#[test]
fn all_sources_may_change_without_allocation() {
    let _alone = ONE_AT_A_TIME.lock();
    let (reader, _writer) = std::io::pipe().unwrap();
    let pauses = |reactor: &mut Reactor<_, _, _>| {
        let keys: Vec<_> = reactor.keys().collect();
        measure(|| keys.iter().for_each(|key| reactor.pause(*key).unwrap())).count_total
    };
    for count in 1..=40 {
        let mut reactor = Reactor::with(iomux_backend::Epoll::new().unwrap(), 8);
        let insert = |reactor: &mut Reactor<_, _, _>| {
            reactor.insert(reader.try_clone().unwrap(), (), Interest::READABLE, Mode::Level).unwrap();
        };
        (0..count).for_each(|_| insert(&mut reactor));
        assert_eq!(pauses(&mut reactor), 0, "{count}");
        reactor.retain(|_, _, ()| false);
        reactor.shrink_to_fit();
        (0..count).for_each(|_| insert(&mut reactor));
        reactor.shrink_to_fit();
        assert_eq!(pauses(&mut reactor), 0, "{count}, after a shrink");
    }
}

#[test]
fn waker_may_reuse_number_of_closed_fd() {
    let _alone = ONE_AT_A_TIME.lock();
    let (reader, _writer) = std::io::pipe().unwrap();
    let others: Vec<_> = (0..3).map(|_| reader.try_clone().unwrap()).collect();
    let mut poll = Poll::new();
    let closed = reader.try_clone().unwrap();
    let number = closed.as_raw_fd();
    // SAFETY: violated on purpose, since the test is about a closed fd that is still registered.
    unsafe { poll.register_raw(number, Token(1), Interest::READABLE, Mode::Level) }.unwrap();
    for (token, other) in others.iter().enumerate() {
        poll.register(other.as_fd(), Token(10 + token), Interest::READABLE, Mode::Level).unwrap();
    }
    drop(closed);
    // One of these reuses the number.
    let wakers: Vec<_> = (0..4).map(|token| poll.waker(Token(100 + token)).unwrap()).collect();
    wakers.iter().for_each(iomux_backend::Waker::wake);
    let mut events = Events::with_capacity(16);
    assert_eq!(poll.wait(&mut events, Timeout::Infinite), Ok(4));
    assert!(events.iter().all(|event| event.token().0 >= 100), "{events:?}");
    others.iter().for_each(|other| poll.deregister(other.as_fd()).unwrap());
    assert_eq!(poll.wait(&mut events, Timeout::Nowait), Ok(0));
}

#[cfg(target_os = "linux")]
#[test]
fn deadlines_never_allocate() {
    let _alone = ONE_AT_A_TIME.lock();
    let mut reactor = Reactor::with(iomux_backend::Epoll::new().unwrap(), 64);
    let (reader, mut writer) = std::io::pipe().unwrap();
    let copies = (0..100).map(|_| reader.try_clone().unwrap());
    let insert = |copy| reactor.insert(copy, (), Interest::READABLE, Mode::Level).unwrap();
    let mut keys: Vec<_> = copies.map(insert).collect();
    let hour = std::time::Duration::from_secs(3600);
    // Even the first wait must not allocate.
    keys.iter().for_each(|key| reactor.set_deadline(*key, Timeout::Nowait).unwrap());
    let used = measure(|| assert_eq!(reactor.wait(Timeout::Infinite), Ok(100)));
    assert_eq!(used.count_total, 0);
    let mut round = |number: usize| {
        keys.iter().for_each(|key| reactor.set_deadline(*key, hour).unwrap());
        keys.iter().for_each(|key| reactor.set_deadline(*key, 2 * hour).unwrap());
        keys.iter().for_each(|key| reactor.set_deadline(*key, Timeout::Nowait).unwrap());
        assert_eq!(reactor.wait(Timeout::Infinite), Ok(100));
        // Some expire, some are set again, some are removed, and the others expire later.
        let taken = std::iter::from_fn(|| reactor.next_ready()).take(number % 100).count();
        assert_eq!(taken, number % 100);
        keys.iter().step_by(3).for_each(|key| reactor.set_deadline(*key, hour).unwrap());
        keys.iter().step_by(3).for_each(|key| reactor.set_deadline(*key, Timeout::Nowait).unwrap());
        keys.iter().step_by(5).for_each(|key| reactor.set_deadline(*key, None).unwrap());
        let (source, ()) = reactor.remove(keys[number % 100]).unwrap();
        keys[number % 100] = reactor.insert(source, (), Interest::READABLE, Mode::Level).unwrap();
        reactor.wait(Timeout::Nowait).unwrap();
        // Also with a full buffer.
        writer.write_all(b"!").unwrap();
        assert!(reactor.wait(Timeout::Infinite).unwrap() >= 64);
        std::io::Read::read_exact(&mut &reader, &mut [0]).unwrap();
        assert!(reactor.wait(hour).unwrap() > 0);
        while reactor.next_ready().is_some() {}
    };
    (0..3).for_each(&mut round);
    let used = measure(|| (3..1000).for_each(&mut round));
    assert_eq!(used.count_total, 0);
}

#[test]
fn small_buffer_expires_no_ready_source() {
    const SOURCES: usize = 10_000;
    let _alone = ONE_AT_A_TIME.lock();
    let (_, hard) = Resource::NOFILE.get().unwrap();
    Resource::NOFILE.set(hard, hard).unwrap();
    if hard < 11_000 {
        eprintln!("skipped: deadlines of ten thousand sources: the limit of open files is {hard}");
        return;
    }
    for name in iomux_backend::NAMES {
        let (full, mut writer) = std::io::pipe().unwrap();
        let (silent, _other) = std::io::pipe().unwrap();
        writer.write_all(b"!").unwrap();
        let mut reactor = Reactor::with(iomux_backend::by_name(name).unwrap(), 64);
        let soon = std::time::Instant::now() + std::time::Duration::from_millis(1);
        for number in 0..SOURCES {
            let source = if number % 2 == 0 { &full } else { &silent }.try_clone().unwrap();
            let key = reactor.insert(source, (number, false), Interest::READABLE, Mode::Level).unwrap();
            reactor.set_deadline(key, soon).unwrap();
        }
        // As after a stop of the process, all deadlines have passed, and full buffers hide ready sources at first.
        let mut heard = 0;
        while reactor.len() > SOURCES / 2 {
            reactor.wait(Timeout::Infinite).unwrap();
            while let Some((key, cause, _, (number, is_heard))) = reactor.next() {
                if cause == iomux_backend::Cause::Expired {
                    assert_eq!(*number % 2, 1, "{name}: {number} was heard in time");
                    reactor.remove(key).unwrap();
                } else {
                    heard += usize::from(!*is_heard);
                    *is_heard = true;
                    reactor.set_deadline(key, None).unwrap();
                }
            }
        }
        assert_eq!(heard, SOURCES / 2, "{name}: each ready one has had its turn before the last has expired");
    }
}

#[test]
fn reactor_shrinks_to_fit() {
    let _alone = ONE_AT_A_TIME.lock();
    let (reader, _writer) = std::io::pipe().unwrap();
    let used = measure(|| {
        let mut reactor = Reactor::with(Poll::new(), 8);
        let insert = |reactor: &mut Reactor<_, _, _>| {
            reactor.insert(reader.try_clone().unwrap(), (), Interest::READABLE, Mode::Level).unwrap()
        };
        let kept = insert(&mut reactor);
        for _ in 0..500 {
            insert(&mut reactor);
        }
        let keys: Vec<_> = reactor.keys().filter(|key| *key != kept).collect();
        keys.iter().for_each(|key| drop(reactor.remove(*key)));
        let full = measure(|| reactor.shrink_to_fit());
        // A place holds a generation, the source and its registration.
        let least = i64::try_from(500 * 4 * size_of::<usize>()).unwrap();
        assert!(-full.bytes_current > least, "{}", full.bytes_current);
        assert!(reactor.contains(kept));
        insert(&mut reactor);
        assert_eq!(reactor.len(), 2);
    });
    assert_eq!(used.bytes_current, 0);
}
