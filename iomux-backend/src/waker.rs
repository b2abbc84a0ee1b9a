//! Wakers end a wait from another thread. A wake makes an fd or a filter of `Kqueue` (`kqueue/wakers.rs`) ready, and
//! raises a flag.

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

/// A handle that ends a wait of its multiplexer, from any thread or from a signal handler.
///
/// Wakes are coalesced until a wait reports them. A coalesced wake costs an atomic exchange and no system call. A wake
/// before a wait ends that wait immediately.
///
/// Dropping all wakers ends no wait. After its multiplexer was dropped, a waker does nothing, but keeps its fd open.
///
/// # Platform notes
/// After fork(2), only one of the two processes may use a waker. They share the fd, but not the flag, and a child does
/// not inherit the fd of a `Kqueue`. Create a new multiplexer with new wakers in the other process.
///
/// # Examples
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

/// The state that a source shares with its wakers.
#[derive(Debug)]
struct Shared {
    /// `true` from a wake until the source has noted it.
    is_pending: AtomicBool,
    target: Target,
}

/// The thing that a wake makes ready.
#[derive(Debug)]
enum Target {
    /// An fd of the source.
    Fd(Notifier),
    /// A filter of the multiplexer's fd.
    Filter(Box<dyn Filter>),
}

/// A filter of a backend that needs no fd per waker.
pub(crate) trait Filter: AsFd + fmt::Debug + RefUnwindSafe + Send + Sync {
    /// Makes the filter ready, and returns `true` on success. It is async-signal-safe.
    ///
    /// `is_pending` is the flag that the wake raised. It is cleared when the wake is noted.
    fn trigger(&self, is_pending: &AtomicBool) -> bool;
}

impl Target {
    /// Makes the target ready, and returns `true` on success.
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
    /// Ends the current wait of the multiplexer, or else its next wait.
    ///
    /// This method is async-signal-safe: it takes no lock, allocates nothing, and does not change `errno`. Its only system
    /// call writes at most 8 bytes. The call does not fail, because there is always room for them.
    #[inline]
    pub fn wake(&self) {
        // An exchange, since a plain load could read a stale `true` from before a concurrent drain. The wake would then
        // be lost.
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
    // Not inlined, so that a coalesced wake saves no registers for the call.
    #[inline(never)]
    fn notify(&self) {
        if !self.target.notify(&self.is_pending) {
            // No known kernel rejects the call, but a sandbox may. The next wake tries again.
            self.is_pending.store(false, Ordering::Release);
        }
    }
}

/// The receiving end of wakers, for a custom backend.
///
/// A backend waits until its fd is readable, and then drains it. The fd stays open until the source and all its wakers
/// were dropped.
///
/// # Platform notes
/// After fork(2), only one of the two processes may use a source. Create a new one in the other.
///
/// # Examples
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
/// assert_eq!(iomux::poll(&mut fds, Timeout::Nowait)?, 0, "the wakes were coalesced");
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct WakerSource(Arc<Shared>);

impl WakerSource {
    /// Creates a source.
    ///
    /// # Errors
    /// - Returns [`Error::Os`] if the process or the system is out of file descriptors (EMFILE, ENFILE).
    /// - Returns [`Error::OutOfMemory`] if there is no memory for the state that a source shares with its wakers.
    ///
    /// # Platform notes
    /// A source is an eventfd(2) on Linux, Android and illumos, and a pair of sockets elsewhere. FreeBSD before 13 and
    /// NetBSD before 10 have no eventfd(2), and a program that links to it does not start there.
    pub fn new() -> Result<Self, Error> {
        Notifier::new().and_then(|notifier| Self::with(Target::Fd(notifier)))
    }

    /// Returns a source whose wakers trigger `filter`.
    #[allow(dead_code, reason = "not every platform has a backend with such filters")]
    pub(crate) fn with_filter<F: Filter + 'static>(filter: F) -> Result<Self, Error> {
        check_room_for::<F>()?;
        Self::with(Target::Filter(Box::new(filter)))
    }

