//! `<fcntl.h>`: close-on-exec, which kqueue(2) does not set, and non-blocking.

pub use libc::{F_GETFD, F_GETFL, F_SETFD, F_SETFL, FD_CLOEXEC, O_CLOEXEC, O_NONBLOCK, fcntl};
