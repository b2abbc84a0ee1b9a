//! The other filters of kqueue(2): timers, signals, processes, files and triggers.

use super::sys::Kevent;
use super::system::TIMER;
use super::{Kqueue, NAME};
use crate::error::Error;
use crate::event::Token;
use crate::fd_table::index;
use crate::waker::{Waker, WakerSource};
use core::fmt;
use iomux::Signal;
use iomux_sys::errno::{EINVAL, ENOENT};
use iomux_sys::kqueue::{
    self as c, EV_ADD, EV_CLEAR, EV_DELETE, EV_ONESHOT, EVFILT_PROC, EVFILT_SIGNAL, EVFILT_TIMER,
    EVFILT_USER, EVFILT_VNODE, NOTE_EXIT, NOTE_TRIGGER, data_t, filter_t, flags_t,
};
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::time::Duration;

/// The longest timer.
///
/// Kernels that take ms count ticks in an `int`, up to 1,024 per second, and would end a longer timer early. Other kernels
/// add ns to the time since boot, and the sum must fit into 64 bits.
const LONGEST_TIMER: Duration = match TIMER {
    (_, 1_000) => Duration::from_secs(i32::MAX as u64 / 1_024),
    _ => Duration::from_secs(1 << 30),
};

/// The identity of something that a [`Kqueue`] watches. Two timers have two ids, for example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Watched {
    /// A timer, by the id that the caller chose.
    Timer(usize),
    /// A signal to this process.
    Signal(Signal),
    /// The exit of a process, by its pid.
    Exit(u32),
    /// A file, by the number of its fd.
    File(RawFd),
    /// A trigger, by the id that the caller chose.
    User(usize),
    /// A [`Waker`](crate::Waker), by an internal number.
    Waker(usize),
}

bitflags::bitflags! {
    /// The changes of a file that [`Kqueue::watch_file`] watches.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct FileChanges: u32 {
        /// `NOTE_DELETE`: the file was unlinked.
        const DELETE = c::NOTE_DELETE;
        /// `NOTE_WRITE`: the file was written.
        const WRITE = c::NOTE_WRITE;
        /// `NOTE_EXTEND`: the file grew.
        const EXTEND = c::NOTE_EXTEND;
        /// `NOTE_ATTRIB`: the attributes changed.
        const ATTRIBUTES = c::NOTE_ATTRIB;
        /// `NOTE_LINK`: the link count changed.
        const LINK = c::NOTE_LINK;
        /// `NOTE_RENAME`: the file was renamed.
        const RENAME = c::NOTE_RENAME;

        // Keep the other bits that a kernel reports.
        const _ = !0;
    }
}

/// Writes the names of the flags, joined by ` | `.
impl fmt::Display for FileChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bitflags::parser::to_writer(self, f)
    }
}

/// The details of an event of a timer, signal, process, file or trigger: see [`Kqueue::notices`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    token: Token,
    watched: Watched,
    data: i64,
    fflags: u32,
}

impl Notice {
    /// Returns the token of the event.
    #[must_use]
    pub fn token(&self) -> Token {
        self.token
    }

    /// Returns the identity of what is watched.
    #[must_use]
    pub fn watched(&self) -> Watched {
        self.watched
    }

    /// Returns how often a timer expired or a signal was sent since the last notice. For all others it is 1.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self.watched {
            Watched::Timer(_) | Watched::Signal(_) => u64::try_from(self.data).unwrap_or(1).max(1),
            _ => 1,
        }
    }

    /// Returns the changes of a file. For all others it is empty.
    #[must_use]
    pub fn changes(&self) -> FileChanges {
        match self.watched {
            Watched::File(_) => FileChanges::from_bits_retain(self.fflags),
            _ => FileChanges::empty(),
        }
    }
}

/// A filter that is watched.
#[derive(Debug)]
pub(super) struct Watch {
    /// The template of its notices.
    notice: Notice,
    /// The kernel's identity of the filter: `filter` and `ident`.
    key: (filter_t, usize),
    is_once: bool,
    /// The receiving end of a waker.
    pub(super) source: Option<WakerSource>,
}

/// All watched filters, and the notices of the last wait.
#[derive(Debug, Default)]
pub(super) struct Watches {
    /// Sorted by key.
    pub(super) all: Vec<Watch>,
    pub(super) notices: Vec<Notice>,
    /// The number of notices that were reported. The caller can read them until the next wait.
    reported: usize,
}

