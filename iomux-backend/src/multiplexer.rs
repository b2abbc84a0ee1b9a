//! The contract: what every multiplexer does, method by method.

use crate::capabilities::Capabilities;
use crate::mode::Mode;

use crate::error::Error;
use crate::event::{Events, Token};
use crate::waker::Waker;
use iomux::{Interest, SigSet, Timeout};
use std::os::fd::{BorrowedFd, RawFd};

/// A set of fds, each with a token and what is asked of it, and a wait for the next of them to be ready.
///
/// ```
/// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token, native};
/// use std::os::fd::AsFd;
///
/// let (_reader, writer) = std::io::pipe()?;
/// let all: [Box<dyn Multiplexer>; 2] = [Box::new(Poll::new()), Box::new(native()?)];
/// for mut one in all {
///     one.register(writer.as_fd(), Token(7), Interest::WRITABLE, Mode::Level)?;
///     let mut events = Events::with_capacity(8);
///     assert_eq!(one.wait(&mut events, Timeout::Infinite)?, 1);
///     assert_eq!(events.get(0).map(|event| event.token()), Some(Token(7)));
/// }
/// # std::io::Result::Ok(())
/// ```
///
/// # Lifetimes
/// `'fd` is how long every fd lives that is registered: a source outlives the multiplexer, which the
/// compiler checks, also after [`deregister`](Self::deregister). So the bare trait is for sets of sources that
/// stay. What comes and goes, such as the connections of a server, belongs in a
/// [`Reactor`](crate::Reactor), which owns its sources.
///
/// # The contract
/// An implementation of this trait promises what follows; the conformance suite (feature `conformance`) tests it.
///
/// 1. An error changes nothing: no registration is made, changed or lost. After a failed `deregister` alone, or once
///    an fd was closed while it was registered, the registration may be gone or may stay, as the kernel has it.
/// 2. An fd is registered by its number, once. A dup(2) of it is another fd, with a registration of its own.
/// 3. A wait returns at most one event per registration, with all that is reported of the fd.
/// 4. Nothing is reported of an fd in a wait that begins after `deregister` has returned, nor what belongs to an
///    earlier owner of its number. A wait of another thread that is under way meanwhile may still report it.
/// 5. What is not supported is [`Error::UnsupportedMode`] or [`Error::Unsupported`], and is never emulated badly.
/// 6. Errors and hangups are reported for every interest, the empty one included ([`Capabilities::HANGUP`]).
/// 7. If not all that is ready fits the buffer, no registration and no waker is starved, however many others come and
///    go: what did not fit comes before what is reported again.
/// 8. What the kernel reports that has no name is passed on, and never panics.
/// 9. If a wait returns fewer events than there was room for, nothing else was ready when the wait began. A
///    [`Reactor`](crate::Reactor) relies on it to tell an expired source from a ready one. Two exceptions can't keep it:
///    `&Epoll` while other threads use the same epoll, and a source in [`Mode::Exclusive`], which the kernel may have
///    reported to another multiplexer.
///
/// The order of events within a wait is unspecified.
///
/// # Implementing it
/// No type with `'fd` in it may implement `Drop`: a multiplexer that was declared before its fds would not
/// compile. (A field without `'fd` may, such as an `OwnedFd`.)
pub trait Multiplexer<'fd> {
    /// The mechanism's name, in lower case: `poll`, `epoll`, `kqueue`, `select`. It is in error messages.
    ///
    /// ```
    /// use iomux_backend::{Multiplexer, Poll};
    ///
    /// assert_eq!(Poll::new().name(), "poll");
    /// ```
    fn name(&self) -> &'static str;

    /// Returns what it can do. It stays the same, except that a multiplexer may lose [`Capabilities::DEFERRABLE`].
    ///
    /// ```
    /// use iomux_backend::{Capabilities, Interest, Mode, Multiplexer, Token, native};
    /// use std::os::fd::AsFd;
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut mux = native()?;
    /// let has_edges = mux.capabilities().contains(Capabilities::EDGE);
    /// let mode = if has_edges { Mode::Edge } else { Mode::Level };
    /// assert_eq!(mux.register(reader.as_fd(), Token(0), Interest::READABLE, mode), Ok(()));
    /// # std::io::Result::Ok(())
    /// ```
    fn capabilities(&self) -> Capabilities;

    /// Begins to ask `fd` for `interest`, to be reported with `token`.
    ///
    /// Several fds may have the same token. Asking for nothing is allowed, and still reports hangups and
    /// errors.
    ///
    /// ```
    /// use iomux_backend::{Error, Events, Interest, Mode, Multiplexer, Timeout, Token, native};
    /// use std::os::fd::{AsFd, AsRawFd};
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let copy = writer.try_clone()?;
    /// let mut mux = native()?;
    /// mux.register(writer.as_fd(), Token(1), Interest::WRITABLE, Mode::Level)?;
    /// let again = mux.register(writer.as_fd(), Token(2), Interest::WRITABLE, Mode::Level);
    /// assert_eq!(again, Err(Error::AlreadyRegistered { fd: writer.as_raw_fd() }));
    /// mux.register(copy.as_fd(), Token(1), Interest::WRITABLE, Mode::Level)?; // another fd, the same token
    /// assert_eq!(mux.wait(&mut Events::with_capacity(8), Timeout::Infinite)?, 2);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// [`Error::AlreadyRegistered`]; [`Error::NegativeFd`]; [`Error::NotPollable`]; [`Error::NestedTooDeep`] for the fd of
    /// an epoll, over epoll; [`Error::UnsupportedMode`];
    /// [`Error::Unsupported`] for an interest that the mechanism can't report; [`Error::OutOfMemory`];
    /// [`Error::Os`].
    fn register(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error>;

    /// As [`register`](Self::register), from an fd's number: for whoever builds another owner of sources.
    ///
    /// ```
    /// use iomux_backend::{Events, Interest, Mode, Multiplexer, Timeout, Token, native};
    /// use std::os::fd::{AsFd, AsRawFd};
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// let mut mux = native()?;
    /// // SAFETY: `reader` is closed after it was deregistered.
    /// unsafe { mux.register_raw(reader.as_raw_fd(), Token(1), Interest::READABLE, Mode::Level)? };
    /// drop(writer);
    /// assert_eq!(mux.wait(&mut Events::with_capacity(1), Timeout::Infinite)?, 1);
    /// mux.deregister(reader.as_fd())?;
    /// drop(reader); // which `register` would not let us do while there is `mux`
    /// assert_eq!(mux.wait(&mut Events::with_capacity(1), Timeout::Nowait)?, 0);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Safety
    /// `fd` stays open until [`deregister`](Self::deregister) has returned, or this multiplexer is gone.
    ///
    /// Where that is broken, a backend is to do no harm: at most one `INVALID` event, then nothing until it is modified.
    ///
    /// # Errors
    /// As [`register`](Self::register).
    unsafe fn register_raw(
        &mut self,
        fd: RawFd,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        if fd < 0 {
            return Err(Error::NegativeFd { fd });
        }
        // SAFETY: not negative, and open for as long as it is registered, says the caller.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        self.register(fd, token, interest, mode)
    }

    /// Asks a registered fd for something else, under a token and in a mode that may be others as well.
    ///
    /// A registration that one-shot has disarmed is armed again, and an edge mode reports anew what is ready:
    /// by every modify, also one that changes nothing.
    ///
    /// ```
    /// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut poll = Poll::new();
    /// poll.register(writer.as_fd(), Token(1), Interest::WRITABLE, Mode::OneShot)?;
    /// let mut events = Events::with_capacity(1);
    /// assert_eq!(poll.wait(&mut events, Timeout::Nowait)?, 1);
    /// assert_eq!(poll.wait(&mut events, Timeout::Nowait)?, 0);
    /// poll.modify(writer.as_fd(), Token(2), Interest::WRITABLE, Mode::OneShot)?;
    /// assert_eq!(poll.wait(&mut events, Timeout::Nowait)?, 1, "armed again");
    /// assert_eq!(events.get(0).map(|event| event.token()), Some(Token(2)));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotRegistered`]; [`Error::Unsupported`] for a change to or from [`Mode::Exclusive`], where the
    /// mechanism has none; otherwise as [`register`](Self::register). The registration is as it was.
    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error>;

    /// Ends a registration. Nothing is reported of the fd from here on; it may be registered again.
    ///
    /// ```
    /// use iomux_backend::{Error, Events, Interest, Mode, Multiplexer, Timeout, Token, native};
    /// use std::os::fd::{AsFd, AsRawFd};
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut mux = native()?;
    /// mux.register(writer.as_fd(), Token(0), Interest::WRITABLE, Mode::Level)?;
    /// mux.deregister(writer.as_fd())?;
    /// assert_eq!(mux.wait(&mut Events::with_capacity(1), Timeout::Nowait)?, 0, "ready, and not reported");
    /// let fd = writer.as_raw_fd();
    /// assert_eq!(mux.deregister(writer.as_fd()), Err(Error::NotRegistered { fd }), "once is enough");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NotRegistered`]; [`Error::Os`], and the registration is forgotten even so.
    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error>;

    /// Waits until something is ready, and returns how many events there are. `events` is emptied first.
    ///
    /// It returns 0 only when the time has passed, and not before. A signal handler that runs meanwhile
    /// (EINTR) neither ends, stretches nor cuts the wait.
    ///
    /// ```
    /// use iomux_backend::{Events, Interest, Mode, Multiplexer, Timeout, Token, native};
    /// use std::os::fd::AsFd;
    /// use std::time::{Duration, Instant};
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// let mut mux = native()?;
    /// mux.register(reader.as_fd(), Token(0), Interest::READABLE, Mode::Level)?;
    /// let (mut events, begin, time) = (Events::with_capacity(8), Instant::now(), Duration::from_micros(1500));
    /// assert_eq!(mux.wait(&mut events, Timeout::After(time))?, 0);
    /// assert!(begin.elapsed() >= time, "no signal and no rounding ends it before");
    /// drop(writer);
    /// assert_eq!(mux.wait(&mut events, Timeout::Infinite)?, 1);
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// [`Error::NoRoomForEvents`] for a buffer of no capacity; [`Error::NothingToWaitFor`] when the timeout is
    /// infinite and nothing could ever end the wait, where a backend can tell; [`Error::Os`].
    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error>;

    /// As [`wait`](Self::wait), with the calling thread's signal mask replaced by `mask` meanwhile, in one step
    /// with the wait (ppoll(2), epoll_pwait(2)): [`SigSet`] shows how no signal is lost so.
    ///
    /// Unlike the kernel's calls it also lets a pending signal through when fds are ready at once, so that
    /// a loop that is always busy still sees SIGTERM. Neither starves the other: where fds are always ready and
    /// signals always pending, of two waits one reports and one is interrupted.
    ///
    /// An infinite wait with nothing armed is no error here, since a signal may end it. [`SigSet::full`] lets only
    /// those through that can't be blocked: SIGKILL, SIGSTOP, and what libc keeps for itself. (By such a signal glibc's
    /// setuid(2) interrupts each thread.)
    ///
    /// ```
    /// use iomux_backend::{Capabilities, Error, Events, Interest, Mode, Multiplexer, SigSet, Signal};
    /// use iomux_backend::{Timeout, Token, native};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut mux = native()?;
    /// # if !mux.capabilities().contains(Capabilities::MASK) { return Ok(()) }
    /// mux.register(writer.as_fd(), Token(0), Interest::WRITABLE, Mode::Level)?; // always ready
    /// let blocked = SigSet::from(Signal::USR1).block()?;
    /// # let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    /// # signal_hook::flag::register(Signal::USR1.as_raw(), flag)?; // so that it ends nothing
    /// signal_hook::low_level::raise(Signal::USR1.as_raw())?;
    /// let (mut events, mask) = (Events::with_capacity(1), blocked.wait_mask());
    /// assert_eq!(mux.wait_masked(&mut events, Timeout::Infinite, &mask), Err(Error::Interrupted));
    /// assert_eq!(mux.wait_masked(&mut events, Timeout::Infinite, &mask)?, 1, "no event is lost by it");
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Interrupted`] when a handler has run: no event is reported then, and none is lost. Over epoll also when
    /// the process was stopped and continues (SIGSTOP, SIGCONT), or is traced, though no handler has run: signal(7).
    /// [`Error::Unsupported`] where the mechanism has no mask ([`Capabilities::MASK`]). Otherwise as
    /// [`wait`](Self::wait).
    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        let _ = (events, timeout, mask);
        Err(Error::Unsupported { what: "a signal mask", backend: self.name() })
    }

    /// A [`Waker`], which ends a wait from any thread, or from a signal handler, and is reported with
    /// `token`, as `READABLE`. Several are allowed, and a source with the same token does no harm. A waker
    /// takes its turn like any source.
    ///
    /// ```
    /// use iomux_backend::{Events, Multiplexer, Timeout, Token, native};
    ///
    /// let mut mux = native()?;
    /// let (_quit, work) = (mux.waker(Token(1))?, mux.waker(Token(2))?);
    /// work.wake();
    /// work.wake(); // before the wait, and twice: it ends one wait
    /// let mut events = Events::with_capacity(8);
    /// assert_eq!(mux.wait(&mut events, Timeout::Infinite)?, 1);
    /// assert_eq!(events.get(0).map(|event| event.token()), Some(Token(2)));
    /// assert_eq!(mux.wait(&mut events, Timeout::Nowait)?, 0);
    /// # Ok::<(), iomux_backend::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] where there is none ([`Capabilities::WAKER`]); [`Error::Os`], for want of an fd.
    fn waker(&mut self, token: Token) -> Result<Waker, Error>;
}

