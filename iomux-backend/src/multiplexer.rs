//! The contract of every multiplexer, method by method.

use crate::capabilities::Capabilities;
use crate::mode::Mode;

use crate::error::Error;
use crate::event::{Events, Token};
use crate::waker::Waker;
use iomux::{Interest, SigSet, Timeout};
use std::os::fd::{BorrowedFd, RawFd};

/// A set of registered fds, each with a token, an interest and a mode, and a wait until one of them is ready.
///
/// # Lifetimes
/// `'fd` is the lifetime of every registered fd. The compiler checks that each source outlives the multiplexer, even
/// one that was [deregistered](Self::deregister). So use this trait for a fixed set of sources. For sources that come
/// and go, such as the connections of a server, use a [`Reactor`](crate::Reactor), which owns its sources.
///
/// # The contract
/// Every implementation guarantees the following. The conformance suite (feature `conformance`) tests it.
///
/// 1. A call that returns an error makes, changes and loses no registration. There are two exceptions: a failed
///    `deregister`, and an fd that was closed while it was registered. In these cases the registration may be lost,
///    depending on the kernel.
/// 2. An fd is registered at most once. A dup(2) of the fd is another fd with its own registration.
/// 3. A wait returns at most one event per registration, with all readiness of the fd.
/// 4. A wait that begins after `deregister` has returned does not report the fd. A reused fd number never gets an event
///    of its earlier registration. If another thread began a wait before `deregister` returned, that wait may still
///    report the old registration.
/// 5. An unsupported call fails with [`Error::UnsupportedMode`] or [`Error::Unsupported`]. No backend emulates a
///    feature incorrectly.
/// 6. Errors and hangups are reported for every interest, including the empty one, if the backend has
///    [`Capabilities::HANGUP`].
/// 7. If the buffer is too small for all ready sources, no registration and no waker is starved, however many others
///    come and go. A source that did not fit is reported before any source is reported again.
/// 8. Bits without a name that the kernel returns are passed on, and never cause a panic.
/// 9. If a wait returns fewer events than the buffer can hold, no other source was ready when the wait began. A
///    [`Reactor`](crate::Reactor) relies on this to distinguish an expired source from a ready one. There are two
///    exceptions. One is `&Epoll` while other threads use the same epoll. The other is a source in
///    [`Mode::Exclusive`], which the kernel may have reported to another multiplexer.
///
/// The order of events within a wait is unspecified.
///
/// # Implementing it
/// A type that has `'fd` as a parameter must not implement `Drop`. Otherwise a multiplexer that is declared before its
/// fds does not compile. A field without `'fd`, such as an `OwnedFd`, may implement `Drop`.
///
/// # Examples
/// The same code runs over every backend:
///
/// ```
/// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token, native};
/// use std::io::{self, PipeReader, Read, Write};
/// use std::os::fd::AsFd;
///
/// fn read_when_ready<'fd>(mux: &mut dyn Multiplexer<'fd>, mut source: &'fd PipeReader) -> io::Result<usize> {
///     mux.register(source.as_fd(), Token(7), Interest::READABLE, Mode::Level)?;
///     mux.wait(&mut Events::with_capacity(8), Timeout::Infinite)?;
///     source.read(&mut [0; 64])
/// }
///
/// let (reader, mut writer) = io::pipe()?;
/// writer.write_all(b"hello")?;
/// assert_eq!(read_when_ready(&mut native()?, &reader)?, 5);
/// writer.write_all(b"world")?;
/// assert_eq!(read_when_ready(&mut Poll::new(), &reader)?, 5);
/// # io::Result::Ok(())
/// ```
pub trait Multiplexer<'fd> {
    /// Returns the name of the mechanism in lower case, such as `poll`, `epoll`, `kqueue` or `select`.
    ///
    /// Error messages contain the name.
    fn name(&self) -> &'static str;

    /// Returns the capabilities of this multiplexer.
    ///
    /// They are constant, except that a multiplexer may lose [`Capabilities::DEFERRABLE`].
    fn capabilities(&self) -> Capabilities;

    /// Registers `fd` for `interest`. Its events carry `token`.
    ///
    /// Pass `source.as_fd()`, with the trait [`AsFd`](std::os::fd::AsFd) in scope. Several fds may have the same
    /// token. An fd with an empty interest is still reported if it has a hangup or an error.
    ///
    /// # Errors
    /// - Returns [`Error::AlreadyRegistered`] if `fd` is registered; change it with [`modify`](Self::modify).
    /// - Returns [`Error::NegativeFd`] if the number of `fd` is negative.
    /// - Returns [`Error::NotPollable`] if the mechanism does not accept this kind of file.
    /// - Returns [`Error::NestedTooDeep`] if `fd` is an epoll that can't be registered in this epoll.
    /// - Returns [`Error::UnsupportedMode`] if the backend does not support `mode`.
    /// - Returns [`Error::Unsupported`] if the backend can't report `interest`.
    /// - Returns [`Error::OutOfMemory`] if there is no memory for the registration.
    /// - Returns [`Error::Os`] if the system call fails.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Events, Interest, Mode, Multiplexer, Timeout, Token, native};
    /// use std::io::Write;
    /// use std::net::{TcpListener, TcpStream};
    /// use std::os::fd::AsFd;
    ///
    /// const LISTENER: Token = Token(0);
    /// const CLIENT: Token = Token(1);
    ///
    /// let listener = TcpListener::bind("127.0.0.1:0")?;
    /// let client = TcpStream::connect(listener.local_addr()?)?;
    /// let mut mux = native()?; // declared after the sources that it borrows
    /// mux.register(listener.as_fd(), LISTENER, Interest::READABLE, Mode::Level)?;
    /// mux.register(client.as_fd(), CLIENT, Interest::WRITABLE, Mode::Level)?;
    ///
    /// let mut events = Events::with_capacity(64);
    /// mux.wait(&mut events, Timeout::Infinite)?;
    /// for event in &events {
    ///     match event.token() {
    ///         LISTENER => println!("{:?} has connected", listener.accept()?.1),
    ///         CLIENT => (&client).write_all(b"hello")?,
    ///         token => unreachable!("{token:?} is not registered"),
    ///     }
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    fn register(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error>;

    /// Registers an fd number as [`register`](Self::register) does, without borrowing the fd.
    ///
    /// # Errors
    /// Returns the errors of [`register`](Self::register).
    ///
    /// # Safety
    /// `fd` must stay open until [`deregister`](Self::deregister) has returned or this multiplexer was dropped.
    ///
    /// If the caller breaks this promise, a backend reports at most one `INVALID` event, and then nothing until the fd is
    /// modified.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Events, Interest, Mode, Multiplexer, Timeout, Token, native};
    /// use std::os::fd::{AsFd, AsRawFd};
    ///
    /// let mut mux = native()?;
    /// let (reader, writer) = std::io::pipe()?;
    /// // SAFETY: `reader` is deregistered before it is closed.
    /// unsafe { mux.register_raw(reader.as_raw_fd(), Token(1), Interest::READABLE, Mode::Level)? };
    /// drop(writer);
    /// assert_eq!(mux.wait(&mut Events::with_capacity(1), Timeout::Infinite)?, 1);
    /// mux.deregister(reader.as_fd())?;
    /// drop(reader); // after `register`, the compiler would reject this while `mux` exists
    /// assert_eq!(mux.wait(&mut Events::with_capacity(1), Timeout::Nowait)?, 0);
    /// # std::io::Result::Ok(())
    /// ```
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
        // SAFETY: not negative, and the caller keeps it open for as long as it is registered.
        let fd = unsafe { BorrowedFd::borrow_raw(fd) };
        self.register(fd, token, interest, mode)
    }

    /// Changes the token, interest and mode of a registered fd.
    ///
    /// Every modify rearms the registration, even if it changes nothing. A disarmed one-shot registration may report
    /// again. An edge-triggered one reports its current readiness again. After an error, the registration is unchanged.
    ///
    /// # Errors
    /// - Returns [`Error::NotRegistered`] if `fd` is not registered.
    /// - Returns [`Error::Unsupported`] if the change is to or from [`Mode::Exclusive`] and the mechanism can't do it.
    /// - Returns the other errors of [`register`](Self::register).
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Events, Interest, Mode, Multiplexer, Timeout, Token, native};
    /// use std::os::fd::AsFd;
    /// use std::os::unix::net::UnixStream;
    ///
    /// let (client, _peer) = UnixStream::pair()?;
    /// let mut mux = native()?;
    /// mux.register(client.as_fd(), Token(1), Interest::READABLE, Mode::Level)?;
    ///
    /// // There is output for the client now: wait for room in its send buffer, too.
    /// mux.modify(client.as_fd(), Token(1), Interest::READABLE | Interest::WRITABLE, Mode::Level)?;
    /// let mut events = Events::with_capacity(8);
    /// mux.wait(&mut events, Timeout::Infinite)?;
    /// assert!(events.iter().all(|event| event.readiness().is_writable()));
    /// # std::io::Result::Ok(())
    /// ```
    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error>;

    /// Removes the registration of `fd`.
    ///
    /// No later wait reports the fd. It may be registered again.
    ///
    /// # Errors
    /// - Returns [`Error::NotRegistered`] if `fd` is not registered.
    /// - Returns [`Error::Os`] if the system call fails. The registration is removed nevertheless.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Events, Interest, Mode, Multiplexer, Timeout, Token, native};
    /// use std::os::fd::AsFd;
    ///
    /// let (_reader, writer) = std::io::pipe()?;
    /// let mut mux = native()?;
    /// mux.register(writer.as_fd(), Token(0), Interest::WRITABLE, Mode::Level)?;
    /// mux.deregister(writer.as_fd())?;
    /// let count = mux.wait(&mut Events::with_capacity(1), Timeout::Nowait)?;
    /// assert_eq!(count, 0, "writable, but no longer registered");
    /// # std::io::Result::Ok(())
    /// ```
    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error>;

    /// Waits until a source is ready or `timeout` has expired, and returns the number of events.
    ///
    /// The events replace those in `events`. The number is 0 only if the timeout has expired, and a wait never ends
    /// early. If a signal handler interrupts the system call (EINTR), the wait resumes with the remaining time.
    ///
    /// # Errors
    /// - Returns [`Error::NoRoomForEvents`] if the capacity of `events` is 0.
    /// - Returns [`Error::NothingToWaitFor`] if the timeout is infinite and the backend knows that nothing could end the
    ///   wait.
    /// - Returns [`Error::TooManySources`] if the kernel rejects more fds than the open-files limit.
    /// - Returns [`Error::Os`] if the system call fails.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Events, Interest, Mode, Multiplexer, Timeout, Token, native};
    /// use std::os::fd::AsFd;
    /// use std::time::Duration;
    ///
    /// let (reader, writer) = std::io::pipe()?;
    /// let mut mux = native()?;
    /// mux.register(reader.as_fd(), Token(0), Interest::READABLE, Mode::Level)?;
    /// let mut events = Events::with_capacity(64);
    /// assert_eq!(mux.wait(&mut events, Duration::from_micros(1500).into())?, 0, "timed out");
    ///
    /// drop(writer);
    /// mux.wait(&mut events, Timeout::Infinite)?;
    /// for event in &events {
    ///     println!("{:?} is {:?}", event.token(), event.readiness());
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error>;

    /// Waits as [`wait`](Self::wait) does, with `mask` as the calling thread's signal mask until the wait ends.
    ///
    /// The kernel replaces the mask and begins to wait in one step (ppoll(2), epoll_pwait(2)). [`SigSet`] shows how no
    /// signal is lost that way.
    ///
    /// Unlike the kernel's calls, this method also delivers a pending signal if fds are already ready. So even a loop
    /// whose fds are always ready handles SIGTERM. Signals and events do not starve each other. If fds are always ready
    /// and signals always pending, waits alternate between events and [`Error::Interrupted`].
    ///
    /// An infinite wait with nothing armed is no error here, since a signal may end it.
    ///
    /// [`SigSet::full`] blocks all signals except those that can't be blocked: SIGKILL, SIGSTOP, and those that libc
    /// reserves. glibc's setuid(2) uses such a signal, which interrupts each thread.
    ///
    /// # Errors
    /// - Returns [`Error::Interrupted`] if a signal handler has run. The wait then returns no event, and loses none. Over
    ///   epoll, the wait also returns this error if the process was stopped and continued (SIGSTOP, SIGCONT), or is
    ///   traced: see signal(7).
    /// - Returns [`Error::Unsupported`] if the mechanism has no mask ([`Capabilities::MASK`]).
    /// - Returns the errors of [`wait`](Self::wait), except `NothingToWaitFor`.
    ///
    /// # Examples
    /// A loop that ends on SIGTERM:
    ///
    /// ```
    /// use iomux_backend::{Error, Events, Interest, Mode, Multiplexer, SigSet, Signal, Timeout, Token, native};
    /// use std::os::fd::AsFd;
    /// use std::sync::Arc;
    /// use std::sync::atomic::{AtomicBool, Ordering};
    ///
    /// let is_terminated = Arc::new(AtomicBool::new(false));
    /// signal_hook::flag::register(Signal::TERM.as_raw(), Arc::clone(&is_terminated))?;
    /// let blocked = SigSet::from(Signal::TERM).block()?; // it is delivered during a wait only
    /// let mask = blocked.wait_mask();
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut mux = native()?;
    /// # if !mux.capabilities().contains(iomux_backend::Capabilities::MASK) { return Ok(()) }
    /// mux.register(reader.as_fd(), Token(0), Interest::READABLE, Mode::Level)?;
    /// let mut events = Events::with_capacity(64);
    /// # signal_hook::low_level::raise(Signal::TERM.as_raw())?;
    /// while !is_terminated.load(Ordering::Relaxed) {
    ///     match mux.wait_masked(&mut events, Timeout::Infinite, &mask) {
    ///         Ok(_) => events.iter().for_each(|event| println!("{event:?}")),
    ///         Err(Error::Interrupted) => {} // the handler may have set the flag
    ///         Err(error) => return Err(error.into()),
    ///     }
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        let _ = (events, timeout, mask);
        let what = "a signal mask: call a `Waker` in the signal handler instead";
        Err(Error::Unsupported { what, backend: self.name() })
    }

    /// Creates a [`Waker`], which ends a wait from any thread or from a signal handler.
    ///
    /// A wake is reported as a `READABLE` event with `token`. Wakes before that event are coalesced into it. A
    /// multiplexer may have several wakers, and a source may have the token of a waker. Fairness treats a waker like a
    /// source.
    ///
    /// # Errors
    /// - Returns [`Error::Unsupported`] if the backend has no wakers ([`Capabilities::WAKER`]).
    /// - Returns [`Error::OutOfMemory`] if there is no memory for the waker.
    /// - Returns [`Error::Os`] if the process is out of file descriptors (EMFILE).
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Events, Multiplexer, Timeout, Token, native};
    /// use std::sync::mpsc;
    /// use std::thread;
    ///
    /// let mut mux = native()?;
    /// let waker = mux.waker(Token(1))?;
    /// let (sender, results) = mpsc::channel();
    /// thread::spawn(move || {
    ///     let _ = sender.send("a result");
    ///     waker.wake();
    /// });
    /// let mut events = Events::with_capacity(8);
    /// assert_eq!(mux.wait(&mut events, Timeout::Infinite)?, 1);
    /// assert_eq!(events.get(0).map(|event| event.token()), Some(Token(1)));
    /// assert_eq!(results.try_recv(), Ok("a result"));
    /// # Ok::<(), iomux_backend::Error>(())
    /// ```
    fn waker(&mut self, token: Token) -> Result<Waker, Error>;
}

