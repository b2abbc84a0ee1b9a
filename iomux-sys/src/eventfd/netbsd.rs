//! `<sys/eventfd.h>` of NetBSD, since 10.

use core::ffi::c_int;

pub(super) const SEMAPHORE: c_int = 0x2;
pub(super) const CLOEXEC: c_int = 0x40_0000;
pub(super) const NONBLOCK: c_int = 0x4;
