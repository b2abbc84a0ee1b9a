//! The multiplexer over poll(2): dense, no hash map, no lock, and no system call but the wait itself.

use crate::error::Error;
use crate::event::{Events, Token};
use crate::multiplexer::{Capabilities, Mode, Multiplexer, TrustedMultiplexer};
use crate::places::{Place, Places};
use crate::waker::{Waker, WakerSource};
use iomux::{HAS_PPOLL, HAS_READ_CLOSED, Interest, PollFd, Readiness, SigSet, Timeout, without_ppoll};
use std::mem;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

const NAME: &str = "poll";

/// A multiplexer over poll(2), there on every system.
///
/// Registering, modifying and deregistering make no system call and take constant time; a wait makes
/// exactly one, and costs the kernel some nanoseconds for each registered fd, so it is for hundreds or
/// a few thousand. About 20 bytes a registered fd, and 4 for each number below the highest.
///
/// Modes are [`Level`](Mode::Level) and [`OneShot`](Mode::OneShot): poll(2) has no edges.
///
/// ```
/// use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
/// use std::io::Write;
/// use std::os::fd::AsFd;
///
/// let (reader, mut writer) = std::io::pipe()?;
/// let mut poll = Poll::new();
/// poll.register(reader.as_fd(), Token(7), Interest::READABLE, Mode::Level)?;
/// writer.write_all(b"!")?;
/// let mut events = Events::with_capacity(16);
/// assert_eq!(poll.wait(&mut events, Timeout::Infinite)?, 1);
/// assert_eq!(events.get(0).map(|event| event.token()), Some(Token(7)));
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug)]
pub struct Poll<'fd> {
    /// The registrations, without holes: what the kernel is given as it is.
    fds: Vec<PollFd<'fd>>,
    /// The token of each.
    tokens: Vec<Token>,
    places: Places,
    /// Where the next walk over what is ready begins: what did not fit into the last buffer.
    next: usize,
    /// Where the walk began that has come to `next`.
    begun: usize,
    wakers: Vec<WakerSource>,
    /// Whether a signal has kept the last masked wait from reporting what was ready.
    owes_a_report: bool,
    has_ppoll: bool,
}

impl Poll<'_> {
    /// A multiplexer with nothing registered.
    ///
    /// ```
    /// use iomux_backend::{Error, Events, Multiplexer, Poll, Timeout};
    ///
    /// let mut poll = Poll::new(); // it is no fd, so it can't fail
    /// let answer = poll.wait(&mut Events::with_capacity(1), Timeout::Infinite);
    /// assert_eq!(answer, Err(Error::NothingToWaitFor));
    /// ```
    #[must_use]
    pub fn new() -> Self {
        Self::with(HAS_PPOLL)
    }

    /// The same, as on a system without ppoll(2): times are rounded up to ms, and there is no masked
    /// wait. For tests of a program that is to run on such a system, too.
    ///
    /// ```
    /// use iomux_backend::{Error, Events, Multiplexer, Poll, SigSet, Timeout};
    ///
    /// let mut poll = Poll::without_ppoll();
    /// let answer = poll.wait_masked(&mut Events::with_capacity(1), Timeout::Nowait, &SigSet::empty());
    /// assert!(matches!(answer, Err(Error::Unsupported { .. })));
    /// ```
    #[doc(hidden)]
    #[must_use]
    pub fn without_ppoll() -> Self {
        Self::with(false)
    }

    fn with(has_ppoll: bool) -> Self {
        Self {
            fds: Vec::new(),
            tokens: Vec::new(),
            places: Places::new(),
            next: 0,
            begun: 0,
            wakers: Vec::new(),
            owes_a_report: false,
            has_ppoll,
        }
    }
}

impl<'fd> Poll<'fd> {
    #[inline]
    fn insert(&mut self, fd: RawFd, slot: PollFd<'fd>, token: Token, place: Place) -> Result<(), Error> {
        if !self.has_room_for(fd) {
            self.make_room_for(fd)?;
        }
        self.places.set(fd, place.at(self.fds.len()));
        self.fds.push(slot);
        self.tokens.push(token);
        Ok(())
    }

    #[inline]
    fn has_room_for(&self, fd: RawFd) -> bool {
        self.fds.len() < self.fds.capacity().min(self.tokens.capacity()) && self.places.has_room_for(fd)
    }

