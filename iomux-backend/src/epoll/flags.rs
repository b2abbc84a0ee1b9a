//! What only epoll has, beyond a mode.

use super::{Epoll, asked, refused, unsupported};
use crate::error::Error;
use crate::event::Token;
use crate::multiplexer::Mode;
use core::fmt;
use iomux::Interest;
use iomux_sys::epoll::{EPOLLEXCLUSIVE, EPOLLWAKEUP};
use std::os::fd::{AsRawFd, BorrowedFd};

bitflags::bitflags! {
    /// What only epoll has, beyond a [`Mode`]: for [`Epoll::register_with`].
    ///
    /// ```
    /// use iomux_backend::{Epoll, EpollFlags, Error, Interest, Mode, Multiplexer, Token};
    /// use std::os::fd::AsFd;
    ///
    /// let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    /// let mut epoll = Epoll::new()?;
    /// let flags = EpollFlags::EXCLUSIVE | EpollFlags::WAKEUP;
    /// epoll.register_with(listener.as_fd(), Token(1), Interest::READABLE, Mode::Level, flags)?;
    /// let refused = epoll.modify(listener.as_fd(), Token(2), Interest::READABLE, Mode::Level);
    /// assert!(matches!(refused, Err(Error::Unsupported { .. })), "deregister, and register again");
    /// # std::io::Result::Ok(())
    /// ```
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct EpollFlags: u32 {
        /// `EPOLLEXCLUSIVE`: of several epolls that wait for the same file, not all are woken. It goes
        /// with [`Interest::READABLE`] and [`Interest::WRITABLE`] only, and can't be modified.
        #[doc(alias = "EPOLLEXCLUSIVE")]
        const EXCLUSIVE = EPOLLEXCLUSIVE;
        /// `EPOLLWAKEUP`: the system is not suspended from the event on until the next wait. Linux drops it
        /// in silence for a process without `CAP_BLOCK_SUSPEND`.
        #[doc(alias = "EPOLLWAKEUP")]
        const WAKEUP = EPOLLWAKEUP;
    }
}

/// The names of the flags, joined by ` | `.
impl fmt::Display for EpollFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bitflags::parser::to_writer(self, f)
    }
}

impl<'fd> Epoll<'fd> {
    /// As [`register`](crate::Multiplexer::register), with flags that only epoll has.
    ///
    /// [`modify`](crate::Multiplexer::modify) keeps [`EpollFlags::WAKEUP`]; what is
    /// [`EXCLUSIVE`](EpollFlags::EXCLUSIVE) can't be modified, and is deregistered instead.
    ///
    /// ```
    /// use iomux_backend::{Epoll, EpollFlags, Interest, Mode, Token};
    /// use std::os::fd::AsFd;
    ///
    /// let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    /// let mut epoll = Epoll::new()?;
    /// epoll.register_with(listener.as_fd(), Token(1), Interest::READABLE, Mode::Edge, EpollFlags::EXCLUSIVE)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`register`](crate::Multiplexer::register), and [`Error::Unsupported`] for a flag without a name, and for
    /// `EXCLUSIVE` with another interest than to read and write, with one-shot, or for the fd of an epoll.
    #[doc(alias = "epoll_ctl")]
    #[inline]
    pub fn register_with(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
        flags: EpollFlags,
    ) -> Result<(), Error> {
        if !EpollFlags::all().contains(flags) {
            return Err(unsupported("a flag without a name"));
        }
        let asked = asked(token, interest, mode, flags.bits())?;
        let fd = fd.as_raw_fd();
        if self.registrations.is_registered(fd) {
            return Err(Error::AlreadyRegistered { fd });
        }
        self.registrations.reserve(fd)?;
        self.add(fd, asked).map_err(|code| refused(fd, asked, code))?;
        self.registrations.told(fd, asked);
        Ok(())
    }
}
