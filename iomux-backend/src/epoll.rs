//! The multiplexer over epoll(7): fewer system calls than by hand, and one for each wait.

mod bits;
mod registrations;
mod sys;

use crate::error::Error;
use crate::event::{Event, Events, Token};
use crate::multiplexer::{Capabilities, Mode, Multiplexer, TrustedMultiplexer};
use crate::waker::{Waker, WakerSource};
use core::ffi::c_int;
use iomux::{Deadline, Interest, Readiness, SigSet, Timeout};
use iomux_sys::epoll::{
    EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLLERR, EPOLLET, EPOLLEXCLUSIVE, EPOLLHUP, EPOLLIN,
    EPOLLONESHOT, EPOLLOUT, EPOLLWAKEUP, epoll_event,
};
use iomux_sys::errno::{EEXIST, EINTR, EINVAL, ENOMEM, ENOSYS, EOPNOTSUPP, EPERM};
use registrations::{Asked, Registrations};
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

pub(crate) const NAME: &str = "epoll";

bitflags::bitflags! {
    /// What only epoll has, beyond a [`Mode`]: for [`Epoll::register_with`].
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

/// A multiplexer over epoll(7), on Linux and Android: for as many fds as there are, at a cost that depends
/// on those that are ready.
///
/// Every [`Mode`] is there. A wait is one system call, whatever the timeout: epoll_wait(2), or
/// epoll_pwait2(2) for times finer than a ms, where the kernel has it (Linux 5.11); otherwise such times are
/// rounded up to ms. A masked wait is one more, so that pending signals get through.
///
/// Registering and deregistering tell the kernel at once, so that errors appear where they belong.
/// [`modify`](Multiplexer::modify) in [`Mode::Level`] is remembered, and the next wait tells the kernel what is left
/// of it in the end: at most one epoll_ctl(2) an fd, and none where it was modified there and back. Should
/// the kernel not know the fd any more then, that is an `INVALID` event. In other modes `modify` tells the
/// kernel at once, since it arms the registration again.
///
/// It takes 12 bytes for each fd number up to the highest, and 28 for each deferred change.
///
/// # Platform notes
/// [epoll(7)](https://man7.org/linux/man-pages/man7/epoll.7.html). Files that are always ready (regular files,
/// directories) are [`Error::NotPollable`]: read them without waiting, or give them to [`Poll`](crate::Poll).
/// epoll watches the open file behind an fd: where an fd was closed while registered, which safe code can't do,
/// and a dup(2) of it is still open, it goes on reporting, and [`deregister`](Multiplexer::deregister) is an error. A
/// child made by fork(2) shares the set with its parent: what one of them changes, it changes for both.
///
/// ```
/// use iomux_backend::{Epoll, Events, Interest, Mode, Multiplexer, Timeout, Token};
/// use std::io::Write;
/// use std::os::fd::AsFd;
///
/// let (reader, mut writer) = std::io::pipe()?;
/// let mut epoll = Epoll::new()?;
/// epoll.register(reader.as_fd(), Token(7), Interest::READABLE, Mode::Edge)?;
/// writer.write_all(b"!")?;
/// let mut events = Events::with_capacity(16);
/// assert_eq!(epoll.wait(&mut events, Timeout::Infinite)?, 1);
/// assert_eq!(events.get(0).map(|event| event.token()), Some(Token(7)));
/// assert_eq!(epoll.wait(&mut events, Timeout::Nowait)?, 0, "an edge is reported once");
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Epoll<'fd> {
    epoll: OwnedFd,
    registrations: Registrations,
    /// What the kernel has found: as large as the largest buffer so far.
    found: Vec<epoll_event>,
    wakers: Vec<(Token, WakerSource)>,
    has_pwait2: bool,
    /// Somebody else waits for this epoll, so that no change can be left to the next wait here.
    is_shared: bool,
    sources: PhantomData<BorrowedFd<'fd>>,
}

