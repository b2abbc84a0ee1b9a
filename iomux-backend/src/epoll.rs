//! The multiplexer over epoll(7). The kernel keeps the registrations, so `Epoll` has no table.

#[cfg(target_os = "linux")]
mod busy_poll;
mod wakers;

#[cfg(target_os = "linux")]
pub use busy_poll::BusyPoll;

use crate::capabilities::Capabilities;
use crate::error::Error;
use crate::event::{Event, Events, Token, epoll_bits};
use crate::mode::Mode;
use crate::multiplexer::{Multiplexer, TrustedMultiplexer};
use crate::waker::{Waker, WakerSource};
use core::ffi::c_int;
use core::fmt;
use iomux::{Chunk, Interest, Interrupt, MaskTurns, Outcome, SigSet, Timeout, Timespec, WaitCall, wait_with};
use iomux_sys::epoll::{
    __kernel_timespec, EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLL_PWAIT2, EPOLLET,
    EPOLLEXCLUSIVE, EPOLLIN, EPOLLONESHOT, EPOLLOUT, EPOLLWAKEUP, epoll_create1, epoll_ctl, epoll_event,
    epoll_pwait, epoll_wait,
};
use iomux_sys::errno::{EBADF, EEXIST, EINTR, EINVAL, ELOOP, ENOENT, ENOMEM, ENOSYS, EOPNOTSUPP, EPERM};
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use wakers::Wakers;

const NAME: &str = "epoll";

/// A multiplexer over epoll(7), for Linux and Android.
///
/// It suits any number of fds, since the cost of a wait depends on the number of ready ones. It supports every
/// [`Mode`]. A registration takes no memory in the process.
///
/// # Threads
/// [`Multiplexer`] is implemented for `Epoll` and for `&Epoll`, as [`Read`](io::Read) is for `&TcpStream`. Threads
/// share an `Arc<Epoll>`: some wait while others register, modify and deregister.
/// - A wait that has begun may still report an fd that another thread deregisters.
/// - In the edge-triggered and one-shot modes, one of the waiting threads gets each event. In [`Mode::Level`], several
///   may get the same event.
/// - An infinite wait through `&Epoll` never fails with [`Error::NothingToWaitFor`], since another thread may register
///   an fd.
///
/// # Platform notes
/// - Each call makes one system call. Register, modify and deregister call epoll_ctl(2). A wait calls epoll_wait(2), or
///   epoll_pwait2(2) for a timeout that is no whole number of ms. A masked wait makes one call more, which delivers
///   pending signals.
/// - Before Linux 5.11 the kernel has no epoll_pwait2(2), and such timeouts are rounded up to ms. Each `Epoll` tries
///   the call in the first wait that needs it.
/// - Regular files and directories are always ready, and fail with [`Error::NotPollable`]. Read them without waiting,
///   or register them with [`Poll`](crate::Poll).
/// - The kernel watches the open file description of an fd. If a registered fd is closed while a dup(2) of it is open,
///   the registration remains, and waits still return the old token. So deregister an fd before you close it.
/// - A child made by fork(2) shares the registrations with its parent: a change in one of them affects both.
/// - Manual: [epoll(7)](https://man7.org/linux/man-pages/man7/epoll.7.html).
///
/// # Examples
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
/// # std::io::Result::Ok(())
/// ```
///
/// One thread waits while another registers a listener:
///
/// ```
/// use iomux_backend::{Epoll, Events, Interest, Mode, Multiplexer, Timeout, Token};
/// use std::net::{TcpListener, TcpStream};
/// use std::os::fd::AsFd;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let epoll = Epoll::new()?; // declared after the source that it borrows
/// std::thread::scope(|scope| {
///     let waiter = scope.spawn(|| {
///         let mut events = Events::with_capacity(8);
///         (&epoll).wait(&mut events, Timeout::Infinite)
///     });
///     (&epoll).register(listener.as_fd(), Token(1), Interest::READABLE, Mode::Level)?;
///     let _client = TcpStream::connect(listener.local_addr()?)?;
///     assert_eq!(waiter.join().unwrap()?, 1);
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Epoll<'fd> {
    epoll: OwnedFd,
    /// The number of registered fds, including wakers. After a registered fd was closed, the number is too high. It does
    /// not include the registrations of a child made by fork(2).
    registered: AtomicUsize,
    wakers: Wakers,
    has_pwait2: AtomicBool,
    /// `true` if another multiplexer may wait for this one. It would not see a deferred change.
    is_shared: AtomicBool,
    turns: MaskTurns,
    // Invariant: with a covariant `'fd`, `register(&self)` would accept a short-lived fd for a long-lived epoll.
    sources: PhantomData<fn(BorrowedFd<'fd>) -> BorrowedFd<'fd>>,
}

