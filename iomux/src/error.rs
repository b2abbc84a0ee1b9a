//! The errors of this crate, each with what the caller needs to fix it.

use crate::limits::max_open_files;
use iomux_sys::errno::{EINTR, EINVAL, ENOSYS, EOPNOTSUPP, EPERM};
use std::io;
use std::os::fd::RawFd;

/// The error of a call of this crate.
///
/// A call that fails changes no slot. A wait that fails also discards the readiness of the wait before.
///
/// `From<Error>` for [`io::Error`] lets `?` work in a function that returns [`io::Result`], and keeps the text with the
/// call. [`raw_os_error`](Self::raw_os_error) is the number.
///
/// # Examples
/// ```
/// use iomux::{Error, Slots};
///
/// let mut slots = Slots::with_capacity(4);
/// let error = slots.clear(4).unwrap_err();
/// assert_eq!(error, Error::IndexOutOfRange { index: 4, capacity: 4 });
/// assert_eq!(error.to_string(), "no slot 4: the table has 4 slots, counted from 0");
/// assert_eq!(error.raw_os_error(), None, "found before any system call");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The table has no slot of that index.
    #[error("no slot {index}: the table has {capacity} slots, counted from 0")]
    IndexOutOfRange {
        /// The index that was given.
        index: usize,
        /// The number of slots in the table.
        capacity: usize,
    },
    /// More slots were to be polled than the table has.
    #[error("can't poll the first {count} slots: the table has {capacity}")]
    CountOutOfRange {
        /// The count that was given.
        count: usize,
        /// The number of slots in the table.
        capacity: usize,
    },
    /// The slot holds no fd whose interest could be changed.
    #[error("slot {index} is empty: give it an fd with `set` first")]
    EmptySlot {
        /// The index of the empty slot.
        index: usize,
    },
    /// A negative number is not an fd; the kernel would ignore the slot silently.
    #[error("{fd} is not an fd that can be polled: to empty a slot, use `clear`")]
    NegativeFd {
        /// The number that was given.
        fd: RawFd,
    },
    /// The kernel rejects more slots than the process may have open files (EINVAL), used or not.
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
    /// No slot has an fd that could become ready, and the timeout is infinite: the wait would never end.
    #[error("would wait indefinitely: no fd is set, or all are paused, and the timeout is infinite")]
    NothingToWaitFor,
    /// A signal handler ran before anything was ready (EINTR).
    #[error("interrupted by a signal before anything was ready: call again, or use `wait`")]
    Interrupted,
    /// This system does not support the feature.
    #[error("{what} is not supported by this system's poll")]
    Unsupported {
        /// The name of the feature.
        what: &'static str,
    },
    /// This system has no signal of that number.
    #[error("{number} is not a signal of this system")]
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

    /// Returns the error that `errno` means after `call` was given `count` slots.
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

/// Returns what to do about an errno.
fn advice(call: &str, code: i32) -> &'static str {
    match (call, code) {
        // A sandbox: the call itself has no such error.
        ("ppoll", ENOSYS | EOPNOTSUPP | EPERM) => "; allow ppoll(2), or wait without a signal mask",
        _ => "",
    }
}

/// Returns the `errno` of the calling thread.
#[cold]
pub(crate) fn errno() -> i32 {
    io::Error::last_os_error().raw_os_error().unwrap_or_default()
}

/// The [kind](io::Error::kind) is that of the error number; the text and the error itself
/// ([`get_ref`](io::Error::get_ref)) stay.
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
    fn einval_is_too_many_slots_only_past_the_limit() {
        let Some(limit) = max_open_files() else {
            eprintln!("skipped: EINVAL past the limit: there is no limit");
            return;
        };
        let at = |count| Error::from_errno("poll", EINVAL, count);
        assert_eq!(at(limit + 1), Error::TooManySlots { count: limit + 1, limit });
        assert_eq!(at(limit), Error::Os { call: "poll", code: EINVAL }, "something else was wrong");
        let other = Error::from_errno("ppoll", iomux_sys::errno::ENOMEM, limit + 1);
        assert_eq!(other, Error::Os { call: "ppoll", code: iomux_sys::errno::ENOMEM });
        assert_eq!(Error::from_errno("poll", EINTR, limit + 1), Error::Interrupted);
    }
}
