//! The multiplexer over epoll(7): fewer system calls than by hand, and one for each wait.

#[cfg(target_os = "linux")]
mod busy_poll;
mod flags;
#[cfg(target_os = "linux")]
mod ioctl;
mod registrations;
mod share;
mod sys;
mod wait;

#[cfg(target_os = "linux")]
pub use busy_poll::BusyPoll;
pub use flags::EpollFlags;

use crate::error::Error;
use crate::event::{Events, Token, epoll_bits};
use crate::multiplexer::{Capabilities, Mode, Multiplexer, TrustedMultiplexer};
use crate::waker::{Waker, WakerSource};
use core::ffi::c_int;
use iomux::{Interest, Readiness, SigSet, Timeout};
use iomux_sys::epoll::{
    EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLLET, EPOLLEXCLUSIVE, EPOLLIN, EPOLLONESHOT, EPOLLOUT,
    EPOLLWAKEUP, epoll_event,
};
use iomux_sys::errno::{EEXIST, EINVAL, ENOMEM, EPERM};
use registrations::{Asked, Registrations};
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};

const NAME: &str = "epoll";

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
/// It takes 12 bytes for each fd number up to the highest, and 32 for each deferred change (8 and 24 on 32-bit processors).
///
/// # Platform notes
/// [epoll(7)](https://man7.org/linux/man-pages/man7/epoll.7.html). Files that are always ready (regular files,
/// directories) are [`Error::NotPollable`]: read them without waiting, or give them to [`Poll`](crate::Poll).
/// epoll watches the open file behind an fd: where an fd was closed while registered, or another file put under its
/// number (dup2(2) over stdin, for one), and a dup(2) of it is still open, it goes on reporting under the old token, and
/// nobody can take it out ([`deregister`](Multiplexer::deregister) is an error, unless `INVALID` was reported before):
/// deregister first. A child made by fork(2) shares the set with its
/// parent: what one of them changes, it changes for both. Whether the kernel has epoll_pwait2(2) each `Epoll` finds out
/// for itself, by the first wait that needs it.
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
    wakers: Vec<(Token, WakerSource)>,
    has_pwait2: bool,
    /// Whether a pending signal has kept the last masked wait from looking for events.
    has_put_off_events: bool,
    /// Somebody else waits for this epoll, so that no change can be left to the next wait here.
    is_shared: bool,
    sources: PhantomData<BorrowedFd<'fd>>,
}