bitflags::bitflags! {
    /// Flags of [`Epoll::register_with`] that only epoll has.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct EpollFlags: u32 {
        /// `EPOLLEXCLUSIVE`: the kernel does not wake all epolls that wait for the same file.
        ///
        /// Only [`Interest::READABLE`] and [`Interest::WRITABLE`] can be combined with it. Such a registration can't be
        /// modified.
        #[doc(alias = "EPOLLEXCLUSIVE")]
        const EXCLUSIVE = EPOLLEXCLUSIVE;
        /// `EPOLLWAKEUP`: the system is not suspended between an event and the next wait.
        ///
        /// Linux ignores it for a process without `CAP_BLOCK_SUSPEND`.
        #[doc(alias = "EPOLLWAKEUP")]
        const WAKEUP = EPOLLWAKEUP;
    }
}

/// Writes the names of the flags, joined by ` | `.
impl fmt::Display for EpollFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bitflags::parser::to_writer(self, f)
    }
}

impl<'fd> Epoll<'fd> {
    /// Creates a multiplexer without registrations: epoll_create1(2).
    ///
    /// # Errors
    /// Returns [`Error::Os`] if the process or the system is out of file descriptors (EMFILE, ENFILE).
    #[doc(alias = "epoll_create1")]
    pub fn new() -> Result<Self, Error> {
        Self::with(EPOLL_PWAIT2.is_some())
    }

    /// Creates a multiplexer that does not call epoll_pwait2(2), for tests.
    ///
    /// # Errors
    /// Returns the errors of [`new`](Self::new).
    #[doc(hidden)]
    pub fn without_pwait2() -> Result<Self, Error> {
        Self::with(false)
    }

    fn with(has_pwait2: bool) -> Result<Self, Error> {
        // SAFETY: takes and returns numbers.
        let fd = unsafe { epoll_create1(EPOLL_CLOEXEC) };
        check(fd).map_err(|code| Error::Os { call: "epoll_create1", code })?;
        Ok(Self {
            // SAFETY: the kernel has just opened it, so nothing else owns it.
            epoll: unsafe { OwnedFd::from_raw_fd(fd) },
            registered: AtomicUsize::new(0),
            wakers: Wakers::new(),
            has_pwait2: AtomicBool::new(has_pwait2),
            is_shared: AtomicBool::new(false),
            turns: MaskTurns::new(),
            sources: PhantomData,
        })
    }

