//! `<sys/eventfd.h>` of Linux and Android: eventfd(2), a counter to wait for.

use core::ffi::c_int;
pub use libc::eventfd;

const SPARC: bool = cfg!(any(target_arch = "sparc", target_arch = "sparc64"));
const MIPS: bool = cfg!(any(
    target_arch = "mips",
    target_arch = "mips32r6",
    target_arch = "mips64",
    target_arch = "mips64r6",
));

constants! {
    as in libc {
        /// `EFD_SEMAPHORE`: a read takes 1, not all.
        EFD_SEMAPHORE: c_int = 0x1;
        /// `EFD_CLOEXEC`: sets close-on-exec.
        EFD_CLOEXEC: c_int = if SPARC { 0x40_0000 } else { 0x8_0000 };
        /// `EFD_NONBLOCK`: sets non-blocking.
        EFD_NONBLOCK: c_int = if SPARC { 0x4000 } else if MIPS { 0x80 } else { 0x800 };
    }
    not in libc {}
}

#[doc(hidden)]
pub const HEADER: crate::table::Header =
    crate::table::Header { includes: &["sys/eventfd.h"], guard: None, constants: CONSTANTS, structs: &[] };