impl Epoll<'_> {
    /// A multiplexer with nothing registered, epoll_create1(2).
    ///
    /// # Errors
    /// [`Error::Os`], for want of an fd.
    #[doc(alias = "epoll_create1")]
    pub fn new() -> Result<Self, Error> {
        Self::with(sys::HAS_PWAIT2)
    }

    /// The same, as on a kernel without epoll_pwait2(2): times are rounded up to ms. For tests of a program
    /// that is to run on such a kernel, too.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn without_pwait2() -> Result<Self, Error> {
        Self::with(false)
    }

    fn with(has_pwait2: bool) -> Result<Self, Error> {
        Ok(Self {
            epoll: sys::create().map_err(|code| Error::Os { call: "epoll_create1", code })?,
            registrations: Registrations::new(),
            found: Vec::new(),
            wakers: Vec::new(),
            has_pwait2,
            is_shared: false,
            sources: PhantomData,
        })
    }

    /// An fd of this epoll, for another multiplexer to wait for: it is readable when something is ready here.
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
    /// Its events carry the tokens as `data`. Wakers end with this: their fds are closed once the last
    /// [`Waker`] is gone.
    ///
    /// # Errors
    /// This multiplexer as it was, and [`Error::Os`], when the kernel knows an fd no more whose change it
    /// had not been told: the next wait reports it.
    pub fn into_owned_fd(mut self) -> Result<OwnedFd, (Self, Error)> {
        match self.tell(&mut Events::with_capacity(0)) {
            None => Ok(self.epoll),
            Some(code) => Err((self, Error::Os { call: "epoll_ctl", code })),
        }
    }

    pub(crate) fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    fn ctl(&self, operation: c_int, fd: RawFd, asked: Asked) -> Result<(), c_int> {
        let event = epoll_event { events: asked.events(), data: asked.token() as u64 };
        sys::ctl(self.as_fd(), operation, fd, event)
    }

    /// Tells the kernel of what was modified. What it refuses is reported in `events`, and stays where there
    /// is no room; returns the last refusal that stays.
    #[cold]
    fn tell(&mut self, events: &mut Events) -> Option<c_int> {
        let mut refused = None;
        let mut index = 0;
        while let Some(change) = self.registrations.change(index) {
            let told =
                if change.is_nothing() { Ok(()) } else { self.ctl(EPOLL_CTL_MOD, change.fd, change.wanted) };
            match told {
                Ok(()) => self.registrations.settle(index, true),
                Err(_) if events.push(Token(change.wanted.token()), Readiness::INVALID) => {
                    self.registrations.settle(index, false);
                }
                Err(code) => {
                    refused = Some(code);
                    index += 1;
                }
            }
        }
        refused
    }

    /// Makes room for what the kernel finds, and tells it of what was modified.
    #[cold]
    fn prepare(&mut self, events: &mut Events) -> Result<(), Error> {
        if events.capacity() == 0 {
            return Err(Error::NoRoomForEvents);
        }
        let more = events.capacity().saturating_sub(self.found.len());
        self.found.try_reserve_exact(more).map_err(|_| Error::OutOfMemory)?;
        self.found.resize(self.found.len() + more, EMPTY);
        self.tell(events);
        Ok(())
    }

    #[inline]
    fn is_prepared(&self, events: &Events) -> bool {
        !self.registrations.has_changes() && (1..=self.found.len()).contains(&events.capacity())
    }

    /// Waits once, for one piece of the time at most.
    fn wait_once(&mut self, room: usize, time: Timeout, mask: Option<&SigSet>) -> Result<usize, c_int> {
        let found = &mut self.found[..room];
        if self.has_pwait2 && !time.is_whole_ms() {
            match sys::pwait2(self.epoll.as_fd(), found, time.timespec(), mask) {
                // Not in this kernel, or a sandbox lets nobody have it: from here on, too.
                Err(ENOSYS | EPERM | EOPNOTSUPP) => self.has_pwait2 = false,
                answer => return answer,
            }
        }
        match mask {
            None => sys::wait(self.epoll.as_fd(), found, time.poll_ms()),
            Some(mask) => sys::pwait(self.epoll.as_fd(), found, time.poll_ms(), mask),
        }
    }

    /// Waits until something is found or the time has passed, whatever signals arrive meanwhile.
    fn wait_until(&mut self, room: usize, timeout: Timeout) -> Result<usize, Error> {
        let deadline = Deadline::new(timeout);
        let mut left = timeout;
        loop {
            match self.wait_once(room, left, None) {
                Ok(0) if deadline.is_over() => return Ok(0),
                // The kernel prefers EINTR to "time has passed"; what a handler has just done counts.
                Err(EINTR) if deadline.is_over() => return self.last_look(room),
                Ok(0) | Err(EINTR) => left = deadline.remaining().into(),
                Ok(count) => return Ok(count),
                Err(code) => return Err(failed(code)),
            }
        }
    }

    fn last_look(&mut self, room: usize) -> Result<usize, Error> {
        match self.wait_once(room, Timeout::Nowait, None) {
            Err(EINTR) => Ok(0),
            answer => answer.map_err(failed),
        }
    }

    fn wait_masked_until(&mut self, room: usize, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        let deadline = Deadline::new(timeout);
        let mut left = timeout;
        loop {
            match self.wait_once(room, left, Some(mask)) {
                Ok(0) if !deadline.is_over() => left = deadline.remaining().into(),
                Ok(count) => return Ok(count),
                Err(EINTR) => return Err(Error::Interrupted),
                Err(code) => return Err(failed(code)),
            }
        }
    }

    #[inline]
    fn report(&self, events: &mut Events, count: usize) -> usize {
        events.extend(self.found[..count].iter().map(|found| {
            #[allow(clippy::cast_possible_truncation, reason = "a token, as it was given to the kernel")]
            let token = Token({ found.data } as usize);
            Event::new(token, bits::reported(found.events))
        }));
        for (token, waker) in &self.wakers {
            // Edge-triggered, so it need not be read. A source with the same token costs the next wake a
            // write that was not needed, and no more.
            if events.iter().any(|event| event.token() == *token) {
                waker.take_note();
            }
        }
        events.len()
    }
}

