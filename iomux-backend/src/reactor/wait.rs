//! The wait of a reactor, the walk over what it found, and the work that others submit.

use super::Reactor;
use super::key::Ready;
use crate::error::Error;
use crate::multiplexer::TrustedMultiplexer;
use iomux::{Deadline, SigSet, Timeout};
use std::os::fd::AsFd;

impl<S: AsFd, T, M: TrustedMultiplexer<'static>> Reactor<S, T, M> {
    /// Waits until something is ready, and returns how many events there are for
    /// [`next_ready`](Self::next_ready).
    ///
    /// It returns 0 only when the time has passed, and not before; signals don't end it, nor does what is
    /// [submitted](super::Handle::submit), which it runs. (A wait inside what was submitted runs nothing.)
    ///
    /// Events of the last wait that were not taken are forgotten. In [`Mode::Level`](crate::Mode::Level) they are found again;
    /// in the others they are lost, so take them all.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor};
    /// use std::time::{Duration, Instant};
    ///
    /// let (reader, _writer) = std::io::pipe()?;
    /// let mut reactor = Reactor::new()?;
    /// reactor.insert(reader, (), Interest::READABLE, Mode::Level)?;
    /// let begin = Instant::now();
    /// assert_eq!(reactor.wait(Duration::from_millis(2))?, 0);
    /// assert!(begin.elapsed() >= Duration::from_millis(2));
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`Multiplexer::wait`](crate::Multiplexer::wait).
    pub fn wait(&mut self, timeout: impl Into<Timeout>) -> Result<usize, Error> {
        self.wait_for(timeout.into(), None)
    }

    /// As [`wait`](Self::wait), with the calling thread's signal mask replaced by `mask` meanwhile:
    /// [`SigSet`] shows how no signal is lost so.
    ///
    /// What is [submitted](super::Handle::submit) runs under the thread's own mask.
    ///
    /// ```
    /// use iomux_backend::{Error, Reactor, SigSet, Timeout};
    ///
    /// let mut reactor = Reactor::<std::net::TcpStream>::new()?;
    /// let _handle = reactor.handle()?;
    /// match reactor.wait_masked(Timeout::Nowait, &SigSet::empty()) {
    ///     Ok(count) => assert_eq!(count, 0),
    ///     // A signal is here, or there are none here: this system has no ppoll(2).
    ///     Err(error) => assert!(matches!(error, Error::Interrupted | Error::Unsupported { .. })),
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// As [`Multiplexer::wait_masked`](crate::Multiplexer::wait_masked): [`Error::Interrupted`] when a handler has run.
    pub fn wait_masked(&mut self, timeout: impl Into<Timeout>, mask: &SigSet) -> Result<usize, Error> {
        self.wait_for(timeout.into(), Some(mask))
    }

    /// The next source that the last wait has found ready, or `None` when that was all.
    ///
    /// Between two, anything may be inserted, changed and removed: what is no longer there is passed over.
    ///
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor, Timeout};
    ///
    /// let mut reactor = Reactor::new()?;
    /// for _ in 0..2 {
    ///     let (_reader, writer) = std::io::pipe()?;
    ///     reactor.insert(writer, (), Interest::WRITABLE, Mode::Level)?;
    /// }
    /// assert_eq!(reactor.wait(Timeout::Infinite)?, 2);
    /// let first = reactor.next_ready().unwrap();
    /// reactor.retain(|key, _, _| key == first.key());
    /// assert_eq!(reactor.next_ready(), None, "the second was removed");
    /// # std::io::Result::Ok(())
    /// ```
    #[must_use]
    pub fn next_ready(&mut self) -> Option<Ready> {
        while let Some(event) = self.events.get(self.next) {
            self.next += 1;
            let ready = self.lent.recipient(event, self.wait_began);
            let ready = ready.filter(|ready| Some(ready.key) != self.inbox.key());
            if ready.is_some() {
                return ready;
            }
        }
        None
    }

    fn wait_for(&mut self, timeout: Timeout, mask: Option<&SigSet>) -> Result<usize, Error> {
        // First of all: a task sees no event of the wait before.
        self.forget_events();
        let deadline = Deadline::new(timeout);
        let time_left = || deadline.remaining().map_or(Timeout::Infinite, Timeout::After);
        let mut timeout = timeout;
        let mut is_last = false;
        loop {
            if self.run_submitted() {
                timeout = time_left();
            }
            let count = self.wait_once(timeout, mask)?;
            if count > 0 || self.events.is_empty() || is_last {
                return Ok(count);
            }
            if !self.inbox.was_woken() {
                // Nobody's, and passed over by `next_ready`: the wait would go on without end.
                return Ok(self.events.len());
            }
            // Only a submission has come. If that was all there was time for, one more look: its wake
            // may have taken the place of a source in a small buffer, which then comes first.
            is_last = deadline.is_over();
            timeout = time_left();
        }
    }

    fn wait_once(&mut self, timeout: Timeout, mask: Option<&SigSet>) -> Result<usize, Error> {
        // A task may have waited itself.
        self.forget_events();
        self.wait_began = self.lent.generation();
        self.lent.wait(&mut self.events, timeout, mask).inspect_err(|_| self.events.clear())?;
        let own = self.inbox.key().map(|key| key.place);
        let wakes = self.events.iter().filter(|event| Some(event.token().0) == own).count();
        Ok(self.events.len() - wakes)
    }

    fn forget_events(&mut self) {
        self.events.clear();
        self.next = 0;
    }

    /// Runs what was submitted before this began, if anything was. What comes meanwhile wakes the wait.
    fn run_submitted(&mut self) -> bool {
        let Some(mut turn) = self.inbox.turn() else { return false };
        // One by one: if one panics, the others are still there; and one may put another reactor in
        // this one's place.
        while let Some(task) = self.inbox.pop(&mut turn) {
            task(self);
        }
        true
    }
}
