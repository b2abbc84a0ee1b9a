//! Ending a wait from another thread: an fd that becomes readable, or a filter of `Kqueue` (`kqueue/wakers.rs`), and a
//! flag that says that it is.

#[cfg(all(not(loom), any(target_os = "linux", target_os = "android", target_os = "illumos",)))]
mod eventfd;
#[cfg(loom)]
mod loom;
#[cfg(any(test, not(any(target_os = "linux", target_os = "android", target_os = "illumos",))))]
mod socketpair;

cfg_if::cfg_if! {
    if #[cfg(loom)] {
        use self::loom::Notifier;
    } else if #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "illumos",
    ))] {
        use eventfd::Notifier;
    } else {
        use socketpair::Notifier;
    }
}

use crate::error::Error;
use crate::memory::check_room_for;
#[cfg(loom)]
use ::loom::sync::{Arc, atomic::AtomicBool};
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd};
use std::panic::RefUnwindSafe;
use std::sync::atomic::{Ordering, fence};
#[cfg(not(loom))]
use std::sync::{Arc, atomic::AtomicBool};

/// Ends a wait of the multiplexer that it is from, from any thread or from a signal handler.
///
/// Wakes that come before the wait has noticed the first are one: they cost an atomic exchange and no
/// system call. One that comes before the wait ends it at once.
///
/// Dropping every waker ends nothing; a waker whose multiplexer is gone does nothing, but keeps its fd open.
///
/// After fork(2) only one of the two processes may use it, since both have the one fd but not the one flag (and of a
/// `Kqueue` the child has not even that): make new ones, of a new multiplexer, in the other.
///
/// ```
/// use iomux_backend::{Events, Multiplexer, Poll, Timeout, Token};
///
/// let mut poll = Poll::new();
/// let waker = poll.waker(Token(7))?;
/// let mut events = Events::with_capacity(8);
/// std::thread::scope(|scope| {
///     scope.spawn(|| waker.wake());
///     poll.wait(&mut events, Timeout::Infinite)
/// })?;
/// assert_eq!(events.get(0).map(|event| event.token()), Some(Token(7)));
/// # Ok::<(), iomux_backend::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Waker(Arc<Shared>);

/// What a source and its wakers share.
#[derive(Debug)]
struct Shared {
    /// Whether a wake is on its way that the source has not noticed.
    is_pending: AtomicBool,
    target: Target,
}

/// What a wake makes ready.
#[derive(Debug)]
enum Target {
    /// An fd of the source.
    Fd(Notifier),
    /// A filter of the multiplexer's own fd.
    Filter(Box<dyn Filter>),
}

/// What a backend gives its wakers to trigger, where its mechanism needs no fd for each.
pub(crate) trait Filter: AsFd + fmt::Debug + RefUnwindSafe + Send + Sync {
    /// Makes the filter ready, and returns `true` if that succeeded. It is safe in a signal handler.
    ///
    /// `is_pending` is the flag that the wake has raised, and that is lowered when the wake was noticed.
    fn trigger(&self, is_pending: &AtomicBool) -> bool;
}

impl Target {
    /// Makes the target ready, and returns `true` if that succeeded.
    #[inline]
    fn notify(&self, is_pending: &AtomicBool) -> bool {
        match self {
            Self::Fd(notifier) => notifier.notify(),
            Self::Filter(filter) => filter.trigger(is_pending),
        }
    }

    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Fd(notifier) => notifier.as_fd(),
            Self::Filter(filter) => filter.as_fd(),
        }
    }

    /// Makes the target not ready. The kernel resets a filter when it reports it.
    #[inline]
    fn drain(&self) {
        match self {
            Self::Fd(notifier) => notifier.drain(),
            Self::Filter(_) => {}
        }
    }
}

