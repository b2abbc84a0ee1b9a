//! The multiplexer over epoll(7): the kernel keeps the registrations, so it keeps none itself.

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

/// A multiplexer over epoll(7), on Linux and Android: for as many fds as there are, at a cost that depends on
/// those that are ready.
///
/// Every [`Mode`] is there. Each call makes one system call: epoll_ctl(2) to register, modify and deregister,
/// epoll_wait(2) to wait, or epoll_pwait2(2) for times finer than a ms. Where the kernel has no epoll_pwait2(2)
/// (before Linux 5.11), such times are rounded up to ms. A masked wait makes one system call more, so that pending
/// signals get through. A registration takes no memory of the process.
///
/// # Threads
/// [`Multiplexer`] is implemented for `Epoll` and for `&Epoll`, as [`Read`](io::Read) is for `&TcpStream`. Threads share
/// an `Arc<Epoll>`: some wait while others register, modify and deregister.
/// - A wait that is under way may still report what another thread deregisters meanwhile.
/// - Each event is reported to one of the waiting threads in the edge modes and one-shot modes; in
///   [`Mode::Level`] it may be reported to several.
/// - An infinite wait through `&Epoll` never fails with [`Error::NothingToWaitFor`], since another thread may register.
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
/// # std::io::Result::Ok(())
/// ```
///
/// ```
/// use iomux_backend::{Epoll, Events, Interest, Mode, Multiplexer, Timeout, Token};
/// use std::net::TcpListener;
/// use std::os::fd::AsFd;
///
/// let listener = TcpListener::bind("127.0.0.1:0")?;
/// let epoll = Epoll::new()?; // declared after what it borrows
/// std::thread::scope(|scope| {
///     let waiter = scope.spawn(|| {
///         let mut events = Events::with_capacity(8);
///         (&epoll).wait(&mut events, Timeout::Infinite)
///     });
///     (&epoll).register(listener.as_fd(), Token(1), Interest::READABLE, Mode::Level)?;
///     let _client = std::net::TcpStream::connect(listener.local_addr()?)?;
///     assert_eq!(waiter.join().unwrap()?, 1);
///     std::io::Result::Ok(())
/// })?;
/// # std::io::Result::Ok(())
/// ```
///
/// # Platform notes
/// [epoll(7)](https://man7.org/linux/man-pages/man7/epoll.7.html).
/// - Files that are always ready (regular files, directories) are [`Error::NotPollable`]: read them without waiting, or
///   register them with [`Poll`](crate::Poll).
/// - The kernel watches the open file description behind an fd. An fd that is closed while registered leaves the
///   set, unless a dup(2) of it is open: then it goes on being reported under the old token until that is closed too.
///   Deregister before you close.
/// - A child made by fork(2) shares the set with its parent: what one of them changes, it changes for both.
/// - Each `Epoll` finds out for itself whether the kernel has epoll_pwait2(2), by the first wait that needs it.
#[derive(Debug)]
pub struct Epoll<'fd> {
    epoll: OwnedFd,
    /// How many fds are registered, wakers among them. It is more than that once one was closed while registered, and
    /// another process that has the epoll by fork(2) is not counted.
    registered: AtomicUsize,
    wakers: Wakers,
    has_pwait2: AtomicBool,
    /// Another multiplexer may wait for this one, and would not see a change that is deferred.
    is_shared: AtomicBool,
    turns: MaskTurns,
    // Invariant: with a covariant `'fd` and `register(&self)` a short-lived fd would get into a long-lived epoll.
    sources: PhantomData<fn(BorrowedFd<'fd>) -> BorrowedFd<'fd>>,
}

