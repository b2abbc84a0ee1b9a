//! Fairness between signals and events in masked waits.

use crate::error::Error;
use crate::poll::{HAS_PPOLL, ppoll};
use crate::signal::SigSet;
use crate::timeout::Timeout;
use core::cell::Cell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use iomux_sys::poll::NOWAIT_SEES_SIGNALS;

/// The alternation of pending signals and events in the masked waits of a multiplexer.
///
/// If an fd is ready, ppoll(2) and epoll_pwait(2) return without running the handler of a pending signal. So a loop
/// that is always busy would never see the signal. [`wait`](Self::wait) therefore first makes a call without fds,
/// which runs the handler. Endless signals would then starve the events, so the wait after an interrupted one skips
/// that call.
///
/// # Platform notes
/// On Linux, Android, illumos and Solaris, that call is a ppoll(2) with a zero timeout.
///
/// On the BSDs, such a ppoll(2) does not fail with EINTR, so `wait` calls sigpending(2) instead. If that finds a
/// signal, `wait` makes a ppoll(2) that can sleep. If another thread takes the signal first, `wait` returns
/// [`Error::Interrupted`] although no handler has run in this thread.
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
    /// The thread whose last wait a signal interrupted before it could find events: the address of its `OWED_HERE`.
    owed_to: AtomicUsize,
    /// A unique number, or 0 if no events have been owed yet. An address would be reused.
    id: AtomicUsize,
}

/// The next `MaskTurns::id`.
static NEXT_ID: AtomicUsize = AtomicUsize::new(1);

thread_local! {
    /// The id of the `MaskTurns` whose last wait in this thread a signal interrupted before it could find events.
    static OWED_HERE: Cell<usize> = const { Cell::new(0) };
}

impl MaskTurns {
    /// Creates the turns of a multiplexer. No events are owed to a thread.
    #[must_use]
    pub const fn new() -> Self {
        Self { owed_to: AtomicUsize::new(0), id: AtomicUsize::new(0) }
    }

    /// Records whether events are owed to this thread, and returns whether they were.
    ///
    /// It is recorded both here and in the thread. Another thread may overwrite it here, and another multiplexer may
    /// overwrite it in the thread.
    fn replace_owed(&self, is_owed: bool) -> bool {
        OWED_HERE.with(|owed_here| {
            let (id, thread) = (self.id.load(Ordering::Relaxed), ptr::from_ref(owed_here) as usize);
            let was_owed = id != 0 && owed_here.get() == id || self.owed_to.load(Ordering::Relaxed) == thread;
            if is_owed {
                owed_here.set(self.id_or_next());
                self.owed_to.store(thread, Ordering::Relaxed);
            } else if was_owed {
                owed_here.set(0);
                let _ = self.owed_to.compare_exchange(thread, 0, Ordering::Relaxed, Ordering::Relaxed);
            }
            was_owed
        })
    }

    fn id_or_next(&self) -> usize {
        match self.id.load(Ordering::Relaxed) {
            0 => {
                let next = NEXT_ID.fetch_add(1, Ordering::Relaxed);
                // Another thread may have been first.
                let set = self.id.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed);
                set.map_or_else(|id| id, |_| next)
            }
            id => id,
        }
    }

    /// Runs the handlers of pending signals that `mask` lets through, then `wait`.
    ///
    /// `wait` waits with `mask`, and returns how many events it found.
    ///
    /// # Errors
    /// - Returns [`Error::Interrupted`] if a handler has run. The kernel keeps all events.
    /// - Returns [`Error::Unsupported`] where there is no ppoll(2).
    /// - Returns the error of `wait` if it fails.
    pub fn wait<E: From<Error>>(
        &self,
        mask: &SigSet,
        wait: impl FnOnce() -> Result<usize, E>,
    ) -> Result<usize, E> {
        // Without ppoll(2), `by_ppoll` returns the error.
        let check = if NOWAIT_SEES_SIGNALS || !HAS_PPOLL { by_ppoll } else { by_sigpending };
        self.wait_after(check, mask, wait)
    }

    /// Waits as [`wait`](Self::wait) does, with `check` to run the handlers of pending signals.
    #[inline]
    fn wait_after<E: From<Error>>(
        &self,
        check: Check,
        mask: &SigSet,
        wait: impl FnOnce() -> Result<usize, E>,
    ) -> Result<usize, E> {
        let owed = self.replace_owed(false);
        if !owed {
            self.run_handlers(check, mask)?;
        }
        let ready = wait()?;
        if owed && ready == 0 {
            // The event is gone, and a wait that does not sleep may run no handler.
            self.run_handlers(check, mask)?;
        }
        Ok(ready)
    }

    #[inline]
    fn run_handlers(&self, check: Check, mask: &SigSet) -> Result<(), Error> {
        let checked = check(mask);
        if checked == Err(Error::Interrupted) {
            self.replace_owed(true);
        }
        checked
    }
}

