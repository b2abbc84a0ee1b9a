//! The multiplexer over kqueue(2): one system call a wait, which also tells the kernel of what was modified.

mod exchange;
mod notice;
mod registration;
mod sys;
mod table;
mod wakers;
mod watch;

// What a system has: one line per system for the file, and one for its use.
#[cfg(target_vendor = "apple")]
mod apple;
#[cfg(target_os = "dragonfly")]
mod dragonfly;
#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(iomux_libkqueue)]
mod libkqueue;
#[cfg(target_os = "netbsd")]
mod netbsd;
#[cfg(target_os = "openbsd")]
mod openbsd;

#[cfg(target_vendor = "apple")]
use apple as system;
#[cfg(target_os = "dragonfly")]
use dragonfly as system;
#[cfg(target_os = "freebsd")]
use freebsd as system;
#[cfg(iomux_libkqueue)]
use libkqueue as system;
#[cfg(target_os = "netbsd")]
use netbsd as system;
#[cfg(target_os = "openbsd")]
use openbsd as system;

pub use notice::{FileChanges, Notice, Watched};

use crate::error::Error;
use crate::event::{Events, Token};
use crate::multiplexer::{Capabilities, Mode, Multiplexer, TrustedMultiplexer};
use crate::waker::Waker;
use exchange::NO_TIME;
use iomux::{Deadline, Interest, Timeout};
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use sys::{Kevent, Kind, Queue};
use system::{URGENT, WAKES_BY_FILTER};
use table::Table;
use wakers::Wakers;
use watch::Watches;

const NAME: &str = "kqueue";

/// A multiplexer over kqueue(2), on Apple and the BSDs: for as many fds as there are, at a cost that depends
/// on those that are ready.
///
/// [`register`](Multiplexer::register) and [`deregister`](Multiplexer::deregister) tell the kernel at once, so that
/// errors appear where they belong. [`modify`](Multiplexer::modify) is remembered, and costs no system call: the next
/// wait tells the kernel what is left of it in the end, in the same call. What the kernel refuses then is an
/// `INVALID` event, and the registration is disarmed.
///
/// Modes are [`Level`](Mode::Level), [`Edge`](Mode::Edge) (`EV_CLEAR`), [`OneShot`](Mode::OneShot) and
/// [`EdgeOneShot`](Mode::EdgeOneShot) (`EV_DISPATCH`). A fd that is one-shot is disarmed in both directions by an
/// event of either.
///
/// It takes 32 bytes for each fd number up to the highest, and 8 for each registered fd.
///
/// # What is reported
/// kqueue has two filters where poll(2) has one fd; here they are one event. Of `EVFILT_READ`, `EV_EOF` is
/// `READ_CLOSED` for who asks for it, and `HANGUP` unless the fd is a socket, whose other half may be open still.
/// Of `EVFILT_WRITE` it is `HANGUP`: nobody reads any more; so it is after a shutdown(2) of one's own, too. With the
/// error of a socket it is `ERROR` as well.
///
/// Where neither direction is asked for, both filters are there, edge-triggered, to hear of a hangup: data that
/// arrives then wakes the process up, but ends no wait.
///
/// # Platform notes
/// - [`Interest::PRIORITY`] is `EVFILT_EXCEPT` with `NOTE_OOB`, of sockets: on Apple, OpenBSD and DragonFly.
///   Elsewhere it is [`Error::Unsupported`].
/// - Regular files and directories, which poll(2) takes for always ready, are [`Error::NotPollable`]: kqueue
///   says of them whether the file position is at the end.
/// - An fd that is closed is dropped by the kernel, and not reported. A child made by fork(2) is not given
///   the queue: make another there, and do nothing with this one nor its wakers but drop them.
/// - Timeouts are exact to the nanosecond, as far as the system's clock is.
///
/// # Other filters
/// What kqueue can wait for beside fds is watched with methods of its own: [`watch_timer`](Self::watch_timer),
/// [`watch_signal`](Self::watch_signal), [`watch_exit`](Self::watch_exit), [`watch_file`](Self::watch_file),
/// [`watch_user`](Self::watch_user). Each is an event with its token, as `READABLE`; [`notices`](Self::notices) say more.
///
/// Manuals: [FreeBSD](https://man.freebsd.org/cgi/man.cgi?query=kqueue&sektion=2),
/// [NetBSD](https://man.netbsd.org/kqueue.2), [OpenBSD](https://man.openbsd.org/kqueue.2),
/// [DragonFly](https://man.dragonflybsd.org/?command=kqueue&section=2).
///
/// ```
/// use iomux_backend::{Events, Interest, Kqueue, Mode, Multiplexer, Timeout, Token};
/// use std::io::Write;
/// use std::os::fd::AsFd;
///
/// let (reader, mut writer) = std::io::pipe()?;
/// let mut kqueue = Kqueue::new()?;
/// kqueue.register(reader.as_fd(), Token(7), Interest::READABLE, Mode::Edge)?;
/// writer.write_all(b"!")?;
/// let mut events = Events::with_capacity(16);
/// assert_eq!(kqueue.wait(&mut events, Timeout::Infinite)?, 1);
/// assert_eq!(events.get(0).map(|event| event.token()), Some(Token(7)));
/// assert_eq!(kqueue.wait(&mut events, Timeout::Nowait)?, 0, "an edge is reported once");
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Kqueue<'fd> {
    /// Shared with wakers, which may outlive this.
    queue: Arc<Queue>,
    table: Table,
    /// What the kernel is told next.
    changes: Vec<Kevent>,
    /// What the kernel has answered.
    found: Vec<Kevent>,
    /// Of the next registration.
    generation: usize,
    wakers: Wakers,
    wakes_by_filter: bool,
    watches: Watches,
    sources: PhantomData<BorrowedFd<'fd>>,
}

