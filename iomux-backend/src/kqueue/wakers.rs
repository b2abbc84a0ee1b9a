//! Wakers: a filter of the queue that any thread may trigger, or an fd where the system has no such filter.

use super::Kqueue;
use super::exchange::{NO_TIME, failed};
use super::sys::{self, Kevent, Kind, Queue};
use crate::error::Error;
use crate::event::Token;
use crate::multiplexer::Mode;
use crate::waker::{Filter, Waker, WakerSource};
use iomux::Interest;
use iomux_sys::errno::EINVAL;
use iomux_sys::kqueue::{EV_ADD, EV_CLEAR, EV_RECEIPT, EVFILT_USER, NOTE_TRIGGER};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::Arc;

/// A filter `EVFILT_USER` of a queue, to be triggered from anywhere.
#[derive(Debug)]
struct Trigger {
    /// Its share of the queue: were that closed, the number would be another file's.
    queue: Arc<Queue>,
    ident: usize,
}

impl Filter for Trigger {
    fn trigger(&self) -> bool {
        let change = Kevent::change(self.ident, EVFILT_USER, EV_RECEIPT, NOTE_TRIGGER, 0, self.ident);
        // A receipt, and so a place for it: without either DragonFly's kernel answers at random.
        let mut receipt = [Kevent::EMPTY];
        let called = sys::kevent(self.queue.as_fd(), &[change], &mut receipt, Some(NO_TIME));
        called.is_ok() && receipt[0].answer().unwrap_or(0) == 0
    }
}

impl AsFd for Trigger {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }
}

/// The receiving ends of wakers, and which of them this wait has heard of.
#[derive(Debug)]
pub(super) struct Wakers {
    all: Vec<WakerOf>,
    woken: Vec<usize>,
}

#[derive(Debug)]
struct WakerOf {
    source: WakerSource,
    token: Token,
    /// The number of its filter; `None` where it has an fd.
    ident: Option<usize>,
}

impl Wakers {
    pub(super) const fn new() -> Self {
        Self { all: Vec::new(), woken: Vec::new() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn woken_len(&self) -> usize {
        self.woken.len()
    }

    /// The tokens of those that were woken, `count` of them at most, and no longer are.
    pub(super) fn take_woken(&mut self, count: usize) -> impl Iterator<Item = Token> {
        let Self { all, woken } = self;
        woken.drain(..count.min(woken.len())).map(|index| all[index].token)
    }

    /// Takes an event, if it is of a waker. Returns whether this wait had not heard of it already, if so.
    pub(super) fn take(&mut self, event: &Kevent) -> Option<bool> {
        let ident = (event.filter() == EVFILT_USER).then_some(event.ident());
        let index = self.all.iter().position(|waker| waker.ident.is_some() && waker.ident == ident)?;
        self.all[index].source.drain();
        let is_new = !self.woken.contains(&index);
        if is_new {
            // There is room: it was made for each.
            self.woken.push(index);
        }
        Some(is_new)
    }

    /// Drains the waker whose fd has this number.
    pub(super) fn drain(&self, fd: RawFd) {
        let is_it = |waker: &&WakerOf| waker.ident.is_none() && waker.source.as_fd().as_raw_fd() == fd;
        if let Some(waker) = self.all.iter().find(is_it) {
            waker.source.drain();
        }
    }
}

impl Kqueue<'_> {
    pub(super) fn add_waker(&mut self, token: Token) -> Result<Waker, Error> {
        self.wakers.all.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        self.wakers.woken.try_reserve(self.wakers.all.len() + 1).map_err(|_| Error::OutOfMemory)?;
        let by_filter = if self.wakes_by_filter { self.add_filter(token) } else { Err(failed(EINVAL)) };
        let waker_of = match by_filter {
            // No such filter: OpenBSD and NetBSD before they had it.
            Err(Error::Os { code: EINVAL, .. }) => self.add_fd(token),
            answer => answer,
        }?;
        let waker = waker_of.source.waker();
        self.wakers.all.push(waker_of);
        Ok(waker)
    }

    fn add_filter(&mut self, token: Token) -> Result<WakerOf, Error> {
        let ident = self.next_generation();
        self.say(Kevent::change(ident, EVFILT_USER, EV_ADD | EV_CLEAR, 0, 0, ident))?;
        let trigger = Trigger { queue: Arc::clone(&self.queue), ident };
        Ok(WakerOf { source: WakerSource::with_filter(trigger), token, ident: Some(ident) })
    }

    fn add_fd(&mut self, token: Token) -> Result<WakerOf, Error> {
        let source = WakerSource::new()?;
        let fd = source.as_fd().as_raw_fd();
        // Who had this number before: a source that was closed though it was registered.
        let _ = self.remove(fd);
        self.add(fd, token, Interest::READABLE, Mode::Level, Kind::Waker)?;
        Ok(WakerOf { source, token, ident: None })
    }

    /// Tells the kernel of one change.
    pub(super) fn say(&mut self, change: Kevent) -> Result<(), Error> {
        self.changes.clear();
        self.changes.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        self.changes.push(change);
        self.tell().map_or(Ok(()), |code| Err(failed(code)))
    }
}

#[cfg(all(test, feature = "conformance"))]
mod tests {
    use super::super::exchange::tests::ends_at_once;
    use super::*;
    use crate::conformance::{Backend, PROPERTIES, run, skip};
    use crate::event::Events;
    use crate::multiplexer::Multiplexer;
    use iomux_sys::kqueue::{EVFILT_READ, filter_t};
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