    #[cold]
    fn make_room_for(&mut self, fd: RawFd) -> Result<(), Error> {
        grow(&mut self.fds)?;
        grow(&mut self.tokens)?;
        self.places.reserve(fd)
    }

    /// Forgets who had this number before: a source that was closed though it was registered.
    fn forget_the_earlier_owner(&mut self, fd: RawFd) {
        if let Some(place) = self.places.get(fd) {
            self.places.remove(fd);
            self.remove(place.index());
        }
    }

    /// Takes the registration at `index` out, without a hole, and without taking its turn from one that
    /// did not fit into the last buffer.
    #[inline]
    fn remove(&mut self, index: usize) {
        let hole = if index < self.next.max(self.begun) { self.pass_borders(index) } else { index };
        let last = self.fds.len() - 1;
        self.move_to(last, hole);
        self.fds.truncate(last);
        self.tokens.truncate(last);
    }

    /// Moves a hole up past the borders between what was reported and what was not, so that nobody passes one.
    #[inline(never)]
    fn pass_borders(&mut self, index: usize) -> usize {
        let mut hole = index;
        for border in [self.next.min(self.begun), self.next.max(self.begun)] {
            if hole < border {
                self.move_to(border - 1, hole);
                hole = border - 1;
            }
        }
        self.next -= usize::from(index < self.next);
        self.begun -= usize::from(index < self.begun);
        hole
    }

    /// Moves the registration at `from` to `to`, which is given up.
    #[inline]
    fn move_to(&mut self, from: usize, to: usize) {
        if from != to {
            self.swap(from, to);
        }
    }

    #[inline(never)]
    fn swap(&mut self, from: usize, to: usize) {
        self.fds.swap(from, to);
        self.tokens.swap(from, to);
        if let Some(fd) = self.fds[to].fd() {
            self.places.move_to(fd.as_raw_fd(), to);
        }
    }

    /// Where the caller's own fd is registered; wakers are not the caller's.
    #[inline]
    fn index(&self, fd: RawFd) -> Result<usize, Error> {
        self.places.source(fd).map(Place::index).ok_or(Error::NotRegistered { fd })
    }

    fn poll(&mut self, timeout: Timeout) -> Result<usize, Error> {
        let answer = if self.has_ppoll {
            iomux::wait(&mut self.fds, timeout)
        } else {
            without_ppoll::wait(&mut self.fds, timeout)
        };
        answer.map_err(from_iomux)
    }

    /// Reports the `ready` fds, beginning with what did not fit the last time.
    fn report(&mut self, events: &mut Events, ready: usize) -> usize {
        let begin = mem::take(&mut self.next);
        let end = self.fds.len();
        if self.report_range(events, begin..end, begin, ready) {
            self.report_range(events, 0..begin, begin, ready);
        }
        events.len()
    }

    /// Reports what is ready in a range, in a walk from `begin`; `false` once the `ready` fds are reported, or do not fit.
    fn report_range(&mut self, events: &mut Events, range: Range<usize>, begin: usize, ready: usize) -> bool {
        let mut next = range.start;
        while events.len() < ready {
            let Some(found) = iomux::next_ready(&self.fds[..range.end], next) else { return true };
            let (index, fd, readiness) = (found.index(), found.fd().as_raw_fd(), found.readiness());
            if !events.push(self.tokens[index], readiness) {
                (self.begun, self.next) = (begin, index);
                return false;
            }
            if readiness.is_invalid() || !self.places.is_level(fd) {
                self.has_reported(index, fd, readiness);
            }
            next = index + 1;
        }
        false
    }

    /// Sees to what is not to be reported again as it is.
    #[inline(never)]
    fn has_reported(&mut self, index: usize, fd: RawFd, readiness: Readiness) {
        // A closed fd would be reported for ever, a waker's as well.
        if readiness.is_invalid() || self.places.get(fd).is_some_and(Place::is_one_shot) {
            self.fds[index].pause();
        } else {
            self.drain(fd);
        }
    }

    fn drain(&self, fd: RawFd) {
        let source = self.wakers.iter().find(|source| source.as_fd().as_raw_fd() == fd);
        if let Some(source) = source {
            source.drain();
        }
    }
}

