//! The multiplexer over poll(2): dense arrays without a hash map, and no system call except the wait itself.

use crate::capabilities::Capabilities;
use crate::error::Error;
use crate::event::{Events, Token};
use crate::fd_table::FdTable;
use crate::mode::Mode;
use crate::multiplexer::{Multiplexer, TrustedMultiplexer};
use crate::waker::{Waker, WakerSource};
use iomux::{HAS_PPOLL, HAS_READ_CLOSED, Interest, MaskTurns, PollFd, Ready, SigSet, Timeout, without_ppoll};
use iomux_sys::poll::HANGUP_ALONE;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

const NAME: &str = "poll";

/// A multiplexer over poll(2), for every platform.
///
/// Register, modify and deregister make no system call, and take constant time. A wait makes one system call, which costs
/// the kernel some nanoseconds per registered fd. So `Poll` suits hundreds or a few thousand fds. It takes about 20 bytes
/// per registered fd, and 4 bytes per fd number below the highest.
///
/// A wait that times out makes two system calls if its timeout is at least 10 ms and not a whole number of ms.
///
/// If the buffer is too small for all ready fds, a wait reports those that have waited longest since their last event.
///
/// The supported modes are [`Level`](Mode::Level) and [`OneShot`](Mode::OneShot), since poll(2) has no edges.
///
/// # Platform notes
/// - For an empty interest, the kernels of Apple and NetBSD report no hangup. [`Capabilities::HANGUP`] is missing
///   there. On FreeBSD, urgent data hides such a hangup until the next [`modify`](Multiplexer::modify).
/// - If a sandbox rejects ppoll(2), timeouts are rounded up to ms, and a masked wait returns [`Error::Os`].
///
/// # Examples
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
    /// The registered fds, without gaps: the array for the kernel.
    fds: Vec<PollFd<'fd>>,
    /// The other data of each registration, at the same index.
    registrations: Vec<Registration>,
    /// The index of each registered fd.
    indices: FdTable,
    /// Advances by a step with each event and each registration, and wraps around.
    clock: u32,
    /// Sorted by fd.
    wakers: Vec<WakerSource>,
    turns: MaskTurns,
    has_ppoll: bool,
}

/// A registration without its fd and interest. Packed, it takes 12 bytes instead of 16.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(4))]
struct Registration {
    token: Token,
    /// The clock at the last event, or at the registration. The lowest bits are the kind.
    stamp: u32,
}

/// The bits of a stamp that hold the kind of the registration.
const KIND: u32 = 0b11;
const LEVEL: u32 = 0;
const ONE_SHOT: u32 = 1;
const WAKER: u32 = 2;
/// A step of the clock, which leaves the bits of the kind unchanged.
const STEP: u32 = KIND + 1;

impl Registration {
    #[inline]
    fn kind(self) -> u32 {
        self.stamp & KIND
    }

    /// Returns the distance of the clock from the stamp.
    ///
    /// After 2^30 steps the age of an idle fd wraps around to 0. Once ready, the fd ages like any other.
    #[inline]
    fn age(self, clock: u32) -> u32 {
        clock.wrapping_sub(self.stamp & !KIND)
    }
}

impl Poll<'_> {
    /// Creates a multiplexer without registrations. It opens no fd and allocates nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::with(HAS_PPOLL)
    }

    /// Creates a multiplexer that does not call ppoll(2), for tests.
    ///
    /// As on a platform without ppoll(2), timeouts are rounded up to ms, and masked waits are not supported.
    #[doc(hidden)]
    #[must_use]
    pub fn without_ppoll() -> Self {
        Self::with(false)
    }

    fn with(has_ppoll: bool) -> Self {
        Self {
            fds: Vec::new(),
            registrations: Vec::new(),
            indices: FdTable::new(),
            clock: 0,
            wakers: Vec::new(),
            turns: MaskTurns::new(),
            has_ppoll,
        }
    }
}

impl<'fd> Poll<'fd> {
    #[inline]
    fn insert(&mut self, fd: RawFd, slot: PollFd<'fd>, token: Token, kind: u32) -> Result<(), Error> {
        if !self.has_room_for(fd) {
            self.make_room_for(fd)?;
        }
        self.indices.set(fd, self.fds.len());
        self.fds.push(slot);
        self.clock = self.clock.wrapping_add(STEP);
        self.registrations.push(Registration { token, stamp: self.clock | kind });
        Ok(())
    }