    /// Registers `fd` with flags that only epoll has: epoll_ctl(2) with `EPOLL_CTL_ADD`.
    ///
    /// # Errors
    /// - Returns the errors of [`register`](Multiplexer::register).
    /// - Returns [`Error::Unsupported`] if a flag has no name.
    /// - Returns [`Error::Unsupported`] if `EXCLUSIVE` is combined with one-shot, with an interest other than
    ///   `READABLE` and `WRITABLE`, or with the fd of an epoll.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Epoll, EpollFlags, Interest, Mode, Token};
    /// use std::net::TcpListener;
    /// use std::os::fd::AsFd;
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let epoll = Epoll::new()?; // one per thread, each with the same listener
    /// epoll.register_with(listener.as_fd(), Token(1), Interest::READABLE, Mode::Level, EpollFlags::EXCLUSIVE)?;
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "epoll_ctl")]
    pub fn register_with(
        &self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
        flags: EpollFlags,
    ) -> Result<(), Error> {
        self.ctl(EPOLL_CTL_ADD, fd.as_raw_fd(), token, event_bits(interest, mode, flags)?)?;
        self.registered.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// Modifies a registration with flags that only epoll has: epoll_ctl(2) with `EPOLL_CTL_MOD`.
    ///
    /// The flags replace those of the registration. [`modify`](Multiplexer::modify) removes all flags.
    ///
    /// # Errors
    /// - Returns the errors of [`modify`](Multiplexer::modify).
    /// - Returns [`Error::Unsupported`] if a flag has no name, or is [`EpollFlags::EXCLUSIVE`].
    #[inline]
    pub fn modify_with(
        &self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
        flags: EpollFlags,
    ) -> Result<(), Error> {
        self.ctl(EPOLL_CTL_MOD, fd.as_raw_fd(), token, event_bits(interest, mode, flags)?)
    }

    /// Returns an fd that is readable while a source of this epoll is ready.
    ///
    /// Another multiplexer can wait for the fd. After this call, the epoll lacks [`Capabilities::DEFERRABLE`], so a
    /// [`Reactor`](crate::Reactor) over it defers no change.
    ///
    /// Deregister the fd before this epoll is dropped. Otherwise a dup(2) of a source, or the fd of a [`Waker`], could
    /// still make it readable, and nothing could take those events.
    ///
    /// # Errors
    /// Returns [`Error::Os`] if the process is out of file descriptors (EMFILE).
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Epoll, Events, Interest, Mode, Multiplexer, Timeout, Token};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut inner = Epoll::new()?;
    /// inner.register(writer.as_fd(), Token(1), Interest::WRITABLE, Mode::Level)?;
    /// let shared = inner.share()?;
    /// let mut outer = Epoll::new()?;
    /// outer.register(shared.as_fd(), Token(2), Interest::READABLE, Mode::Level)?;
    /// assert_eq!(outer.wait(&mut Events::with_capacity(8), Timeout::Infinite)?, 1);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn share(&self) -> Result<OwnedFd, Error> {
        self.is_shared.store(true, Ordering::Relaxed);
        let code = |error: io::Error| error.raw_os_error().unwrap_or_default();
        self.epoll.try_clone().map_err(|error| Error::Os { call: "fcntl", code: code(error) })
    }

    /// Returns the fd of the epoll, with its registrations.
    ///
    /// Its events carry the tokens as `data`. The wakers stop working: the fd of each is closed with its last
    /// [`Waker`].
    #[must_use]
    pub fn into_owned_fd(self) -> OwnedFd {
        self.epoll
    }

    /// Calls epoll_ctl(2).
    #[inline]
    fn ctl(&self, operation: c_int, fd: RawFd, token: Token, bits: u32) -> Result<(), Error> {
        let mut event = epoll_event { events: bits, data: token.0 as u64 };
        // SAFETY: the event is a local, and the kernel rejects a number that is no open fd.
        let returned = unsafe { epoll_ctl(self.epoll.as_raw_fd(), operation, fd, &raw mut event) };
        check(returned).map(|_| ()).map_err(|code| rejected(fd, operation, bits, code))
    }

    #[inline(always)]
    fn wait_for(&self, events: &mut Events, timeout: Timeout, can_end: bool) -> Result<usize, Error> {
        let mut call = EpollCall::new(self, events, None)?;
        let count = wait_with(&mut call, timeout, Interrupt::Resume, can_end)?;
        self.wakers.note(events);
        Ok(count)
    }

    fn wait_masked_for(&self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        let mut call = EpollCall::new(self, events, Some(mask))?;
        let count = self.turns.wait(mask, || wait_with(&mut call, timeout, Interrupt::End, true))?;
        self.wakers.note(events);
        Ok(count)
    }

    fn add_waker(&self, token: Token) -> Result<Waker, Error> {
        if let Some(waker) =
            self.wakers.reuse(token, |fd| self.ctl(EPOLL_CTL_MOD, fd, token, EPOLLIN | EPOLLET))
        {
            return waker;
        }
        let source = WakerSource::new()?;
        Wakers::check_room()?;
        let waker = source.waker();
        // Edge-triggered, so that no wait has to read the fd.
        self.ctl(EPOLL_CTL_ADD, source.as_fd().as_raw_fd(), token, EPOLLIN | EPOLLET)?;
        self.registered.fetch_add(1, Ordering::Relaxed);
        self.wakers.push(token, source);
        Ok(waker)
    }
}

