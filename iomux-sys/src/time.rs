//! `<time.h>`: the timespec that ppoll(2) and kevent(2) take.

/// `struct timespec` of libc, whose size depends on `time_t`.
pub use libc::timespec;
