//! The errors of this crate, each with what the caller needs to fix it.

use crate::limits::max_open_files;
use iomux_sys::errno::{EINTR, EINVAL, ENOSYS, EOPNOTSUPP, EPERM};
use std::env::consts::OS;
use std::io;
use std::os::fd::RawFd;

/// An error of this crate.
///
/// A call that fails changes no slot. A wait that fails also discards the readiness of the previous wait.
///
/// `?` converts it to an [`io::Error`] in a function that returns [`io::Result`]. The message stays the same.
/// [`raw_os_error`](Self::raw_os_error) returns the error number.
///
/// # Examples
/// ```
/// use iomux::{Error, Slots};
///
/// let mut slots = Slots::with_capacity(4);
/// let error = slots.clear(4).unwrap_err();
/// assert_eq!(error, Error::IndexOutOfRange { index: 4, capacity: 4 });
/// assert_eq!(error.to_string(), "slot index 4 is out of range: the table has 4 slots");
/// assert_eq!(error.raw_os_error(), None, "no system call was made");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The table has no slot of that index.
    #[error("slot index {index} is out of range: the table has {capacity} slots")]
    IndexOutOfRange {
        /// The index that was given.
        index: usize,
        /// The number of slots in the table.
        capacity: usize,
    },
    /// The number of slots to poll is larger than the table.
    #[error("can't poll the first {count} slots: the table has {capacity}")]
    CountOutOfRange {
        /// The count that was given.
        count: usize,
        /// The number of slots in the table.
        capacity: usize,
    },
    /// The slot has no fd.
    #[error("slot {index} is empty: set its fd with `set` first")]
    EmptySlot {
        /// The index of the empty slot.
        index: usize,
    },
    /// The fd is negative, so the kernel would ignore the slot silently.
    #[error("invalid fd {fd}: must not be negative; to empty a slot, use `clear`")]
    NegativeFd {
        /// The number that was given.
        fd: RawFd,
    },
    /// The kernel rejects more slots than the process may have open files (EINVAL), whether they are in use or not.
    #[error(
        "can't poll {count} slots: the open-files limit (RLIMIT_NOFILE) is {limit}; \
         use lower indices, or raise the limit"
    )]
    TooManySlots {
        /// The number of slots polled: the index of the highest one in use, plus 1.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// The allocator has no memory for a table of that size.
    #[error("no memory for a table of {capacity} slots")]
    OutOfMemory {
        /// The number of slots that was given.
        capacity: usize,
    },
    /// The wait would never end, because every slot is empty or paused, and the timeout is infinite.
    #[error(
        "the wait would never end: every slot is empty or paused, and the timeout is infinite; \
         set or resume a slot, or use a finite timeout"
    )]
    NothingToWaitFor,
    /// A signal handler ran before anything was ready (EINTR).
    #[error("interrupted by a signal before anything was ready: call again, or use `wait`")]
    Interrupted,
    /// This platform does not support the feature.
    #[error("{what} is not supported on {OS}{}", alternative(.what))]
    Unsupported {
        /// The name of the feature.
        what: &'static str,
    },
    /// This platform has no signal of that number, or libc reserves it.
    #[error("invalid signal {number}: this platform does not have it, or libc reserves it")]
    NoSuchSignal {
        /// The number that was given.
        number: i32,
    },
    /// A system call failed for another reason.
    #[error("{call}: {}{}", io::Error::from_raw_os_error(*.code), advice(.call, *.code))]
    Os {
        /// The C name of the call.
        call: &'static str,
        /// The value of `errno`.
        code: i32,
    },
}

impl Error {
    /// Returns the value of `errno`, or `None` if the error was found without a system call.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Interrupted => Some(EINTR),
            Self::TooManySlots { .. } => Some(EINVAL),
            Self::Os { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// Returns the error of `call` over `count` slots that failed with the `errno` of `code`.
    #[cold]
    pub(crate) fn from_errno(call: &'static str, code: i32, count: usize) -> Self {
        match code {
            EINTR => Self::Interrupted,
            EINVAL => match max_open_files() {
                Some(limit) if count > limit => Self::TooManySlots { count, limit },
                _ => Self::Os { call, code },
            },
            _ => Self::Os { call, code },
        }
    }
}

/// Returns what to do about an `errno`.
fn advice(call: &str, code: i32) -> &'static str {
    match (call, code) {
        // Only a sandbox causes these errors.
        ("ppoll", ENOSYS | EOPNOTSUPP | EPERM) => "; allow ppoll(2), or wait without a signal mask",
        _ => "",
    }
}

/// Returns what to use instead of an unsupported feature.
fn alternative(what: &str) -> &'static str {
    match what {
        "a signal mask" => "; wait without a mask, and write to a pipe in the signal handler",
        "Interest::READ_CLOSED" => "; use Interest::READABLE, and read until end of file",
        _ => "",
    }
}

/// Returns the `errno` of the calling thread.
#[cold]
pub(crate) fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or_default()
}

/// The [kind](io::Error::kind) is that of the error number. [`get_ref`](io::Error::get_ref) returns the [`Error`].
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Interrupted => io::ErrorKind::Interrupted,
            Error::Os { code, .. } => Self::from_raw_os_error(code).kind(),
            Error::Unsupported { .. } => io::ErrorKind::Unsupported,
            Error::OutOfMemory { .. } => io::ErrorKind::OutOfMemory,
            Error::IndexOutOfRange { .. }
            | Error::CountOutOfRange { .. }
            | Error::EmptySlot { .. }
            | Error::NegativeFd { .. }
            | Error::TooManySlots { .. }
            | Error::NothingToWaitFor
            | Error::NoSuchSignal { .. } => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn einval_past_the_limit_is_too_many_slots() {
        let Some(limit) = max_open_files() else {
            eprintln!("skipped: EINVAL past the limit: there is no limit");
            return;
        };
        let at = |count| Error::from_errno("poll", EINVAL, count);
        assert_eq!(at(limit + 1), Error::TooManySlots { count: limit + 1, limit });
        assert_eq!(at(limit), Error::Os { call: "poll", code: EINVAL }, "not because of the count");
        let other = Error::from_errno("ppoll", iomux_sys::errno::ENOMEM, limit + 1);
        assert_eq!(other, Error::Os { call: "ppoll", code: iomux_sys::errno::ENOMEM });
        assert_eq!(Error::from_errno("poll", EINTR, limit + 1), Error::Interrupted);
    }
}