impl Epoll<'_> {
    /// A multiplexer with nothing registered, epoll_create1(2).
    ///
    /// ```
    /// use iomux_backend::{Epoll, Error, Interest, Mode, Multiplexer, Token};
    /// use std::os::fd::{AsFd, AsRawFd};
    ///
    /// let program = std::fs::File::open(std::env::current_exe()?)?;
    /// let mut epoll = Epoll::new()?;
    /// let refused = epoll.register(program.as_fd(), Token(0), Interest::READABLE, Mode::Level);
    /// assert_eq!(refused, Err(Error::NotPollable { fd: program.as_raw_fd(), backend: "epoll" }));
    /// # std::io::Result::Ok(())
    /// ```
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
    /// ```
    /// use iomux_backend::{Epoll, Events, Multiplexer, Timeout};
    /// use std::time::{Duration, Instant};
    ///
    /// let mut epoll = Epoll::without_pwait2()?;
    /// let (begin, time) = (Instant::now(), Duration::from_micros(1500));
    /// assert_eq!(epoll.wait(&mut Events::with_capacity(1), Timeout::After(time))?, 0);
    /// assert!(begin.elapsed() >= time, "rounded up, never down");
    /// # Ok::<(), iomux_backend::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`new`](Self::new).
    #[doc(hidden)]
    pub fn without_pwait2() -> Result<Self, Error> {
        Self::with(false)
    }

    fn with(has_pwait2: bool) -> Result<Self, Error> {
        Ok(Self {
            epoll: sys::create().map_err(|code| Error::Os { call: "epoll_create1", code })?,
            registrations: Registrations::new(),
            wakers: Vec::new(),
            has_pwait2,
            has_put_off_events: false,
            is_shared: false,
            sources: PhantomData,
        })
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    #[inline]
    fn ctl(&self, operation: c_int, fd: RawFd, asked: Asked) -> Result<(), c_int> {
        let event = epoll_event { events: asked.events(), data: asked.token() as u64 };
        sys::ctl(self.as_fd(), operation, fd, event)
    }

    #[inline]
    fn add(&self, fd: RawFd, asked: Asked) -> Result<(), c_int> {
        match self.ctl(EPOLL_CTL_ADD, fd, asked) {
            Err(EEXIST) => self.replace(fd, asked),
            answer => answer,
        }
    }

    /// Registers in place of what was left behind by an fd of that number which was closed before `deregister`,
    /// and has come back for the same file: nobody else's.
    #[cold]
    fn replace(&self, fd: RawFd, asked: Asked) -> Result<(), c_int> {
        self.ctl(EPOLL_CTL_DEL, fd, asked)?;
        self.ctl(EPOLL_CTL_ADD, fd, asked)
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
}

impl<'fd> Epoll<'fd> {
    /// Tells the kernel at once, or says why it can't be done.
    #[cold]
    fn modify_now(&mut self, fd: RawFd, token: Token, interest: Interest, mode: Mode) -> Result<(), Error> {
        let entry = self.registrations.source(fd)?;
        let wanted = asked(token, interest, mode, entry.events() & EPOLLWAKEUP)?;
        if (entry.events() | wanted.events()) & EPOLLEXCLUSIVE != 0 {
            return Err(unsupported(
                "modifying an exclusive registration, or one to be so, instead of registering anew,",
            ));
        }
        self.ctl(EPOLL_CTL_MOD, fd, wanted).map_err(|code| refused(fd, wanted, code))?;
        self.registrations.told(fd, wanted);
        Ok(())
    }
}

/// What is asked, or why it can't be: found without the kernel.
#[inline]
fn asked(token: Token, interest: Interest, mode: Mode, flags: u32) -> Result<Asked, Error> {
    let Some(events) = epoll_bits::asked(interest) else {
        return Err(unsupported("an interest without a name"));
    };
    let events = flags | events | events_of(mode);
    let goes_with_exclusive = EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLET | EPOLLIN | EPOLLOUT;
    if events & EPOLLEXCLUSIVE != 0 && events & !goes_with_exclusive != 0 {
        return Err(unsupported("Mode::Exclusive with one-shot, or for more than READABLE and WRITABLE,"));
    }
    Ok(Asked::of_source(token.0, events))
}

#[cold]
fn unsupported(what: &'static str) -> Error {
    Error::Unsupported { what, backend: NAME }
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
        EPERM => Error::NotPollable { fd, backend: NAME },
        ENOMEM => Error::OutOfMemory,
        EINVAL if asked.events() & EPOLLEXCLUSIVE != 0 => {
            Error::Unsupported { what: "Mode::Exclusive for the fd of an epoll", backend: NAME }
        }
        code => Error::Os { call: "epoll_ctl", code },
    }
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

    #[inline]
    fn register(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        self.register_with(fd, token, interest, mode, EpollFlags::empty())
    }

    #[inline]
    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        if let (Mode::Level, false, Some(events)) = (mode, self.is_shared, epoll_bits::asked(interest)) {
            if self.registrations.defer(fd.as_raw_fd(), token.0, events) {
                return Ok(());
            }
        }
        self.modify_now(fd.as_raw_fd(), token, interest, mode)
    }

    #[inline]
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

    // A program has few waits: where one is, a timeout that is known costs nothing.
    #[inline(always)]
    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        let ms = match timeout {
            Timeout::Nowait => 0,
            Timeout::Infinite => -1,
            _ => return self.wait_with_care(events, timeout),
        };
        if !self.is_prepared(events) {
            return self.wait_with_care(events, timeout);
        }
        events.clear();
        match sys::wait(self.epoll.as_fd(), events, ms) {
            Ok(()) => Ok(self.report(events)),
            // A signal handler has run, as a rule.
            Err(_) => self.wait_again(events, ms),
        }
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        events.clear();
        if events.capacity() == 0 {
            return Err(Error::NoRoomForEvents);
        }
        let owes_events = std::mem::take(&mut self.has_put_off_events);
        if !owes_events {
            self.let_signals_through(mask)?;
        }
        self.tell(events);
        if events.is_empty() {
            self.wait_masked_until(events, timeout, mask)?;
        } else if events.remaining() > 0 {
            self.wait_until(events, Timeout::Nowait)?;
        }
        // Without time the kernel lets none through, and what was put off is not there any more.
        if owes_events && events.is_empty() {
            self.let_signals_through(mask)?;
        }
        Ok(self.report(events))
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