/// Runs the handlers of pending signals that a mask lets through, and returns [`Error::Interrupted`] if one has
/// run.
type Check = fn(&SigSet) -> Result<(), Error>;

/// The check where a ppoll(2) that does not sleep fails with EINTR.
#[inline]
fn by_ppoll(mask: &SigSet) -> Result<(), Error> {
    ppoll(&mut [], Timeout::Nowait, Some(mask)).map(|_| ())
}

/// A time for which every kernel sleeps. DragonFly waits for less than 100 µs without a sleep
/// (`nanosleep_hard_us` in kern/kern_time.c).
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// The check where only a ppoll(2) that sleeps fails with EINTR.
fn by_sigpending(mask: &SigSet) -> Result<(), Error> {
    let is_pending = SigSet::pending()?.exceeds(mask);
    end_if_pending(is_pending, || ppoll(&mut [], SHORTEST_SLEEP, Some(mask)))
}

/// Lets `run`, a ppoll(2) that sleeps, run the handler of a pending signal. Returns [`Error::Interrupted`] whether or not
/// `run` does.
///
/// The result of `run` is not enough. If the signal arrives just as the time expires, the handler runs, but `run`
/// returns 0, so the signal would be lost. If another thread takes the signal first, the wait ends early, without harm.
fn end_if_pending(is_pending: bool, run: impl FnOnce() -> Result<usize, Error>) -> Result<(), Error> {
    if !is_pending {
        return Ok(());
    }
    run()?;
    Err(Error::Interrupted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::{MaskGuard, Signal, resend_in_handler};

    const INTERRUPTED: Result<usize, Error> = Err(Error::Interrupted);

    /// The checks that work on this platform. The check of the BSDs works everywhere.
    fn checks() -> &'static [Check] {
        if NOWAIT_SEES_SIGNALS { &[by_ppoll, by_sigpending] } else { &[by_sigpending] }
    }

    fn found(events: usize) -> impl FnOnce() -> Result<usize, Error> {
        move || Ok(events)
    }

    /// Blocks a signal whose handler sends it again, `times` times.
    ///
    /// The signal can't be TSTP, TTIN or TTOU, because OpenBSD sends these to every thread of the process (`ptsignal` in
    /// kern/kern_sig.c). The handler would then run in threads that do not block the signal, and use up the times.
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
        for &check in checks() {
            raise(Signal::HUP);
            let (turns, mask) = (MaskTurns::new(), blocked.wait_mask());
            for round in 0..10 {
                assert_eq!(turns.wait_after(check, &mask, found(1)), INTERRUPTED, "round {round}");
                assert_eq!(turns.wait_after(check, &mask, found(1)), Ok(1), "round {round}");
            }
        }
    }

    #[test]
    fn lost_event_does_not_delay_a_signal() {
        let Some(blocked) = blocked(Signal::ALRM, 1_000) else { return };
        for &check in checks() {
            raise(Signal::ALRM);
            let (turns, mask) = (MaskTurns::new(), blocked.wait_mask());
            for round in 0..10 {
                assert_eq!(turns.wait_after(check, &mask, found(0)), INTERRUPTED, "round {round}");
            }
            assert_eq!(
                turns.wait_after(check, &mask, found(1)),
                Ok(1),
                "the last wait found none, so this is the events' turn"
            );
        }
    }

    #[test]
    fn late_signal_is_left_for_the_next_wait() {
        let Some(blocked) = blocked(Signal::QUIT, 0) else { return };
        for &check in checks() {
            let (turns, mask) = (MaskTurns::new(), blocked.wait_mask());
            let interrupted_late = || {
                raise(Signal::QUIT);
                Ok::<_, Error>(0)
            };
            assert_eq!(turns.wait_after(check, &mask, interrupted_late), Ok(0));
            assert_eq!(turns.wait_after(check, &mask, found(1)), INTERRUPTED);
        }
    }

    #[test]
    fn threads_have_separate_turns() {
        let Some(blocked) = blocked(Signal::WINCH, 1_000) else { return };
        for &check in checks() {
            raise(Signal::WINCH);
            let (turns, mask) = (MaskTurns::new(), blocked.wait_mask());
            for round in 0..10 {
                assert_eq!(turns.wait_after(check, &mask, found(1)), INTERRUPTED, "round {round}");
                std::thread::scope(|scope| {
                    // No events are owed to it, and it has its own pending signal.
                    let other = scope.spawn(|| {
                        raise(Signal::WINCH);
                        turns.wait_after(check, &mask, found(1))
                    });
                    assert_eq!(other.join().unwrap(), INTERRUPTED, "round {round}");
                });
                assert_eq!(turns.wait_after(check, &mask, found(1)), Ok(1), "round {round}");
            }
        }
    }

    #[test]
    fn multiplexers_have_separate_turns() {
        let Some(blocked) = blocked(Signal::URG, 1_000) else { return };
        for &check in checks() {
            raise(Signal::URG);
            let (one, two, mask) = (MaskTurns::new(), MaskTurns::new(), blocked.wait_mask());
            for round in 0..10 {
                for expected in [INTERRUPTED, Ok(1)] {
                    assert_eq!(one.wait_after(check, &mask, found(1)), expected, "round {round}");
                    assert_eq!(two.wait_after(check, &mask, found(1)), expected, "round {round}");
                }
            }
        }
    }

    #[test]
    fn new_multiplexer_is_owed_nothing() {
        let Some(blocked) = blocked(Signal::IO, 1_000) else { return };
        for &check in checks() {
            raise(Signal::IO);
            let mask = blocked.wait_mask();
            let mut turns = MaskTurns::new();
            for round in 0..10 {
                assert_eq!(turns.wait_after(check, &mask, found(1)), INTERRUPTED, "round {round}");
                turns = MaskTurns::new();
            }
        }
    }

    #[test]
    fn masked_wait_without_ppoll_makes_no_call() {
        if HAS_PPOLL {
            eprintln!("skipped: a masked wait without ppoll(2): this platform has it");
            return;
        }
        let not_waited = || -> Result<usize, Error> { unreachable!("there is no ppoll(2)") };
        let result = MaskTurns::new().wait(&SigSet::empty(), not_waited);
        assert!(matches!(result, Err(Error::Unsupported { .. })), "{result:?}");
    }

    #[test]
    fn pending_signal_always_ends_the_wait() {
        let not_slept = || unreachable!("no signal is pending");
        assert_eq!(end_if_pending(false, not_slept), Ok(()));
        assert_eq!(end_if_pending(true, || Err(Error::Interrupted)), Err(Error::Interrupted));
        assert_eq!(
            end_if_pending(true, || Ok(0)),
            Err(Error::Interrupted),
            "its handler ran late, or elsewhere"
        );
        let rejected = Error::Os { call: "ppoll", code: 1 };
        assert_eq!(end_if_pending(true, || Err(rejected)), Err(rejected));
    }

    #[test]
    fn sigpending_check_loses_no_signal() {
        let Some(blocked) = blocked(Signal::INT, 0) else { return };
        let mask = blocked.wait_mask();
        assert_eq!(by_sigpending(&mask), Ok(()), "none is pending");
        raise(Signal::INT);
        assert_eq!(by_sigpending(&SigSet::full()), Ok(()), "the mask keeps it back");
        assert!(SigSet::pending().unwrap().contains(Signal::INT), "it is still there");
        assert_eq!(by_sigpending(&mask), Err(Error::Interrupted));
        assert!(!SigSet::pending().unwrap().contains(Signal::INT), "its handler has run");
        assert_eq!(by_sigpending(&mask), Ok(()), "once");
    }
}