    #[inline]
    fn has_room_for(&self, fd: RawFd) -> bool {
        let capacity = self.fds.capacity().min(self.registrations.capacity());
        self.fds.len() < capacity && self.indices.has_room_for(fd)
    }

    #[cold]
    fn make_room_for(&mut self, fd: RawFd) -> Result<(), Error> {
        grow(&mut self.fds)?;
        grow(&mut self.registrations)?;
        self.indices.reserve(fd)
    }

    /// Removes the registration of `fd`, at `index`, and moves the last one to its index.
    #[inline]
    fn remove(&mut self, fd: RawFd, index: usize) {
        self.indices.remove(fd);
        let last = self.fds.len() - 1;
        if index != last {
            self.swap(index, last);
        }
        self.fds.truncate(last);
        self.registrations.truncate(last);
    }

    #[inline(never)]
    fn swap(&mut self, index: usize, last: usize) {
        self.fds.swap(index, last);
        self.registrations.swap(index, last);
        if let Some(moved) = self.fds[index].fd() {
            self.indices.set(moved.as_raw_fd(), index);
        }
    }

    /// Returns the index of a source of the caller. The fd of a waker is not registered for the caller.
    #[inline]
    fn index(&self, fd: RawFd) -> Result<usize, Error> {
        let index = self.indices.get(fd).ok_or(Error::NotRegistered { fd })?;
        if self.registrations[index].kind() == WAKER { Err(Error::NotRegistered { fd }) } else { Ok(index) }
    }

    /// Returns the index of the waker with this fd, or the index to insert it at.
    fn find_waker(&self, fd: RawFd) -> Result<usize, usize> {
        self.wakers.binary_search_by_key(&fd, |source| source.as_fd().as_raw_fd())
    }

    #[inline(always)]
    fn poll(&mut self, timeout: Timeout) -> Result<usize, Error> {
        Ok(if self.has_ppoll {
            iomux::wait(&mut self.fds, timeout)?
        } else {
            without_ppoll::wait(&mut self.fds, timeout)?
        })
    }

    /// Reports the `ready` fds, or as many as fit into the buffer.
    #[inline(never)]
    fn report(&mut self, events: &mut Events, ready: usize) -> usize {
        if ready > events.capacity() {
            self.report_oldest(events);
            return events.len();
        }
        let mut next = 0;
        while events.len() < ready {
            let Some(found) = iomux::next_ready(&self.fds, next) else { break };
            next = found.index() + 1;
            self.report_one(events, found);
        }
        events.len()
    }

    /// Fills the buffer with the ready fds that have waited longest since their last event.
    #[inline(never)]
    fn report_oldest(&mut self, events: &mut Events) {
        let least = self.age_of_oldest(events.capacity());
        let (mut next, now) = (0, self.clock);
        while let Some(found) = iomux::next_ready(&self.fds, next) {
            next = found.index() + 1;
            if self.registrations[found.index()].age(now) >= least {
                self.report_one(events, found);
            }
        }
    }

    /// Returns the minimum age of the `count` oldest ready fds.
    ///
    /// It determines 11 bits of the age per pass. The counters take 16 KiB on the stack, and avoid a sorted list on the heap.
    fn age_of_oldest(&self, count: usize) -> u32 {
        const BITS: u32 = (1 << 11) - 1;
        let longest = self.ready_ages().max().unwrap_or(0);
        let (mut age, mut left) = (0, count);
        for shift in [22, 11, 0].into_iter().skip_while(|shift| longest >> shift == 0) {
            let mut counts = [0; BITS as usize + 1];
            for other in self.ready_ages() {
                // In range if all higher bits equal those of `age`.
                let bits = (other ^ age) >> shift;
                if let Some(count) = counts.get_mut(bits as usize) {
                    *count += 1;
                }
            }
            let mut bits = BITS;
            while bits > 0 && counts[bits as usize] < left {
                left -= counts[bits as usize];
                bits -= 1;
            }
            age |= bits << shift;
        }
        age
    }

    fn ready_ages(&self) -> impl Iterator<Item = u32> {
        let registrations = self.fds.iter().zip(&self.registrations);
        let ready = registrations.filter(|(fd, _)| !fd.readiness().is_empty());
        ready.map(|(_, registration)| registration.age(self.clock))
    }

