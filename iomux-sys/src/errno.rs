//! `<errno.h>`: the error numbers that a multiplexer distinguishes.

pub use libc::{
    EAGAIN, EBADF, EEXIST, EFAULT, EINTR, EINVAL, ELOOP, EMFILE, ENFILE, ENODEV, ENOENT, ENOMEM, ENOSPC,
    ENOSYS, ENOTSUP, ENOTTY, ENXIO, EOPNOTSUPP, EPERM, EPIPE, ESRCH,
};
