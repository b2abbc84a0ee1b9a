//! An epoll in another multiplexer: none of its changes may be left to a wait that does not come.

use super::Epoll;
use crate::error::Error;
use crate::event::Events;
use crate::reactor::Reactor;
use std::os::fd::{AsFd, OwnedFd};

impl Epoll<'_> {
    /// An fd of this epoll, for another multiplexer to wait for: it is readable when something is ready here.
    ///
    /// Deregister it there when this epoll is dropped: what is open elsewhere, a dup(2) of a source or the fd of a
    /// [`Waker`](crate::Waker), goes on making it readable, and nobody can take those events.
    ///
    /// What was modified so far is told to the kernel first, and what is modified from here on at once, since
    /// the other one would not see a change that waits for the next wait here.
    ///
    /// ```
    /// use iomux_backend::{Epoll, Events, Interest, Mode, Multiplexer, Timeout, Token};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut inner = Epoll::new()?;
    /// inner.register(writer.as_fd(), Token(1), Interest::empty(), Mode::Level)?;
    /// let shared = inner.share()?;
    /// let mut outer = Epoll::new()?;
    /// outer.register(shared.as_fd(), Token(2), Interest::READABLE, Mode::Level)?;
    /// inner.modify(writer.as_fd(), Token(1), Interest::WRITABLE, Mode::Level)?;
    /// assert_eq!(outer.wait(&mut Events::with_capacity(8), Timeout::Infinite)?, 1);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Os`], for want of an fd.
    pub fn share(&mut self) -> Result<OwnedFd, Error> {
        let copy = self
            .epoll
            .try_clone()
            .map_err(|error| Error::Os { call: "fcntl", code: error.raw_os_error().unwrap_or_default() })?;
        // What the kernel refuses stays, to be reported here.
        self.tell(&mut Events::with_capacity(0));
        self.is_shared = true;
        Ok(copy)
    }

    /// The epoll itself, with what is registered in it. What was modified is told to the kernel first.
    ///
    /// ```
    /// use iomux_backend::{Epoll, Interest, Mode, Multiplexer, Token};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut epoll = Epoll::new()?;
    /// epoll.register(reader.as_fd(), Token(7), Interest::READABLE, Mode::Level)?;
    /// let fd = epoll.into_owned_fd().map_err(|(_epoll, error)| error)?;
    /// # drop(fd);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// Its events carry the tokens as `data`. Wakers end with this: their fds are closed once the last
    /// [`Waker`](crate::Waker) is gone.
    ///
    /// # Errors
    /// This multiplexer as it was, and [`Error::Os`], when the kernel knows an fd no more whose change it
    /// had not been told: the next wait reports it.
    #[allow(clippy::result_large_err, reason = "handed back, so that nothing is lost")]
    pub fn into_owned_fd(mut self) -> Result<OwnedFd, (Self, Error)> {
        match self.tell(&mut Events::with_capacity(0)) {
            None => Ok(self.epoll),
            Some(code) => Err((self, Error::Os { call: "epoll_ctl", code })),
        }
    }
}

impl<S: AsFd, T> Reactor<S, T, Epoll<'static>> {
    /// An fd of the reactor's epoll, for another multiplexer to wait for: [`Epoll::share`].
    ///
    /// ```
    /// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Reactor, Timeout, Token};
    /// use std::os::fd::AsFd;
    ///
    /// let mut reactor = Reactor::new()?;
    /// let (_reader, writer) = std::io::pipe()?;
    /// reactor.insert(writer, (), Interest::WRITABLE, Mode::Level)?;
    /// let shared = reactor.share()?;
    /// let mut outer = Poll::new();
    /// outer.register(shared.as_fd(), Token(1), Interest::READABLE, Mode::Level)?;
    /// assert_eq!(outer.wait(&mut Events::with_capacity(1), Timeout::Infinite)?, 1);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Os`], for want of an fd.
    pub fn share(&mut self) -> Result<OwnedFd, Error> {
        self.backend_mut().share()
    }
}
