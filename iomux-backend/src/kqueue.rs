//! The multiplexer over kqueue(2): one system call a wait, which also tells the kernel of what was modified.

mod registration;
mod sys;
mod table;

use crate::error::Error;
use crate::event::{Events, Token};
use crate::kqueue_system::URGENT;
use crate::multiplexer::{Capabilities, Mode, Multiplexer, TrustedMultiplexer};
use crate::waker::{Waker, WakerSource};
use core::ffi::c_int;
use iomux::{Deadline, Interest, Timeout, Timespec};
use iomux_sys::errno::{EBADF, EINTR, EINVAL, ENODEV, ENOENT, ENOMEM, ENOTSUP, EOPNOTSUPP, EPERM, EPIPE};
use iomux_sys::kqueue::EV_RECEIPT;
use registration::Registration;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use sys::{Kevent, Kind};
use table::Table;

const NAME: &str = "kqueue";

/// How many events the kernel is asked for at once, at most; a larger buffer is filled in several steps.
const BATCH: usize = 1024;

const NO_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// A multiplexer over kqueue(2), on Apple and the BSDs: for as many fds as there are, at a cost that depends
/// on those that are ready.
///
/// [`register`](Multiplexer::register) and [`deregister`](Multiplexer::deregister) tell the kernel at once, so that
/// errors appear where they belong. [`modify`](Multiplexer::modify) is remembered, and costs no system call: the next
/// wait tells the kernel what is left of it in the end, in the same call. What the kernel refuses then is an
/// `INVALID` event, and the registration is disarmed.
///
/// Modes are [`Level`](Mode::Level), [`Edge`](Mode::Edge) (`EV_CLEAR`), [`OneShot`](Mode::OneShot) and
/// [`EdgeOneShot`](Mode::EdgeOneShot) (`EV_ONESHOT`). A fd that is one-shot is disarmed in both directions by an
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
///   the queue: make another there.
/// - Timeouts are exact to the nanosecond, as far as the system's clock is.
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
    queue: OwnedFd,
    table: Table,
    /// What the kernel is told next.
    changes: Vec<Kevent>,
    /// What the kernel has answered.
    found: Vec<Kevent>,
    /// Of the next registration.
    generation: usize,
    wakers: Vec<WakerSource>,
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
            queue: sys::kqueue().map_err(|code| Error::Os { call: "kqueue", code })?,
            table: Table::new(),
            changes: Vec::new(),
            found: Vec::new(),
            generation: 0,
            wakers: Vec::new(),
            sources: PhantomData,
        })
    }

    /// Registers `fd`, of which the caller knows that it stays open, and tells the kernel.
    fn add(
        &mut self,
        fd: RawFd,
        token: Token,
        interest: Interest,
        mode: Mode,
        kind: Kind,
    ) -> Result<(), Error> {
        self.generation = self.generation.wrapping_add(1);
        let mut registration = Registration::new(token, interest, mode, kind, self.generation);
        self.changes.clear();
        self.changes.try_reserve(6).map_err(|_| Error::OutOfMemory)?;
        registration.settle(fd, |change| self.changes.push(change));
        self.table.insert(fd, registration)?;
        match self.tell() {
            None => Ok(()),
            Some(code) => {
                // What the kernel did take is taken back.
                let _ = self.remove(fd);
                Err(refused(fd, code))
            }
        }
    }

    /// Forgets a registration, and tells the kernel.
    fn remove(&mut self, fd: RawFd) -> Result<(), Error> {
        let Some(mut registration) = self.table.remove(fd) else {
            return Err(Error::NotRegistered { fd });
        };
        self.changes.clear();
        registration.end(fd, |change| self.changes.push(change));
        match self.tell() {
            // The kernel has dropped what was closed.
            None | Some(ENOENT | EBADF) => Ok(()),
            Some(code) => Err(failed(code)),
        }
    }

    /// Tells the kernel of `changes`, without a look at what is ready. Returns the last refusal that is an error.
    fn tell(&mut self) -> Option<c_int> {
        if self.changes.is_empty() {
            return None;
        }
        for change in &mut self.changes {
            *change = change.with(EV_RECEIPT);
        }
        if let Err(error) = grow(&mut self.found, self.changes.len()) {
            self.changes.clear();
            return Some(error.raw_os_error().unwrap_or(ENOMEM));
        }
        let receipts = &mut self.found[..self.changes.len()];
        let answer = sys::kevent(self.queue.as_fd(), &self.changes, receipts, Some(NO_TIME));
        self.changes.clear();
        let count = match answer {
            Ok(count) => count,
            Err(code) => return Some(code),
        };
        let mut refusal = None;
        for index in 0..count {
            refusal = self.take_answer(self.found[index]).or(refusal);
        }
        refusal
    }

    /// Takes the kernel's answer to a change. Returns the error, if it is one that matters.
    fn take_answer(&mut self, answer: Kevent) -> Option<c_int> {
        let code = answer.answer().filter(|&code| code != 0)?;
        // ENOENT: what was to be removed is not there; the fd was closed, or one-shot.
        if code == ENOENT {
            return Some(code);
        }
        let Some((fd, registration, filter)) = self.table.owner(&answer) else {
            return Some(code);
        };
        let had_nothing = registration.reported().is_empty();
        // EPIPE: a pipe whose reader is gone is not taken. It is taken again with the next wait, and so on.
        registration.refuse(filter, code == EPIPE);
        self.table.list_ready(fd, had_nothing);
        (code != EPIPE).then_some(code)
    }

    /// Takes an event. Returns whether it said something that this wait had not heard already.
    fn take_event(&mut self, event: Kevent) -> bool {
        let Some((fd, registration, filter)) = self.table.owner(&event) else {
            return true;
        };
        let before = registration.reported();
        let readiness = registration.take(&event, filter);
        if registration.is_waker() {
            let source = self.wakers.iter().find(|source| source.as_fd().as_raw_fd() == fd);
            if let Some(source) = source {
                source.drain();
            }
        }
        self.table.list_ready(fd, before.is_empty());
        readiness.is_empty() || !before.contains(readiness)
    }

    /// Tells the kernel of what was modified, and asks it for what is ready, at most as much as there is `room`
    /// for. Returns whether there may be more.
    fn look(&mut self, room: usize, timeout: Option<Timespec>) -> Result<bool, Error> {
        let room = room.min(BATCH);
        grow(&mut self.found, room)?;
        if self.table.has_changes() {
            self.table.settle(&mut self.changes)?;
        }
        // A refusal needs a place in the answer, or the rest of the changes would not be made.
        if self.changes.len() > room {
            self.tell();
            return Ok(true);
        }
        let answer = sys::kevent(self.queue.as_fd(), &self.changes, &mut self.found[..room], timeout);
        // Also after EINTR the changes have been made.
        self.changes.clear();
        let count = match answer {
            Ok(count) => count,
            Err(EINTR) => return Ok(false),
            Err(code) => return Err(failed(code)),
        };
        let (mut is_refused, mut is_new) = (false, true);
        for index in 0..count {
            let event = self.found[index];
            if event.answer().is_some() {
                self.take_answer(event);
                is_refused = true;
            } else {
                is_new &= self.take_event(event);
            }
        }
        // Once the kernel comes round to what it has reported already, there is nothing else.
        Ok(is_refused || count == room && is_new)
    }

    /// Reports what is ready, as much as there is room for; the rest comes first the next time.
    fn report(&mut self, events: &mut Events) -> usize {
        for (_, registration) in self.table.take_ready(events.remaining()) {
            // There is room, and something to report.
            let _ = events.push(registration.token, registration.reported());
        }
        events.len()
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

/// What it means that the kernel does not take an fd.
fn refused(fd: RawFd, code: c_int) -> Error {
    match code {
        // As the systems differ: no filter for that kind of file.
        EINVAL | ENODEV | EPERM => Error::NotPollable { fd, backend: NAME },
        code if code == ENOTSUP || code == EOPNOTSUPP => Error::NotPollable { fd, backend: NAME },
        ENOMEM => Error::OutOfMemory,
        code => failed(code),
    }
}

fn failed(code: c_int) -> Error {
    Error::Os { call: "kevent", code }
}

/// Makes `list` at least `len` long.
fn grow(list: &mut Vec<Kevent>, len: usize) -> Result<(), Error> {
    if len > list.len() {
        list.try_reserve_exact(len - list.len()).map_err(|_| Error::OutOfMemory)?;
        list.resize(len, Kevent::EMPTY);
    }
    Ok(())
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
        if events.capacity() == 0 {
            return Err(Error::NoRoomForEvents);
        }
        if timeout == Timeout::Infinite && self.table.len() == 0 {
            return Err(Error::NothingToWaitFor);
        }
        let deadline = Deadline::new(timeout);
        loop {
            let is_idle = self.table.ready_len() == 0;
            let time = if is_idle { deadline.timespec() } else { Some(NO_TIME) };
            let room = events.capacity().saturating_sub(self.table.ready_len());
            if room > 0 && self.look(room, time)? {
                continue;
            }
            if self.report(events) > 0 || deadline.is_over() {
                return Ok(events.len());
            }
        }
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        let source = WakerSource::new()?;
        let fd = source.as_fd().as_raw_fd();
        self.wakers.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        // Who had this number before: a source that was closed though it was registered.
        let _ = self.remove(fd);
        self.add(fd, token, Interest::READABLE, Mode::Level, Kind::Waker)?;
        let waker = source.waker();
        self.wakers.push(source);
        Ok(waker)
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
