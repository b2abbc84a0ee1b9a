//! The wait: which call can express it, what signals mean, and what is reported.

use super::{Epoll, sys};
use crate::error::Error;
use crate::event::Events;
use core::ffi::c_int;
use iomux::{Deadline, SigSet, Timeout};
use iomux_sys::errno::{EINTR, ENOSYS, EOPNOTSUPP, EPERM};
use std::os::fd::AsFd;

impl Epoll<'_> {
    /// Whether there is nothing to do but to wait.
    #[inline]
    pub(super) fn is_prepared(&self, events: &Events) -> bool {
        events.capacity() != 0 && self.registrations.count() != 0 && !self.registrations.has_changes()
    }

    /// A wait with all that there may be to do before it, with a time, or after an interruption.
    #[cold]
    pub(super) fn wait_with_care(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        events.clear();
        if events.capacity() == 0 {
            return Err(Error::NoRoomForEvents);
        }
        self.tell(events);
        if !events.is_empty() {
            if events.remaining() > 0 {
                self.wait_until(events, Timeout::Nowait)?;
            }
        } else if timeout == Timeout::Infinite && self.registrations.count() == 0 {
            return Err(Error::NothingToWaitFor);
        } else {
            self.wait_until(events, timeout)?;
        }
        Ok(self.report(events))
    }

    /// Waits once, for one piece of the time at most.
    fn wait_once(&mut self, events: &mut Events, time: Timeout, mask: Option<&SigSet>) -> Result<(), c_int> {
        let epoll = self.epoll.as_fd();
        if self.has_pwait2 && !time.is_whole_ms() {
            match sys::pwait2(epoll, events, time.timespec(), mask) {
                // Not in this kernel, or a sandbox lets nobody have it: from here on, too.
                Err(ENOSYS | EPERM | EOPNOTSUPP) => self.has_pwait2 = false,
                answer => return answer,
            }
        }
        match mask {
            None => sys::wait(epoll, events, time.poll_ms()),
            Some(mask) => sys::pwait(epoll, events, time.poll_ms(), mask),
        }
    }

    /// Waits until something is found or the time has passed, whatever signals arrive meanwhile. What is in
    /// `events` already stays.
    pub(super) fn wait_until(&mut self, events: &mut Events, timeout: Timeout) -> Result<(), Error> {
        let deadline = Deadline::new(timeout);
        let (told, mut left) = (events.len(), timeout);
        let mut is_last = false;
        loop {
            let answer = self.wait_once(events, left, None);
            let has_found = events.len() > told;
            match answer {
                // It did not wait, and only a sandbox interrupts that: again and again, perhaps.
                Err(EINTR) if is_last => return Ok(()),
                // With no time left there is one more look: what a handler has just done counts.
                Err(EINTR) => {
                    left = deadline.remaining().into();
                    is_last = deadline.is_over();
                }
                Err(code) => return Err(failed(code)),
                Ok(()) if has_found || deadline.is_over() => return Ok(()),
                Ok(()) => left = deadline.remaining().into(),
            }
        }
    }

    pub(super) fn wait_masked_until(
        &mut self,
        events: &mut Events,
        timeout: Timeout,
        mask: &SigSet,
    ) -> Result<(), Error> {
        let deadline = Deadline::new(timeout);
        let mut left = timeout;
        loop {
            match self.wait_once(events, left, Some(mask)) {
                Ok(()) if !events.is_empty() || deadline.is_over() => return Ok(()),
                Ok(()) => left = deadline.remaining().into(),
                Err(EINTR) => return Err(Error::Interrupted),
                Err(code) => return Err(failed(code)),
            }
        }
    }

    /// Runs the handlers of pending signals: with fds ready the kernel would run none. It is done while no event is
    /// taken, which would be lost then, and with events there at most every other time, so that signals without end
    /// do not keep them away.
    pub(super) fn let_signals_through(&mut self, mask: &SigSet) -> Result<(), Error> {
        match iomux::ppoll(&mut [], Timeout::Nowait, Some(mask)) {
            Ok(_) => Ok(()),
            Err(iomux::Error::Interrupted) => {
                self.has_put_off_events = true;
                Err(Error::Interrupted)
            }
            Err(error) => Err(Error::Os { call: "ppoll", code: error.raw_os_error().unwrap_or_default() }),
        }
    }

    /// After an interruption of a wait with no time, or for ever.
    #[cold]
    pub(super) fn wait_again(&mut self, events: &mut Events, ms: c_int) -> Result<usize, Error> {
        self.wait_with_care(events, if ms == 0 { Timeout::Nowait } else { Timeout::Infinite })
    }

    /// Takes note of the wakes among what was found; returns how much there is.
    #[inline]
    pub(super) fn report(&self, events: &Events) -> usize {
        if !self.wakers.is_empty() {
            self.note_wakes(events);
        }
        events.len()
    }

    #[inline(never)]
    fn note_wakes(&self, events: &Events) {
        for (token, waker) in &self.wakers {
            // Edge-triggered, so it need not be read. A source with the same token costs the next wake a
            // write that was not needed, and no more; a waker that is idle costs no look at the events.
            if waker.is_pending() && events.iter().any(|event| event.token() == *token) {
                waker.take_note();
            }
        }
    }
}

#[cold]
fn failed(code: c_int) -> Error {
    Error::Os { call: "epoll_wait", code }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::multiplexer::{Mode, Multiplexer};
    use crate::{Interest, Token};
    use iomux_sys::errno::EINVAL;
    use std::time::Duration;

    #[test]
    fn a_refusal_of_the_call_is_an_error_and_no_loop() {
        let (reader, _writer) = std::io::pipe().unwrap();
        let mut epoll = Epoll::new().unwrap();
        epoll.register(reader.as_fd(), Token(1), Interest::READABLE, Mode::Level).unwrap();
        epoll.epoll = reader.try_clone().unwrap().into();
        let mut events = Events::with_capacity(1);
        let refused = Err(Error::Os { call: "epoll_wait", code: EINVAL });
        for timeout in [Timeout::Nowait, Timeout::Infinite, Duration::from_micros(10).into()] {
            assert_eq!(epoll.wait(&mut events, timeout), refused, "{timeout:?}");
            assert_eq!(epoll.wait_masked(&mut events, timeout, &SigSet::empty()), refused, "{timeout:?}");
        }
    }
}