impl Watches {
    /// Begins a wait: removes the reported notices.
    pub(super) fn begin(&mut self) {
        self.notices.drain(..std::mem::take(&mut self.reported));
    }

    /// Returns at most `count` notices to report.
    pub(super) fn take_notices(&mut self, count: usize) -> &[Notice] {
        self.reported = count.min(self.notices.len());
        &self.notices[..self.reported]
    }

    /// Creates a waker with `token` of a source whose wakers were all dropped, if there is one.
    pub(super) fn reuse_waker(&mut self, token: Token) -> Option<Waker> {
        let is_orphaned = |watch: &&mut Watch| watch.source.as_ref().is_some_and(WakerSource::is_orphaned);
        let watch = self.all.iter_mut().find(is_orphaned)?;
        watch.notice.token = token;
        watch.source.as_ref().map(WakerSource::waker)
    }

    fn position(&self, watched: Watched) -> Option<usize> {
        self.all.iter().position(|watch| watch.notice.watched == watched)
    }

    /// Returns the index of the watch with this key, or the index to insert it at.
    fn find(&self, key: (filter_t, usize)) -> Result<usize, usize> {
        self.all.binary_search_by_key(&key, |watch| watch.key)
    }

    /// Takes an event of a watched filter. Returns `true` if it is the first of the filter in this wait.
    #[allow(clippy::unnecessary_cast, reason = "the width of `data` differs between platforms")]
    pub(super) fn take(&mut self, event: &Kevent) -> bool {
        let key = (event.0.filter, event.0.ident);
        let Ok(index) = self.find(key) else { return false };
        let Watch { mut notice, is_once, ref source, .. } = self.all[index];
        (notice.data, notice.fflags) = (event.0.data as i64, event.0.fflags);
        source.iter().for_each(WakerSource::drain);
        if is_once {
            self.all.remove(index);
        }
        let mut unreported = self.notices.iter_mut().skip(self.reported);
        if let Some(known) = unreported.find(|known| known.watched == notice.watched) {
            known.data = known.data.saturating_add(notice.data);
            known.fflags |= notice.fflags;
            return false;
        }
        // `watch` has reserved memory for it.
        self.notices.push(notice);
        true
    }
}

/// Converts a time to units of `1 / per_second` s, rounded up, at least 1. Returns `None` if a kernel would shorten it.
fn to_units(time: Duration, per_second: data_t) -> Option<data_t> {
    if time > LONGEST_TIMER {
        return None;
    }
    let per_second = u128::try_from(per_second).ok()?;
    let units = (time.as_nanos() * per_second).div_ceil(1_000_000_000);
    data_t::try_from(units.max(1)).ok()
}

