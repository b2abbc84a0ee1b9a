//! What kqueue waits for next to fds: timers, signals, processes, files, and what the program itself triggers.

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

/// The longest timer. Kernels that take ms count ticks, in an `int` of which 1,024 may be a second, and would end a
/// longer one early. The others add ns to the time since boot: the sum must fit into 64 bits.
const LONGEST_TIMER: Duration = match TIMER {
    (_, 1_000) => Duration::from_secs(i32::MAX as u64 / 1_024),
    _ => Duration::from_secs(1 << 30),
};

/// What is watched, by a name that is given once: two timers have two numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Watched {
    /// A timer, by the number that the caller gave it.
    Timer(usize),
    /// A signal that is sent to this process.
    Signal(Signal),
    /// A process, by its number, until it exits.
    Exit(u32),
    /// A file, by the number of an fd of it.
    File(RawFd),
    /// What the program itself triggers, by the number that the caller gave it.
    User(usize),
    /// A [`Waker`](crate::Waker), by a number of its own.
    Waker(usize),
}

bitflags::bitflags! {
    /// What may happen to a file: [`Kqueue::watch_file`].
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct FileChanges: u32 {
        /// `NOTE_DELETE`: it was unlinked.
        const DELETE = c::NOTE_DELETE;
        /// `NOTE_WRITE`: it was written.
        const WRITE = c::NOTE_WRITE;
        /// `NOTE_EXTEND`: it grew.
        const EXTEND = c::NOTE_EXTEND;
        /// `NOTE_ATTRIB`: its attributes changed.
        const ATTRIBUTES = c::NOTE_ATTRIB;
        /// `NOTE_LINK`: the number of its links changed.
        const LINK = c::NOTE_LINK;
        /// `NOTE_RENAME`: it was renamed.
        const RENAME = c::NOTE_RENAME;

        // Whatever else a kernel reports is a bit like any other.
        const _ = !0;
    }
}

/// The names of the flags, joined by ` | `.
impl fmt::Display for FileChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bitflags::parser::to_writer(self, f)
    }
}

/// What happened to what is watched: [`Kqueue::notices`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notice {
    token: Token,
    watched: Watched,
    data: i64,
    fflags: u32,
}

impl Notice {
    /// The token that it is watched with.
    #[must_use]
    pub fn token(&self) -> Token {
        self.token
    }

    /// What is watched.
    #[must_use]
    pub fn watched(&self) -> Watched {
        self.watched
    }

    /// How often it happened since the last notice: a timer ran out, a signal was sent. Of others it is 1.
    #[must_use]
    pub fn count(&self) -> u64 {
        match self.watched {
            Watched::Timer(_) | Watched::Signal(_) => u64::try_from(self.data).unwrap_or(1).max(1),
            _ => 1,
        }
    }

    /// What happened to a file; of others it is nothing.
    #[must_use]
    pub fn changes(&self) -> FileChanges {
        match self.watched {
            Watched::File(_) => FileChanges::from_bits_retain(self.fflags),
            _ => FileChanges::empty(),
        }
    }
}

/// A filter of something that is watched.
#[derive(Debug)]
pub(super) struct Watch {
    /// What is reported of it, before the first event.
    notice: Notice,
    /// The filter and the number by which the kernel knows it.
    key: (filter_t, usize),
    is_once: bool,
    /// What receives the wakes of a waker.
    pub(super) source: Option<WakerSource>,
}

/// All that is watched, and what the last wait found.
#[derive(Debug, Default)]
pub(super) struct Watches {
    /// In the order of their keys.
    pub(super) all: Vec<Watch>,
    pub(super) notices: Vec<Notice>,
    /// How many of the notices have been reported. They stay for the caller to see until the next wait.
    reported: usize,
}

impl Watches {
    /// Begins a wait, which forgets the notices that were reported.
    pub(super) fn begin(&mut self) {
        self.notices.drain(..std::mem::take(&mut self.reported));
    }