    #[inline]
    fn report_one(&mut self, events: &mut Events, found: Ready<'_>) {
        self.clock = self.clock.wrapping_add(STEP);
        let (index, readiness) = (found.index(), found.readiness());
        let registration = &mut self.registrations[index];
        if !events.push(registration.token, readiness) {
            return;
        }
        let kind = registration.kind();
        registration.stamp = self.clock | kind;
        if kind != LEVEL || readiness.is_invalid() {
            self.disarm(index);
        }
    }

    /// Prevents the next wait from reporting a closed fd, a one-shot or a waker again.
    #[inline(never)]
    fn disarm(&mut self, index: usize) {
        let slot = &mut self.fds[index];
        if self.registrations[index].kind() == ONE_SHOT || slot.readiness().is_invalid() {
            return slot.pause();
        }
        let fd = slot.fd().map(|fd| fd.as_raw_fd());
        if let Some(Ok(waker)) = fd.map(|fd| self.find_waker(fd)) {
            self.wakers[waker].drain();
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
            | Capabilities::FILES
            | Capabilities::REPORTS_CLOSED
            | Capabilities::ANY_FD
            | Capabilities::FORK;
        all.set(Capabilities::HANGUP, HANGUP_ALONE.is_some());
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
        let kind = kind_of(mode)?;
        let slot = PollFd::new(fd, interest)?;
        let fd = fd.as_raw_fd();
        if self.indices.get(fd).is_some() {
            return Err(Error::AlreadyRegistered { fd });
        }
        self.insert(fd, slot, token, kind)
    }

    #[inline]
    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        let kind = kind_of(mode)?;
        let index = self.index(fd.as_raw_fd())?;
        self.fds[index].set_interest(interest)?;
        self.fds[index].resume();
        let registration = &mut self.registrations[index];
        registration.token = token;
        registration.stamp = registration.stamp & !KIND | kind;
        Ok(())
    }

    #[inline]
    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        let fd = fd.as_raw_fd();
        let index = self.index(fd)?;
        self.remove(fd, index);
        Ok(())
    }

    // Always inlined, since each frame between kernel and caller costs a return, as in `Epoll`.
    #[inline(always)]
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
            return Err(Error::Unsupported {
                what: "a signal mask without ppoll(2): call a `Waker` in the signal handler instead",
                backend: NAME,
            });
        }
        if events.capacity() == 0 {
            return Err(Error::NoRoomForEvents);
        }
        let fds = &mut self.fds;
        match self.turns.wait(mask, || iomux::ppoll(fds, timeout, Some(mask)))? {
            0 => Ok(0),
            ready => Ok(self.report(events, ready)),
        }
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        if let Some(source) = self.wakers.iter().find(|source| source.is_orphaned()) {
            let index = self.indices.get(source.as_fd().as_raw_fd());
            index.into_iter().for_each(|index| self.registrations[index].token = token);
            return Ok(source.waker());
        }
        let source = WakerSource::new()?;
        let waker = source.waker();
        self.wakers.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        let fd = source.as_fd().as_raw_fd();
        // Remove a stale registration of the number, whose fd was closed while registered.
        if let Some(stale) = self.indices.get(fd) {
            self.remove(fd, stale);
        }
        // SAFETY: `wakers` keeps the source, and with it the fd, open while it is in `fds`.
        let slot = unsafe { PollFd::from_raw(fd, Interest::READABLE) };
        self.insert(fd, slot?, token, WAKER)?;
        let index = self.find_waker(fd).unwrap_or_else(|index| index);
        self.wakers.insert(index, source);
        Ok(waker)
    }
}

// SAFETY: an fd is in `fds` from `register` to `deregister`, and only a wait uses it, for poll(2).
unsafe impl<'fd> TrustedMultiplexer<'fd> for Poll<'fd> {}

fn kind_of(mode: Mode) -> Result<u32, Error> {
    match mode {
        Mode::Level => Ok(LEVEL),
        Mode::OneShot => Ok(ONE_SHOT),
        _ => Err(Error::UnsupportedMode { mode, backend: NAME }),
    }
}

/// Reserves memory for one more element, by an eighth of the length. Doubling could waste half of a large array.
fn grow<T>(list: &mut Vec<T>) -> Result<(), Error> {
    if list.len() < list.capacity() {
        return Ok(());
    }
    list.try_reserve_exact(list.len() / 8 + 16).map_err(|_| Error::OutOfMemory)
}

#[cfg(test)]
mod tests;