/// Returns the bits of epoll(7) for an interest, a mode and flags.
#[inline]
fn event_bits(interest: Interest, mode: Mode, flags: EpollFlags) -> Result<u32, Error> {
    let Some(events) = epoll_bits::from_interest(interest) else {
        return Err(unsupported("an interest without a name: use the constants of Interest"));
    };
    if !EpollFlags::all().contains(flags) {
        return Err(unsupported("a flag without a name: use the constants of EpollFlags"));
    }
    let mode = match mode {
        Mode::Level => 0,
        Mode::Edge => EPOLLET,
        Mode::OneShot => EPOLLONESHOT,
        Mode::EdgeOneShot => EPOLLET | EPOLLONESHOT,
        Mode::Exclusive => EPOLLEXCLUSIVE,
    };
    let bits = flags.bits() | events | mode;
    let goes_with_exclusive = EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLET | EPOLLIN | EPOLLOUT;
    if bits & EPOLLEXCLUSIVE != 0 && bits & !goes_with_exclusive != 0 {
        return Err(unsupported(
            "Mode::Exclusive with one-shot, or with an interest other than READABLE and WRITABLE: leave these out",
        ));
    }
    Ok(bits)
}

#[cold]
fn unsupported(what: &'static str) -> Error {
    Error::Unsupported { what, backend: NAME }
}

/// Returns the error for an errno of epoll_ctl(2).
#[cold]
fn rejected(fd: RawFd, operation: c_int, bits: u32, code: c_int) -> Error {
    match code {
        EEXIST => Error::AlreadyRegistered { fd },
        ENOENT => Error::NotRegistered { fd },
        EPERM if operation == EPOLL_CTL_ADD => Error::NotPollable { fd, backend: NAME },
        ENOMEM => Error::OutOfMemory,
        ELOOP => Error::NestedTooDeep { fd },
        EBADF if fd < 0 => Error::NegativeFd { fd },
        EINVAL if operation == EPOLL_CTL_MOD => unsupported(
            "a modify from or to Mode::Exclusive: deregister, then register (Reactor: remove, then insert)",
        ),
        EINVAL if bits & EPOLLEXCLUSIVE != 0 => {
            unsupported("Mode::Exclusive for the fd of an epoll: use Mode::Level")
        }
        code => Error::Os { call: "epoll_ctl", code },
    }
}

/// A call of epoll_wait(2), epoll_pwait(2) or epoll_pwait2(2): the cheapest that can express timeout and mask.
struct EpollCall<'a, 'fd> {
    epoll: &'a Epoll<'fd>,
    events: &'a mut Events,
    mask: Option<&'a SigSet>,
}

// The kernel writes each `epoll_event` into the place of an `Event`.
const _: () = assert!(size_of::<Event>() == size_of::<epoll_event>());

impl<'a, 'fd> EpollCall<'a, 'fd> {
    #[inline(always)]
    fn new(epoll: &'a Epoll<'fd>, events: &'a mut Events, mask: Option<&'a SigSet>) -> Result<Self, Error> {
        events.clear();
        if events.capacity() == 0 { Err(Error::NoRoomForEvents) } else { Ok(Self { epoll, events, mask }) }
    }

    /// Returns the address and the length of the buffer that the kernel may fill.
    #[inline]
    fn room(&mut self) -> (*mut epoll_event, c_int) {
        let buffer = self.events.buffer();
        (buffer.as_mut_ptr().cast(), max_events(buffer.len()))
    }

