//! The wait: which call can express it, what signals mean, and what is reported.

use super::{Epoll, bits, sys};
use crate::error::Error;
use crate::event::{Event, Events, Token};
use core::ffi::c_int;
use iomux::{Deadline, SigSet, Timeout};
use iomux_sys::epoll::epoll_event;
use iomux_sys::errno::{EINTR, ENOSYS, EOPNOTSUPP, EPERM};
use std::os::fd::AsFd;

const EMPTY: epoll_event = epoll_event { events: 0, data: 0 };

impl Epoll<'_> {
    /// Makes room for what the kernel finds, and tells it of what was modified.
    #[cold]
    pub(super) fn prepare(&mut self, events: &mut Events) -> Result<(), Error> {
        if events.capacity() == 0 {
            return Err(Error::NoRoomForEvents);
        }
        let more = events.capacity().saturating_sub(self.found.len());
        self.found.try_reserve_exact(more).map_err(|_| Error::OutOfMemory)?;
        self.found.resize(self.found.len() + more, EMPTY);
        self.tell(events);
        Ok(())
    }

    #[inline]
    pub(super) fn is_prepared(&self, events: &Events) -> bool {
        !self.registrations.has_changes() && (1..=self.found.len()).contains(&events.capacity())
    }

    /// Waits once, for one piece of the time at most.
    fn wait_once(&mut self, room: usize, time: Timeout, mask: Option<&SigSet>) -> Result<usize, c_int> {
        let found = &mut self.found[..room];
        if self.has_pwait2 && !time.is_whole_ms() {
            match sys::pwait2(self.epoll.as_fd(), found, time.timespec(), mask) {
                // Not in this kernel, or a sandbox lets nobody have it: from here on, too.
                Err(ENOSYS | EPERM | EOPNOTSUPP) => self.has_pwait2 = false,
                answer => return answer,
            }
        }
        match mask {
            None => sys::wait(self.epoll.as_fd(), found, time.poll_ms()),
            Some(mask) => sys::pwait(self.epoll.as_fd(), found, time.poll_ms(), mask),
        }
    }

    /// Waits until something is found or the time has passed, whatever signals arrive meanwhile.
    pub(super) fn wait_until(&mut self, room: usize, timeout: Timeout) -> Result<usize, Error> {
        let deadline = Deadline::new(timeout);
        let mut left = timeout;
        loop {
            match self.wait_once(room, left, None) {
                Ok(0) if deadline.is_over() => return Ok(0),
                // The kernel prefers EINTR to "time has passed"; what a handler has just done counts.
                Err(EINTR) if deadline.is_over() => return self.last_look(room),
                Ok(0) | Err(EINTR) => left = deadline.remaining().into(),
                Ok(count) => return Ok(count),
                Err(code) => return Err(failed(code)),
            }
        }
    }

    fn last_look(&mut self, room: usize) -> Result<usize, Error> {
        match self.wait_once(room, Timeout::Nowait, None) {
            Err(EINTR) => Ok(0),
            answer => answer.map_err(failed),
        }
    }

    pub(super) fn wait_masked_until(
        &mut self,
        room: usize,
        timeout: Timeout,
        mask: &SigSet,
    ) -> Result<usize, Error> {
        let deadline = Deadline::new(timeout);
        let mut left = timeout;
        loop {
            match self.wait_once(room, left, Some(mask)) {
                Ok(0) if !deadline.is_over() => left = deadline.remaining().into(),
                Ok(count) => return Ok(count),
                Err(EINTR) => return Err(Error::Interrupted),
                Err(code) => return Err(failed(code)),
            }
        }
    }

    /// Runs the handlers of pending signals: with fds ready the kernel would run none. It is done before an
    /// event is taken, which would be lost then, and at most every other time, so that signals without end
    /// do not keep events away.
    pub(super) fn let_signals_through(&mut self, mask: &SigSet) -> Result<(), Error> {
        if std::mem::take(&mut self.has_put_off_events) {
            return Ok(());
        }
        match iomux::ppoll(&mut [], Timeout::Nowait, Some(mask)) {
            Ok(_) => Ok(()),
            Err(iomux::Error::Interrupted) => {
                self.has_put_off_events = true;
                Err(Error::Interrupted)
            }
            Err(error) => Err(Error::Os { call: "ppoll", code: error.raw_os_error().unwrap_or_default() }),
        }
    }

    #[inline]
    pub(super) fn report(&self, events: &mut Events, count: usize) -> usize {
        events.extend(self.found[..count].iter().map(|found| {
            #[allow(clippy::cast_possible_truncation, reason = "a token, as it was given to the kernel")]
            let token = Token({ found.data } as usize);
            Event::new(token, bits::reported(found.events))
        }));
        for (token, waker) in &self.wakers {
            // Edge-triggered, so it need not be read. A source with the same token costs the next wake a
            // write that was not needed, and no more.
            if events.iter().any(|event| event.token() == *token) {
                waker.take_note();
            }
        }
        events.len()
    }
}

#[cold]
fn failed(code: c_int) -> Error {
    Error::Os { call: "epoll_wait", code }
}
