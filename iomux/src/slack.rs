//! How late the kernel may end a wait, to save energy: the calling thread's timer slack.

use crate::error::Error;
use crate::sys;
use core::ffi::c_ulong;
use core::time::Duration;

const UNSUPPORTED: Error = Error::Unsupported { what: "a timer slack" };

/// How late a wait of the calling thread may end, `prctl(PR_GET_TIMERSLACK)`: 50 µs unless it was changed.
///
/// ```
/// use std::time::Duration;
///
/// let finest = Duration::from_nanos(1);
/// if iomux::set_timer_slack(finest).is_ok() {
///     let of_a_new_thread = std::thread::spawn(iomux::timer_slack).join().unwrap()?;
///     assert_eq!(of_a_new_thread, finest, "it has that of who started it");
/// }
/// # Ok::<(), iomux::Error>(())
/// ```
///
/// # Errors
/// [`Error::Unsupported`] but on Linux and Android.
///
/// # Platform notes
/// [prctl(2)](https://man7.org/linux/man-pages/man2/PR_GET_TIMERSLACK.2const.html). A thread of a real-time
/// scheduling policy has none, whatever this says.
#[doc(alias = "PR_GET_TIMERSLACK")]
pub fn timer_slack() -> Result<Duration, Error> {
    let ns = sys::timer_slack().ok_or(UNSUPPORTED)?;
    Ok(Duration::from_nanos(ns.map_err(|code| Error::Os { call: "prctl", code })?))
}

/// Sets how late a wait of the calling thread may end, `prctl(PR_SET_TIMERSLACK)`, and with it how close short
/// timeouts come to what was asked: the kernel ends waits together that are no further apart, to save energy.
///
/// It holds for every timed wait of this thread, and for threads that it starts from here on. Zero is the
/// thread's default again; the finest is 1 ns.
///
/// ```
/// use std::time::Duration;
///
/// match iomux::set_timer_slack(Duration::from_nanos(1)) {
///     Ok(()) => assert_eq!(iomux::timer_slack()?, Duration::from_nanos(1)),
///     Err(error) => assert!(matches!(error, iomux::Error::Unsupported { .. })),
/// }
/// # Ok::<(), iomux::Error>(())
/// ```
///
/// # Errors
/// [`Error::Unsupported`] but on Linux and Android; [`Error::Os`], which no kernel is known to answer.
#[doc(alias = "PR_SET_TIMERSLACK")]
pub fn set_timer_slack(slack: Duration) -> Result<(), Error> {
    // What prctl returns is an int, so that a larger one could not be read back.
    const LONGEST: u128 = i32::MAX as u128;
    #[allow(clippy::cast_possible_truncation, reason = "at most `LONGEST`")]
    let ns = slack.as_nanos().min(LONGEST) as c_ulong;
    let answer = sys::set_timer_slack(ns).ok_or(UNSUPPORTED)?;
    answer.map_err(|code| Error::Os { call: "prctl", code })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slack_that_was_set_is_the_threads_until_zero_is_set() {
        // A thread of its own: others keep theirs.
        let tried = || {
            let Ok(default) = timer_slack() else {
                return eprintln!("skipped: timer slack: this system, or its emulator, has none");
            };
            set_timer_slack(Duration::from_micros(7)).unwrap();
            assert_eq!(timer_slack(), Ok(Duration::from_micros(7)));
            set_timer_slack(Duration::MAX).unwrap();
            assert_eq!(timer_slack(), Ok(Duration::from_nanos(0x7fff_ffff)));
            set_timer_slack(Duration::ZERO).unwrap();
            assert_eq!(timer_slack(), Ok(default));
        };
        std::thread::spawn(tried).join().unwrap();
    }
}