/// A multiplexer that can be trusted with borrowed fds.
///
/// A [`Reactor`](crate::Reactor) requires it, since the reactor owns the sources.
///
/// # Safety
/// The implementor guarantees that it uses a registered fd only during calls of its own methods. It hands the fd to no
/// other code, and no other handle to the multiplexer exists. It does not use the fd after any of the following:
/// - `deregister` has returned or unwound.
/// - `register` or `register_raw` has returned an error.
/// - The multiplexer was dropped.
///
/// # Examples
/// ```
/// use iomux_backend::{Interest, Mode, Poll, Reactor, Timeout, TrustedMultiplexer, native};
/// use std::io::PipeWriter;
///
/// fn ready<M: TrustedMultiplexer<'static>>(mux: M, source: PipeWriter) -> std::io::Result<usize> {
///     let mut reactor = Reactor::with(mux, 8); // does not compile with a plain `Multiplexer`
///     reactor.insert(source, (), Interest::WRITABLE, Mode::Level)?;
///     Ok(reactor.wait(Timeout::Infinite)?)
/// }
///
/// let (_reader, writer) = std::io::pipe()?;
/// assert_eq!(ready(Poll::new(), writer.try_clone()?)?, 1);
/// assert_eq!(ready(native()?, writer)?, 1);
/// # std::io::Result::Ok(())
/// ```
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
                // SAFETY: the caller keeps the contract of `register_raw`.
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

// SAFETY: a box forwards every call to its own multiplexer, which is trusted. (`&mut M` has another holder.)
unsafe impl<'fd, M: TrustedMultiplexer<'fd> + ?Sized> TrustedMultiplexer<'fd> for Box<M> {}