    /// Calls epoll_wait(2).
    // Inlined, since each frame between kernel and caller costs a return. With the mitigation "Safe RET", the first
    // return after a system call takes up to 100 ns (`iomux-bench returns`).
    #[inline(always)]
    fn wait(&mut self, ms: c_int) -> c_int {
        let (events, count) = self.room();
        // SAFETY: `events` has room for `count`, and is borrowed exclusively.
        unsafe { epoll_wait(self.epoll.epoll.as_raw_fd(), events, count, ms) }
    }

    /// Calls epoll_pwait(2).
    fn pwait(&mut self, ms: c_int, mask: &SigSet) -> c_int {
        let (events, count) = self.room();
        // SAFETY: as in `wait`, and the mask is a signal set.
        unsafe { epoll_pwait(self.epoll.epoll.as_raw_fd(), events, count, ms, mask.as_ptr().cast()) }
    }

    /// Calls epoll_pwait2(2). Returns ENOSYS if the platform has no such function.
    fn pwait2(&mut self, time: Option<Timespec>) -> Result<usize, c_int> {
        let epoll_pwait2 = EPOLL_PWAIT2.ok_or(ENOSYS)?;
        let time = time.map(|Timespec { tv_sec, tv_nsec }| __kernel_timespec { tv_sec, tv_nsec });
        let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
        let mask = self.mask.map_or(ptr::null(), |mask| mask.as_ptr().cast());
        let (events, count) = self.room();
        // SAFETY: as in `wait`, and time and mask are null or point to values of their types.
        check(unsafe { epoll_pwait2(self.epoll.epoll.as_raw_fd(), events, count, time, mask) })
    }

    /// Makes a call with a mask, or with a timeout that is no whole number of ms. Returns its name and result.
    fn fine_or_masked(&mut self, chunk: Chunk) -> (&'static str, Result<usize, c_int>) {
        if !chunk.is_whole_ms() && self.epoll.has_pwait2.load(Ordering::Relaxed) {
            match self.pwait2(chunk.timespec()) {
                // The kernel lacks the call or a sandbox forbids it, and neither changes.
                Err(ENOSYS | EPERM | EOPNOTSUPP) => self.epoll.has_pwait2.store(false, Ordering::Relaxed),
                result => return ("epoll_pwait2", result),
            }
        }
        match self.mask {
            None => ("epoll_wait", check(self.wait(chunk.poll_ms()))),
            Some(mask) => ("epoll_pwait", check(self.pwait(chunk.poll_ms(), mask))),
        }
    }
}

impl WaitCall for EpollCall<'_, '_> {
    type Error = Error;

    #[inline(always)]
    fn call(&mut self, chunk: Chunk) -> Result<Outcome, Error> {
        let (call, result) = if self.mask.is_none() && chunk.is_whole_ms() {
            ("epoll_wait", check(self.wait(chunk.poll_ms())))
        } else {
            self.fine_or_masked(chunk)
        };
        match result {
            Ok(count) => {
                self.events.set_len(count);
                Ok(Outcome::Ready(count))
            }
            Err(EINTR) => Ok(Outcome::Interrupted),
            Err(code) => Err(Error::Os { call, code }),
        }
    }
}

/// Returns the room to pass to the kernel, which rejects a larger number of events.
#[inline]
const fn max_events(room: usize) -> c_int {
    const MOST: usize = c_int::MAX as usize / size_of::<epoll_event>();
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "at most `MOST`")]
    let count = (if room < MOST { room } else { MOST }) as c_int;
    count
}

/// Returns the result of a system call, or `errno`.
#[inline]
fn check(returned: c_int) -> Result<usize, c_int> {
    usize::try_from(returned).map_err(|_| io::Error::last_os_error().raw_os_error().unwrap_or_default())
}