impl Kqueue<'_> {
    /// A multiplexer with nothing registered, kqueue(2), close-on-exec.
    ///
    /// # Errors
    /// [`Error::Os`], for want of an fd.
    #[doc(alias = "kqueue1")]
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            queue: Queue::new().map(Arc::new).map_err(|code| Error::Os { call: "kqueue", code })?,
            table: Table::new(),
            changes: Vec::new(),
            found: Vec::new(),
            generation: 0,
            wakers: Wakers::new(),
            wakes_by_filter: WAKES_BY_FILTER,
            watches: Watches::new(),
            sources: PhantomData,
        })
    }
}

/// Whether an interest and a mode are there, found without the kernel.
fn check(interest: Interest, mode: Mode) -> Result<(), Error> {
    let mut known = Interest::READABLE | Interest::WRITABLE | Interest::READ_CLOSED;
    if URGENT.is_some() {
        known |= Interest::PRIORITY;
    }
    if !known.contains(interest) {
        let is_priority = interest.contains(Interest::PRIORITY) && URGENT.is_none();
        let what = if is_priority { "priority" } else { "an interest in bands, or without a name," };
        return Err(Error::Unsupported { what, backend: NAME });
    }
    match mode {
        Mode::Exclusive => Err(Error::UnsupportedMode { mode, backend: NAME }),
        _ => Ok(()),
    }
}

impl<'fd> Multiplexer<'fd> for Kqueue<'fd> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let mut all = Capabilities::EDGE
            | Capabilities::ONE_SHOT
            | Capabilities::EDGE_ONE_SHOT
            | Capabilities::WAKER
            | Capabilities::READ_CLOSED
            | Capabilities::HANGUP
            | Capabilities::ANY_FD;
        all.set(Capabilities::PRIORITY, URGENT.is_some());
        all
    }

    fn register(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        let number = fd.as_raw_fd();
        if number < 0 {
            return Err(Error::NegativeFd { fd: number });
        }
        check(interest, mode)?;
        if self.table.get_mut(number).is_some() {
            return Err(Error::AlreadyRegistered { fd: number });
        }
        match sys::kind(fd) {
            Kind::File => Err(Error::NotPollable { fd: number, backend: NAME }),
            kind => self.add(number, token, interest, mode, kind),
        }
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        check(interest, mode)?;
        let fd = self.own(fd)?;
        self.table.modify(fd, |registration| registration.modify(token, interest, mode));
        Ok(())
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        let fd = self.own(fd)?;
        self.remove(fd)
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        events.clear();
        self.watches.begin();
        if events.capacity() == 0 {
            return Err(Error::NoRoomForEvents);
        }
        let has_nothing = self.table.len() == 0 && self.watches.is_empty() && self.wakers.is_empty();
        if timeout == Timeout::Infinite && has_nothing {
            return Err(Error::NothingToWaitFor);
        }
        let deadline = Deadline::new(timeout);
        // Each event that is to be reported, and each that is not, hides others once, and no longer than there is time.
        let mut looks = events.capacity().saturating_add(self.table.len());
        loop {
            let ready = self.table.ready_len() + self.watches.len() + self.wakers.woken_len();
            let time = if ready == 0 { deadline.timespec() } else { Some(NO_TIME) };
            let room = events.capacity().saturating_sub(ready);
            if room > 0 && self.look(room, time)? && (looks > 0 || !deadline.is_over()) {
                looks = looks.saturating_sub(1);
                continue;
            }
            if self.report(events) > 0 || deadline.is_over() {
                return Ok(events.len());
            }
        }
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        self.add_waker(token)
    }
}

impl Kqueue<'_> {
    /// The number of a registered fd of the caller's; wakers are not the caller's.
    fn own(&mut self, fd: BorrowedFd<'_>) -> Result<RawFd, Error> {
        let fd = fd.as_raw_fd();
        match self.table.get_mut(fd) {
            Some(registration) if !registration.is_waker() => Ok(fd),
            _ => Err(Error::NotRegistered { fd }),
        }
    }
}

// SAFETY: an fd is in the queue from `register` to `deregister`, by its number, and given to nothing but
// fstat(2) and kevent(2), in calls on this.
unsafe impl<'fd> TrustedMultiplexer<'fd> for Kqueue<'fd> {}

#[cfg(test)]
mod tests;
