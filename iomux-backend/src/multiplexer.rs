//! The contract: what every multiplexer does, method by method.

use crate::error::Error;
use crate::event::{Events, Token};
use crate::waker::Waker;
use core::fmt;
use iomux::{Interest, SigSet, Timeout};
use std::os::fd::{BorrowedFd, RawFd};

/// How often a registration reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mode {
    /// At every wait for as long as the fd is ready. Every backend has it.
    #[default]
    Level,
    /// Once for each change to ready: read or write until it would block.
    Edge,
    /// Once, then not until it is modified; the registration stays.
    OneShot,
    /// Once for the next change to ready, then not until it is modified.
    EdgeOneShot,
    /// As `Level`, but of several multiplexers that wait for the same file, not all are woken.
    Exclusive,
}

bitflags::bitflags! {
    /// What a backend can do, and how it naturally differs from others.
    ///
    /// A caller need not ask: what is not there is an [`Error`], before anything is changed. It is how
    /// the conformance suite knows which properties to hold a backend to.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Capabilities: u32 {
        /// [`Mode::Edge`].
        const EDGE = 1;
        /// [`Mode::OneShot`].
        const ONE_SHOT = 1 << 1;
        /// [`Mode::EdgeOneShot`].
        const EDGE_ONE_SHOT = 1 << 2;
        /// [`Mode::Exclusive`].
        const EXCLUSIVE = 1 << 3;
        /// [`Multiplexer::wait_masked`].
        const MASK = 1 << 4;
        /// [`Multiplexer::waker`].
        const WAKER = 1 << 5;
        /// [`Interest::PRIORITY`](iomux::Interest::PRIORITY) is reported.
        const PRIORITY = 1 << 6;
        /// [`Interest::READ_CLOSED`](iomux::Interest::READ_CLOSED) is reported.
        const READ_CLOSED = 1 << 7;
        /// Hangups and errors are told apart from data: `HANGUP` and `ERROR` are reported as such, and
        /// also where nothing is asked.
        const HANGUP = 1 << 8;
        /// Regular files, directories and `/dev/null` are taken, and are always ready; where this is
        /// missing files and directories are [`Error::NotPollable`], and `/dev/null` may be.
        const FILES = 1 << 9;
        /// An fd that is closed while registered is reported `INVALID` at the next wait. Where this is
        /// missing it may never be noticed.
        const REPORTS_CLOSED = 1 << 10;
        /// fds of any number are taken; where this is missing, those below `FD_SETSIZE` only.
        const ANY_FD = 1 << 11;
        /// It goes on working in a child after fork(2), but for wakers: both processes would hear each
        /// other's, so make new ones in one of the two.
        const FORK = 1 << 12;
    }
}

/// The names of the flags, joined by ` | `.
impl fmt::Display for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bitflags::parser::to_writer(self, f)
    }
}

/// A set of fds, each with a token and what is asked of it, and a wait for the next of them to be ready.
///
/// # Lifetimes
/// `'fd` is how long every fd lives that is registered: a source outlives the multiplexer, which the
/// compiler checks, also after [`deregister`](Self::deregister). So the bare trait is for sets of sources that
/// stay. What comes and goes, such as the connections of a server, belongs in a
/// [`Reactor`](crate::Reactor), which owns its sources.
///
/// # The contract
/// Whoever implements this trait promises what follows; the conformance suite (feature `conformance`)
/// tries it.
///
/// 1. An error changes nothing: no registration is made, changed or lost. `deregister` alone forgets what it
///    was given, whatever the kernel answers.
/// 2. An fd is registered by its number, once. A dup(2) of it is another fd, with a registration of its
///    own.
/// 3. At most one event a registration and wait, with all that is reported of the fd.
/// 4. Nothing is reported of an fd after `deregister` has returned, nor what belongs to an earlier owner
///    of its number.
/// 5. What is not supported is [`Error::UnsupportedMode`] or [`Error::Unsupported`], found before the
///    kernel is asked, and never imitated badly.
/// 6. Errors and hangups are reported whatever is asked, nothing included ([`Capabilities::HANGUP`]).
/// 7. With a buffer too small for all, each gets its turn: what did not fit comes before what is reported
///    again.
/// 8. What the kernel reports that has no name is passed on, and never panics.
///
/// The order of events within a wait is the backend's own.
///
/// # Implementing it
/// No type with `'fd` in it may implement `Drop`: a multiplexer that was declared before its fds would not
/// compile. (A field without `'fd` may, such as an `OwnedFd`.)
pub trait Multiplexer<'fd> {
    /// The mechanism's name, in lower case: `poll`, `epoll`, `kqueue`, `select`. It is in error messages.
    fn name(&self) -> &'static str;

    /// What it can do. The same for as long as it lives.
    fn capabilities(&self) -> Capabilities;

    /// Begins to ask `fd` for `interest`, to be reported with `token`.
    ///
    /// Several fds may have the same token. Asking for nothing is allowed, and still reports hangups and
    /// errors.
    ///
    /// # Errors
    /// [`Error::AlreadyRegistered`]; [`Error::NegativeFd`]; [`Error::NotPollable`]; [`Error::UnsupportedMode`];
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
    /// # Errors
    /// [`Error::NotRegistered`]; [`Error::Os`], and the registration is forgotten even so.
    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error>;

    /// Waits until something is ready, and returns how many events there are. `events` is emptied first.
    ///
    /// It returns 0 only when the time has passed, and not before. A signal handler that runs meanwhile
    /// (EINTR) neither ends, stretches nor cuts the wait.
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
    /// An infinite wait with nothing armed is no error here, since a signal may end it. With
    /// [`SigSet::full`] none does, but for SIGKILL: that wait never returns.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when a handler has run: no event is reported then, and none is lost. (Over epoll also when
    /// the process was stopped and goes on, signal(7).)
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
    /// # Errors
    /// [`Error::Unsupported`] where there is none ([`Capabilities::WAKER`]); [`Error::Os`], for want of an fd.
    fn waker(&mut self, token: Token) -> Result<Waker, Error>;
}

/// A multiplexer that may be trusted with fds that are only lent to it.
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
