//! `<poll.h>` of Linux, in any C library: poll(2), ppoll(2).

use core::ffi::{c_short, c_ulong};

/// `nfds_t`, the number of entries: `unsigned long`.
pub type nfds_t = c_ulong;
/// The largest number of entries that poll(2) accepts, because it returns an `int`.
pub const MAX_NFDS: usize = i32::MAX as usize;

const SPARC: bool = cfg!(any(target_arch = "sparc", target_arch = "sparc64"));
const XTENSA: bool = cfg!(target_arch = "xtensa");
/// Whether Linux uses the values of an older Unix on this architecture.
const OLD_UNIX: bool = cfg!(any(
    target_arch = "mips",
    target_arch = "mips32r6",
    target_arch = "mips64",
    target_arch = "mips64r6",
    target_arch = "m68k",
)) || SPARC
    || XTENSA;

poll_constants! {
    IN 0x1, PRI 0x2, OUT 0x4, ERR 0x8, HUP 0x10, NVAL 0x20, RDNORM 0x40, RDBAND 0x80,
    WRNORM if OLD_UNIX { 0x4 } else { 0x100 },
    WRBAND if OLD_UNIX { 0x100 } else { 0x200 },
    // For m68k, the kernel's <asm/poll.h> and glibc's <bits/poll.h> agree. libc has the values of other architectures.
    unless cfg!(target_arch = "m68k");
    as in libc {
        /// `POLLRDHUP`: the peer has closed its writing half.
        POLLRDHUP: c_short = if SPARC { 0x800 } else { 0x2000 };
    }
    not in libc {
        /// `POLLMSG`: no kind of file reports it.
        POLLMSG: c_short = if SPARC { 0x200 } else { 0x400 };
        /// `POLLREMOVE`: no kind of file reports it.
        POLLREMOVE: c_short = if SPARC { 0x400 } else if XTENSA { 0x800 } else { 0x1000 };
    }
}

/// [`POLLRDHUP`], where poll(2) has it.
pub const RDHUP: Option<c_short> = Some(POLLRDHUP);

ppoll!(ppoll, libc::ppoll);