bitflags::bitflags! {
    /// What only epoll has, next to a [`Mode`]: for [`Epoll::register_with`].
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct EpollFlags: u32 {
        /// `EPOLLEXCLUSIVE`: of several epolls that wait for the same file, not all are woken.
        ///
        /// It goes with [`Interest::READABLE`] and [`Interest::WRITABLE`] only, and can't be modified.
        #[doc(alias = "EPOLLEXCLUSIVE")]
        const EXCLUSIVE = EPOLLEXCLUSIVE;
        /// `EPOLLWAKEUP`: the system is not suspended from the event until the next wait.
        ///
        /// Linux ignores it for a process without `CAP_BLOCK_SUSPEND`.
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
    /// Creates a multiplexer with nothing registered, epoll_create1(2).
    ///
    /// # Errors
    /// Returns [`Error::Os`] if the process or the system is out of file descriptors (EMFILE, ENFILE).
    #[doc(alias = "epoll_create1")]
    pub fn new() -> Result<Self, Error> {
        Self::with(EPOLL_PWAIT2.is_some())
    }

    /// Creates a multiplexer as on a kernel without epoll_pwait2(2), for tests.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    #[doc(hidden)]
    pub fn without_pwait2() -> Result<Self, Error> {
        Self::with(false)
    }

    fn with(has_pwait2: bool) -> Result<Self, Error> {
        // SAFETY: takes and returns numbers.
        let fd = unsafe { epoll_create1(EPOLL_CLOEXEC) };
        check(fd).map_err(|code| Error::Os { call: "epoll_create1", code })?;
        Ok(Self {
            // SAFETY: the kernel has just opened it, and nothing else knows it.
            epoll: unsafe { OwnedFd::from_raw_fd(fd) },
            registered: AtomicUsize::new(0),
            wakers: Wakers::new(),
            has_pwait2: AtomicBool::new(has_pwait2),
            is_shared: AtomicBool::new(false),
            turns: MaskTurns::new(),
            sources: PhantomData,
        })
    }

    /// Registers `fd` with flags that only epoll has, epoll_ctl(2) with `EPOLL_CTL_ADD`.
    ///
    /// ```
    /// use iomux_backend::{Epoll, EpollFlags, Interest, Mode, Token};
    /// use std::os::fd::AsFd;
    ///
    /// let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    /// let epoll = Epoll::new()?; // one per thread, each with the same listener
    /// epoll.register_with(listener.as_fd(), Token(1), Interest::READABLE, Mode::Level, EpollFlags::EXCLUSIVE)?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// - Returns what [`register`](Multiplexer::register) returns.
    /// - Returns [`Error::Unsupported`] if a flag has no name, or if `EXCLUSIVE` is combined with another interest than
    ///   to read and write, with one-shot, or with the fd of an epoll.
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

    /// Modifies a registration, with flags that only epoll has, epoll_ctl(2) with `EPOLL_CTL_MOD`.
    ///
    /// The flags replace those of the registration; [`modify`](Multiplexer::modify) sets none.
    ///
    /// # Errors
    /// - Returns what [`modify`](Multiplexer::modify) returns.
    /// - Returns [`Error::Unsupported`] if a flag has no name, or is [`EpollFlags::EXCLUSIVE`].
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

    /// Returns an fd of this epoll, for another multiplexer to wait for: it is readable when something is ready here.
    ///
    /// From here on [`Capabilities::DEFERRABLE`] is missing, so a [`Reactor`](crate::Reactor) that is created over this epoll later
    /// defers nothing.
    ///
    /// Deregister it there before this epoll is dropped. What is open elsewhere (a dup(2) of a source, the fd of a
    /// [`Waker`]) would go on making it readable, with no way to take those events.
    ///
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
    ///
    /// # Errors
    /// Returns [`Error::Os`] if the process is out of file descriptors (EMFILE).
    pub fn share(&self) -> Result<OwnedFd, Error> {
        self.is_shared.store(true, Ordering::Relaxed);
        let code = |error: io::Error| error.raw_os_error().unwrap_or_default();
        self.epoll.try_clone().map_err(|error| Error::Os { call: "fcntl", code: code(error) })
    }

    /// Returns the epoll itself, with what is registered in it. Its events carry the tokens as `data`.
    ///
    /// Wakers end with this: their fds are closed once the last [`Waker`] is gone.
    #[must_use]
    pub fn into_owned_fd(self) -> OwnedFd {
        self.epoll
    }

    /// epoll_ctl(2).
    #[inline]
    fn ctl(&self, operation: c_int, fd: RawFd, token: Token, bits: u32) -> Result<(), Error> {
        let mut event = epoll_event { events: bits, data: token.0 as u64 };
        // SAFETY: the event is ours alone; a number that is no fd is an error, and harms nothing.
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
        // By the edge, so that no wait has to read it.
        self.ctl(EPOLL_CTL_ADD, source.as_fd().as_raw_fd(), token, EPOLLIN | EPOLLET)?;
        self.registered.fetch_add(1, Ordering::Relaxed);
        self.wakers.push(token, source);
        Ok(waker)
    }
}

/// Returns epoll's bits for an interest, a mode and flags, or why epoll has none.
#[inline]
fn event_bits(interest: Interest, mode: Mode, flags: EpollFlags) -> Result<u32, Error> {
    let Some(events) = epoll_bits::from_interest(interest) else {
        return Err(unsupported("an interest without a name"));
    };
    if !EpollFlags::all().contains(flags) {
        return Err(unsupported("a flag without a name"));
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
        return Err(unsupported("Mode::Exclusive with one-shot, or for more than READABLE and WRITABLE,"));
    }
    Ok(bits)
}

#[cold]
fn unsupported(what: &'static str) -> Error {
    Error::Unsupported { what, backend: NAME }
}

/// Returns what a failed epoll_ctl(2) means.
#[cold]
fn rejected(fd: RawFd, operation: c_int, bits: u32, code: c_int) -> Error {
    match code {
        EEXIST => Error::AlreadyRegistered { fd },
        ENOENT => Error::NotRegistered { fd },
        EPERM if operation == EPOLL_CTL_ADD => Error::NotPollable { fd, backend: NAME },
        ENOMEM => Error::OutOfMemory,
        ELOOP => Error::NestedTooDeep { fd },
        EBADF if fd < 0 => Error::NegativeFd { fd },
        EINVAL if operation == EPOLL_CTL_MOD => {
            unsupported("modifying an exclusive registration, or one to be so, instead of registering again,")
        }
        EINVAL if bits & EPOLLEXCLUSIVE != 0 => unsupported("Mode::Exclusive for the fd of an epoll"),
        code => Error::Os { call: "epoll_ctl", code },
    }
}

/// epoll_wait(2), epoll_pwait(2) or epoll_pwait2(2): the cheapest that can express the time and the mask.
struct EpollCall<'a, 'fd> {
    epoll: &'a Epoll<'fd>,
    events: &'a mut Events,
    mask: Option<&'a SigSet>,
}

// The kernel writes an `epoll_event` where there is room for an `Event`.
const _: () = assert!(size_of::<Event>() == size_of::<epoll_event>());

impl<'a, 'fd> EpollCall<'a, 'fd> {
    #[inline(always)]
    fn new(epoll: &'a Epoll<'fd>, events: &'a mut Events, mask: Option<&'a SigSet>) -> Result<Self, Error> {
        events.clear();
        if events.capacity() == 0 { Err(Error::NoRoomForEvents) } else { Ok(Self { epoll, events, mask }) }
    }

    /// Returns where the kernel may write events, and how many.
    #[inline]
    fn room(&mut self) -> (*mut epoll_event, c_int) {
        let buffer = self.events.buffer();
        (buffer.as_mut_ptr().cast(), max_events(buffer.len()))
    }

    /// epoll_wait(2).
    // Every frame between the kernel and the caller costs a return: on a processor with the mitigation "Safe RET" the
    // first return after a system call takes up to 100 ns (`iomux-bench returns`).
    #[inline(always)]
    fn wait(&mut self, ms: c_int) -> c_int {
        let (events, count) = self.room();
        // SAFETY: `events` has room for `count`, and is ours alone.
        unsafe { epoll_wait(self.epoll.epoll.as_raw_fd(), events, count, ms) }
    }

    /// epoll_pwait(2).
    fn pwait(&mut self, ms: c_int, mask: &SigSet) -> c_int {
        let (events, count) = self.room();
        // SAFETY: as in `wait`, and the mask is a set.
        unsafe { epoll_pwait(self.epoll.epoll.as_raw_fd(), events, count, ms, mask.as_ptr().cast()) }
    }

    /// epoll_pwait2(2), or ENOSYS where it must not be called.
    fn pwait2(&mut self, time: Option<Timespec>) -> Result<usize, c_int> {
        let epoll_pwait2 = EPOLL_PWAIT2.ok_or(ENOSYS)?;
        let time = time.map(|Timespec { tv_sec, tv_nsec }| __kernel_timespec { tv_sec, tv_nsec });
        let time = time.as_ref().map_or(ptr::null(), ptr::from_ref);
        let mask = self.mask.map_or(ptr::null(), |mask| mask.as_ptr().cast());
        let (events, count) = self.room();
        // SAFETY: as in `wait`; time and mask are null or point to what they say.
        check(unsafe { epoll_pwait2(self.epoll.epoll.as_raw_fd(), events, count, time, mask) })
    }

    /// Makes a call whose time ms can't express, or with a mask. Returns its name and its result.
    fn fine_or_masked(&mut self, chunk: Chunk) -> (&'static str, Result<usize, c_int>) {
        if !chunk.is_whole_ms() && self.epoll.has_pwait2.load(Ordering::Relaxed) {
            match self.pwait2(chunk.timespec()) {
                // Not in this kernel, or a sandbox forbids it: it stays so.
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

/// Returns how many events a wait may be given: the kernel rejects more.
#[inline]
const fn max_events(room: usize) -> c_int {
    const MOST: usize = c_int::MAX as usize / size_of::<epoll_event>();
    #[allow(clippy::cast_possible_truncation, clippy::cast_possible_wrap, reason = "at most `MOST`")]
    let count = (if room < MOST { room } else { MOST }) as c_int;
    count
}

/// Returns what a system call returned, or `errno`.
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
        // Saturating: a child made by fork(2) may deregister what its parent has registered.
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

// SAFETY: a registered fd is given to epoll_ctl(2) only, by `register`, `modify` and `deregister`; the kernel's own
// reference to the file is none to the fd. (`&Epoll` makes no such promise: there are other holders.)
unsafe impl<'fd> TrustedMultiplexer<'fd> for Epoll<'fd> {}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_failed_wait_is_an_error_and_no_busy_loop() {
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
    fn room_is_cut_to_what_the_kernel_takes() {
        const MOST: c_int = max_events(usize::MAX);
        assert_eq!([0, 1, 64, MOST as usize].map(max_events), [0, 1, 64, MOST]);
        assert_eq!([MOST as usize + 1, 1 << (usize::BITS - 1)].map(max_events), [MOST, MOST]);

        let epoll = Epoll::new().unwrap().epoll;
        let is_rejected = |count| {
            // SAFETY: nothing is registered, so nothing is written.
            let returned = unsafe { epoll_wait(epoll.as_raw_fd(), ptr::dangling_mut(), count, 0) };
            returned < 0
        };
        assert!(is_rejected(0) && is_rejected(MOST + 1), "what the kernel does not take");
        // An emulator looks for all of the memory first.
        assert!(std::env::var_os("IOMUX_EMULATED").is_some() || !is_rejected(MOST));
    }
}
