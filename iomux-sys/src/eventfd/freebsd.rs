//! `<sys/eventfd.h>` of FreeBSD, since 13.

use core::ffi::c_int;

pub(super) const SEMAPHORE: c_int = 0x1;
pub(super) const CLOEXEC: c_int = 0x10_0000;
pub(super) const NONBLOCK: c_int = 0x4;
