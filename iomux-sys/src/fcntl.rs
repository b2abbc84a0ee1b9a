//! `<fcntl.h>`: close-on-exec, which kqueue(2) does not set, `O_NONBLOCK`, and the access mode of an fd.

pub use libc::{
    F_GETFD, F_GETFL, F_SETFD, F_SETFL, FD_CLOEXEC, O_ACCMODE, O_CLOEXEC, O_NONBLOCK, O_WRONLY, fcntl,
};
