//! `<sys/eventfd.h>` of illumos.

use core::ffi::c_int;

pub(super) const SEMAPHORE: c_int = 0x1;
pub(super) const CLOEXEC: c_int = 0x8_0000;
pub(super) const NONBLOCK: c_int = 0x800;
