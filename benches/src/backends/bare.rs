//! epoll(7) as one would call it by hand: what ours is held against.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

pub(crate) struct BareEpoll {
    epoll: OwnedFd,
    found: [libc::epoll_event; 64],
}

fn check(answer: i32) -> io::Result<usize> {
    usize::try_from(answer).map_err(|_| io::Error::last_os_error())
}

impl BareEpoll {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: takes and returns numbers.
        let fd = unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) };
        check(fd)?;
        // SAFETY: just opened, and nobody else's.
        Ok(Self::over(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    pub(crate) fn over(epoll: OwnedFd) -> Self {
        Self { epoll, found: [libc::epoll_event { events: 0, u64: 0 }; 64] }
    }

    pub(crate) fn add(&self, fd: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        let mut event = libc::epoll_event { events: libc::EPOLLIN.cast_unsigned(), u64: token };
        let (epoll, fd, event) = (self.epoll.as_raw_fd(), fd.as_raw_fd(), &raw mut event);
        // SAFETY: the event is ours alone.
        check(unsafe { libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, event) }).map(|_| ())
    }

    #[inline]
    pub(crate) fn wait(&mut self, ms: i32) -> io::Result<usize> {
        let found = self.found.as_mut_ptr();
        // SAFETY: room for 64, ours alone.
        check(unsafe { libc::epoll_wait(self.epoll.as_raw_fd(), found, 64, ms) })
    }

    /// epoll_pwait2(2), by its number.
    pub(crate) fn pwait2(&mut self, time: Duration) -> io::Result<usize> {
        let time = [time.as_secs(), time.subsec_nanos().into()];
        let (epoll, found, none) = (self.epoll.as_raw_fd(), self.found.as_mut_ptr(), std::ptr::null::<u8>());
        // SAFETY: room for 64, ours alone; the time is two 64-bit numbers, as the kernel has it.
        let count =
            unsafe { libc::syscall(libc::SYS_epoll_pwait2, epoll, found, 64, time.as_ptr(), none, 8) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }
}

/// Counters of 0, as many as asked.
pub(crate) fn eventfds(count: usize) -> io::Result<Vec<OwnedFd>> {
    (0..count).map(|_| eventfd()).collect()
}

fn eventfd() -> io::Result<OwnedFd> {
    // SAFETY: takes and returns numbers.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC) };
    check(fd)?;
    // SAFETY: just opened, and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Processes that have registered their own eventfds in an epoll of ours, until they are dropped.
pub(crate) struct Children {
    pids: Vec<i32>,
    registered: usize,
}

impl Children {
    pub(crate) fn that_fill(epoll: &BareEpoll, wanted: usize) -> io::Result<Self> {
        let mut children = Self { pids: Vec::new(), registered: 0 };
        while children.registered < wanted {
            let count = children.add(epoll, wanted - children.registered)?;
            if count == 0 {
                break;
            }
            children.registered += count;
        }
        Ok(children)
    }

    pub(crate) fn registered(&self) -> usize {
        self.registered
    }

    /// One more, which says how many it could register.
    fn add(&mut self, epoll: &BareEpoll, wanted: usize) -> io::Result<usize> {
        let (mut says, mut said) = io::pipe()?;
        // SAFETY: this program has one thread.
        let pid = unsafe { libc::fork() };
        if check(pid)? == 0 {
            let mut fds = Vec::new();
            while fds.len() < wanted {
                let Ok(fd) = eventfd() else { break };
                if epoll.add(fd.as_fd(), u64::MAX).is_err() {
                    break;
                }
                fds.push(fd);
            }
            let _ = io::Write::write_all(&mut said, &fds.len().to_ne_bytes());
            loop {
                // SAFETY: takes nothing; the parent ends this process by a signal.
                unsafe { libc::pause() };
            }
        }
        self.pids.push(pid);
        drop(said);
        let mut count = [0; size_of::<usize>()];
        io::Read::read_exact(&mut says, &mut count)?;
        Ok(usize::from_ne_bytes(count))
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        for pid in &self.pids {
            // SAFETY: takes numbers; the child is ours, and not waited for yet.
            unsafe { libc::kill(*pid, libc::SIGKILL) };
            // SAFETY: as above; its status is not asked for.
            unsafe { libc::waitpid(*pid, std::ptr::null_mut(), 0) };
        }
    }
}
