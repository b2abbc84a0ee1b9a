//! The backend over kqueue(2). A wait makes one system call, which also submits the pending changes.

mod registration;
mod sys;
mod table;
mod wakers;
mod watch;

// The file of each platform, and its use as `system`.
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

pub use watch::{FileChanges, Notice, Watched};

use crate::capabilities::Capabilities;
use crate::error::Error;
use crate::event::{Events, Token};
use crate::mode::Mode;
use crate::multiplexer::{Multiplexer, TrustedMultiplexer};
use crate::waker::Waker;
use core::ffi::c_int;
use iomux::{Chunk, Interest, Interrupt, Outcome, Readiness, Timeout, Timespec, WaitCall, wait_with};
use iomux_sys::errno::{
    EBADF, EINTR, EINVAL, ENODEV, ENOENT, ENOMEM, ENOTSUP, ENXIO, EOPNOTSUPP, EPERM, EPIPE,
};
use registration::Registration;
use std::marker::PhantomData;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;
use sys::{Kevent, Kind, Queue};
use system::URGENT;
use table::Table;
use watch::Watches;

const NAME: &str = "kqueue";

/// The largest number of events per call. Several calls fill a larger buffer.
const BATCH: usize = 512;

const NO_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// A multiplexer over kqueue(2), for Apple's platforms and the BSDs.
///
/// It suits any number of fds, since the cost of a wait depends on the number of ready ones. It takes 32 bytes per fd
/// number up to the highest registered one, and 8 bytes per registered fd.
///
/// [`register`](Multiplexer::register) and [`deregister`](Multiplexer::deregister) submit their changes immediately, so
/// that they return errors themselves. [`modify`](Multiplexer::modify) makes no system call. The next wait submits the
/// resulting changes in its own call. If the kernel rejects a change then, the wait returns an `INVALID` event, and the
/// registration is disarmed.
///
/// The supported modes are [`Level`](Mode::Level), [`Edge`](Mode::Edge) (`EV_CLEAR`), [`OneShot`](Mode::OneShot) and
/// [`EdgeOneShot`](Mode::EdgeOneShot) (`EV_DISPATCH`). In the one-shot modes, an event of one direction disarms both.
///
/// # Readiness
/// kqueue has a filter per direction. A wait merges the two filters of an fd into one event.
/// - `EV_EOF` of `EVFILT_READ` is `READ_CLOSED` if the interest contains it. It is also `HANGUP`, unless the fd is a
///   socket, whose other direction may still be open.
/// - `EV_EOF` of `EVFILT_WRITE` is `HANGUP`, since the peer no longer reads. A local shutdown(2) has the same effect.
/// - `EV_EOF` with the error of a socket is `ERROR` as well.
///
/// For an interest without a direction, `Kqueue` registers both filters edge-triggered, so that it can report a hangup.
/// Arriving data then wakes the process, but does not end the wait.
///
/// # Other filters
/// kqueue also waits for timers, signals, processes, files and triggers: see [`watch_timer`](Self::watch_timer),
/// [`watch_signal`](Self::watch_signal), [`watch_exit`](Self::watch_exit), [`watch_file`](Self::watch_file) and
/// [`watch_user`](Self::watch_user). Each event has a token and is `READABLE`. [`notices`](Self::notices) returns the
/// details.
///
/// # Platform notes
/// - [`Interest::PRIORITY`] is `EVFILT_EXCEPT` with `NOTE_OOB`, for sockets, on Apple, OpenBSD and DragonFly. On other
///   platforms it fails with [`Error::Unsupported`].
/// - Regular files and directories fail with [`Error::NotPollable`]. poll(2) reports them as always ready, but kqueue
///   reports whether the file offset is at end of file.
/// - When a registered fd is closed, the kernel removes its registration silently.
/// - A child made by fork(2) does not inherit the queue. In the child, create another multiplexer. The child may only
///   drop the parent's multiplexer and its wakers.
/// - The resolution of a timeout is that of the platform's clock, at best 1 ns.
/// - Manuals: [FreeBSD](https://man.freebsd.org/cgi/man.cgi?query=kqueue&sektion=2),
///   [NetBSD](https://man.netbsd.org/kqueue.2), [OpenBSD](https://man.openbsd.org/kqueue.2),
///   [DragonFly](https://man.dragonflybsd.org/?command=kqueue&section=2).
///
/// # Examples
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
    /// Shared with wakers, which may outlive the multiplexer.
    queue: Arc<Queue>,
    table: Table,
    /// The changes that the next call submits.
    changes: Vec<Kevent>,
    /// The buffer for the results of a call.
    found: Vec<Kevent>,
    /// The generation of the last registration.
    generation: usize,
    wakes_by_filter: bool,
    watches: Watches,
    sources: PhantomData<BorrowedFd<'fd>>,
}

