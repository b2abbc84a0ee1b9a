//! `<sys/eventfd.h>` of Linux and Android.

use core::ffi::c_int;

const SPARC: bool = cfg!(any(target_arch = "sparc", target_arch = "sparc64"));
const MIPS: bool = cfg!(any(
    target_arch = "mips",
    target_arch = "mips32r6",
    target_arch = "mips64",
    target_arch = "mips64r6",
));

pub(super) const SEMAPHORE: c_int = 0x1;
pub(super) const CLOEXEC: c_int = if SPARC { 0x40_0000 } else { 0x8_0000 };
pub(super) const NONBLOCK: c_int = if SPARC {
    0x4000
} else if MIPS {
    0x80
} else {
    0x800
};
