//! The deadline, chunks, EINTR and the last check of a wait, for any system call.

use crate::error::Error;
use crate::timeout::{Chunk, Timeout};
use core::time::Duration;
use std::time::Instant;

/// One system call that may sleep, for [`wait_with`].
///
/// # Examples
/// ```
/// use iomux::{Chunk, Error, Interrupt, Outcome, Timeout, WaitCall, wait_with};
/// use std::time::{Duration, Instant};
///
/// struct Park; // `thread::park_timeout` instead of a system call
/// impl WaitCall for Park {
///     type Error = Error;
///     fn call(&mut self, chunk: Chunk) -> Result<Outcome, Error> {
///         match chunk.duration() {
///             None => std::thread::park(),
///             Some(time) => std::thread::park_timeout(time),
///         }
///         Ok(Outcome::Ready(0)) // `park_timeout` may return early: `wait_with` reads the clock
///     }
/// }
///
/// let (begin, time) = (Instant::now(), Duration::from_micros(1500));
/// assert_eq!(wait_with(&mut Park, Timeout::After(time), Interrupt::Resume, true)?, 0);
/// assert!(begin.elapsed() >= time);
/// # Ok::<(), Error>(())
/// ```
pub trait WaitCall {
    /// The error of the call.
    type Error: From<Error>;

    /// Makes the system call, which may sleep for `chunk`, and returns its outcome.
    ///
    /// It may make further system calls that do not sleep.
    ///
    /// # Errors
    /// - Returns the error of the system call, which ends the wait. EINTR is [`Outcome::Interrupted`]
    ///   instead.
    fn call(&mut self, chunk: Chunk) -> Result<Outcome, Self::Error>;
}

/// The outcome of a [`WaitCall`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The number of ready fds or events. It is 0 if the chunk has expired, or if no event is for the caller.
    Ready(usize),
    /// The call failed with EINTR, because a signal handler ran or the process was stopped and continued.
    Interrupted,
}

/// The effect of an interruption (EINTR) on a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interrupt {
    /// The wait resumes with the remaining time.
    Resume,
    /// The wait ends with [`Error::Interrupted`].
    End,
}

/// Waits until `call` finds something ready or the timeout expires, and returns how many are ready.
///
/// It returns 0 only after the timeout has expired. It splits a long timeout into chunks.
///
/// With [`Interrupt::Resume`], an interrupted wait resumes with the remaining time. If none remains, one more call that
/// does not sleep finds what a signal handler may have made ready.
///
/// `can_end` is `false` if nothing is registered that could end an infinite wait.
///
/// [`Timeout::Nowait`] and a zero [`Timeout::After`] do not read the clock. A past [`Timeout::Until`] reads it once.
///
/// # Errors
/// - Returns [`Error::NothingToWaitFor`] if the timeout is infinite and `can_end` is `false`.
/// - Returns [`Error::Interrupted`] if the call was interrupted and `interrupt` is [`Interrupt::End`].
/// - Returns the error of `call` if it fails.
// Always inlined, so that a constant timeout leaves one call and one comparison.
#[inline(always)]
pub fn wait_with<C: WaitCall>(
    call: &mut C,
    timeout: Timeout,
    interrupt: Interrupt,
    can_end: bool,
) -> Result<usize, C::Error> {
    match timeout {
        Timeout::Nowait | Timeout::After(Duration::ZERO) => match call.call(Chunk::NONE)? {
            Outcome::Ready(ready) => Ok(ready),
            Outcome::Interrupted => check_again(call, interrupt),
        },
        Timeout::Infinite if !can_end => Err(Error::NothingToWaitFor.into()),
        Timeout::Infinite => match call.call(Chunk::INFINITE)? {
            Outcome::Ready(ready) if ready > 0 => Ok(ready),
            outcome => resume(call, interrupt, outcome),
        },
        timeout => timed(call, timeout, interrupt),
    }
}

/// Ends an expired wait whose last call was interrupted, because a handler may have made something ready.
#[cold]
#[inline(never)]
fn check_again<C: WaitCall>(call: &mut C, interrupt: Interrupt) -> Result<usize, C::Error> {
    if interrupt == Interrupt::End {
        return Err(Error::Interrupted.into());
    }
    match call.call(Chunk::NONE)? {
        Outcome::Ready(ready) => Ok(ready),
        // The kernel interrupts only calls that sleep. A sandbox may interrupt others, and so may a call with several
        // steps. One more check is enough then.
        Outcome::Interrupted => Ok(0),
    }
}

/// Resumes an infinite wait.
#[cold]
#[inline(never)]
fn resume<C: WaitCall>(call: &mut C, interrupt: Interrupt, first: Outcome) -> Result<usize, C::Error> {
    let mut outcome = first;
    loop {
        match outcome {
            Outcome::Ready(0) => {}
            Outcome::Ready(ready) => return Ok(ready),
            Outcome::Interrupted if interrupt == Interrupt::End => return Err(Error::Interrupted.into()),
            Outcome::Interrupted => {}
        }
        outcome = call.call(Chunk::INFINITE)?;
    }
}

