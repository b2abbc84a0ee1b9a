//! Wakers: a filter of the queue that any thread may trigger, or an fd where the system has no such filter.

use super::Kqueue;
use super::exchange::{NO_TIME, failed};
use super::sys::{self, Kevent, Kind};
use crate::error::Error;
use crate::event::Token;
use crate::multiplexer::Mode;
use crate::notifier::Notifier;
use crate::waker::{Waker, WakerSource};
use iomux::Interest;
use iomux_sys::errno::EINVAL;
use iomux_sys::kqueue::{EV_ADD, EV_CLEAR, EVFILT_USER, NOTE_TRIGGER};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

/// A filter `EVFILT_USER` of a queue, to be triggered from anywhere.
#[derive(Debug)]
pub(crate) struct Trigger {
    /// Its share of the queue: were that closed, the number would be another file's.
    queue: Arc<OwnedFd>,
    ident: usize,
}

impl Trigger {
    /// Triggers it: a system call, and nothing that a signal handler may not do.
    #[inline]
    pub(crate) fn pull(&self) {
        let change = Kevent::change(self.ident, EVFILT_USER, 0, NOTE_TRIGGER, 0, self.ident);
        let _ = sys::kevent(self.queue.as_fd(), &[change], &mut [], Some(NO_TIME));
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

/// The receiving ends of wakers, and which of them this wait has heard of.
#[derive(Debug)]
pub(super) struct Wakers {
    all: Vec<WakerOf>,
    woken: Vec<usize>,
}

#[derive(Debug)]
struct WakerOf {
    source: WakerSource,
    token: Token,
    /// The number of its filter; `None` where it has an fd.
    ident: Option<usize>,
}

impl Wakers {
    pub(super) const fn new() -> Self {
        Self { all: Vec::new(), woken: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn woken_len(&self) -> usize {
        self.woken.len()
    }

    /// The tokens of those that were woken, and no longer are.
    pub(super) fn take_woken(&mut self) -> impl Iterator<Item = Token> {
        let Self { all, woken } = self;
        woken.drain(..).map(|index| all[index].token)
    }

    /// Takes an event, if it is of a waker. Returns whether this wait had not heard of it already, if so.
    pub(super) fn take(&mut self, event: &Kevent) -> Option<bool> {
        let ident = (event.filter() == EVFILT_USER).then_some(event.ident());
        let index = self.all.iter().position(|waker| waker.ident.is_some() && waker.ident == ident)?;
        self.all[index].source.drain();
        let is_new = !self.woken.contains(&index);
        if is_new {
            // There is room: it was made for each.
            self.woken.push(index);
        }
        Some(is_new)
    }

    /// Drains the waker whose fd has this number.
    pub(super) fn drain(&self, fd: RawFd) {
        let is_it = |waker: &&WakerOf| waker.ident.is_none() && waker.source.as_fd().as_raw_fd() == fd;
        if let Some(waker) = self.all.iter().find(is_it) {
            waker.source.drain();
        }
    }
}

impl Kqueue<'_> {
    pub(super) fn add_waker(&mut self, token: Token) -> Result<Waker, Error> {
        self.wakers.all.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        self.wakers.woken.try_reserve(self.wakers.all.len() + 1).map_err(|_| Error::OutOfMemory)?;
        let waker_of = match self.add_filter(token) {
            // No such filter: OpenBSD and NetBSD before they had it.
            Err(Error::Os { code: EINVAL, .. }) => self.add_fd(token),
            answer => answer,
        }?;
        let waker = waker_of.source.waker();
        self.wakers.all.push(waker_of);
        Ok(waker)
    }

    fn add_filter(&mut self, token: Token) -> Result<WakerOf, Error> {
        let ident = self.next_generation();
        self.say(Kevent::change(ident, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, ident))?;
        let trigger = Trigger { queue: Arc::clone(&self.queue), ident };
        Ok(WakerOf { source: WakerSource::with(Notifier::Queue(trigger)), token, ident: Some(ident) })
    }

    fn add_fd(&mut self, token: Token) -> Result<WakerOf, Error> {
        let source = WakerSource::new()?;
        let fd = source.as_fd().as_raw_fd();
        // Who had this number before: a source that was closed though it was registered.
        let _ = self.remove(fd);
        self.add(fd, token, Interest::READABLE, Mode::Level, Kind::Waker)?;
        Ok(WakerOf { source, token, ident: None })
    }

    /// Tells the kernel of one change.
    pub(super) fn say(&mut self, change: Kevent) -> Result<(), Error> {
        self.changes.clear();
        self.changes.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        self.changes.push(change);
        self.tell().map_or(Ok(()), |code| Err(failed(code)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Events;
    use crate::multiplexer::Multiplexer;
    use iomux::Timeout;

    #[test]
    fn where_there_is_no_such_filter_a_waker_has_an_fd() {
        let mut kqueue = Kqueue::new().unwrap();
        let waker_of = kqueue.add_fd(Token(7)).unwrap();
        let waker = waker_of.source.waker();
        kqueue.wakers.all.push(waker_of);
        let mut events = Events::with_capacity(8);
        for _ in 0..3 {
            waker.wake();
            waker.wake();
            assert_eq!(kqueue.wait(&mut events, Timeout::Infinite), Ok(1));
            assert_eq!(events.get(0).unwrap().token(), Token(7));
            assert_eq!(kqueue.wait(&mut events, Timeout::Nowait), Ok(0));
        }
    }
}