impl Kqueue<'_> {
    /// Creates a multiplexer without registrations, close-on-exec: kqueue(2).
    ///
    /// # Errors
    /// Returns [`Error::Os`] if the process or the system is out of file descriptors (EMFILE, ENFILE).
    #[doc(alias = "kqueue1")]
    pub fn new() -> Result<Self, Error> {
        Ok(Self {
            queue: Queue::new().map(Arc::new).map_err(|code| Error::Os { call: "kqueue", code })?,
            table: Table::default(),
            changes: Vec::new(),
            found: Vec::new(),
            generation: 0,
            wakes_by_filter: wakers::WAKES_BY_FILTER,
            watches: Watches::default(),
            sources: PhantomData,
        })
    }
}

/// Returns an error if the backend does not support an interest or a mode.
fn check(interest: Interest, mode: Mode) -> Result<(), Error> {
    let mut known = Interest::READABLE | Interest::WRITABLE | Interest::READ_CLOSED;
    known.set(Interest::PRIORITY, URGENT.is_some());
    let is_priority = interest.difference(known) == Interest::PRIORITY;
    let what = if is_priority {
        "Interest::PRIORITY on this platform: use Poll"
    } else {
        "an interest in bands, or without a name: use READABLE, WRITABLE and READ_CLOSED"
    };
    match mode {
        _ if !known.contains(interest) => Err(Error::Unsupported { what, backend: NAME }),
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
        check(interest, mode)?;
        if self.table.contains(number) {
            return Err(Error::AlreadyRegistered { fd: number });
        }
        let kind = match sys::kind(fd) {
            // Checked before the kind, since -100 is the working directory (AT_FDCWD).
            _ if number < 0 => return Err(Error::NegativeFd { fd: number }),
            Kind::File => return Err(Error::NotPollable { fd: number, backend: NAME }),
            kind => kind,
        };
        let mut registration = Registration::new(token, interest, mode, kind, self.next_generation());
        self.changes.clear();
        self.changes.try_reserve(6).map_err(|_| Error::OutOfMemory)?;
        registration.settle(number, &mut self.changes);
        self.table.insert(number, registration)?;
        self.submit().map_or(Ok(()), |code| {
            // The kernel may have added some of the filters.
            let _ = self.remove(number);
            Err(rejected(number, code))
        })
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        check(interest, mode)?;
        let fd = fd.as_raw_fd();
        let modified = self.table.update(fd, |registration| registration.modify(token, interest, mode));
        modified.ok_or(Error::NotRegistered { fd })
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        self.remove(fd.as_raw_fd())
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        events.clear();
        self.watches.begin();
        if events.capacity() == 0 {
            return Err(Error::NoRoomForEvents);
        }
        let can_end = self.table.len > 0 || !self.watches.all.is_empty() || self.pending() > 0;
        wait_with(&mut Wait { kqueue: self, events }, timeout, Interrupt::Resume, can_end)
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        self.add_waker(token)
    }
}

/// The calls of kevent(2) of one wait. Only the first may sleep.
struct Wait<'a, 'fd> {
    kqueue: &'a mut Kqueue<'fd>,
    events: &'a mut Events,
}