impl<'fd> Kqueue<'fd> {
    /// Watches a timer that expires after `time`, once or repeatedly: `EVFILT_TIMER`.
    ///
    /// Its events carry `token`. The caller chooses `id`, which identifies the timer. [`Notice::count`] returns how often
    /// the timer expired since the last event.
    ///
    /// A timer never expires early, except on NetBSD before 10. It may expire late on a busy machine, and on Apple to
    /// save power.
    ///
    /// # Errors
    /// - Returns [`Error::AlreadyWatched`] if a timer with this `id` is watched.
    /// - Returns [`Error::Unsupported`] if `time` is too long for the kernel.
    /// - Returns [`Error::OutOfMemory`] if there is no memory for the timer.
    /// - Returns [`Error::Os`] if the system call fails.
    ///
    /// # Platform notes
    /// - On Apple and FreeBSD, the resolution is 1 ns, and the maximum is 34 years.
    /// - On NetBSD, OpenBSD and DragonFly, the time is rounded up to ms. These kernels count ticks of usually 10 ms,
    ///   and would end a timer of more than 24 days early.
    /// - NetBSD before 10 rounds ms down to whole ticks, and counts the current tick. So a timer may expire up to two ticks
    ///   early. For a minimum time, use the timeout of a wait.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Events, Kqueue, Multiplexer, Timeout, Token, Watched};
    /// use std::time::Duration;
    ///
    /// let mut kqueue = Kqueue::new()?;
    /// kqueue.watch_timer(1, Token(7), Duration::from_millis(2), false)?;
    /// let mut events = Events::with_capacity(8);
    /// assert_eq!(kqueue.wait(&mut events, Timeout::Infinite)?, 1);
    /// assert_eq!(kqueue.notices()[0].watched(), Watched::Timer(1));
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "EVFILT_TIMER")]
    pub fn watch_timer(
        &mut self,
        id: usize,
        token: Token,
        time: Duration,
        is_repeated: bool,
    ) -> Result<(), Error> {
        let Some(units) = to_units(time, TIMER.1) else {
            return Err(Error::Unsupported {
                what: "a timer of this length: use a shorter one, and restart it",
                backend: NAME,
            });
        };
        let flags = if is_repeated { 0 } else { EV_ONESHOT };
        self.watch(Watched::Timer(id), (EVFILT_TIMER, id), None, token, (flags, TIMER.0, units))
    }

    /// Watches a signal to this process: `EVFILT_SIGNAL`.
    ///
    /// Its events carry `token`. A signal is reported even if it is ignored or blocked. Watching does not change the
    /// disposition of the signal. A handler still runs, and without one the signal may still terminate the process.
    /// [`Notice::count`] returns how often the signal was sent since the last event.
    ///
    /// # Errors
    /// - Returns [`Error::AlreadyWatched`] if the signal is watched.
    /// - Returns [`Error::OutOfMemory`] if there is no memory for it.
    /// - Returns [`Error::Os`] if the system call fails.
    ///
    /// # Platform notes
    /// On Apple, signals to the process are counted, kill(2), but not signals to a thread.
    #[doc(alias = "EVFILT_SIGNAL")]
    pub fn watch_signal(&mut self, signal: Signal, token: Token) -> Result<(), Error> {
        let key = (EVFILT_SIGNAL, index(signal.as_raw()));
        self.watch(Watched::Signal(signal), key, None, token, (0, 0, 0))
    }

    /// Watches the exit of the process `pid`: `EVFILT_PROC` with `NOTE_EXIT`.
    ///
    /// The exit is reported once, with `token`. Call waitpid(2) for the exit status.
    ///
    /// # Errors
    /// - Returns [`Error::AlreadyWatched`] if the process is watched.
    /// - Returns [`Error::OutOfMemory`] if there is no memory for it.
    /// - Returns [`Error::Os`] with ESRCH if there is no such process. It may have exited already, so call waitpid(2)
    ///   then.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Events, Kqueue, Multiplexer, Timeout, Token, Watched};
    /// use std::process::{Command, Stdio};
    ///
    /// let mut kqueue = Kqueue::new()?;
    /// let mut child = Command::new("cat").stdin(Stdio::piped()).spawn()?;
    /// kqueue.watch_exit(child.id(), Token(7))?;
    /// drop(child.stdin.take());
    /// let mut events = Events::with_capacity(8);
    /// assert_eq!(kqueue.wait(&mut events, Timeout::Infinite)?, 1);
    /// assert_eq!(kqueue.notices()[0].watched(), Watched::Exit(child.id()));
    /// assert!(child.wait()?.success());
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "EVFILT_PROC")]
    pub fn watch_exit(&mut self, pid: u32, token: Token) -> Result<(), Error> {
        let change = (EV_ONESHOT, NOTE_EXIT, 0);
        self.watch(Watched::Exit(pid), (EVFILT_PROC, pid as usize), None, token, change)
    }

    /// Watches the file of `fd` for `changes`: `EVFILT_VNODE`.
    ///
    /// Its events carry `token`. [`Notice::changes`] returns the changes since the last event.
    ///
    /// # Errors
    /// - Returns [`Error::AlreadyWatched`] if `fd` is watched.
    /// - Returns [`Error::NegativeFd`] if the number of `fd` is negative.
    /// - Returns [`Error::OutOfMemory`] if there is no memory for it.
    /// - Returns [`Error::Os`] if the system call fails, for example because `fd` is not a file.
    #[doc(alias = "EVFILT_VNODE")]
    pub fn watch_file(
        &mut self,
        fd: BorrowedFd<'fd>,
        token: Token,
        changes: FileChanges,
    ) -> Result<(), Error> {
        let fd = fd.as_raw_fd();
        if fd < 0 {
            return Err(Error::NegativeFd { fd });
        }
        let change = (EV_CLEAR, changes.bits(), 0);
        self.watch(Watched::File(fd), (EVFILT_VNODE, index(fd)), None, token, change)
    }

    /// Watches calls of [`trigger`](Self::trigger): `EVFILT_USER`.
    ///
    /// Its events carry `token`. The caller chooses `id`, which identifies the trigger. To end a wait from another
    /// thread, use a [`Waker`](crate::Waker).
    ///
    /// # Errors
    /// - Returns [`Error::AlreadyWatched`] if a trigger with this `id` is watched.
    /// - Returns [`Error::Unsupported`] if the kernel has no `EVFILT_USER`.
    /// - Returns [`Error::OutOfMemory`] if there is no memory for it.
    /// - Returns [`Error::Os`] if the system call fails.
    ///
    /// # Platform notes
    /// `EVFILT_USER` exists on Apple, FreeBSD and DragonFly, on NetBSD since 10, and on OpenBSD since 7.8.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Events, Kqueue, Multiplexer, Timeout, Token};
    ///
    /// let mut kqueue = Kqueue::new()?;
    /// kqueue.watch_user(1, Token(7))?;
    /// kqueue.trigger(1)?;
    /// kqueue.trigger(1)?;
    /// let mut events = Events::with_capacity(8);
    /// assert_eq!(kqueue.wait(&mut events, Timeout::Infinite)?, 1);
    /// assert_eq!(kqueue.wait(&mut events, Timeout::Nowait)?, 0);
    /// # std::io::Result::Ok(())
    /// ```
    #[doc(alias = "EVFILT_USER")]
    pub fn watch_user(&mut self, id: usize, token: Token) -> Result<(), Error> {
        // Wakers have such filters too, so the caller's id can't be the kernel's `ident`.
        let key = (EVFILT_USER, self.next_generation());
        match self.watch(Watched::User(id), key, None, token, (EV_CLEAR, 0, 0)) {
            Err(Error::Os { code: EINVAL, .. }) => Err(Error::Unsupported {
                what: "EVFILT_USER before NetBSD 10 or OpenBSD 7.8: use a Waker",
                backend: NAME,
            }),
            result => result,
        }
    }

    /// Triggers the trigger `id` of [`watch_user`](Self::watch_user): `NOTE_TRIGGER`.
    ///
    /// # Errors
    /// - Returns [`Error::NotWatched`] if no trigger with this `id` is watched.
    /// - Returns [`Error::Os`] if the system call fails.
    #[doc(alias = "NOTE_TRIGGER")]
    pub fn trigger(&mut self, id: usize) -> Result<(), Error> {
        let index = self.watches.position(Watched::User(id)).ok_or(Error::NotWatched)?;
        let (filter, ident) = self.watches.all[index].key;
        self.submit_one(Kevent::change(ident, filter, 0, NOTE_TRIGGER, 0, 0))
    }

    /// Stops watching a timer, signal, process, file or trigger. No later wait reports it.
    ///
    /// # Errors
    /// - Returns [`Error::NotWatched`] if it is not watched, or no longer watched after its only event.
    /// - Returns [`Error::Os`] if the system call fails. It is no longer watched nevertheless.
    pub fn unwatch(&mut self, watched: Watched) -> Result<(), Error> {
        let index = self.watches.position(watched).ok_or(Error::NotWatched)?;
        let (filter, ident) = self.watches.all.remove(index).key;
        match self.submit_one(Kevent::change(ident, filter, EV_DELETE, 0, 0, 0)) {
            Err(Error::Os { code: ENOENT, .. }) => Ok(()),
            result => result,
        }
    }

    /// Returns the notices of the last wait. They are the details of its events of timers, signals, processes, files and
    /// triggers.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.watches.notices[..self.watches.reported]
    }

    /// Adds a filter with `flags`, `fflags` and `data`.
    pub(super) fn watch(
        &mut self,
        watched: Watched,
        key: (filter_t, usize),
        source: Option<WakerSource>,
        token: Token,
        (flags, fflags, data): (flags_t, u32, data_t),
    ) -> Result<(), Error> {
        if self.watches.position(watched).is_some() {
            return Err(Error::AlreadyWatched);
        }
        let Watches { all, notices, .. } = &mut self.watches;
        all.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        // Room for a reported notice of each watch, and for a pending one.
        notices.try_reserve(2 * (all.len() + 1)).map_err(|_| Error::OutOfMemory)?;
        self.submit_one(Kevent::change(key.1, key.0, EV_ADD | flags, fflags, data, 0))?;
        let notice = Notice { token, watched, data: 0, fflags: 0 };
        let is_once = flags & EV_ONESHOT != 0;
        let index = self.watches.find(key).unwrap_or_else(|index| index);
        self.watches.all.insert(index, Watch { notice, key, is_once, source });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
