//! What can go wrong, each with what the caller needs to mend it.

use crate::mode::Mode;
use iomux_sys::errno::{
    EBADF, EEXIST, EINTR, EINVAL, ELOOP, EMFILE, ENOENT, ENOSPC, ENOSYS, EOPNOTSUPP, EPERM,
};
use std::io;
use std::os::fd::RawFd;

/// Why a call failed. Whatever it is, no registration was changed or lost, but for one that was to be
/// deregistered.
///
/// `From<Error>` for [`io::Error`] lets `?` work in a function that returns [`io::Result`], and keeps the text with the
/// call and the advice. [`raw_os_error`](Self::raw_os_error) is the number.
///
/// ```
/// use iomux_backend::{Error, Events, Multiplexer, Poll, Timeout};
///
/// let mut poll = Poll::new();
/// let error = poll.wait(&mut Events::with_capacity(0), Timeout::Nowait).unwrap_err();
/// assert_eq!(error, Error::NoRoomForEvents);
/// assert_eq!(error.to_string(), "the buffer has no room for an event: use Events::with_capacity(1) or more");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The fd is registered already.
    #[error("fd {fd} is registered already: use `modify` to change what is asked of it")]
    AlreadyRegistered {
        /// The fd's number.
        fd: RawFd,
    },
    /// The fd is not registered.
    #[error("fd {fd} is not registered: use `register` first")]
    NotRegistered {
        /// The fd's number.
        fd: RawFd,
    },
    /// That is watched already (what only kqueue waits for).
    #[error("that is watched already: use `unwatch` first")]
    AlreadyWatched,
    /// That is not watched, or was reported once and for all.
    #[error("that is not watched")]
    NotWatched,
    /// There is no source under that key: it was removed, or is another reactor's, or the key is a waker's.
    #[error("no source under that key: it was removed, or the key is a waker's or another reactor's")]
    NoSuchKey,
    /// A negative number is no fd.
    #[error("{fd} is no fd that can be multiplexed")]
    NegativeFd {
        /// The number given.
        fd: RawFd,
    },
    /// The mechanism does not take files of that kind: regular files and directories above all, which
    /// are always ready.
    #[error("fd {fd} is a file that {backend} does not take: it is always ready, so read it without waiting")]
    NotPollable {
        /// The fd's number.
        fd: RawFd,
        /// The backend's name.
        backend: &'static str,
    },
    /// The fd is that of an epoll, and epolls would wait for each other in a circle, or be nested more than five deep.
    #[error(
        "fd {fd} is an epoll that can't be registered here: \
         epolls would wait for each other in a circle, or be nested more than five deep"
    )]
    NestedTooDeep {
        /// The fd's number.
        fd: RawFd,
    },
    /// The backend has no such mode ([`Capabilities`](crate::Capabilities) say which it has).
    #[error("{backend} has no mode {mode:?}: take Mode::Level, which all have, or another backend")]
    UnsupportedMode {
        /// What was asked for.
        mode: Mode,
        /// The backend's name.
        backend: &'static str,
    },
    /// The backend can't do that.
    #[error("{what} is not supported by {backend}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// The backend's name.
        backend: &'static str,
    },
    /// The buffer for events holds none at all.
    #[error("the buffer has no room for an event: use Events::with_capacity(1) or more")]
    NoRoomForEvents,
    /// Nothing is registered, or all of it has been disarmed, there is no waker, and the timeout is
    /// infinite: nothing could ever end that wait. A kernel that disarms by itself does not tell: over epoll and kqueue
    /// a wait for one-shots that are all spent does not end.
    #[error(
        "would wait for ever: nothing is armed, and the timeout is infinite; register a source or a waker first"
    )]
    NothingToWaitFor,
    /// A signal handler has run, or the process was stopped and continues
    /// ([`wait_masked`](crate::Multiplexer::wait_masked) only).
    #[error("interrupted: a signal handler has run, or the process was stopped and continues")]
    Interrupted,
    /// No memory for another registration.
    #[error("no memory for another registration")]
    OutOfMemory,
    /// The kernel refuses to wait for more fds than the process may have open (EINVAL).
    #[error(
        "can't wait for {count} sources: the open-files limit (RLIMIT_NOFILE) is {limit}; \
         deregister some, or raise the limit"
    )]
    TooManySources {
        /// The number of what is registered, wakers included.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// Any other answer of the kernel.
    #[error("{call}: {}{}", io::Error::from_raw_os_error(*.code), advice(.call, *.code))]
    Os {
        /// The C name of the call.
        call: &'static str,
        /// What it left in `errno`.
        code: i32,
    },
}

