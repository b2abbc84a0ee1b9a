//! `<sys/eventfd.h>`: eventfd(2), a counter with an fd.
#![cfg(any(
    target_os = "android",
    target_os = "freebsd",
    target_os = "illumos",
    target_os = "linux",
    target_os = "netbsd",
))]

#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(target_os = "freebsd")]
use freebsd as system;
#[cfg(target_os = "illumos")]
mod illumos;
#[cfg(target_os = "illumos")]
use illumos as system;
#[cfg(any(target_os = "android", target_os = "linux"))]
mod linux;
#[cfg(any(target_os = "android", target_os = "linux"))]
use linux as system;
#[cfg(target_os = "netbsd")]
mod netbsd;
#[cfg(target_os = "netbsd")]
use netbsd as system;

use crate::table::Header;
use core::ffi::c_int;
pub use libc::eventfd;

constants! {
    as in libc {
        /// `EFD_SEMAPHORE`: a read decrements the counter by 1 instead of setting it to 0.
        EFD_SEMAPHORE: c_int = system::SEMAPHORE;
        /// `EFD_CLOEXEC`: sets close-on-exec.
        EFD_CLOEXEC: c_int = system::CLOEXEC;
        /// `EFD_NONBLOCK`: sets `O_NONBLOCK`.
        EFD_NONBLOCK: c_int = system::NONBLOCK;
    }
    not in libc {}
}

pub(crate) const HEADER: Header =
    Header { includes: &["sys/eventfd.h"], guard: None, constants: CONSTANTS, structs: &[] };
