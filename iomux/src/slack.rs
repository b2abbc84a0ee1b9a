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
/// - Returns [`Error::Unsupported`] if the platform is neither Linux nor Android.
///
/// # Platform notes
/// [prctl(2)](https://man7.org/linux/man-pages/man2/PR_GET_TIMERSLACK.2const.html). A thread with a
/// real-time scheduling policy has no slack, whatever this function returns.
#[doc(alias = "PR_GET_TIMERSLACK")]
pub fn timer_slack() -> Result<Duration, Error> {
    let get = GET_TIMERSLACK.ok_or(UNSUPPORTED)?;
    // SAFETY: prctl(2) takes and returns numbers.
    let ns = unsafe { get() };
    u64::try_from(ns).map(Duration::from_nanos).map_err(|_| failed())
}

/// Sets how late a wait of the calling thread may end, `prctl(PR_SET_TIMERSLACK)`.
///
/// To save energy, the kernel ends waits together if their timeouts are no further apart than the slack. The smallest
/// slack, 1 ns, makes short timeouts most exact. [`Duration::ZERO`] restores the thread's default.
///
/// The slack applies to every timed wait of this thread, and to threads that it starts later.
///
/// # Errors
/// - Returns [`Error::Unsupported`] if the platform is neither Linux nor Android.
/// - Returns [`Error::Os`] if prctl(2) fails, which no kernel is known to do.
///
/// # Examples
/// ```
/// use std::time::Duration;
///
/// match iomux::set_timer_slack(Duration::from_nanos(1)) {
///     Ok(()) => println!("waits may end {:?} late", iomux::timer_slack()?),
///     Err(error) => println!("the slack is unchanged: {error}"),
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
    fn slack_holds_until_it_is_reset() {
        // A new thread, so that the slack of other tests stays.
        let tried = || {
            let Ok(default) = timer_slack() else {
                return eprintln!("skipped: timer slack: this platform, or its emulator, has none");
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