impl<'fd> Multiplexer<'fd> for Epoll<'fd> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let is_deferrable = !self.is_shared.load(Ordering::Relaxed);
        let deferrable = if is_deferrable { Capabilities::DEFERRABLE } else { Capabilities::empty() };
        deferrable
            | Capabilities::EDGE
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
        self.ctl(EPOLL_CTL_ADD, fd.as_raw_fd(), token, event_bits(interest, mode, EpollFlags::empty())?)?;
        *self.registered.get_mut() += 1;
        Ok(())
    }

    #[inline]
    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        self.modify_with(fd, token, interest, mode, EpollFlags::empty())
    }

    #[inline]
    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        self.ctl(EPOLL_CTL_DEL, fd.as_raw_fd(), Token(0), 0)?;
        let registered = self.registered.get_mut();
        *registered = registered.saturating_sub(1);
        Ok(())
    }

    // A program has few waits: a timeout that is known at compile time costs nothing there.
    #[inline(always)]
    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        let can_end = timeout != Timeout::Infinite || *self.registered.get_mut() != 0;
        self.wait_for(events, timeout, can_end)
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        self.wait_masked_for(events, timeout, mask)
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        self.add_waker(token)
    }
}

/// For threads that share an epoll; see [`Epoll`]'s section on threads.
impl<'fd> Multiplexer<'fd> for &Epoll<'fd> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        (**self).capabilities()
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
        self.modify_with(fd, token, interest, mode, EpollFlags::empty())
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        self.ctl(EPOLL_CTL_DEL, fd.as_raw_fd(), Token(0), 0)?;
        // Saturating: a child made by fork(2) may deregister an fd that its parent registered.
        let less = |registered: usize| registered.checked_sub(1);
        let _ = self.registered.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        Ok(())
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        self.wait_for(events, timeout, true)
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        self.wait_masked_for(events, timeout, mask)
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        self.add_waker(token)
    }
}

// SAFETY: `register`, `modify` and `deregister` pass a registered fd to epoll_ctl(2) only. The kernel's own reference
// is to the open file description, not to the fd. (`&Epoll` is not trusted, since it has other holders.)
unsafe impl<'fd> TrustedMultiplexer<'fd> for Epoll<'fd> {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn failed_wait_returns_error() {
        let (reader, _writer) = io::pipe().unwrap();
        let mut epoll = Epoll::new().unwrap();
        epoll.register(reader.as_fd(), Token(1), Interest::READABLE, Mode::Level).unwrap();
        epoll.epoll = reader.try_clone().unwrap().into();
        let mut events = Events::with_capacity(1);
        let failed = |call| Err(Error::Os { call, code: EINVAL });
        let (ms, fine, mask) =
            ([Timeout::Nowait, Timeout::Infinite], Duration::from_micros(10), SigSet::empty());
        for timeout in ms {
            assert_eq!(epoll.wait(&mut events, timeout), failed("epoll_wait"), "{timeout:?}");
            assert_eq!(epoll.wait_masked(&mut events, timeout, &mask), failed("epoll_pwait"), "{timeout:?}");
        }
        let fine = epoll.wait(&mut events, fine.into());
        assert!(fine == failed("epoll_pwait2") || fine == failed("epoll_wait"), "{fine:?}");
    }

    #[test]
    fn room_is_limited_to_kernel_maximum() {
        const MOST: c_int = max_events(usize::MAX);
        assert_eq!([0, 1, 64, MOST as usize].map(max_events), [0, 1, 64, MOST]);
        assert_eq!([MOST as usize + 1, 1 << (usize::BITS - 1)].map(max_events), [MOST, MOST]);

        let epoll = Epoll::new().unwrap().epoll;
        let is_rejected = |count| {
            // SAFETY: nothing is registered, so nothing is written.
            let returned = unsafe { epoll_wait(epoll.as_raw_fd(), ptr::dangling_mut(), count, 0) };
            returned < 0
        };
        assert!(is_rejected(0) && is_rejected(MOST + 1), "the kernel rejects these");
        // An emulator checks all of the memory first.
        assert!(std::env::var_os("IOMUX_EMULATED").is_some() || !is_rejected(MOST));
    }
}