impl Waker {
    /// Ends the wait that is under way, or the next one.
    ///
    /// Safe in a signal handler: it takes no lock, allocates nothing, and leaves `errno` alone (its one
    /// system call, a write of at most 8 bytes that finds room, does not fail).
    ///
    /// ```
    /// use iomux_backend::{Events, Multiplexer, Poll, Timeout, Token};
    ///
    /// let mut poll = Poll::new();
    /// let waker = poll.waker(Token(0))?;
    /// waker.wake();
    /// assert_eq!(poll.wait(&mut Events::with_capacity(1), Timeout::Infinite)?, 1);
    /// # Ok::<(), iomux_backend::Error>(())
    /// ```
    #[inline]
    pub fn wake(&self) {
        // A plain load would do for "is one pending?" but for the store buffer: it could read the
        // `true` of before a drain that has just happened, and the wake would be lost.
        if !self.0.is_pending.swap(true, Ordering::AcqRel) {
            self.0.notify();
        }
    }

    /// Returns the fd that a wake makes readable.
    pub(crate) fn target_fd(&self) -> BorrowedFd<'_> {
        self.0.target.as_fd()
    }
}

impl Shared {
    // Apart, so that a wake that is already pending saves no registers for the call.
    #[inline(never)]
    fn notify(&self) {
        if !self.target.notify(&self.is_pending) {
            // No kernel is known to refuse it, but a sandbox may: the next wake tries again.
            self.is_pending.store(false, Ordering::Release);
        }
    }
}

/// The receiving end of wakers, for a backend: an fd to be waited for, and drained when it is readable.
///
/// ```
/// use iomux_backend::{Interest, WakerSource};
/// use iomux::{PollFd, Timeout};
/// use std::os::fd::AsFd;
///
/// let source = WakerSource::new()?;
/// let waker = source.waker();
/// let mut fds = [PollFd::new(source.as_fd(), Interest::READABLE)?];
/// waker.wake();
/// waker.wake();
/// assert_eq!(iomux::poll(&mut fds, Timeout::Infinite)?, 1);
/// source.drain();
/// assert_eq!(iomux::poll(&mut fds, Timeout::Nowait)?, 0, "both were one");
/// # std::io::Result::Ok(())
/// ```
///
/// Its fd stays open for as long as it or one of its wakers is there. After fork(2) only one of the two
/// processes may use it: make a new one in the other.
#[derive(Debug)]
pub struct WakerSource(Arc<Shared>);

impl WakerSource {
    /// An eventfd(2) on Linux, Android and illumos, otherwise a pair of sockets. (FreeBSD before 13 and NetBSD before 10
    /// have no eventfd(2), and a program that names it would not start there.)
    ///
    /// ```
    /// use iomux_backend::WakerSource;
    ///
    /// let source = WakerSource::new()?;
    /// let (one, other) = (source.waker(), source.waker()); // they share its fd
    /// drop(source); // a wake is nobody's from here on, and no error
    /// one.wake();
    /// other.wake();
    /// # Ok::<(), iomux_backend::Error>(())
    /// ```
    ///
    /// # Errors
    /// - Returns [`Error::Os`] if the process or the system is out of file descriptors (EMFILE, ENFILE).
    /// - Returns [`Error::OutOfMemory`] if there is no memory for what a source and its wakers share.
    pub fn new() -> Result<Self, Error> {
        Notifier::new().and_then(|notifier| Self::with(Target::Fd(notifier)))
    }