impl<'fd> Epoll<'fd> {
    /// As [`register`](Multiplexer::register), with flags that only epoll has.
    ///
    /// [`modify`](Multiplexer::modify) keeps [`EpollFlags::WAKEUP`]; what is [`EXCLUSIVE`](EpollFlags::EXCLUSIVE) can't be
    /// modified, and is deregistered instead.
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
    /// As [`register`](Multiplexer::register), and [`Error::Unsupported`] for `EXCLUSIVE` with another interest than to
    /// read and write, with one-shot, or for the fd of an epoll.
    #[doc(alias = "epoll_ctl")]
    pub fn register_with(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
        flags: EpollFlags,
    ) -> Result<(), Error> {
        let asked = asked(token, interest, mode, flags.bits())?;
        let fd = fd.as_raw_fd();
        if self.registrations.is_registered(fd) {
            return Err(Error::AlreadyRegistered { fd });
        }
        self.registrations.reserve(fd)?;
        self.ctl(EPOLL_CTL_ADD, fd, asked).map_err(|code| refused(fd, asked, code))?;
        self.registrations.told(fd, asked);
        Ok(())
    }
}

const EMPTY: epoll_event = epoll_event { events: 0, data: 0 };

/// What is asked, or why it can't be: found without the kernel.
#[inline]
fn asked(token: Token, interest: Interest, mode: Mode, flags: u32) -> Result<Asked, Error> {
    let unsupported = |what| Error::Unsupported { what, backend: NAME };
    let events = bits::asked(interest).ok_or(unsupported("an interest without a name"))?;
    let events = flags | events | events_of(mode);
    let goes_with_exclusive =
        EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLET | EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP;
    if events & EPOLLEXCLUSIVE != 0 && events & !goes_with_exclusive != 0 {
        return Err(unsupported("exclusive with another interest than to read and write, or with one-shot,"));
    }
    Ok(Asked::of_source(token.0, events))
}

#[inline]
fn events_of(mode: Mode) -> u32 {
    match mode {
        Mode::Level => 0,
        Mode::Edge => EPOLLET,
        Mode::OneShot => EPOLLONESHOT,
        Mode::EdgeOneShot => EPOLLET | EPOLLONESHOT,
        Mode::Exclusive => EPOLLEXCLUSIVE,
    }
}

/// What it means that the kernel does not take an fd.
#[cold]
fn refused(fd: RawFd, asked: Asked, code: c_int) -> Error {
    match code {
        EEXIST => Error::AlreadyRegistered { fd },
        EPERM => Error::NotPollable { fd, backend: NAME },
        ENOMEM => Error::OutOfMemory,
        EINVAL if asked.has(EPOLLEXCLUSIVE) => {
            Error::Unsupported { what: "the fd of an epoll, exclusive,", backend: NAME }
        }
        code => Error::Os { call: "epoll_ctl", code },
    }
}

