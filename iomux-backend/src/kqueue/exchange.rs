//! What is said to the kernel, and what it answers.

use super::registration::Registration;
use super::sys::{self, Kevent, Kind};
use super::{Kqueue, NAME};
use crate::error::Error;
use crate::event::{Events, Token};
use crate::multiplexer::Mode;
use core::ffi::c_int;
use iomux::{Interest, Readiness, Timespec};
use iomux_sys::errno::{
    EBADF, EINTR, EINVAL, ENODEV, ENOENT, ENOMEM, ENOTSUP, ENXIO, EOPNOTSUPP, EPERM, EPIPE,
};
use iomux_sys::kqueue::EV_RECEIPT;
use std::os::fd::{AsFd, RawFd};

/// How many events the kernel is asked for at once, at most; a larger buffer is filled in several steps.
const BATCH: usize = 512;

pub(super) const NO_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

impl Kqueue<'_> {
    /// Registers `fd`, of which the caller knows that it stays open, and tells the kernel.
    pub(super) fn add(
        &mut self,
        fd: RawFd,
        token: Token,
        interest: Interest,
        mode: Mode,
        kind: Kind,
    ) -> Result<(), Error> {
        let mut registration = Registration::new(token, interest, mode, kind, self.next_generation());
        self.changes.clear();
        self.changes.try_reserve(6).map_err(|_| Error::OutOfMemory)?;
        registration.settle(fd, |change| self.changes.push(change));
        self.table.insert(fd, registration)?;
        match self.tell() {
            None => Ok(()),
            Some(code) => {
                // What the kernel did take is taken back.
                let _ = self.remove(fd);
                Err(refused(fd, code))
            }
        }
    }

    /// What tells the events of a new registration from those of any other.
    pub(super) fn next_generation(&mut self) -> usize {
        self.generation = self.generation.wrapping_add(1);
        self.generation
    }

    /// Forgets a registration, and tells the kernel.
    pub(super) fn remove(&mut self, fd: RawFd) -> Result<(), Error> {
        let Some(mut registration) = self.table.remove(fd) else {
            return Err(Error::NotRegistered { fd });
        };
        self.changes.clear();
        registration.end(fd, |change| self.changes.push(change));
        match self.tell() {
            // The kernel has dropped what was closed.
            None | Some(ENOENT | EBADF) => Ok(()),
            Some(code) => Err(failed(code)),
        }
    }

    /// Tells the kernel of `changes`, without a look at what is ready. Returns the last refusal that is an error.
    pub(super) fn tell(&mut self) -> Option<c_int> {
        if self.changes.is_empty() {
            return None;
        }
        for change in &mut self.changes {
            *change = change.with(EV_RECEIPT);
        }
        if let Err(error) = grow(&mut self.found, self.changes.len()) {
            self.changes.clear();
            return Some(error.raw_os_error().unwrap_or(ENOMEM));
        }
        let receipts = &mut self.found[..self.changes.len()];
        let answer = sys::kevent(self.queue.as_fd(), &self.changes, receipts, Some(NO_TIME));
        self.changes.clear();
        let count = match answer {
            Ok(count) => count,
            Err(code) => return Some(code),
        };
        let mut refusal = None;
        for index in 0..count {
            refusal = self.take_receipt(self.found[index]).or(refusal);
        }
        refusal
    }

    /// Takes what came back for a change. Returns the error, if it is one that matters.
    fn take_receipt(&mut self, receipt: Kevent) -> Option<c_int> {
        if receipt.answer().is_some() {
            return self.take_answer(receipt);
        }
        // A system that does not know EV_RECEIPT fills up with events, which are kept for the next wait.
        if !self.table.is_reported_again(&receipt) {
            self.take_event(receipt);
        }
        None
    }

    /// Takes the kernel's answer to a change. Returns the error, if it is one that matters.
    fn take_answer(&mut self, answer: Kevent) -> Option<c_int> {
        let code = answer.answer().filter(|&code| code != 0)?;
        // ENOENT: what was to be removed is not there; the fd was closed, or one-shot.
        if code == ENOENT {
            return Some(code);
        }
        let Some((fd, registration, filter)) = self.table.owner(&answer) else {
            return Some(code);
        };
        let is_peer_gone = is_peer_gone(fd, code);
        if !is_peer_gone && registration.can_spare(filter, sys::is_write_only(fd)) {
            return None;
        }
        let had_nothing = registration.reported().is_empty();
        registration.refuse(filter, is_peer_gone);
        self.table.list_ready(fd, had_nothing);
        (!is_peer_gone).then_some(code)
    }

    /// Takes an event. Returns whether it said something that this wait had not heard already.
    fn take_event(&mut self, event: Kevent) -> bool {
        let Some((fd, registration, filter)) = self.table.owner(&event) else {
            return self.wakers.take(&event).unwrap_or_else(|| self.watches.take(&event));
        };
        let before = registration.reported();
        let readiness = registration.take(&event, filter);
        if registration.is_waker() {
            self.wakers.drain(fd);
        }
        self.table.list_ready(fd, before.is_empty());
        readiness.is_empty() || !before.contains(readiness)
    }

    /// Tells the kernel of what was modified, and asks it for what is ready, at most as much as there is `room`
    /// for. Returns whether there may be more.
    pub(super) fn look(&mut self, room: usize, timeout: Option<Timespec>) -> Result<bool, Error> {
        let room = room.min(BATCH);
        grow(&mut self.found, room)?;
        if self.table.has_changes() {
            self.table.settle(&mut self.changes)?;
        }
        // A refusal needs a place in the answer, or the rest of the changes would not be made; DragonFly's kernel
        // would write past its end.
        if self.changes.len() > room {
            self.tell();
            return Ok(true);
        }
        let answer = sys::kevent(self.queue.as_fd(), &self.changes, &mut self.found[..room], timeout);
        // Also after EINTR the changes have been made.
        self.changes.clear();
        let count = match answer {
            Ok(count) => count,
            // What a handler has just done counts. With no time left the call does not sleep, nor is it interrupted.
            Err(EINTR) => return Ok(true),
            Err(code) => return Err(failed(code)),
        };
        let (mut is_refused, mut is_new) = (false, true);
        for index in 0..count {
            let event = self.found[index];
            if event.answer().is_some() {
                self.take_answer(event);
                is_refused = true;
            } else {
                is_new &= self.take_event(event);
            }
        }
        // Once the kernel comes round to what it has reported already, there is nothing else.
        Ok(is_refused || count == room && is_new)
    }

    /// Reports what is ready, as much as there is room for; the rest comes first the next time.
    pub(super) fn report(&mut self, events: &mut Events) -> usize {
        for token in self.wakers.take_woken(events.remaining()) {
            let _ = events.push(token, Readiness::READABLE);
        }
        for notice in self.watches.take_notices(events.remaining()) {
            let _ = events.push(notice.token(), Readiness::READABLE);
        }
        for (token, readiness) in self.table.take_ready(events.remaining()) {
            // There is room, and something to report.
            let _ = events.push(token, readiness);
        }
        events.len()
    }
}

/// Whether a filter was refused since it is that of a pipe to which nobody reads any more: EPIPE, or on NetBSD
/// EBADF of an fd that is open.
fn is_peer_gone(fd: RawFd, code: c_int) -> bool {
    code == EPIPE || code == EBADF && sys::is_open(fd)
}

/// What it means that the kernel does not take an fd.
fn refused(fd: RawFd, code: c_int) -> Error {
    match code {
        // As the systems differ: no filter for that kind of file.
        EINVAL | ENODEV | ENXIO | EPERM => Error::NotPollable { fd, backend: NAME },
        code if code == ENOTSUP || code == EOPNOTSUPP => Error::NotPollable { fd, backend: NAME },
        ENOMEM => Error::OutOfMemory,
        code => failed(code),
    }
}

pub(super) fn failed(code: c_int) -> Error {
    Error::Os { call: "kevent", code }
}

/// Makes `list` at least `len` long.
fn grow(list: &mut Vec<Kevent>, len: usize) -> Result<(), Error> {
    if len > list.len() {
        list.try_reserve_exact(len - list.len()).map_err(|_| Error::OutOfMemory)?;
        list.resize(len, Kevent::EMPTY);
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests;