    /// Returns a source whose wakers trigger `filter`.
    #[allow(dead_code, reason = "not every system has a backend with such filters")]
    pub(crate) fn with_filter<F: Filter + 'static>(filter: F) -> Result<Self, Error> {
        check_room_for::<F>()?;
        Self::with(Target::Filter(Box::new(filter)))
    }

    fn with(target: Target) -> Result<Self, Error> {
        check_room_for::<Shared>()?;
        Ok(Self(Arc::new(Shared { is_pending: AtomicBool::new(false), target })))
    }

    /// A waker that makes this readable.
    ///
    /// ```
    /// use iomux::{Interest, PollFd, Timeout};
    /// use iomux_backend::WakerSource;
    /// use std::os::fd::AsFd;
    ///
    /// let source = WakerSource::new()?;
    /// let waker = source.waker();
    /// std::thread::spawn(move || waker.wake());
    /// let mut fds = [PollFd::new(source.as_fd(), Interest::READABLE)?];
    /// assert_eq!(iomux::poll(&mut fds, Timeout::Infinite)?, 1);
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.0))
    }

    /// Returns `true` if every [`Waker`] was dropped and each of their wakes was noted, so that a backend may use the
    /// source again for the next waker.
    #[must_use]
    pub fn is_orphaned(&self) -> bool {
        if Arc::strong_count(&self.0) != 1 {
            return false;
        }
        // The last waker is gone for good: only this source could make another. The count is read without an order, so
        // that its last wake could be missed without this: it pairs with the release of the count.
        fence(Ordering::Acquire);
        !self.is_pending()
    }

    /// Takes note of the wakes so far. To be called when the fd was reported readable, and before what
    /// the wakes were about is looked at.
    ///
    /// ```
    /// use iomux::{Interest, PollFd, Timeout};
    /// use iomux_backend::WakerSource;
    /// use std::os::fd::AsFd;
    /// use std::sync::mpsc;
    ///
    /// let (source, (sender, work)) = (WakerSource::new()?, mpsc::channel());
    /// let waker = source.waker();
    /// std::thread::spawn(move || sender.send("work").map(|()| waker.wake()));
    /// iomux::poll(&mut [PollFd::new(source.as_fd(), Interest::READABLE)?], Timeout::Infinite)?;
    /// source.drain(); // then the work: what is sent after the look at it wakes again
    /// assert_eq!(work.try_iter().collect::<Vec<_>>(), ["work"]);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn drain(&self) {
        // The fd first: were the flag taken back before, a wake in between would be read away here
        // while the flag stays up, and no later wake would write again.
        self.0.target.drain();
        self.take_note();
    }

    /// Whether there are wakes that no note was taken of: without them the fd can't have been reported, since a
    /// wake says so before it writes.
    #[inline]
    pub(crate) fn is_pending(&self) -> bool {
        self.0.is_pending.load(Ordering::Acquire)
    }

    /// Takes note of the wakes so far, where the fd was reported by its edge and so needs no reading. Returns `true` if
    /// there were any.
    pub(crate) fn take_note(&self) -> bool {
        self.0.is_pending.swap(false, Ordering::AcqRel)
    }

    /// What a wait is to an fd.
    #[cfg(all(test, loom))]
    pub(crate) fn wait(&self) {
        let Target::Fd(notifier) = &self.0.target else { unreachable!("it was made with an fd") };
        notifier.wait();
    }
}

impl AsFd for WakerSource {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.target.as_fd()
    }
}

#[cfg(all(test, loom))]
mod tests {
    use super::*;
    use ::loom::sync::atomic::AtomicUsize;
    use ::loom::thread;

    /// Waits and drains until all of `numbers` were told by threads that wake after each.
    fn told(threads: &'static [&'static [usize]], drain: fn(&WakerSource)) {
        ::loom::model(move || {
            let source = WakerSource::new().unwrap();
            let told = Arc::new(AtomicUsize::new(0));
            for numbers in threads {
                let (waker, told) = (source.waker(), Arc::clone(&told));
                thread::spawn(move || {
                    for number in *numbers {
                        told.fetch_add(*number, Ordering::Relaxed);
                        waker.wake();
                    }
                });
            }
            let all: usize = threads.iter().copied().flatten().sum();
            // A lost wake is a wait without end, which loom reports.
            while told.load(Ordering::Relaxed) != all {
                source.wait();
                drain(&source);
            }
        });
    }

    /// As an edge-triggered epoll does: a report ends the edge, and note is taken of what is pending.
    fn take_edge(source: &WakerSource) {
        source.0.target.drain();
        if source.is_pending() {
            source.take_note();
        }
    }

    #[test]
    fn of_two_threads_each_is_seen() {
        told(&[&[1], &[2]], WakerSource::drain);
    }

    #[test]
    fn of_three_wakes_in_a_row_the_last_is_seen() {
        told(&[&[1, 2, 4]], WakerSource::drain);
    }

    #[test]
    fn of_two_threads_each_is_seen_by_its_edge() {
        told(&[&[1], &[2]], take_edge);
    }

    #[test]
    fn of_three_wakes_in_a_row_the_last_is_seen_by_its_edge() {
        told(&[&[1, 2, 4]], take_edge);
    }
}
