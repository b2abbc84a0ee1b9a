//! The open-files limit of the process.

use core::ffi::c_long;
use iomux_sys::unistd::{_SC_OPEN_MAX, sysconf};

/// Returns the open-files limit of this process, or `None` if there is none.
///
/// It is the soft `RLIMIT_NOFILE`, sysconf(3) with `_SC_OPEN_MAX`. poll(2) rejects more slots than this, whether they
/// are in use or not ([`Error::TooManySlots`](crate::Error::TooManySlots)).
///
/// Don't use it as the size of a table. A container may have a limit of 10⁹, and a table of that size takes 8 GB.
#[must_use]
pub fn max_open_files() -> Option<usize> {
    // SAFETY: sysconf(3) takes and returns a number.
    limit_from(unsafe { sysconf(_SC_OPEN_MAX) })
}

/// Returns the limit that sysconf(3) returned, or `None` for no limit.
///
/// No limit is -1, or the largest number, which is `RLIM_INFINITY` of the BSDs.
fn limit_from(returned: c_long) -> Option<usize> {
    usize::try_from(returned).ok().filter(|_| returned != c_long::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unlimited_is_none() {
        assert_eq!(limit_from(-1), None);
        assert_eq!(limit_from(c_long::MAX), None);
        assert_eq!(limit_from(c_long::MAX - 1), usize::try_from(c_long::MAX - 1).ok());
        assert_eq!(limit_from(1024), Some(1024));
        assert_eq!(limit_from(0), Some(0));
    }

    #[test]
    fn limit_allows_the_standard_streams() {
        assert!(max_open_files().is_none_or(|limit| limit >= 3));
    }
}
