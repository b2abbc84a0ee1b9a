//! `<sys/event.h>`: kqueue(2), kevent(2).
#![cfg(any(
    target_vendor = "apple",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    all(target_os = "linux", iomux_libkqueue),
))]

#[cfg(not(target_os = "linux"))]
#[macro_use]
mod macros;

#[cfg(target_vendor = "apple")]
mod apple;
#[cfg(target_vendor = "apple")]
use apple as system;
#[cfg(target_os = "dragonfly")]
mod dragonfly;
#[cfg(target_os = "dragonfly")]
use dragonfly as system;
#[cfg(target_os = "freebsd")]
mod freebsd;
#[cfg(target_os = "freebsd")]
use freebsd as system;
#[cfg(all(target_os = "linux", iomux_libkqueue))]
mod libkqueue;
#[cfg(all(target_os = "linux", iomux_libkqueue))]
use libkqueue as system;
#[cfg(target_os = "netbsd")]
mod netbsd;
#[cfg(target_os = "netbsd")]
use netbsd as system;
#[cfg(target_os = "openbsd")]
mod openbsd;
#[cfg(target_os = "openbsd")]
use openbsd as system;

// A star import: the file of a platform is its header, and a macro declares most of its names.
pub use system::*;

#[cfg(not(target_os = "linux"))]
use libc as symbol;
#[cfg(target_os = "linux")]
use libkqueue::symbol;

use crate::time::timespec;
use core::ffi::{c_int, c_void};
pub use symbol::kqueue;

// No test compares libkqueue's header, because it is not part of a platform.
#[cfg(not(target_os = "linux"))]
pub(crate) const HEADER: crate::table::Header = crate::table::Header {
    includes: &["sys/types.h", "sys/event.h"],
    guard: None,
    constants: CONSTANTS,
    structs: STRUCTS,
};

/// Returns a change, `EV_SET`. Fields without a parameter are 0.
#[must_use]
pub const fn EV_SET(
    ident: usize,
    filter: filter_t,
    flags: flags_t,
    fflags: u32,
    data: data_t,
    udata: *mut c_void,
) -> kevent {
    kevent {
        ident,
        filter,
        flags,
        fflags,
        data,
        udata,
        #[cfg(target_os = "freebsd")]
        ext: [0; 4],
    }
}

/// Applies `nchanges` changes, then waits for up to `nevents` events, kevent(2).
///
/// A null `timeout` is infinite.
///
/// # Safety
/// - `changelist` points to `nchanges` changes that nothing writes during the call.
/// - `eventlist` points to room for `nevents` events that nothing else uses during the call. It may be the same array
///   as `changelist`.
/// - `timeout` is null or points to a timespec.
#[inline]
pub unsafe fn kevent(
    kq: c_int,
    changelist: *const kevent,
    nchanges: nevents_t,
    eventlist: *mut kevent,
    nevents: nevents_t,
    timeout: *const timespec,
) -> c_int {
    // SAFETY: the caller guarantees the pointers. The layout is that of the symbol, as asserted next to the struct.
    unsafe { symbol::kevent(kq, changelist.cast(), nchanges, eventlist.cast(), nevents, timeout) }
}
