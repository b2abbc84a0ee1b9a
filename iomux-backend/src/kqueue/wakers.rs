//! Wakers: a filter of the queue that any thread can trigger, or an fd if the kernel has no such filter.

use super::sys::{self, Kevent, Queue};
use super::{Kqueue, NO_TIME, Watched};
use crate::error::Error;
use crate::event::Token;
use crate::fd_table::index;
use crate::waker::{Filter, Waker, WakerSource};
use iomux_sys::errno::EINVAL;
use iomux_sys::kqueue::{EV_CLEAR, EV_RECEIPT, EVFILT_READ, EVFILT_USER, NOTE_TRIGGER};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// `true` if a waker may be a filter of the queue.
///
/// With libkqueue it may not, since a trigger takes a lock, which a signal handler must not do. Before 2.7, a wait holds
/// that lock as well.
pub(super) const WAKES_BY_FILTER: bool = !cfg!(iomux_libkqueue);

/// A filter `EVFILT_USER` of a queue, which any thread can trigger.
#[derive(Debug)]
struct Trigger {
    /// Shared, so that the queue stays open. Otherwise its number could be reused by another file.
    queue: Arc<Queue>,
    ident: usize,
}

impl Filter for Trigger {
    fn trigger(&self, _is_pending: &AtomicBool) -> bool {
        let change = Kevent::change(self.ident, EVFILT_USER, EV_RECEIPT, NOTE_TRIGGER, 0, 0);
        // Without room for a receipt, DragonFly's kernel returns a random number.
        let mut receipt = [Kevent::EMPTY];
        let called = sys::kevent(self.queue.fd(), &[change], &mut receipt, Some(NO_TIME));
        called.is_ok() && receipt[0].change_result().unwrap_or(0) == 0
    }
}

impl AsFd for Trigger {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.fd()
    }
}

impl Kqueue<'_> {
    pub(super) fn add_waker(&mut self, token: Token) -> Result<Waker, Error> {
        if let Some(waker) = self.watches.reuse_waker(token) {
            return Ok(waker);
        }
        let ident = self.next_generation();
        let watched = Watched::Waker(ident);
        if self.wakes_by_filter {
            let source = WakerSource::with_filter(Trigger { queue: Arc::clone(&self.queue), ident })?;
            let waker = source.waker();
            match self.watch(watched, (EVFILT_USER, ident), Some(source), token, (EV_CLEAR, 0, 0)) {
                // EINVAL: OpenBSD before 7.8 and NetBSD before 10 have no such filter.
                Err(Error::Os { code: EINVAL, .. }) => {}
                result => return result.map(|()| waker),
            }
        }
        let source = WakerSource::new()?;
        let (waker, fd) = (source.waker(), source.as_fd().as_raw_fd());
        // Remove a stale registration of the number, whose fd was closed while registered.
        let _ = self.remove(fd);
        self.watch(watched, (EVFILT_READ, index(fd)), Some(source), token, (0, 0, 0))?;
        Ok(waker)
    }
}

#[cfg(all(test, feature = "conformance"))]
mod tests {
    use super::super::tests::ends_immediately;
    use super::*;
    use crate::conformance::{Backend, PROPERTIES, run, skip};
    use crate::event::Events;
    use crate::mode::Mode;
    use crate::multiplexer::Multiplexer;
    use iomux::Interest;
    use std::thread;
    use std::time::Duration;

    struct ByFilter;

    impl Backend for ByFilter {
        type Mux<'fd> = Kqueue<'fd>;

        fn create<'fd>() -> Result<Kqueue<'fd>, Error> {
            Kqueue::new().map(|kqueue| Kqueue { wakes_by_filter: true, ..kqueue })
        }
    }

    struct ByFd;

    impl Backend for ByFd {
        type Mux<'fd> = Kqueue<'fd>;

        fn create<'fd>() -> Result<Kqueue<'fd>, Error> {
            Kqueue::new().map(|kqueue| Kqueue { wakes_by_filter: false, ..kqueue })
        }
    }

    fn run_wake_properties<B: Backend>() {
        for property in PROPERTIES.iter().filter(|property| property.contains("wake")) {
            run::<B>(property);
        }
    }

    /// Returns `true` if a filter can be triggered while another thread waits.
    fn can_be_triggered_during_a_wait() -> bool {
        let mut kqueue = ByFilter::create().unwrap();
        let waker = kqueue.waker(Token(7)).unwrap();
        let mut events = Events::with_capacity(8);
        thread::scope(|scope| {
            scope.spawn(|| {
                iomux::wait(&mut [], Duration::from_millis(20)).unwrap();
                waker.wake();
            });
            kqueue.wait(&mut events, Duration::from_secs(2).into()) == Ok(1)
        })
    }

    #[test]
    fn filter_wakers_conform() {
        if !can_be_triggered_during_a_wait() {
            return skip("filter_wakers_conform", "this libkqueue holds its lock while it waits");
        }
        run_wake_properties::<ByFilter>();
    }

    #[test]
    fn fd_wakers_conform() {
        run_wake_properties::<ByFd>();
    }

    #[test]
    fn wake_is_reported_once_per_wait() {
        let mut kqueue = Kqueue::new().unwrap();
        let source = WakerSource::new().unwrap();
        let fd = source.as_fd().as_raw_fd();
        kqueue
            .watch(Watched::Waker(70), (EVFILT_READ, index(fd)), Some(source), Token(7), (0, 0, 0))
            .unwrap();
        let event = |filter, fd| Kevent::change(index(fd), filter, 0, 0, 0, 0);
        assert_eq!([(); 2].map(|()| kqueue.watches.take(&event(EVFILT_READ, fd))), [true, false]);
        for stranger in [event(EVFILT_USER, fd), event(EVFILT_READ, fd + 1)] {
            assert!(!kqueue.watches.take(&stranger), "{stranger:?}");
        }
        assert!(ends_immediately(&mut kqueue), "also a wake that was returned instead of a receipt");
    }

    #[test]
    fn trigger_requires_filter() {
        let mut kqueue = Kqueue::new().unwrap();
        if kqueue.watch_user(1, Token(7)).is_err() {
            return skip("trigger_requires_filter", "this kernel has no EVFILT_USER");
        }
        let ident = kqueue.generation;
        let trigger = |ident| Trigger { queue: Arc::clone(&kqueue.queue), ident };
        let is_triggered = |ident| trigger(ident).trigger(&AtomicBool::new(true));
        assert!(is_triggered(ident) && !is_triggered(ident + 1));
    }

    #[test]
    fn waker_fd_is_not_registered() {
        let mut kqueue = ByFd::create().unwrap();
        let _waker = kqueue.waker(Token(7)).unwrap();
        let source = kqueue.watches.all[0].source.take().unwrap();
        let fd = source.as_fd().as_raw_fd();
        assert_eq!(kqueue.deregister(source.as_fd()), Err(Error::NotRegistered { fd }));
        assert_eq!(
            kqueue.modify(source.as_fd(), Token(8), Interest::READABLE, Mode::Level),
            Err(Error::NotRegistered { fd })
        );
    }
}
