//! The timer slack of a thread: how late the kernel may end a wait, to save energy.

use crate::error::{Error, errno};
use core::ffi::c_ulong;
use core::time::Duration;
use iomux_sys::prctl::{GET_TIMERSLACK, SET_TIMERSLACK};

const UNSUPPORTED: Error = Error::Unsupported { what: "a timer slack" };

/// Returns how late a wait of the calling thread may end, `prctl(PR_GET_TIMERSLACK)`.
///
/// It is 50 µs unless it was changed. A new thread has the slack of the thread that started it.
///
/// # Errors
/// - Returns [`Error::Unsupported`] except on Linux and Android.
///
/// # Platform notes
/// [prctl(2)](https://man7.org/linux/man-pages/man2/PR_GET_TIMERSLACK.2const.html). A thread of a real-time
/// scheduling policy has no slack, whatever this returns.
#[doc(alias = "PR_GET_TIMERSLACK")]
pub fn timer_slack() -> Result<Duration, Error> {
    let get = GET_TIMERSLACK.ok_or(UNSUPPORTED)?;
    // SAFETY: prctl(2) takes and returns numbers.
    let ns = unsafe { get() };
    u64::try_from(ns).map(Duration::from_nanos).map_err(|_| failed())
}

/// Sets how late a wait of the calling thread may end, `prctl(PR_SET_TIMERSLACK)`.
///
/// The kernel ends waits together that are no further apart than the slack, to save energy. The finest slack,
/// 1 ns, brings short timeouts closest to their time. [`Duration::ZERO`] restores the thread's default.
///
/// The slack holds for every timed wait of this thread, and for threads that it starts later.
///
/// # Errors
/// - Returns [`Error::Unsupported`] except on Linux and Android.
/// - Returns [`Error::Os`] if prctl(2) fails, which no kernel is known to do.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// match iomux::set_timer_slack(Duration::from_nanos(1)) {
///     Ok(()) => println!("waits may end {:?} late", iomux::timer_slack()?),
///     Err(error) => println!("waits end when the kernel likes: {error}"),
/// }
/// # Ok::<(), iomux::Error>(())
/// ```
#[doc(alias = "PR_SET_TIMERSLACK")]
pub fn set_timer_slack(slack: Duration) -> Result<(), Error> {
    // prctl(2) returns an `int`, so a larger slack could not be read back.
    const LONGEST: u128 = i32::MAX as u128;
    let set = SET_TIMERSLACK.ok_or(UNSUPPORTED)?;
    #[allow(clippy::cast_possible_truncation, reason = "at most `LONGEST`")]
    let ns = slack.as_nanos().min(LONGEST) as c_ulong;
    // SAFETY: prctl(2) takes and returns numbers.
    if unsafe { set(ns) } < 0 { Err(failed()) } else { Ok(()) }
}

#[cold]
fn failed() -> Error {
    Error::Os { call: "prctl", code: errno() }
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