/// Waits with a deadline, in chunks.
#[inline(never)]
fn timed<C: WaitCall>(call: &mut C, timeout: Timeout, interrupt: Interrupt) -> Result<usize, C::Error> {
    // A deadline past what `Instant` can hold never comes.
    let (mut left, deadline) = match timeout {
        Timeout::Nowait => (Duration::ZERO, None),
        Timeout::Infinite => (Duration::MAX, None),
        Timeout::After(time) => (time, Instant::now().checked_add(time)),
        Timeout::Until(end) => (end.saturating_duration_since(Instant::now()), Some(end)),
    };
    let mut is_checked = false;
    while !left.is_zero() {
        is_checked = match call.call(Chunk::new(left))? {
            Outcome::Ready(0) => true,
            Outcome::Ready(ready) => return Ok(ready),
            Outcome::Interrupted if interrupt == Interrupt::End => return Err(Error::Interrupted.into()),
            // The kernel prefers EINTR to 0, so under endless signals no call would return 0.
            Outcome::Interrupted => false,
        };
        left = deadline.map_or(left, |end| end.saturating_duration_since(Instant::now()));
    }
    if is_checked { Ok(0) } else { wait_with(call, Timeout::Nowait, interrupt, true) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the outcomes of a list, one per call, and records the chunks.
    struct Script {
        outcomes: Vec<Outcome>,
        chunks: Vec<Chunk>,
    }

    impl WaitCall for Script {
        type Error = Error;

        fn call(&mut self, chunk: Chunk) -> Result<Outcome, Error> {
            self.chunks.push(chunk);
            let begin = Instant::now();
            while Instant::now() == begin {} // the clock of some platforms is coarse
            Ok(self.outcomes.remove(0))
        }
    }

    /// Waits over `outcomes`, and returns the result with the number of calls that could have slept.
    #[track_caller]
    fn run(outcomes: &[Outcome], timeout: Timeout, interrupt: Interrupt) -> (Result<usize, Error>, usize) {
        let mut script = Script { outcomes: outcomes.to_vec(), chunks: Vec::new() };
        let result = wait_with(&mut script, timeout, interrupt, true);
        assert_eq!(script.outcomes, [], "every call of the list was made");
        (result, script.chunks.iter().filter(|chunk| **chunk != Chunk::NONE).count())
    }

    #[test]
    fn zero_timeout_retries_after_eintr() {
        use Outcome::{Interrupted, Ready};
        let past = Timeout::Until(Instant::now());
        for timeout in [Timeout::Nowait, Timeout::After(Duration::ZERO), past] {
            let resume = |outcomes: &[Outcome]| run(outcomes, timeout, Interrupt::Resume);
            assert_eq!(resume(&[Ready(0)]), (Ok(0), 0), "{timeout:?}");
            assert_eq!(resume(&[Ready(2)]), (Ok(2), 0), "{timeout:?}");
            assert_eq!(resume(&[Interrupted, Ready(3)]), (Ok(3), 0), "{timeout:?}");
            assert_eq!(resume(&[Interrupted, Interrupted]), (Ok(0), 0), "{timeout:?}");
            let ended = run(&[Interrupted], timeout, Interrupt::End);
            assert_eq!(ended, (Err(Error::Interrupted), 0), "{timeout:?}");
        }
    }

    #[test]
    fn wait_resumes_until_ready() {
        use Outcome::{Interrupted, Ready};
        let long = [Timeout::Infinite, Duration::MAX.into(), Duration::from_secs(600).into()];
        for timeout in long {
            let resumed = run(&[Interrupted, Ready(0), Interrupted, Ready(2)], timeout, Interrupt::Resume);
            assert_eq!(resumed, (Ok(2), 4), "{timeout:?}");
            assert_eq!(run(&[Ready(1)], timeout, Interrupt::Resume), (Ok(1), 1), "{timeout:?}");
            let ended = run(&[Ready(0), Interrupted], timeout, Interrupt::End);
            assert_eq!(ended, (Err(Error::Interrupted), 2), "{timeout:?}");
            let ended = run(&[Interrupted], timeout, Interrupt::End);
            assert_eq!(ended, (Err(Error::Interrupted), 1), "{timeout:?}");
        }
    }

    #[test]
    fn expired_wait_retries_only_after_eintr() {
        use Outcome::{Interrupted, Ready};
        let resume = |outcomes: &[Outcome]| run(outcomes, Duration::from_nanos(1).into(), Interrupt::Resume);
        assert_eq!(resume(&[Ready(0)]), (Ok(0), 1), "the call was the check");
        assert_eq!(resume(&[Interrupted, Ready(3)]), (Ok(3), 1));
        assert_eq!(resume(&[Interrupted, Ready(0)]), (Ok(0), 1));
        assert_eq!(resume(&[Interrupted, Interrupted, Ready(3)]), (Ok(3), 1));
    }

    #[test]
    fn chunks_shrink_to_the_remaining_time() {
        use Outcome::{Interrupted, Ready};
        let mut script = Script { outcomes: vec![Ready(0), Interrupted, Ready(1)], chunks: Vec::new() };
        assert_eq!(wait_with(&mut script, Duration::MAX.into(), Interrupt::Resume, true), Ok(1));
        assert_eq!(script.chunks, [Chunk::new(Duration::MAX); 3], "the longest chunk");

        let time = Duration::from_secs(600);
        for timeout in [Timeout::After(time), Timeout::Until(Instant::now() + time)] {
            let mut script = Script { outcomes: vec![Ready(0), Interrupted, Ready(1)], chunks: Vec::new() };
            assert_eq!(wait_with(&mut script, timeout, Interrupt::Resume, true), Ok(1));
            let times: Vec<_> = script.chunks.iter().map(|chunk| chunk.duration().unwrap()).collect();
            assert!(times[0] <= time && times[0] > times[1] && times[1] > times[2], "{times:?}");
        }
    }

    #[test]
    fn endless_wait_makes_no_call() {
        let mut script = Script { outcomes: Vec::new(), chunks: Vec::new() };
        let result = wait_with(&mut script, Timeout::Infinite, Interrupt::Resume, false);
        assert_eq!((result, script.chunks.len()), (Err(Error::NothingToWaitFor), 0));
    }
}