impl Default for Poll<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl<'fd> Multiplexer<'fd> for Poll<'fd> {
    fn name(&self) -> &'static str {
        NAME
    }

    fn capabilities(&self) -> Capabilities {
        let mut all = Capabilities::ONE_SHOT
            | Capabilities::WAKER
            | Capabilities::PRIORITY
            | Capabilities::HANGUP
            | Capabilities::FILES
            | Capabilities::REPORTS_CLOSED
            | Capabilities::ANY_FD
            | Capabilities::FORK;
        all.set(Capabilities::MASK, self.has_ppoll);
        all.set(Capabilities::READ_CLOSED, HAS_READ_CLOSED);
        all
    }

    #[inline]
    fn register(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        let place = Place::of(mode)?;
        let slot = PollFd::new(fd, interest).map_err(from_iomux)?;
        let fd = fd.as_raw_fd();
        if self.places.get(fd).is_some() {
            return Err(Error::AlreadyRegistered { fd });
        }
        self.insert(fd, slot, token, place)
    }

    #[inline]
    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        let (changed, fd) = (Place::of(mode)?, fd.as_raw_fd());
        let index = self.index(fd)?;
        self.fds[index].set_interest(interest).map_err(from_iomux)?;
        self.fds[index].resume();
        self.tokens[index] = token;
        self.places.set(fd, changed.at(index));
        Ok(())
    }

    #[inline]
    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        let fd = fd.as_raw_fd();
        let index = self.index(fd)?;
        self.places.remove(fd);
        self.remove(index);
        Ok(())
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        events.clear();
        if events.capacity() == 0 {
            return Err(Error::NoRoomForEvents);
        }
        match self.poll(timeout)? {
            0 => Ok(0),
            ready => Ok(self.report(events, ready)),
        }
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        events.clear();
        if !self.has_ppoll {
            return Err(Error::Unsupported { what: "a signal mask without ppoll(2)", backend: NAME });
        }
        if events.capacity() == 0 {
            return Err(Error::NoRoomForEvents);
        }
        let owed_a_report = mem::take(&mut self.owes_a_report);
        let ready = iomux::ppoll(&mut self.fds, timeout, Some(mask)).map_err(from_iomux)?;
        if ready == 0 {
            return Ok(0);
        }
        // With fds ready the kernel runs no handler; a look that finds none lets a pending signal through.
        // Not twice in a row: signals without end would starve the fds.
        if !owed_a_report {
            let look = iomux::ppoll(&mut [], Timeout::Nowait, Some(mask));
            self.owes_a_report = look.is_err();
            look.map_err(from_iomux)?;
        }
        Ok(self.report(events, ready))
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        let source = WakerSource::new()?;
        let waker = source.waker();
        self.wakers.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        let fd = source.as_fd().as_raw_fd();
        self.forget_the_earlier_owner(fd);
        // SAFETY: `wakers` keeps the source, and with it the fd, for as long as `fds` is polled.
        let slot = unsafe { PollFd::from_raw(fd, Interest::READABLE) };
        self.insert(fd, slot.map_err(from_iomux)?, token, Place::WAKER)?;
        self.wakers.push(source);
        Ok(waker)
    }
}

// SAFETY: an fd is in `fds` from `register` to `deregister`, and is only given to poll(2), in a wait.
unsafe impl<'fd> TrustedMultiplexer<'fd> for Poll<'fd> {}

/// Makes room for one more, an eighth at a time: at 100,000 fds doubling would waste more than it holds.
fn grow<T>(list: &mut Vec<T>) -> Result<(), Error> {
    if list.len() < list.capacity() {
        return Ok(());
    }
    list.try_reserve_exact(list.len() / 8 + 16).map_err(|_| Error::OutOfMemory)
}

#[cold]
fn from_iomux(error: iomux::Error) -> Error {
    match error {
        iomux::Error::NegativeFd { fd } => Error::NegativeFd { fd },
        iomux::Error::Unsupported { what } => Error::Unsupported { what, backend: NAME },
        iomux::Error::NothingToWaitFor => Error::NothingToWaitFor,
        iomux::Error::Interrupted => Error::Interrupted,
        iomux::Error::OutOfMemory { .. } => Error::OutOfMemory,
        iomux::Error::TooManySlots { count, limit } => Error::TooManySources { count, limit },
        iomux::Error::Os { call, code } => Error::Os { call, code },
        other => Error::Os { call: "poll", code: other.raw_os_error().unwrap_or_default() },
    }
}

#[cfg(test)]
mod tests;
