//! ppoll(2), which `<poll.h>` of illumos and Solaris declares and libc does not.

use super::nfds_t;
use core::ffi::c_int;
use libc::{pollfd, sigset_t, timespec};

// SAFETY: as their <poll.h> declares it. There is one symbol: Rust's targets there are 64-bit only, so
// there is one size of `time_t`.
unsafe extern "C" {
    pub(super) fn ppoll(
        fds: *mut pollfd,
        nfds: nfds_t,
        timeout: *const timespec,
        mask: *const sigset_t,
    ) -> c_int;
}
