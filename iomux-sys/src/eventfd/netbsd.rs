//! `<sys/eventfd.h>` of NetBSD: eventfd(2), a counter to wait for, since 10.

use core::ffi::c_int;
pub use libc::eventfd;

constants! {
    as in libc {
        /// `EFD_SEMAPHORE`: a read takes 1, not all.
        EFD_SEMAPHORE: c_int = 0x2;
        /// `EFD_CLOEXEC`: sets close-on-exec.
        EFD_CLOEXEC: c_int = 0x40_0000;
        /// `EFD_NONBLOCK`: sets non-blocking.
        EFD_NONBLOCK: c_int = 0x4;
    }
    not in libc {}
}

#[doc(hidden)]
pub const HEADER: crate::table::Header =
    crate::table::Header { includes: &["sys/eventfd.h"], guard: None, constants: CONSTANTS, structs: &[] };
