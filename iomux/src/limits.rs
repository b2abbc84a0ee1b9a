//! What the process and the system allow.

use crate::sys;
use core::ffi::c_long;

/// The number of files that this process may have open, sysconf(3) `_SC_OPEN_MAX`: the soft
/// `RLIMIT_NOFILE`. `None` is unlimited.
///
/// poll(2) refuses more slots than this, used or not ([`Error::TooManySlots`](crate::Error)). It is no
/// measure for the size of a table: a container may say a thousand million, where a table of that
/// size takes 8 GB.
///
/// ```
/// let limit = iomux::max_open_files();
/// assert!(limit.is_none_or(|files| files >= 3), "stdin, stdout and stderr");
/// ```
#[must_use]
pub fn max_open_files() -> Option<usize> {
    limit_from(sys::open_max())
}

/// What sysconf's answer means: -1 is "no limit"; the BSDs' `RLIM_INFINITY` is the largest number.
fn limit_from(answer: c_long) -> Option<usize> {
    usize::try_from(answer).ok().filter(|_| answer != c_long::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlimited_is_none_and_never_a_number() {
        assert_eq!(limit_from(-1), None);
        assert_eq!(limit_from(c_long::MAX), None);
        assert_eq!(limit_from(c_long::MAX - 1), usize::try_from(c_long::MAX - 1).ok());
        assert_eq!(limit_from(1024), Some(1024));
        assert_eq!(limit_from(0), Some(0));
    }
}