impl Error {
    /// Returns the error number that the kernel has for this error, or `None` if it has none.
    ///
    /// `AlreadyRegistered` is EEXIST, `NotRegistered` is ENOENT, `NotPollable` is EPERM and `NestedTooDeep` is ELOOP for every backend.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Self::AlreadyRegistered { .. } => Some(EEXIST),
            Self::NotRegistered { .. } => Some(ENOENT),
            Self::NotPollable { .. } => Some(EPERM),
            Self::NestedTooDeep { .. } => Some(ELOOP),
            Self::Interrupted => Some(EINTR),
            Self::TooManySources { .. } => Some(EINVAL),
            Self::Os { code, .. } => Some(*code),
            _ => None,
        }
    }
}

/// An error of [`iomux::wait_with`] and of poll(2), in the words of this crate.
impl From<iomux::Error> for Error {
    #[cold]
    fn from(error: iomux::Error) -> Self {
        match error {
            iomux::Error::NegativeFd { fd } => Self::NegativeFd { fd },
            iomux::Error::Unsupported { what } => Self::Unsupported { what, backend: "poll" },
            iomux::Error::NothingToWaitFor => Self::NothingToWaitFor,
            iomux::Error::Interrupted => Self::Interrupted,
            iomux::Error::OutOfMemory { .. } => Self::OutOfMemory,
            iomux::Error::TooManySlots { count, limit } => Self::TooManySources { count, limit },
            iomux::Error::Os { call, code } => Self::Os { call, code },
            other => Self::Os { call: "poll", code: other.raw_os_error().unwrap_or_default() },
        }
    }
}

/// What to do about an answer of the kernel.
fn advice(call: &str, code: i32) -> &'static str {
    match (call, code) {
        (_, EMFILE) => "; close some, or raise the limit (RLIMIT_NOFILE)",
        (_, EBADF) => "; keep a source open for as long as it is registered",
        // A sandbox: the call itself has no such error.
        ("ppoll", ENOSYS | EOPNOTSUPP | EPERM) => "; allow ppoll(2), or wait without a signal mask",
        ("epoll_ctl", EINVAL) => "; an epoll can't wait for itself, nor too many nested epolls for one file",
        ("epoll_ctl", ENOSPC) => "; raise the user's limit of watches (fs.epoll.max_user_watches)",
        _ => "",
    }
}

/// The [kind](io::Error::kind) is that of the error number; the text, with the call and the advice, and the error itself
/// ([`get_ref`](io::Error::get_ref)) stay.
impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error {
            Error::Interrupted => io::ErrorKind::Interrupted,
            Error::Os { code, .. } => Self::from_raw_os_error(code).kind(),
            Error::AlreadyRegistered { .. } | Error::AlreadyWatched => io::ErrorKind::AlreadyExists,
            Error::NotRegistered { .. } | Error::NotWatched | Error::NoSuchKey => io::ErrorKind::NotFound,
            Error::NotPollable { .. } | Error::UnsupportedMode { .. } | Error::Unsupported { .. } => {
                io::ErrorKind::Unsupported
            }
            Error::OutOfMemory => io::ErrorKind::OutOfMemory,
            Error::NegativeFd { .. }
            | Error::NestedTooDeep { .. }
            | Error::NoRoomForEvents
            | Error::NothingToWaitFor
            | Error::TooManySources { .. } => io::ErrorKind::InvalidInput,
        };
        Self::new(kind, error)
    }
}
