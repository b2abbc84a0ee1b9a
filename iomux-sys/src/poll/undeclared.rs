//! ppoll(2), which `<poll.h>` of illumos and Solaris declares and libc does not.

use super::nfds_t;
use core::ffi::c_int;
use libc::{pollfd, sigset_t, timespec};

// SAFETY: the declaration is that of their <poll.h>. Rust's targets for them are all 64-bit, so `time_t` has one size,
// and there is one symbol.
unsafe extern "C" {
    pub(super) fn ppoll(
        fds: *mut pollfd,
        nfds: nfds_t,
        timeout: *const timespec,
        mask: *const sigset_t,
    ) -> c_int;
}
