//! `<poll.h>` of Linux, in any C library: poll(2), ppoll(2).

use core::ffi::{c_short, c_ulong};

/// `nfds_t`, the number of entries: `unsigned long`.
pub type nfds_t = c_ulong;
/// The most entries that poll(2) takes: its answer is an `int`.
pub const MAX_NFDS: usize = i32::MAX as usize;

const SPARC: bool = cfg!(any(target_arch = "sparc", target_arch = "sparc64"));
const XTENSA: bool = cfg!(target_arch = "xtensa");
/// Where Linux took over the numbers of an older Unix.
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
    // The kernel's <asm/poll.h> and glibc's <bits/poll.h> for m68k agree; libc has the usual two.
    unless cfg!(target_arch = "m68k");
    as in libc {
        /// `POLLRDHUP`: the peer has closed its writing half.
        POLLRDHUP: c_short = if SPARC { 0x800 } else { 0x2000 };
    }
    not in libc {
        /// `POLLMSG`: no file ever reports it.
        POLLMSG: c_short = if SPARC { 0x200 } else { 0x400 };
        /// `POLLREMOVE`: no file ever reports it.
        POLLREMOVE: c_short = if SPARC { 0x400 } else if XTENSA { 0x800 } else { 0x1000 };
    }
}

/// The bit for "the peer has closed its writing half", where poll(2) has one.
pub const RDHUP: Option<c_short> = Some(POLLRDHUP);

ppoll!(ppoll, libc::ppoll);