impl WaitCall for Wait<'_, '_> {
    type Error = Error;

    fn call(&mut self, chunk: Chunk) -> Result<Outcome, Error> {
        let (capacity, mut time) = (self.events.capacity(), chunk.timespec());
        // Bounds the loop: each filter, ready or not, may take the room of another filter once.
        for _ in 0..=capacity.saturating_add(self.kqueue.table.len.saturating_mul(3)) {
            match self.kqueue.exchange(capacity, time) {
                Ok(true) => time = Some(NO_TIME),
                Ok(false) => break,
                Err(Error::Os { code: EINTR, .. }) => return Ok(Outcome::Interrupted),
                Err(error) => return Err(error),
            }
        }
        Ok(Outcome::Ready(self.kqueue.report(self.events)))
    }
}

impl Kqueue<'_> {
    /// Returns the generation of a new registration. It distinguishes the events of registrations.
    fn next_generation(&mut self) -> usize {
        self.generation = self.generation.wrapping_add(1);
        self.generation
    }

    /// Removes a registration, and deletes its filters.
    fn remove(&mut self, fd: RawFd) -> Result<(), Error> {
        let mut registration = self.table.remove(fd).ok_or(Error::NotRegistered { fd })?;
        self.changes.clear();
        registration.end(fd, &mut self.changes);
        match self.submit() {
            // The fd was closed, so the kernel has removed the filters.
            None | Some(ENOENT | EBADF) => Ok(()),
            Some(code) => Err(failed(code)),
        }
    }

    fn submit_one(&mut self, change: Kevent) -> Result<(), Error> {
        self.changes.clear();
        self.changes.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        self.changes.push(change);
        self.submit().map_or(Ok(()), |code| Err(failed(code)))
    }

    /// Submits `changes` without waiting. Returns the last error that matters.
    fn submit(&mut self) -> Option<c_int> {
        if self.changes.is_empty() {
            return None;
        }
        for change in &mut self.changes {
            change.0.flags |= iomux_sys::kqueue::EV_RECEIPT;
        }
        let receipts = match self.kevent(self.changes.len(), Some(NO_TIME)) {
            Ok(count) => 0..count,
            Err(code) => return Some(code),
        };
        receipts.filter_map(|index| self.take_receipt(self.found[index])).last()
    }

    /// Submits `changes`, and fills `found` with at most `room` events. Returns their number.
    fn kevent(&mut self, room: usize, time: Option<Timespec>) -> Result<usize, c_int> {
        let result = grow(&mut self.found, room)
            .and_then(|()| sys::kevent(self.queue.fd(), &self.changes, &mut self.found[..room], time));
        // The kernel has made the changes even after EINTR.
        self.changes.clear();
        result
    }

    /// Takes a receipt of a change. Returns the error, if it is one that matters.
    fn take_receipt(&mut self, receipt: Kevent) -> Option<c_int> {
        if receipt.change_result().is_some() {
            return self.take_result(receipt);
        }
        // A platform without EV_RECEIPT returns events. Keep those that the next wait would not return again.
        let is_level = |(_, registration, filter): (_, &Registration, _)| registration.is_level(filter);
        if !self.table.owner(&receipt).is_some_and(is_level) {
            self.take_event(receipt);
        }
        None
    }

    /// Takes the result of a change. Returns the error, if it is one that matters.
    fn take_result(&mut self, result: Kevent) -> Option<c_int> {
        let code = result.change_result().filter(|&code| code != 0)?;
        // ENOENT: the filter to delete is gone, since the fd was closed.
        let owner = self.table.owner(&result).filter(|_| code != ENOENT);
        let Some((fd, registration, filter)) = owner else { return Some(code) };
        let is_peer_gone = is_peer_gone(fd, code);
        if !is_peer_gone && registration.can_spare(filter, sys::is_write_only(fd)) {
            return None;
        }
        self.table.update(fd, |registration| registration.reject(filter, is_peer_gone));
        (!is_peer_gone).then_some(code)
    }

    /// Takes an event. Returns `true` if it is new to this wait.
    fn take_event(&mut self, event: Kevent) -> bool {
        let Some((fd, registration, filter)) = self.table.owner(&event) else {
            return self.watches.take(&event);
        };
        let (is_first, before) = (!registration.is_reporting(filter), registration.pending);
        let readiness = self.table.update(fd, |registration| registration.take(&event, filter));
        is_first || readiness.is_some_and(|readiness| !before.contains(readiness))
    }

    /// Returns the number of events to report.
    fn pending(&self) -> usize {
        self.table.ready.len() + self.watches.notices.len()
    }

    /// Submits the pending changes, and takes events until `capacity` are pending. Returns `true` if there may be more.
    ///
    /// It sleeps for `time`, unless an event is pending already.
    fn exchange(&mut self, capacity: usize, time: Option<Timespec>) -> Result<bool, Error> {
        let room = |kqueue: &Self| capacity.saturating_sub(kqueue.pending()).min(BATCH);
        if room(self) == 0 {
            return Ok(false);
        }
        self.table.settle(&mut self.changes)?;
        // The kernel needs room for an error per change, or it skips the remaining changes. DragonFly's kernel writes
        // past the end.
        if self.changes.len() > room(self) {
            self.submit();
        }
        let (room, time) = (room(self), if self.pending() == 0 { time } else { Some(NO_TIME) });
        if room == 0 {
            return Ok(false);
        }
        let count = self.kevent(room, time).map_err(failed)?;
        let (mut is_rejected, mut is_new) = (false, true);
        for index in 0..count {
            let event = self.found[index];
            if event.change_result().is_some() {
                self.take_result(event);
                is_rejected = true;
            } else {
                is_new &= self.take_event(event);
            }
        }
        // Once the kernel repeats an event, it has no other.
        Ok(is_rejected || count == room && is_new)
    }

    /// Reports the pending events that fit. The next wait reports the others first.
    fn report(&mut self, events: &mut Events) -> usize {
        for notice in self.watches.take_notices(events.remaining()) {
            let _ = events.push(notice.token(), Readiness::READABLE);
        }
        for (token, readiness) in self.table.take_ready(events.remaining()) {
            let _ = events.push(token, readiness);
        }
        events.len()
    }
}