    fn all_about_wakes<B: Backend>() {
        for property in PROPERTIES.iter().filter(|property| property.contains("wake")) {
            run::<B>(property);
        }
    }

    /// Whether a filter can be triggered while another thread waits.
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
    fn a_waker_may_be_a_filter() {
        if !can_be_triggered_during_a_wait() {
            return skip("a_waker_may_be_a_filter", "this libkqueue keeps its lock while it waits");
        }
        all_about_wakes::<ByFilter>();
    }

    #[test]
    fn a_waker_may_be_an_fd() {
        all_about_wakes::<ByFd>();
    }

    #[test]
    fn each_waker_has_room_to_be_heard_of() {
        let mut kqueue = ByFd::create().unwrap();
        for token in 0..5 {
            let _waker = kqueue.waker(Token(token)).unwrap();
            let Wakers { all, woken } = &kqueue.wakers;
            assert!(woken.capacity() >= all.len());
        }
    }

    /// A queue with two wakers by filter, 70 and 71, of which the kernel has not been told.
    fn with_two_filters() -> Kqueue<'static> {
        let mut kqueue = Kqueue::new().unwrap();
        for ident in [70, 71] {
            let trigger = Trigger { queue: Arc::clone(&kqueue.queue), ident };
            let source = WakerSource::with_filter(trigger);
            kqueue.wakers.all.push(WakerOf { source, token: Token(ident), ident: Some(ident) });
        }
        kqueue
    }

    fn event(filter: filter_t, ident: usize) -> Kevent {
        Kevent::change(ident, filter, 0, 0, 0, ident)
    }

    #[test]
    fn a_wake_is_heard_of_once_in_a_wait() {
        let Kqueue { wakers, .. } = &mut with_two_filters();
        assert_eq!([(); 2].map(|()| wakers.take(&event(EVFILT_USER, 71))), [Some(true), Some(false)]);
        for stranger in [event(EVFILT_USER, 72), event(EVFILT_READ, 71)] {
            assert_eq!(wakers.take(&stranger), None, "{stranger:?}");
        }
        assert!(wakers.take_woken(8).eq([Token(71)]));
    }

    #[test]
    fn a_wake_that_came_in_the_place_of_a_receipt_ends_a_wait_at_once() {
        let mut kqueue = with_two_filters();
        kqueue.wakers.take(&event(EVFILT_USER, 70));
        assert!(ends_at_once(&mut kqueue));
    }

    #[test]
    fn a_filter_can_be_triggered_if_it_is_there() {
        let mut kqueue = ByFilter::create().unwrap();
        let _waker = kqueue.waker(Token(7)).unwrap();
        let Some(ident) = kqueue.wakers.all[0].ident else {
            return skip("a_filter_can_be_triggered_if_it_is_there", "this kernel has no EVFILT_USER");
        };
        let is_triggered = |ident| Trigger { queue: Arc::clone(&kqueue.queue), ident }.trigger();
        assert!(is_triggered(ident) && !is_triggered(ident + 1));
    }

    #[test]
    fn the_fd_of_a_waker_is_not_the_callers() {
        let mut kqueue = ByFd::create().unwrap();
        let _waker = kqueue.waker(Token(7)).unwrap();
        let WakerOf { source, .. } = kqueue.wakers.all.pop().unwrap();
        let fd = source.as_fd().as_raw_fd();
        assert_eq!(kqueue.deregister(source.as_fd()), Err(Error::NotRegistered { fd }));
        assert_eq!(
            kqueue.modify(source.as_fd(), Token(8), Interest::READABLE, Mode::Level),
            Err(Error::NotRegistered { fd })
        );
    }
}
