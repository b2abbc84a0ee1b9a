//! `<time.h>`: the timespec that ppoll(2) and kevent(2) take.

/// libc's own: its size follows that of the system's `time_t`.
pub use libc::timespec;