/// Returns `true` if the kernel rejected a filter because the other end of a pipe is closed.
///
/// The error is EPIPE. On NetBSD it is EBADF, though the fd is open.
fn is_peer_gone(fd: RawFd, code: c_int) -> bool {
    code == EPIPE || code == EBADF && sys::is_open(fd)
}

/// Returns the error for an fd that the kernel rejects.
fn rejected(fd: RawFd, code: c_int) -> Error {
    match code {
        // The kernel has no filter for this kind of file. The number differs between platforms.
        EINVAL | ENODEV | ENXIO | EPERM => Error::NotPollable { fd, backend: NAME },
        code if code == ENOTSUP || code == EOPNOTSUPP => Error::NotPollable { fd, backend: NAME },
        code => failed(code),
    }
}

fn failed(code: c_int) -> Error {
    match code {
        ENOMEM => Error::OutOfMemory,
        code => Error::Os { call: "kevent", code },
    }
}

/// Makes `list` at least `len` long.
fn grow(list: &mut Vec<Kevent>, len: usize) -> Result<(), c_int> {
    if len > list.len() {
        list.try_reserve_exact(len - list.len()).map_err(|_| ENOMEM)?;
        list.resize(len, Kevent::EMPTY);
    }
    Ok(())
}

// SAFETY: the queue has the number of an fd from `register` to `deregister`. Methods pass the fd to fstat(2), fcntl(2)
// and kevent(2) only.
unsafe impl<'fd> TrustedMultiplexer<'fd> for Kqueue<'fd> {}

#[cfg(test)]
mod tests;
