//! Fairness between signals and events in masked waits.

use crate::error::Error;
use crate::poll::ppoll;
use crate::signal::SigSet;
use crate::timeout::Timeout;
use core::sync::atomic::{AtomicBool, Ordering};

/// The alternation of pending signals and events in the masked waits of a multiplexer.
///
/// If an fd is ready, ppoll(2) and epoll_pwait(2) return without running the handler of a pending signal, so
/// a loop that is always busy would never see the signal. [`wait`](Self::wait) therefore makes a call first
/// that can't find an fd, which runs the handler. Endless signals would then starve the events, so the wait
/// after an interrupted one skips that call.
///
/// # Examples
/// ```
/// use iomux::{Error, Interest, MaskTurns, PollFd, SigSet, Signal, Timeout};
/// use std::os::fd::AsFd;
///
/// # if !iomux::HAS_PPOLL { return Ok(()) }
/// # let flag = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
/// # signal_hook::flag::register(Signal::USR1.as_raw(), flag)?;
/// let (_reader, writer) = std::io::pipe()?;
/// let mut fds = [PollFd::new(writer.as_fd(), Interest::WRITABLE)?]; // always ready
/// let blocked = SigSet::from(Signal::USR1).block()?;
/// signal_hook::low_level::raise(Signal::USR1.as_raw())?;
/// let (turns, mask) = (MaskTurns::new(), blocked.wait_mask());
/// let mut wait = || turns.wait(&mask, || iomux::ppoll(&mut fds, Timeout::Infinite, Some(&mask)));
/// assert_eq!(wait(), Err(Error::Interrupted), "the signal was not lost");
/// assert_eq!(wait(), Ok(1), "nor was the event");
/// # std::io::Result::Ok(())
/// ```
#[derive(Debug, Default)]
pub struct MaskTurns {
    /// Whether a signal has interrupted the last wait before it could report events.
    owes_events: AtomicBool,
}

impl MaskTurns {
    /// Creates the state of a multiplexer that has not waited yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { owes_events: AtomicBool::new(false) }
    }

    /// Runs the handlers of pending signals that `mask` lets through, then `wait`.
    ///
    /// `wait` waits with `mask`, and returns how many events it found.
    ///
    /// # Errors
    /// - Returns [`Error::Interrupted`] if a handler has run. No event was taken from the kernel then.
    /// - Returns [`Error::Unsupported`] where there is no ppoll(2).
    /// - Returns what `wait` returns.
    pub fn wait<E: From<Error>>(
        &self,
        mask: &SigSet,
        wait: impl FnOnce() -> Result<usize, E>,
    ) -> Result<usize, E> {
        let owed = self.owes_events.swap(false, Ordering::Relaxed);
        if !owed {
            self.run_handlers(mask)?;
        }
        let ready = wait()?;
        if owed && ready == 0 {
            // The event is gone, and a wait that does not sleep runs no handler.
            self.run_handlers(mask)?;
        }
        Ok(ready)
    }

    fn run_handlers(&self, mask: &SigSet) -> Result<(), Error> {
        let checked = ppoll(&mut [], Timeout::Nowait, Some(mask));
        if checked == Err(Error::Interrupted) {
            self.owes_events.store(true, Ordering::Relaxed);
        }
        checked.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::poll::HAS_PPOLL;
    use crate::signal::{MaskGuard, Signal, resend_in_handler};

    const INTERRUPTED: Result<usize, Error> = Err(Error::Interrupted);

    fn found(events: usize) -> impl FnOnce() -> Result<usize, Error> {
        move || Ok(events)
    }

    /// Blocks a signal whose handler sends it again, `times` times.
    fn blocked(signal: Signal, times: usize) -> Option<MaskGuard> {
        if !HAS_PPOLL {
            eprintln!("skipped: turns of signals and events: no ppoll(2) to let signals through");
            return None;
        }
        resend_in_handler(signal, times);
        Some(SigSet::from(signal).block().unwrap())
    }

    fn raise(signal: Signal) {
        signal_hook::low_level::raise(signal.as_raw()).unwrap();
    }

    #[test]
    fn endless_signals_and_events_take_turns() {
        let Some(blocked) = blocked(Signal::HUP, 1_000) else { return };
        raise(Signal::HUP);
        let (turns, mask) = (MaskTurns::new(), blocked.wait_mask());
        for round in 0..10 {
            assert_eq!(turns.wait(&mask, found(1)), INTERRUPTED, "round {round}");
            assert_eq!(turns.wait(&mask, found(1)), Ok(1), "round {round}");
        }
    }

    #[test]
    fn a_signal_is_not_kept_waiting_by_an_event_that_is_gone() {
        let Some(blocked) = blocked(Signal::ALRM, 1_000) else { return };
        raise(Signal::ALRM);
        let (turns, mask) = (MaskTurns::new(), blocked.wait_mask());
        for round in 0..10 {
            assert_eq!(turns.wait(&mask, found(0)), INTERRUPTED, "round {round}");
        }
        assert_eq!(
            turns.wait(&mask, found(1)),
            Ok(1),
            "the last wait found none, so this is the events' turn"
        );
    }

    #[test]
    fn a_signal_that_arrives_after_the_wait_is_left_for_the_next() {
        let Some(blocked) = blocked(Signal::QUIT, 0) else { return };
        let (turns, mask) = (MaskTurns::new(), blocked.wait_mask());
        let interrupted_late = || {
            raise(Signal::QUIT);
            Ok::<_, Error>(0)
        };
        assert_eq!(turns.wait(&mask, interrupted_late), Ok(0));
        assert_eq!(turns.wait(&mask, found(1)), INTERRUPTED);
    }
}
