//! What kqueue can wait for beside fds that are ready: timers, signals, processes, files, the program itself.

use super::Kqueue;
use super::notice::{FileChanges, Notice, Watched};
use super::sys::Kevent;
use super::system::{LONGEST_TIMER, TIMER};
use crate::error::Error;
use crate::event::Token;
use iomux::Signal;
use iomux_sys::errno::{EINVAL, ENOENT};
use iomux_sys::kqueue::{
    EV_ADD, EV_CLEAR, EV_DELETE, EV_ONESHOT, EVFILT_PROC, EVFILT_SIGNAL, EVFILT_TIMER, EVFILT_USER,
    EVFILT_VNODE, NOTE_EXIT, NOTE_TRIGGER, data_t, filter_t, flags_t,
};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::time::Duration;

/// One of what is watched.
#[derive(Clone, Copy, Debug)]
struct Watch {
    watched: Watched,
    token: Token,
    generation: usize,
    is_once: bool,
}

/// All that is watched, and what the last wait found.
#[derive(Debug)]
pub(super) struct Watches {
    all: Vec<Watch>,
    notices: Vec<Notice>,
    /// How many of the notices have been reported, and stay for the caller to see until the next wait.
    reported: usize,
}

impl Watches {
    pub(super) const fn new() -> Self {
        Self { all: Vec::new(), notices: Vec::new(), reported: 0 }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many notices there are.
    pub(super) fn len(&self) -> usize {
        self.notices.len()
    }

    /// Begins a wait: what was reported is over.
    pub(super) fn begin(&mut self) {
        self.notices.drain(..std::mem::take(&mut self.reported));
    }

    /// The notices that are to be reported, `count` of them at most, and then have been.
    pub(super) fn take_notices(&mut self, count: usize) -> &[Notice] {
        self.reported = count.min(self.notices.len());
        self.reported()
    }

    fn reported(&self) -> &[Notice] {
        &self.notices[..self.reported]
    }

    fn position(&self, watched: Watched) -> Option<usize> {
        self.all.iter().position(|watch| watch.watched == watched)
    }

    /// Takes an event of what is watched. Returns whether this wait had not heard of it already.
    pub(super) fn take(&mut self, event: &Kevent) -> bool {
        let generation = event.generation();
        let Some(index) = self.all.iter().position(|watch| watch.generation == generation) else {
            return false;
        };
        let Watch { watched, token, is_once, .. } = self.all[index];
        if !is_of(watched, event) {
            return false;
        }
        #[allow(clippy::unnecessary_cast, reason = "`data` is not as wide on every system")]
        let notice = Notice { token, watched, data: event.data() as i64, fflags: event.fflags() };
        if is_once {
            self.all.remove(index);
        }
        match self.notices.iter_mut().find(|known| known.watched == watched) {
            Some(known) => {
                known.data = known.data.saturating_add(notice.data);
                known.fflags |= notice.fflags;
                false
            }
            // There is room: it was made for each that is watched.
            None => {
                self.notices.push(notice);
                true
            }
        }
    }
}

/// How the kernel knows what is watched. Wakers have filters `EVFILT_USER` too, so the caller's number does not serve.
fn key(watched: Watched, generation: usize) -> (filter_t, usize) {
    #[allow(clippy::cast_sign_loss, reason = "signals and fds are not negative")]
    match watched {
        Watched::Timer(id) => (EVFILT_TIMER, id),
        Watched::Signal(signal) => (EVFILT_SIGNAL, signal.as_raw() as usize),
        Watched::Exit(pid) => (EVFILT_PROC, pid as usize),
        Watched::File(fd) => (EVFILT_VNODE, fd as usize),
        Watched::User(_) => (EVFILT_USER, generation),
    }
}

fn is_of(watched: Watched, event: &Kevent) -> bool {
    key(watched, event.generation()) == (event.filter(), event.ident())
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
    /// A timer is never early; on a busy machine, and on Apple as it saves power, it may be late. [`Notice::count`] says how often it ran out since it was last reported.
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
    /// (10 ms, as a rule) and would end early what is longer than 24 days; rounded up.
    #[doc(alias = "EVFILT_TIMER")]
    pub fn watch_timer(
        &mut self,
        id: usize,
        token: Token,
        time: Duration,
        is_repeated: bool,
    ) -> Result<(), Error> {
        let Some(units) = to_units(time, TIMER.1) else {
            return Err(Error::Unsupported { what: "a timer of that length", backend: super::NAME });
        };
        let flags = if is_repeated { 0 } else { EV_ONESHOT };
        self.watch(Watched::Timer(id), token, flags, TIMER.0, units)
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
        self.watch(Watched::Signal(signal), token, 0, 0, 0)
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
        self.watch(Watched::Exit(pid), token, EV_ONESHOT, NOTE_EXIT, 0)
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
        self.watch(Watched::File(fd), token, EV_CLEAR, changes.bits(), 0)
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
        match self.watch(Watched::User(id), token, EV_CLEAR, 0, 0) {
            Err(Error::Os { code: EINVAL, .. }) => {
                Err(Error::Unsupported { what: "EVFILT_USER", backend: super::NAME })
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
        let generation = self.watches.all[index].generation;
        self.say(Kevent::change(generation, EVFILT_USER, 0, NOTE_TRIGGER, 0, generation))
    }

    /// No longer watches. Nothing is reported of it from here on.
    ///
    /// # Errors
    /// [`Error::NotWatched`], also after what is reported once was reported; [`Error::Os`], and it is forgotten
    /// even so.
    pub fn unwatch(&mut self, watched: Watched) -> Result<(), Error> {
        let index = self.watches.position(watched).ok_or(Error::NotWatched)?;
        let Watch { generation, .. } = self.watches.all.remove(index);
        let (filter, ident) = key(watched, generation);
        match self.say(Kevent::change(ident, filter, EV_DELETE, 0, 0, generation)) {
            Err(Error::Os { code: ENOENT, .. }) => Ok(()),
            answer => answer,
        }
    }

    /// What the last wait found of what is watched: more than an event says.
    #[must_use]
    pub fn notices(&self) -> &[Notice] {
        self.watches.reported()
    }

    fn watch(
        &mut self,
        watched: Watched,
        token: Token,
        flags: flags_t,
        fflags: u32,
        data: data_t,
    ) -> Result<(), Error> {
        if self.watches.position(watched).is_some() {
            return Err(Error::AlreadyWatched);
        }
        let Watches { all, notices, .. } = &mut self.watches;
        all.try_reserve(1).map_err(|_| Error::OutOfMemory)?;
        // One for each that is watched, and for each that was once and has been reported.
        notices.try_reserve(all.len() + 1).map_err(|_| Error::OutOfMemory)?;
        let generation = self.next_generation();
        let (filter, ident) = key(watched, generation);
        self.say(Kevent::change(ident, filter, EV_ADD | flags, fflags, data, generation))?;
        let is_once = flags & EV_ONESHOT != 0;
        self.watches.all.push(Watch { watched, token, generation, is_once });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
