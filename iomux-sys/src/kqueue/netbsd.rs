//! `<sys/event.h>` of NetBSD: kqueue(2), kevent(2).
//!
//! The struct `kevent` is that of NetBSD 6 to 10. It belongs to the symbol that libc links to, `__kevent50`,
//! which every later release keeps. In the newest header, the struct has a field `ext`, and belongs to the symbol
//! `__kevent100`.

use crate::table::Struct;
use core::ffi::c_void;

/// The type of `kevent::filter`. C has no name for it.
pub type filter_t = u32;
/// The type of `kevent::flags`. C has no name for it.
pub type flags_t = u32;
/// The type of `kevent::data`. C has no name for it.
pub type data_t = i64;
/// The type of the number of changes or events. C has no name for it.
pub type nevents_t = usize;

/// `struct kevent`: a change to the queue, or an event from it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct kevent {
    /// The source: an fd, a signal, a process or the number of a timer, depending on the filter.
    pub ident: usize,
    /// One of `EVFILT_*`.
    pub filter: filter_t,
    /// A combination of `EV_*`.
    pub flags: flags_t,
    /// A combination of `NOTE_*` flags of the filter.
    pub fflags: u32,
    /// A value of the filter: for READ and WRITE, the number of bytes.
    pub data: data_t,
    /// A value of the caller, which the kernel returns unchanged.
    pub udata: *mut c_void,
}
layout_as_in_libc!(kevent {
    ident = ident, filter = filter, flags = flags, fflags = fflags, data = data, udata = udata
});

kqueue_constants! {
    as in libc {
        /// `EVFILT_READ`: there is data to read.
        EVFILT_READ: filter_t = 0;
        /// `EVFILT_WRITE`: writing would not block.
        EVFILT_WRITE: filter_t = 1;
        /// `EVFILT_AIO`: an asynchronous read or write has completed.
        EVFILT_AIO: filter_t = 2;
        /// `EVFILT_VNODE`: a file changed.
        EVFILT_VNODE: filter_t = 3;
        /// `EVFILT_PROC`: a process changed.
        EVFILT_PROC: filter_t = 4;
        /// `EVFILT_SIGNAL`: a signal was sent to this process.
        EVFILT_SIGNAL: filter_t = 5;
        /// `EVFILT_TIMER`: a timer has expired.
        EVFILT_TIMER: filter_t = 6;
        /// `EVFILT_FS`: a file system changed.
        EVFILT_FS: filter_t = 7;
        /// `EVFILT_USER`: the program triggered the event; since NetBSD 10.
        EVFILT_USER: filter_t = 8;
        /// `EVFILT_EMPTY`: the write buffer is empty; since NetBSD 10.
        EVFILT_EMPTY: filter_t = 9;
        /// `EV_SYSFLAGS`: the bits that are reserved for the kernel.
        EV_SYSFLAGS: flags_t = 0xf000;
        /// `NOTE_PCTRLMASK`: the bits that are not data (PROC).
        NOTE_PCTRLMASK: u32 = 0xf000_0000;
        /// `NOTE_MSECONDS`: the data is in ms (TIMER).
        NOTE_MSECONDS: u32 = 0x0;
        /// `NOTE_SECONDS`: the data is in seconds (TIMER).
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
        /// `NOTE_CLOSE`: an fd without write access was closed (VNODE).
        NOTE_CLOSE: u32 = 0x100;
        /// `NOTE_CLOSE_WRITE`: an fd with write access was closed (VNODE).
        NOTE_CLOSE_WRITE: u32 = 0x200;
        /// `NOTE_READ`: the file was read (VNODE).
        NOTE_READ: u32 = 0x400;
    }
}

/// Creates a queue, kqueue1(2): kqueue(2) with the flags `O_CLOEXEC` and `O_NONBLOCK`.
pub use libc::kqueue1;

/// `kevent` is missing here because the newest header has the struct of another symbol.
pub(crate) const STRUCTS: &[Struct] = &[];