#[cold]
fn failed(code: c_int) -> Error {
    Error::Os { call: "epoll_wait", code }
}

impl<'fd> Multiplexer<'fd> for Epoll<'fd> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities::EDGE
            | Capabilities::ONE_SHOT
            | Capabilities::EDGE_ONE_SHOT
            | Capabilities::EXCLUSIVE
            | Capabilities::MASK
            | Capabilities::WAKER
            | Capabilities::PRIORITY
            | Capabilities::READ_CLOSED
            | Capabilities::HANGUP
            | Capabilities::ANY_FD
    }

    fn register(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        self.register_with(fd, token, interest, mode, EpollFlags::empty())
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        let fd = fd.as_raw_fd();
        let entry = self.registrations.source(fd)?;
        let wanted = asked(token, interest, mode, entry.events() & EPOLLWAKEUP)?;
        if (entry.events() | wanted.events()) & EPOLLEXCLUSIVE != 0 {
            return Err(Error::Unsupported { what: "modifying to or from exclusive", backend: NAME });
        }
        if mode == Mode::Level && !self.is_shared {
            return self.registrations.defer(fd, entry, wanted);
        }
        self.ctl(EPOLL_CTL_MOD, fd, wanted).map_err(|code| refused(fd, wanted, code))?;
        self.registrations.told(fd, wanted);
        Ok(())
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        let fd = fd.as_raw_fd();
        let entry = self.registrations.source(fd)?;
        self.registrations.remove(fd);
        match self.ctl(EPOLL_CTL_DEL, fd, entry) {
            // That the kernel has lost it was reported.
            Err(code) if !entry.is_lost() => Err(Error::Os { call: "epoll_ctl", code }),
            _ => Ok(()),
        }
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        events.clear();
        if !self.is_prepared(events) {
            self.prepare(events)?;
        }
        let (room, timeout) = match events.len() {
            0 => (events.capacity(), timeout),
            told => (events.capacity() - told, Timeout::Nowait),
        };
        let found = match timeout {
            _ if room == 0 => 0,
            Timeout::Infinite if self.registrations.count() == 0 => return Err(Error::NothingToWaitFor),
            Timeout::Nowait | Timeout::Infinite => {
                match sys::wait(self.epoll.as_fd(), &mut self.found[..room], timeout.poll_ms()) {
                    Ok(count) => count,
                    Err(_) => self.wait_until(room, timeout)?,
                }
            }
            _ => self.wait_until(room, timeout)?,
        };
        Ok(self.report(events, found))
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        events.clear();
        // With fds ready the kernel runs no handler. A look that finds none lets a pending signal through,
        // before an event is taken that would be lost then.
        match iomux::ppoll(&mut [], Timeout::Nowait, Some(mask)) {
            Ok(_) => {}
            Err(iomux::Error::Interrupted) => return Err(Error::Interrupted),
            Err(error) => {
                return Err(Error::Os { call: "ppoll", code: error.raw_os_error().unwrap_or_default() });
            }
        }
        self.prepare(events)?;
        let found = match events.remaining() {
            0 => 0,
            room if events.is_empty() => self.wait_masked_until(room, timeout, mask)?,
            room => self.wait_until(room, Timeout::Nowait)?,
        };
        Ok(self.report(events, found))
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        let source = WakerSource::new()?;
        let (fd, waker) = (source.as_fd().as_raw_fd(), source.waker());
        self.wakers.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        self.registrations.reserve(fd)?;
        let asked = Asked::of_waker(token.0, EPOLLIN | EPOLLET);
        self.ctl(EPOLL_CTL_ADD, fd, asked).map_err(|code| refused(fd, asked, code))?;
        // Who had this number before was closed though it was registered.
        self.registrations.told(fd, asked);
        self.wakers.push((token, source));
        Ok(waker)
    }
}

// SAFETY: a registered fd is given to epoll_ctl(2) only, by `register` and, until `deregister`, by `modify`
// and the waits; the kernel's own reference to the file is none to the fd.
unsafe impl<'fd> TrustedMultiplexer<'fd> for Epoll<'fd> {}
