//! The open-files limit of the process.

use core::ffi::c_long;
use iomux_sys::unistd::{_SC_OPEN_MAX, sysconf};

/// Returns the open-files limit of this process, or `None` if there is none.
///
/// It is sysconf(3) `_SC_OPEN_MAX`, the soft `RLIMIT_NOFILE`. poll(2) rejects more slots than this, used or
/// not ([`Error::TooManySlots`](crate::Error::TooManySlots)).
///
/// Don't size a table by it: a container may report a limit of 10⁹, and a table of that size takes 8 GB.
#[must_use]
pub fn max_open_files() -> Option<usize> {
    // SAFETY: sysconf(3) takes and returns a number.
    limit_from(unsafe { sysconf(_SC_OPEN_MAX) })
}

/// Returns the limit that sysconf(3) means: -1 is "no limit"; the BSDs' `RLIM_INFINITY` is the largest
/// number.
fn limit_from(returned: c_long) -> Option<usize> {
    usize::try_from(returned).ok().filter(|_| returned != c_long::MAX)
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

    #[test]
    fn the_limit_of_this_process_holds_the_three_standard_streams() {
        assert!(max_open_files().is_none_or(|limit| limit >= 3));
    }
}
