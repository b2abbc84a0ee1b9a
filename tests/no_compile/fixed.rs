//! compiles
//! The other programs of this folder with their mistakes fixed. So each fails only for its stated reason.
use iomux::{Interest, PollFd, Readiness, SigSet, Slots, Timeout, poll};
use std::io;
use std::os::fd::{AsFd, AsRawFd, IntoRawFd, OwnedFd};

fn fd_dropped_after_table() -> io::Result<()> {
    let (reader, _writer) = io::pipe()?;
    let mut slots = Slots::with_capacity(1);
    slots.set(0, reader.as_fd(), Interest::READABLE)?;
    slots.poll(Timeout::Nowait)?;
    drop(reader);
    Ok(())
}

fn table_dies_before_fd() -> io::Result<()> {
    let (reader, _writer) = io::pipe()?;
    {
        let mut slots = Slots::with_capacity(1);
        slots.set(0, reader.as_fd(), Interest::READABLE)?;
        slots.poll(Timeout::Nowait)?;
    }
    drop(reader);
    Ok(())
}

fn fd_moved_after_poll() -> io::Result<()> {
    let reader = OwnedFd::from(io::pipe()?.0);
    let mut fds = [PollFd::new(reader.as_fd(), Interest::READABLE)?];
    poll(&mut fds, Timeout::Nowait)?;
    let _number = reader.into_raw_fd();
    Ok(())
}

fn reported_fd_used_before_close() -> io::Result<()> {
    let (reader, _writer) = io::pipe()?;
    let mut slots = Slots::with_capacity(1);
    slots.set(0, reader.as_fd(), Interest::READABLE)?;
    slots.poll(Timeout::Nowait)?;
    let reported = slots.ready().next().map(|ready| ready.fd());
    drop(slots);
    println!("{:?}", reported.map(|fd| fd.as_raw_fd()));
    drop(reader);
    Ok(())
}

fn fd_closed_after_recycle() -> io::Result<()> {
    let (reader, _writer) = io::pipe()?;
    let mut slots = Slots::with_capacity(1);
    slots.set(0, reader.as_fd(), Interest::READABLE)?;
    let mut next = slots.recycle();
    drop(reader);
    next.poll(Timeout::Nowait)?;
    Ok(())
}

fn like_compared_with_like() {
    println!("{}", Readiness::HANGUP == Readiness::READABLE);
    println!("{}", Interest::READABLE == Interest::WRITABLE);
}

fn slot_cleared_between_two() -> io::Result<()> {
    let mut slots = Slots::with_capacity(1);
    slots.poll(Timeout::Nowait)?;
    while let Some(ready) = slots.next_ready() {
        slots.clear(ready.index())?;
    }
    Ok(())
}

fn buffer_changed_after_table() -> io::Result<()> {
    let mut buffer = [PollFd::EMPTY];
    let mut slots = Slots::over(&mut buffer);
    slots.poll(Timeout::Nowait)?;
    buffer[0] = PollFd::EMPTY;
    Ok(())
}

fn set_raw_with_unsafe() -> io::Result<()> {
    let mut slots = Slots::with_capacity(1);
    // SAFETY: nothing here closes standard input.
    unsafe { slots.set_raw(0, 0, Interest::READABLE)? };
    Ok(())
}

fn mask_guard_kept() -> io::Result<()> {
    let guard = SigSet::empty().block()?;
    std::thread::spawn(|| ()).join().ok();
    drop(guard);
    Ok(())
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn epoll_shared_before_its_sources() -> io::Result<()> {
    use iomux_backend::{Epoll, EpollFlags, Events, Mode, Multiplexer, Reactor, Token};

    let (first, second) = std::os::unix::net::UnixStream::pair()?;
    let epoll = Epoll::new()?;
    epoll.register_with(first.as_fd(), Token(0), Interest::READABLE, Mode::Level, EpollFlags::empty())?;
    (&epoll).register(second.as_fd(), Token(1), Interest::READABLE, Mode::Level)?;
    (&epoll).wait(&mut Events::with_capacity(1), Timeout::Nowait)?;
    let _reactor = Reactor::<std::net::TcpStream, (), _>::with(Epoll::new()?, 8);
    Ok(())
}

fn main() -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    epoll_shared_before_its_sources()?;
    fd_dropped_after_table()?;
    table_dies_before_fd()?;
    fd_moved_after_poll()?;
    reported_fd_used_before_close()?;
    fd_closed_after_recycle()?;
    like_compared_with_like();
    slot_cleared_between_two()?;
    buffer_changed_after_table()?;
    set_raw_with_unsafe()?;
    mask_guard_kept()
}