/// A multiplexer that may be trusted with fds that are only lent to it.
///
/// ```
/// use iomux_backend::{Interest, Mode, Poll, Reactor, Timeout, TrustedMultiplexer, native};
/// use std::io::PipeWriter;
///
/// fn ready<M: TrustedMultiplexer<'static>>(mux: M, source: PipeWriter) -> std::io::Result<usize> {
///     let mut reactor = Reactor::with(mux, 8); // a bare `Multiplexer` does not compile here
///     reactor.insert(source, (), Interest::WRITABLE, Mode::Level)?;
///     Ok(reactor.wait(Timeout::Infinite)?)
/// }
///
/// let (_reader, writer) = std::io::pipe()?;
/// assert_eq!(ready(Poll::new(), writer.try_clone()?)?, 1);
/// assert_eq!(ready(native()?, writer)?, 1);
/// # std::io::Result::Ok(())
/// ```
///
/// # Safety
/// The implementor promises that a registered fd is used only inside calls on the multiplexer itself, is
/// handed out to nobody, that there is no other holder of it, and that it is never used after `deregister`
/// has returned or unwound, nor after `register` or `register_raw` has returned an error, nor after the
/// multiplexer is gone.
pub unsafe trait TrustedMultiplexer<'fd>: Multiplexer<'fd> {}

