//! What can go wrong, each with what the caller needs to mend it.

use crate::limits::max_open_files;
use iomux_sys::errno::{EINTR, EINVAL};
use std::io;
use std::os::fd::RawFd;

/// Why a call of this crate failed. Whatever it is, no slot was changed; a wait that failed forgets what
/// was reported before.
///
/// `From<Error>` for [`io::Error`] lets `?` work in a function that returns [`io::Result`]. `Os` and
/// `Interrupted` keep their [`raw_os_error`](io::Error::raw_os_error) there, the others their text.
///
/// ```
/// use iomux::{Error, Slots};
///
/// let mut slots = Slots::with_capacity(4);
/// let error = slots.clear(4).unwrap_err();
/// assert_eq!(error, Error::IndexOutOfRange { index: 4, capacity: 4 });
/// assert_eq!(error.to_string(), "no slot 4: the table has 4 slots, counted from 0");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// There is no slot of that index.
    #[error("no slot {index}: the table has {capacity} slots, counted from 0")]
    IndexOutOfRange {
        /// The index asked for.
        index: usize,
        /// The number of slots that there are.
        capacity: usize,
    },
    /// More slots were to be polled than there are.
    #[error("can't poll the first {count} slots: the table has {capacity}")]
    CountOutOfRange {
        /// The number of slots asked for.
        count: usize,
        /// The number of slots that there are.
        capacity: usize,
    },
    /// The slot holds no fd whose interest could be changed.
    #[error("slot {index} is vacant: give it an fd with `set` first")]
    Vacant {
        /// The index of the vacant slot.
        index: usize,
    },
    /// A negative number is no fd; the kernel would ignore the slot in silence.
    #[error("{fd} is no fd that can be polled: to make a slot vacant, use `clear`")]
    NegativeFd {
        /// The number given.
        fd: RawFd,
    },
    /// The kernel refuses more slots than the process may have open files (EINVAL), used or not.
    #[error(
        "can't poll {count} slots: the open-files limit (RLIMIT_NOFILE) is {limit}; \
         use lower indices, or raise the limit"
    )]
    TooManySlots {
        /// The number of slots polled: that of the highest one in use, plus one.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// The table can't be made that large.
    #[error("no memory for a table of {capacity} slots")]
    OutOfMemory {
        /// The number of slots asked for.
        capacity: usize,
    },
    /// No fd is asked for anything and the timeout is infinite: nothing could ever end that wait.
    #[error("would wait for ever: no fd is set, or all are paused, and the timeout is infinite")]
    NothingToWaitFor,
    /// A signal handler ran before anything was ready (EINTR).
    #[error("interrupted by a signal before anything was ready: call again, or use `wait`")]
    Interrupted,
    /// This system can't do that.
    #[error("{what} is not supported by this system's poll")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
    },
    /// There is no signal of that number.
    #[error("{number} is no signal of this system")]
    NoSuchSignal {
        /// The number given.
        number: i32,
    },
    /// Any other answer of the kernel.
    #[error("{call}: {}", io::Error::from_raw_os_error(*.code))]
    Os {
        /// The C name of the call.
        call: &'static str,
        /// What it left in `errno`.
        code: i32,
    },
}

impl Error {
    /// What the kernel left in `errno`, if it was asked at all.
    ///
    /// ```
    /// use iomux::{Error, Slots};
    ///
    /// let error = Slots::with_capacity(1).clear(1).unwrap_err();
    /// assert_eq!(error.raw_os_error(), None, "found before any system call");
    /// ```
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::Interrupted => Some(EINTR),
            Self::TooManySlots { .. } => Some(EINVAL),
            Self::Os { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// What `errno` means after `call` was given `count` slots.
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

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Interrupted => return Self::from_raw_os_error(EINTR),
            Error::Os { code, .. } => return Self::from_raw_os_error(code),
            Error::Unsupported { .. } => io::ErrorKind::Unsupported,
            Error::OutOfMemory { .. } => io::ErrorKind::OutOfMemory,
            Error::IndexOutOfRange { .. }
            | Error::CountOutOfRange { .. }
            | Error::Vacant { .. }
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