    /// Returns at most `count` notices to be reported now.
    pub(super) fn take_notices(&mut self, count: usize) -> &[Notice] {
        self.reported = count.min(self.notices.len());
        &self.notices[..self.reported]
    }

    /// Returns a waker of a source whose wakers were all dropped, to be reported with `token`.
    pub(super) fn reuse_waker(&mut self, token: Token) -> Option<Waker> {
        let is_orphaned = |watch: &&mut Watch| watch.source.as_ref().is_some_and(WakerSource::is_orphaned);
        let watch = self.all.iter_mut().find(is_orphaned)?;
        watch.notice.token = token;
        watch.source.as_ref().map(WakerSource::waker)
    }

    fn position(&self, watched: Watched) -> Option<usize> {
        self.all.iter().position(|watch| watch.notice.watched == watched)
    }

    /// Returns the index of the watch with this key, or the one where it would be.
    fn find(&self, key: (filter_t, usize)) -> Result<usize, usize> {
        self.all.binary_search_by_key(&key, |watch| watch.key)
    }

    /// Takes an event of something that is watched. Returns `true` if it is the first of that in this wait.
    #[allow(clippy::unnecessary_cast, reason = "`data` is not as wide on every system")]
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
        // `watch` has made room for it.
        self.notices.push(notice);
        true
    }
}

/// A time in units of which `per_second` are a second: rounded up, and at least one. `None` for one that a kernel
/// would cut.
fn to_units(time: Duration, per_second: data_t) -> Option<data_t> {
    if time > LONGEST_TIMER {
        return None;
    }
    let per_second = u128::try_from(per_second).ok()?;
    let units = (time.as_nanos() * per_second).div_ceil(1_000_000_000);
    data_t::try_from(units.max(1)).ok()
}

impl<'fd> Kqueue<'fd> {
    /// Reports, with `token`, when `time` has passed, and then each time that it has passed again, or once:
    /// `EVFILT_TIMER`. `id` is a name of the caller's own.
    ///
    /// A timer is never early, except on NetBSD before 10. On a busy machine, and on Apple as it saves power, it may be
    /// late. [`Notice::count`] says how often it ran out since it was last reported.
    ///
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
    ///
    /// # Errors
    /// [`Error::AlreadyWatched`]; [`Error::Unsupported`] for a time too long for a timer; [`Error::OutOfMemory`];
    /// [`Error::Os`].
    ///
    /// # Platform notes
    /// In ns on Apple and FreeBSD, up to 34 years. In ms on NetBSD, OpenBSD and DragonFly, whose kernels count in ticks
    /// (10 ms, as a rule) and would end early what is longer than 24 days; rounded up. NetBSD before 10 rounds ms down to
    /// whole ticks, of which the first has begun, so a timer may end up to two ticks early. Time that must have passed is
    /// the timeout of a wait.
    #[doc(alias = "EVFILT_TIMER")]
    pub fn watch_timer(
        &mut self,
        id: usize,
        token: Token,
        time: Duration,
        is_repeated: bool,
    ) -> Result<(), Error> {
        let Some(units) = to_units(time, TIMER.1) else {
            return Err(Error::Unsupported { what: "a timer of that length", backend: NAME });
        };
        let flags = if is_repeated { 0 } else { EV_ONESHOT };
        self.watch(Watched::Timer(id), (EVFILT_TIMER, id), None, token, (flags, TIMER.0, units))
    }

    /// Reports, with `token`, each time that `signal` is sent to this process: `EVFILT_SIGNAL`. A handler, if there
    /// is one, runs as well.
    ///
    /// It is reported though it is ignored or blocked, but watching it changes nothing else: a signal that ends
    /// the process goes on doing so unless it has a handler or is ignored. [`Notice::count`] says how often it was
    /// sent.
    ///
    /// # Platform notes
    /// On Apple a signal is counted that is sent to the process, kill(2), and none that is sent to a thread.
    ///
    /// # Errors
    /// [`Error::AlreadyWatched`]; [`Error::OutOfMemory`]; [`Error::Os`].
    #[doc(alias = "EVFILT_SIGNAL")]
    pub fn watch_signal(&mut self, signal: Signal, token: Token) -> Result<(), Error> {
        let key = (EVFILT_SIGNAL, index(signal.as_raw()));
        self.watch(Watched::Signal(signal), key, None, token, (0, 0, 0))
    }

