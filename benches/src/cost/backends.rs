//! The benchmarks of the backends: wait, modify, register and wake.

use iomux_backend::{Epoll, Events, Interest, Mode, Multiplexer, Poll, Reactor, Timeout, Token};
use std::hint::black_box;
use std::io::{self, PipeReader, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

pub(crate) fn run(benchmark: &str, rounds: u64) -> io::Result<()> {
    match benchmark {
        "bare-epoll" => bare_epoll(rounds),
        "epoll-wait" => wait(Epoll::new()?, 1, rounds, Timeout::Nowait),
        "epoll-wait-zero" => wait(Epoll::new()?, 1, rounds, black_box(Timeout::After(Duration::ZERO))),
        "epoll-wait-infinite" => wait(Epoll::new()?, 1, rounds, Timeout::Infinite),
        "epoll-wait-64" => wait(Epoll::new()?, 64, rounds, Timeout::Nowait),
        "poll-wait" => wait(Poll::new(), 1, rounds, Timeout::Nowait),
        "poll-wait-64" => wait(Poll::new(), 64, rounds, Timeout::Nowait),
        "epoll-modify" => modify(Epoll::new()?, rounds),
        "poll-modify" => modify(Poll::new(), rounds),
        "epoll-register" => register(Epoll::new()?, rounds),
        "poll-register" => register(Poll::new(), rounds),
        "epoll-wake" => wake(Epoll::new()?, 1, rounds, Timeout::Infinite),
        "epoll-wake-100" => wake(Epoll::new()?, 100, rounds, Timeout::Infinite),
        "poll-wake" => wake(Poll::new(), 1, rounds, Timeout::Infinite),
        "poll-wake-100" => wake(Poll::new(), 100, rounds, Timeout::Infinite),
        "wake-pending" => wake_pending(rounds),
        "reactor-wait" => reactor_wait(1, rounds, |_| Ok(())),
        "reactor-wait-64" => reactor_wait(64, rounds, |_| Ok(())),
        "reactor-wait-handle" => reactor_wait(1, rounds, |reactor| Ok(reactor.handle()?)),
        "reactor-wait-deadline" => reactor_wait(1, rounds, set_deadlines),
        "reactor-insert" => reactor_insert(rounds),
        "reactor-modify" => reactor_modify(rounds),
        "bare-loop" => {
            bare_loop(rounds);
            Ok(())
        }
        benchmark => Err(io::Error::other(format!(
            "unknown benchmark '{benchmark}': benches/cost and benches/instructions list them"
        ))),
    }
}

/// Bare epoll_wait(2), with one ready fd.
fn bare_epoll(rounds: u64) -> io::Result<()> {
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(b"!")?;
    // SAFETY: it takes and returns numbers.
    let epoll = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
    if epoll < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just opened it, and nothing else owns it.
    let epoll = unsafe { OwnedFd::from_raw_fd(epoll) };
    let mut event = libc::epoll_event { events: libc::EPOLLIN.cast_unsigned(), u64: 7 };
    let (epoll, fd) = (epoll.as_raw_fd(), reader.as_raw_fd());
    // SAFETY: the event is a local.
    if unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event) } < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut found = [libc::epoll_event { events: 0, u64: 0 }; 64];
    for _ in 0..rounds {
        // SAFETY: the buffer has room for 64 events, and nothing else uses it.
        let count = unsafe { libc::epoll_wait(epoll, found.as_mut_ptr(), 64, 0) };
        black_box(usize::try_from(count).map_err(|_| io::Error::last_os_error())?);
    }
    Ok(())
}

/// Waits for `ready` fds, which are always ready.
#[inline(always)]
fn wait(mut mux: impl Multiplexer<'static>, ready: usize, rounds: u64, timeout: Timeout) -> io::Result<()> {
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(b"!")?;
    let readers = (0..ready).map(|_| reader.try_clone()).collect::<io::Result<Vec<_>>>()?;
    for (token, reader) in readers.leak().iter().enumerate() {
        mux.register(reader.as_fd(), Token(token), Interest::READABLE, Mode::Level)?;
    }
    let mut events = Events::with_capacity(64);
    for _ in 0..rounds {
        let count = mux.wait(black_box(&mut events), timeout)?;
        assert_eq!(count, ready);
    }
    Ok(())
}

