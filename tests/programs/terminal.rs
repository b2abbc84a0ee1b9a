//! A terminal of the test's own: a pty, whose master it reads and types into.

use crate::program::{DEADLINE, Program};
use iomux::{Interest, PollFd};
use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};
use nix::pty::{OpenptyResult, openpty};
use nix::unistd::setsid;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) struct Terminal {
    pub(crate) master: File,
    pub(crate) slave: OwnedFd,
}

impl Terminal {
    #[track_caller]
    pub(crate) fn new() -> Self {
        let OpenptyResult { master, slave } = openpty(None, None).unwrap();
        // No program that another test starts is to keep it open.
        for fd in [&master, &slave] {
            fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        }
        Self { master: master.into(), slave }
    }

    /// Has the program begin a session of its own, which this terminal controls; its stdin is the terminal.
    pub(crate) fn control(&self, command: &mut Command) {
        command.stdin(self.slave.try_clone().unwrap());
        let take_terminal = || {
            setsid()?;
            // SAFETY: with this request ioctl(2) takes a number, and touches no memory of ours.
            let answer = unsafe { libc::ioctl(0, libc::TIOCSCTTY as _, 0) };
            if answer == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
        };
        // SAFETY: it makes two system calls and allocates nothing, as it must between fork and exec.
        unsafe { command.pre_exec(take_terminal) };
    }

    #[track_caller]
    pub(crate) fn types(&self, keys: &[u8]) {
        (&self.master).write_all(keys).unwrap();
    }

    fn has(fd: impl AsFd, interest: Interest) -> bool {
        let mut fds = [PollFd::new(fd.as_fd(), interest).unwrap()];
        iomux::poll(&mut fds, Duration::from_millis(1)).unwrap() == 1
    }

    pub(crate) fn is_non_blocking(&self) -> bool {
        let flags = fcntl(&self.slave, FcntlArg::F_GETFL).unwrap();
        OFlag::from_bits_retain(flags).contains(OFlag::O_NONBLOCK)
    }

    /// Waits until it takes no more of what a program shows.
    #[track_caller]
    pub(crate) fn is_filled_by(&self, program: &Program) {
        let begin = Instant::now();
        while !program.is_asleep() || Self::has(&self.slave, Interest::WRITABLE) {
            assert!(begin.elapsed() < DEADLINE, "the terminal is never full");
            // Linux makes room in the background without a word to a writer that sleeps; a read wakes it. On other systems
            // the reads would keep it from being full.
            let is_linux = cfg!(target_os = "linux");
            if is_linux && program.is_asleep() && Self::has(&self.master, Interest::READABLE) {
                let _count = (&self.master).read(&mut [0; 4096]).unwrap();
            }
        }
    }

    /// Reads what is shown from now on, so that no program waits for that.
    pub(crate) fn drain(&self) {
        let mut master = self.master.try_clone().unwrap();
        thread::spawn(move || io::copy(&mut master, &mut io::sink()));
    }
}
