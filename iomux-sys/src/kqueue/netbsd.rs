//! `<sys/event.h>` of NetBSD: kqueue(2), kevent(2).
//!
//! `kevent` of NetBSD 6 to 10: the struct goes with the symbol that libc links to, `__kevent50`, which
//! every later release keeps. The newest header has `ext` in it, and goes with `__kevent100`.

use crate::table::Struct;
use core::ffi::c_void;

/// The type of a filter here; not a C name.
pub type filter_t = u32;
/// The type of the flags here; not a C name.
pub type flags_t = u32;
/// The type of the data here; not a C name.
pub type data_t = i64;
/// The type of a number of changes or events here; not a C name.
pub type nevents_t = usize;

/// `struct kevent`: a change to the queue, or an event out of it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct kevent {
    /// What is watched: an fd, a signal, a process, a timer's number, as the filter says.
    pub ident: usize,
    /// One of `EVFILT_*`.
    pub filter: filter_t,
    /// A union of `EV_*`.
    pub flags: flags_t,
    /// A union of `NOTE_*`, as the filter says.
    pub fflags: u32,
    /// As the filter says; the number of bytes for READ and WRITE.
    pub data: data_t,
    /// The caller's own.
    pub udata: *mut c_void,
}
layout_as_in_libc!(kevent {
    ident = ident, filter = filter, flags = flags, fflags = fflags, data = data, udata = udata
});

kqueue_constants! {
    as in libc {
        /// `EVFILT_READ`: there is data to read.
        EVFILT_READ: filter_t = 0;
        /// `EVFILT_WRITE`: writing is possible.
        EVFILT_WRITE: filter_t = 1;
        /// `EVFILT_AIO`: an asynchronous read or write is done.
        EVFILT_AIO: filter_t = 2;
        /// `EVFILT_VNODE`: a file changed.
        EVFILT_VNODE: filter_t = 3;
        /// `EVFILT_PROC`: a process changed.
        EVFILT_PROC: filter_t = 4;
        /// `EVFILT_SIGNAL`: a signal was sent to this process.
        EVFILT_SIGNAL: filter_t = 5;
        /// `EVFILT_TIMER`: a time has passed.
        EVFILT_TIMER: filter_t = 6;
        /// `EVFILT_FS`: a file system changed.
        EVFILT_FS: filter_t = 7;
        /// `EVFILT_USER`: the program itself said so; since NetBSD 10.
        EVFILT_USER: filter_t = 8;
        /// `EVFILT_EMPTY`: all that was written has been sent; since NetBSD 10.
        EVFILT_EMPTY: filter_t = 9;
        /// `EV_SYSFLAGS`: the bits that belong to the system.
        EV_SYSFLAGS: flags_t = 0xf000;
        /// `NOTE_PCTRLMASK`: the bits that are no data (PROC).
        NOTE_PCTRLMASK: u32 = 0xf000_0000;
        /// `NOTE_MSECONDS`: the data is in ms (TIMER).
        NOTE_MSECONDS: u32 = 0x0;
        /// `NOTE_SECONDS`: the data is in s (TIMER).
        NOTE_SECONDS: u32 = 0x1;
        /// `NOTE_USECONDS`: the data is in µs (TIMER).
        NOTE_USECONDS: u32 = 0x2;
        /// `NOTE_NSECONDS`: the data is in ns (TIMER).
        NOTE_NSECONDS: u32 = 0x3;
        /// `NOTE_ABSTIME`: the data is a point in time (TIMER).
        NOTE_ABSTIME: u32 = 0x10;
    }
    not in libc {
        /// `NOTE_OPEN`: the file was opened (VNODE).
        NOTE_OPEN: u32 = 0x80;
        /// `NOTE_CLOSE`: the file was closed, not having been writable (VNODE).
        NOTE_CLOSE: u32 = 0x100;
        /// `NOTE_CLOSE_WRITE`: the file was closed, having been writable (VNODE).
        NOTE_CLOSE_WRITE: u32 = 0x200;
        /// `NOTE_READ`: the file was read (VNODE).
        NOTE_READ: u32 = 0x400;
    }
}

/// kqueue1(2): kqueue(2) with `O_CLOEXEC` and `O_NONBLOCK`.
pub use libc::kqueue1;

/// Not `kevent`: the newest header describes the struct of another symbol.
pub(crate) const STRUCTS: &[Struct] = &[];