/// Waits for `ready` sources, which are always ready, and takes each. What `prepare` returns is kept.
fn reactor_wait<K>(
    ready: usize,
    rounds: u64,
    prepare: impl FnOnce(&mut Reactor<PipeReader, usize>) -> io::Result<K>,
) -> io::Result<()> {
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(b"!")?;
    let mut reactor = Reactor::new()?;
    for number in 0..ready {
        reactor.insert(reader.try_clone()?, number, Interest::READABLE, Mode::Level)?;
    }
    let _kept = prepare(&mut reactor)?;
    for _ in 0..rounds {
        let reactor = black_box(&mut reactor);
        assert_eq!(reactor.wait(Timeout::Infinite)?, ready);
        while let Some(event) = reactor.next() {
            black_box(event);
        }
    }
    Ok(())
}

fn set_deadlines(reactor: &mut Reactor<PipeReader, usize>) -> io::Result<()> {
    let keys: Vec<_> = reactor.keys().collect();
    Ok(keys.iter().try_for_each(|key| reactor.set_deadline(*key, Duration::from_secs(3600)))?)
}

/// Inserts a source and removes it.
fn reactor_insert(rounds: u64) -> io::Result<()> {
    let (mut reader, _writer) = io::pipe()?;
    let mut reactor = Reactor::new()?;
    for _ in 0..rounds {
        let reactor = black_box(&mut reactor);
        let key = reactor.insert(reader, (), Interest::READABLE, Mode::Level)?;
        (reader, ()) = reactor.remove(key).ok_or_else(|| io::Error::other("it was inserted"))?;
    }
    Ok(())
}

/// Modifies a source back and forth. Each wait submits the change.
fn reactor_modify(rounds: u64) -> io::Result<()> {
    let (reader, _writer) = io::pipe()?;
    let mut reactor = Reactor::new()?;
    let (key, mut interest) =
        (reactor.insert(reader, (), Interest::READABLE, Mode::Level)?, Interest::READABLE);
    for _ in 0..rounds {
        interest ^= Interest::READABLE;
        let reactor = black_box(&mut reactor);
        reactor.modify(key, interest, Mode::Level)?;
        reactor.wait(Timeout::Nowait)?;
    }
    Ok(())
}

/// Alternates between an empty interest and another.
#[inline(always)]
fn modify(mut mux: impl Multiplexer<'static>, rounds: u64) -> io::Result<()> {
    let (reader, _writer) = io::pipe()?;
    let reader: &'static _ = Box::leak(Box::new(reader));
    mux.register(reader.as_fd(), Token(7), Interest::READABLE, Mode::Level)?;
    let (fd, mut interest) = (reader.as_fd(), Interest::READABLE);
    for _ in 0..rounds {
        interest ^= Interest::READABLE;
        black_box(&mut mux).modify(fd, Token(7), interest, Mode::Level)?;
    }
    Ok(())
}

/// The loop of `modify`, without the modify.
fn bare_loop(rounds: u64) {
    let (mut mux, mut interest) = (0, Interest::READABLE);
    for _ in 0..rounds {
        interest ^= Interest::READABLE;
        black_box((black_box(&mut mux), interest));
    }
}

/// Registers an fd and deregisters it.
#[inline(always)]
fn register(mut mux: impl Multiplexer<'static>, rounds: u64) -> io::Result<()> {
    let (reader, _writer) = io::pipe()?;
    let reader: &'static _ = Box::leak(Box::new(reader));
    for _ in 0..rounds {
        let mux = black_box(&mut mux);
        mux.register(reader.as_fd(), Token(7), Interest::READABLE, Mode::Level)?;
        mux.deregister(reader.as_fd())?;
    }
    Ok(())
}

/// Wakes each of `count` wakers, and waits for them.
#[inline(always)]
fn wake(mut mux: impl Multiplexer<'static>, count: usize, rounds: u64, timeout: Timeout) -> io::Result<()> {
    let wakers = (0..count).map(|number| mux.waker(Token(number))).collect::<Result<Vec<_>, _>>()?;
    let mut events = Events::with_capacity(100);
    for _ in 0..rounds {
        black_box(&wakers).iter().for_each(iomux_backend::Waker::wake);
        assert_eq!(mux.wait(black_box(&mut events), timeout)?, count);
    }
    Ok(())
}

fn wake_pending(rounds: u64) -> io::Result<()> {
    let waker = Epoll::new()?.waker(Token(7))?;
    for _ in 0..rounds {
        black_box(&waker).wake();
    }
    Ok(())
}