    fn with(target: Target) -> Result<Self, Error> {
        check_room_for::<Shared>()?;
        Ok(Self(Arc::new(Shared { is_pending: AtomicBool::new(false), target })))
    }

    /// Creates a waker, whose wakes make the fd of this source readable. All wakers of a source share its fd.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.0))
    }

    /// Returns `true` if every [`Waker`] was dropped and all their wakes were noted.
    ///
    /// A backend may then reuse the source for the next waker.
    #[must_use]
    pub fn is_orphaned(&self) -> bool {
        if Arc::strong_count(&self.0) != 1 {
            return false;
        }
        // Only this source could create another waker. The count is read with relaxed ordering, so the fence pairs with
        // the release of the last waker. Without the fence, its last wake could be missed.
        fence(Ordering::Acquire);
        !self.is_pending()
    }

    /// Drains the fd, and notes the wakes so far.
    ///
    /// Call it when the fd is readable, and before you check for the work that the wakes announce.
    ///
    /// # Examples
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
    /// source.drain(); // before the check for work, so that later work wakes again
    /// assert_eq!(work.try_iter().collect::<Vec<_>>(), ["work"]);
    /// # std::io::Result::Ok(())
    /// ```
    pub fn drain(&self) {
        // The fd first. If the flag were cleared first, this could read the bytes of a wake in between. The flag would
        // then stay raised, and no later wake would write.
        self.0.target.drain();
        self.take_note();
    }

    /// Returns `true` if there are wakes that were not noted. Otherwise the fd can't have been reported, since a wake
    /// raises the flag before it writes.
    #[inline]
    pub(crate) fn is_pending(&self) -> bool {
        self.0.is_pending.load(Ordering::Acquire)
    }

    /// Notes the wakes so far without draining the fd, which is edge-triggered. Returns `true` if there were any.
    pub(crate) fn take_note(&self) -> bool {
        self.0.is_pending.swap(false, Ordering::AcqRel)
    }

    /// Waits until the fd would be readable.
    #[cfg(all(test, loom))]
    pub(crate) fn wait(&self) {
        let Target::Fd(notifier) = &self.0.target else { unreachable!("created with an fd") };
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

    /// Waits and drains until all `numbers` were added by threads, each of which wakes after each number.
    fn all_are_added(threads: &'static [&'static [usize]], drain: fn(&WakerSource)) {
        ::loom::model(move || {
            let source = WakerSource::new().unwrap();
            let added = Arc::new(AtomicUsize::new(0));
            for numbers in threads {
                let (waker, added) = (source.waker(), Arc::clone(&added));
                thread::spawn(move || {
                    for number in *numbers {
                        added.fetch_add(*number, Ordering::Relaxed);
                        waker.wake();
                    }
                });
            }
            let all: usize = threads.iter().copied().flatten().sum();
            // After a lost wake, a wait never ends, which loom reports.
            while added.load(Ordering::Relaxed) != all {
                source.wait();
                drain(&source);
            }
        });
    }

    /// Notes wakes as an edge-triggered epoll does: the event clears the edge, and then pending wakes are noted.
    fn take_edge(source: &WakerSource) {
        source.0.target.drain();
        if source.is_pending() {
            source.take_note();
        }
    }

    #[test]
    fn wakes_of_two_threads_are_seen() {
        all_are_added(&[&[1], &[2]], WakerSource::drain);
    }

    #[test]
    fn last_of_three_wakes_is_seen() {
        all_are_added(&[&[1, 2, 4]], WakerSource::drain);
    }

    #[test]
    fn edges_of_two_threads_are_seen() {
        all_are_added(&[&[1], &[2]], take_edge);
    }

    #[test]
    fn last_of_three_edges_is_seen() {
        all_are_added(&[&[1, 2, 4]], take_edge);
    }
}