    /// Reports, with `token`, that the process `pid` has exited, once: `EVFILT_PROC` with `NOTE_EXIT`. Its status is
    /// waitpid(2)'s to say.
    ///
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
    ///
    /// # Errors
    /// [`Error::AlreadyWatched`]; [`Error::OutOfMemory`]; [`Error::Os`], ESRCH, where there is no such process: it may
    /// have exited already, so look with waitpid(2) then.
    #[doc(alias = "EVFILT_PROC")]
    pub fn watch_exit(&mut self, pid: u32, token: Token) -> Result<(), Error> {
        let change = (EV_ONESHOT, NOTE_EXIT, 0);
        self.watch(Watched::Exit(pid), (EVFILT_PROC, pid as usize), None, token, change)
    }

    /// Reports, with `token`, each of `changes` to the file behind `fd`: `EVFILT_VNODE`. [`Notice::changes`] says which.
    ///
    /// # Errors
    /// [`Error::AlreadyWatched`]; [`Error::NegativeFd`]; [`Error::OutOfMemory`]; [`Error::Os`], for what is no file among
    /// others.
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

    /// Reports, with `token`, that [`trigger`](Self::trigger) was called: `EVFILT_USER`. `id` is a name of the caller's own.
    ///
    /// For another thread there is a [`Waker`](crate::Waker).
    ///
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
    ///
    /// # Errors
    /// [`Error::AlreadyWatched`]; [`Error::Unsupported`] on a system without it; [`Error::OutOfMemory`]; [`Error::Os`].
    ///
    /// # Platform notes
    /// It is on Apple, FreeBSD and DragonFly, on NetBSD since 10, on OpenBSD since 7.8.
    #[doc(alias = "EVFILT_USER")]
    pub fn watch_user(&mut self, id: usize, token: Token) -> Result<(), Error> {
        // Wakers have such filters too, so the caller's number does not serve as the kernel's.
        let key = (EVFILT_USER, self.next_generation());
        match self.watch(Watched::User(id), key, None, token, (EV_CLEAR, 0, 0)) {
            Err(Error::Os { code: EINVAL, .. }) => {
                Err(Error::Unsupported { what: "EVFILT_USER", backend: NAME })
            }
            answer => answer,
        }
    }

    /// Triggers what is watched by [`watch_user`](Self::watch_user): `NOTE_TRIGGER`.
    ///
    /// # Errors
    /// [`Error::NotWatched`]; [`Error::Os`].
    #[doc(alias = "NOTE_TRIGGER")]
    pub fn trigger(&mut self, id: usize) -> Result<(), Error> {
        let index = self.watches.position(Watched::User(id)).ok_or(Error::NotWatched)?;
        let (filter, ident) = self.watches.all[index].key;
        self.submit_one(Kevent::change(ident, filter, 0, NOTE_TRIGGER, 0, 0))
    }

    /// No longer watches. Nothing is reported of it from here on.
    ///
    /// # Errors
    /// [`Error::NotWatched`], also after what is reported once was reported; [`Error::Os`], and it is forgotten
    /// even so.
    pub fn unwatch(&mut self, watched: Watched) -> Result<(), Error> {
        let index = self.watches.position(watched).ok_or(Error::NotWatched)?;
        let (filter, ident) = self.watches.all.remove(index).key;
        match self.submit_one(Kevent::change(ident, filter, EV_DELETE, 0, 0, 0)) {
            Err(Error::Os { code: ENOENT, .. }) => Ok(()),
            answer => answer,
        }
    }

    /// What the last wait found of what is watched: more than an event says.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        &self.watches.notices[..self.watches.reported]
    }

    /// Adds a filter with flags, `fflags` and data.
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
        // For each one that was reported, and one that is not yet.
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
