//! The errors of multiplexers and reactors. Each message says what failed and what to do.

use crate::mode::Mode;
use iomux_sys::errno::{
    EBADF, EEXIST, EINTR, EINVAL, ELOOP, EMFILE, ENFILE, ENOENT, ENOSPC, ENOSYS, EOPNOTSUPP, EPERM,
};
use std::io;
use std::os::fd::RawFd;

/// The error of a multiplexer or a reactor.
///
/// After an error no registration is changed or lost, except that a failed `deregister` may remove it.
///
/// `From<Error>` for [`io::Error`] lets `?` work in a function that returns [`io::Result`]. The message stays the same,
/// with the system call and the advice. If `main` returns the error, Rust prints its `Debug` form, without the
/// advice. [`raw_os_error`](Self::raw_os_error) returns the error number.
///
/// # Examples
/// ```
/// use iomux_backend::{Error, Interest, Mode, Multiplexer, Poll, Token};
/// use std::os::fd::AsFd;
///
/// let (reader, _writer) = std::io::pipe()?;
/// let mut poll = Poll::new();
/// let error = poll.register(reader.as_fd(), Token(1), Interest::READABLE, Mode::Edge).unwrap_err();
/// assert_eq!(error, Error::UnsupportedMode { mode: Mode::Edge, backend: "poll" });
/// assert_eq!(error.to_string(), "poll does not support Mode::Edge: use Mode::Level or another backend");
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The fd is already registered.
    #[error("fd {fd} is already registered: use `modify` to change its interest")]
    AlreadyRegistered {
        /// The number of the fd.
        fd: RawFd,
    },
    /// The fd is not registered.
    #[error("fd {fd} is not registered")]
    NotRegistered {
        /// The number of the fd.
        fd: RawFd,
    },
    /// The timer, signal, process, file or trigger is already watched (kqueue only).
    #[error("already watched: use `unwatch` first, or another id")]
    AlreadyWatched,
    /// The timer, signal, process, file or trigger is not watched, or is no longer watched after its only event.
    #[error("not watched: it was never added, or its only event was reported; use a `watch_*` method first")]
    NotWatched,
    /// No source of the reactor has the key: the source was removed, or the key belongs to a waker or to another reactor.
    #[error("no source has this key: the source was removed, or the key is a waker's or another reactor's")]
    NoSuchKey,
    /// The number of the fd is negative.
    #[error("invalid fd {fd}: must not be negative")]
    NegativeFd {
        /// The invalid number.
        fd: RawFd,
    },
    /// The mechanism does not accept this kind of file, such as a regular file or a directory.
    #[error("{backend} can't wait for fd {fd}: a file of this kind is always ready; read it without waiting")]
    NotPollable {
        /// The number of the fd.
        fd: RawFd,
        /// The name of the backend.
        backend: &'static str,
    },
    /// The fd is an epoll, and the epolls would wait for each other in a circle, or be nested more than five deep.
    #[error(
        "can't register the epoll fd {fd}: epolls would wait for each other in a circle, \
         or be nested more than five deep; register its sources here instead"
    )]
    NestedTooDeep {
        /// The number of the fd.
        fd: RawFd,
    },
    /// The backend does not support the mode: see [`Capabilities`](crate::Capabilities).
    #[error("{backend} does not support Mode::{mode:?}: use Mode::Level or another backend")]
    UnsupportedMode {
        /// The unsupported mode.
        mode: Mode,
        /// The name of the backend.
        backend: &'static str,
    },
    /// The backend does not support the call, the interest or the flag.
    #[error("{backend} does not support {what}{}", instead(.what))]
    Unsupported {
        /// What is not supported, optionally followed by a colon and what to use instead.
        what: &'static str,
        /// The name of the backend.
        backend: &'static str,
    },
    /// The buffer for events has a capacity of 0.
    #[error("the buffer for events has capacity 0: use Events::with_capacity(1) or more")]
    NoRoomForEvents,
    /// The timeout is infinite, and nothing could end the wait.
    ///
    /// Nothing is registered or everything is disarmed, and there is no waker. If the kernel disarms one-shot
    /// registrations by itself, as epoll and kqueue do, the backend can't detect it. Such a wait blocks indefinitely.
    #[error(
        "nothing could end this wait: nothing is armed and the timeout is infinite; register a source or a waker first"
    )]
    NothingToWaitFor,
    /// A signal handler has run, or the process was stopped and continued. Only
    /// [`wait_masked`](crate::Multiplexer::wait_masked) returns it.
    #[error("interrupted by a signal handler, or stopped and continued: handle the signal, and wait again")]
    Interrupted,
    /// There is no memory for another registration or timer.
    #[error("out of memory for another registration or timer")]
    OutOfMemory,
    /// The kernel rejects a wait for more fds than the process may have open (EINVAL).
    #[error(
        "can't wait for {count} sources: the open-files limit (RLIMIT_NOFILE) is {limit}; \
         deregister some, or raise the limit"
    )]
    TooManySources {
        /// The number of registered sources and wakers.
        count: usize,
        /// The open-files limit.
        limit: usize,
    },
    /// A system call failed with another error.
    #[error("{call}: {}{}", io::Error::from_raw_os_error(*.code), advice(.call, *.code))]
    Os {
        /// The C name of the call.
        call: &'static str,
        /// The value of `errno`.
        code: i32,
    },
}

impl Error {
    /// Returns the error number of the kernel, or `None` if the error did not come from the kernel.
    ///
    /// For every backend `AlreadyRegistered` is EEXIST, `NotRegistered` is ENOENT, `NotPollable` is EPERM, and
    /// `NestedTooDeep` is ELOOP.
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

/// Converts an error of [`iomux::wait_with`] or of poll(2).
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

/// Returns the advice for an unsupported feature, unless `what` contains its own.
fn instead(what: &str) -> &'static str {
    if what.contains(": ") { "" } else { ": use another backend" }
}

/// Returns what to do about an error number.
fn advice(call: &str, code: i32) -> &'static str {
    match (call, code) {
        (_, EMFILE) => "; close some fds, or raise the limit (RLIMIT_NOFILE, `ulimit -n`)",
        (_, ENFILE) => "; close some fds, or raise the system's limit (on Linux fs.file-max)",
        (_, EBADF) => "; keep a source open while it is registered",
        // Only a sandbox returns these errors: the call itself has none of them.
        ("ppoll", ENOSYS | EOPNOTSUPP | EPERM) => "; allow ppoll(2), or wait without a signal mask",
        ("epoll_ctl", EINVAL) => {
            "; an epoll can't wait for itself, and only a limited number of nested epolls can wait for one file"
        }
        ("epoll_ctl", ENOSPC) => "; raise the user's limit (sysctl fs.epoll.max_user_watches)",
        _ => "",
    }
}

/// Converts an error, and keeps its message.
///
/// The [kind](io::Error::kind) follows from the error number. [`get_ref`](io::Error::get_ref) returns the original.
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