macro_rules! forward {
    ($($head:tt)*) => {
        $($head)* {
            fn name(&self) -> &'static str {
                (**self).name()
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
                (**self).register(fd, token, interest, mode)
            }

            unsafe fn register_raw(
                &mut self,
                fd: RawFd,
                token: Token,
                interest: Interest,
                mode: Mode,
            ) -> Result<(), Error> {
                // SAFETY: the caller promises just what this asks for.
                unsafe { (**self).register_raw(fd, token, interest, mode) }
            }

            fn modify(
                &mut self,
                fd: BorrowedFd<'_>,
                token: Token,
                interest: Interest,
                mode: Mode,
            ) -> Result<(), Error> {
                (**self).modify(fd, token, interest, mode)
            }

            fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
                (**self).deregister(fd)
            }

            fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
                (**self).wait(events, timeout)
            }

            fn wait_masked(
                &mut self,
                events: &mut Events,
                timeout: Timeout,
                mask: &SigSet,
            ) -> Result<usize, Error> {
                (**self).wait_masked(events, timeout, mask)
            }

            fn waker(&mut self, token: Token) -> Result<Waker, Error> {
                (**self).waker(token)
            }
        }
    };
}

forward!(impl<'fd, M: Multiplexer<'fd> + ?Sized> Multiplexer<'fd> for Box<M>);
forward!(impl<'fd, M: Multiplexer<'fd> + ?Sized> Multiplexer<'fd> for &mut M);

// SAFETY: a box passes every call on to what it owns, which has promised; `&mut M` has another holder.
unsafe impl<'fd, M: TrustedMultiplexer<'fd> + ?Sized> TrustedMultiplexer<'fd> for Box<M> {}
