//! `<sys/event.h>` of FreeBSD: kqueue(2), kevent(2).
//!
//! `kevent` of FreeBSD 12 and later, with `ext` and 64-bit data. The struct goes with the symbol that
//! libc links to: from 0.2.177 on that is the default one, `kevent@@FBSD_1.5`. Told to build for
//! FreeBSD 11, libc takes `kevent@FBSD_1.0` and its shorter struct, and the assertion below stops it.

use crate::table::Struct;
use core::ffi::{c_int, c_void};

/// The type of a filter here; not a C name.
pub type filter_t = i16;
/// The type of the flags here; not a C name.
pub type flags_t = u16;
/// The type of the data here; not a C name.
pub type data_t = i64;
/// The type of a number of changes or events here; not a C name.
pub type nevents_t = c_int;

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
    /// Further data, as the filter says.
    pub ext: [u64; 4],
}
layout_as_in_libc!(KEVENT: kevent { ident, filter, flags, fflags, data, udata, ext });

kqueue_constants! {
    as in libc {
        /// `EVFILT_READ`: there is data to read.
        EVFILT_READ: filter_t = -1;
        /// `EVFILT_WRITE`: writing is possible.
        EVFILT_WRITE: filter_t = -2;
        /// `EVFILT_AIO`: an asynchronous read or write is done.
        EVFILT_AIO: filter_t = -3;
        /// `EVFILT_VNODE`: a file changed.
        EVFILT_VNODE: filter_t = -4;
        /// `EVFILT_PROC`: a process changed.
        EVFILT_PROC: filter_t = -5;
        /// `EVFILT_SIGNAL`: a signal was sent to this process.
        EVFILT_SIGNAL: filter_t = -6;
        /// `EVFILT_TIMER`: a time has passed.
        EVFILT_TIMER: filter_t = -7;
        /// `EVFILT_PROCDESC`: a process changed, by its descriptor.
        EVFILT_PROCDESC: filter_t = -8;
        /// `EVFILT_FS`: a file system changed.
        EVFILT_FS: filter_t = -9;
        /// `EVFILT_LIO`: a list of asynchronous reads and writes is done.
        EVFILT_LIO: filter_t = -10;
        /// `EVFILT_USER`: the program itself said so.
        EVFILT_USER: filter_t = -11;
        /// `EVFILT_SENDFILE`: a sendfile(2) is done; for the kernel.
        EVFILT_SENDFILE: filter_t = -12;
        /// `EVFILT_EMPTY`: all that was written has been sent.
        EVFILT_EMPTY: filter_t = -13;
        /// `EV_FORCEONESHOT`: `EV_ONESHOT`, and make it ready.
        EV_FORCEONESHOT: flags_t = 0x100;
        /// `EV_KEEPUDATA`: leaves udata as it is.
        EV_KEEPUDATA: flags_t = 0x200;
        /// `EV_SYSFLAGS`: the bits that belong to the system.
        EV_SYSFLAGS: flags_t = 0xf000;
        /// `EV_DROP`: the event is to be dropped.
        EV_DROP: flags_t = 0x1000;
        /// `EV_FLAG2`: belongs to the filter.
        EV_FLAG2: flags_t = 0x4000;
        /// `NOTE_FILE_POLL`: a file is ready at its end too, as in poll(2) (READ).
        NOTE_FILE_POLL: u32 = 0x2;
        /// `NOTE_OPEN`: the file was opened (VNODE).
        NOTE_OPEN: u32 = 0x80;
        /// `NOTE_CLOSE`: the file was closed, not having been writable (VNODE).
        NOTE_CLOSE: u32 = 0x100;
        /// `NOTE_CLOSE_WRITE`: the file was closed, having been writable (VNODE).
        NOTE_CLOSE_WRITE: u32 = 0x200;
        /// `NOTE_READ`: the file was read (VNODE).
        NOTE_READ: u32 = 0x400;
        /// `NOTE_PCTRLMASK`: the bits that are no data (PROC).
        NOTE_PCTRLMASK: u32 = 0xf000_0000;
        /// `NOTE_SECONDS`: the data is in s (TIMER).
        NOTE_SECONDS: u32 = 0x1;
        /// `NOTE_MSECONDS`: the data is in ms (TIMER).
        NOTE_MSECONDS: u32 = 0x2;
        /// `NOTE_USECONDS`: the data is in µs (TIMER).
        NOTE_USECONDS: u32 = 0x4;
        /// `NOTE_NSECONDS`: the data is in ns (TIMER).
        NOTE_NSECONDS: u32 = 0x8;
        /// `NOTE_ABSTIME`: the data is a point in time (TIMER).
        NOTE_ABSTIME: u32 = 0x10;
    }
    not in libc {
        /// `EVFILT_JAIL`: a jail changed; since FreeBSD 15.
        EVFILT_JAIL: filter_t = -14;
        /// `EVFILT_JAILDESC`: a jail changed, by its descriptor; since FreeBSD 15.
        EVFILT_JAILDESC: filter_t = -15;
        /// `NOTE_JAIL_CHILD`: a jail was made inside it (JAIL).
        NOTE_JAIL_CHILD: u32 = 0x8000_0000;
        /// `NOTE_JAIL_SET`: it was modified (JAIL).
        NOTE_JAIL_SET: u32 = 0x4000_0000;
        /// `NOTE_JAIL_ATTACH`: a process entered it (JAIL).
        NOTE_JAIL_ATTACH: u32 = 0x2000_0000;
        /// `NOTE_JAIL_REMOVE`: it was removed (JAIL).
        NOTE_JAIL_REMOVE: u32 = 0x1000_0000;
        /// `NOTE_JAIL_MULTI`: several entered it or were made inside it (JAIL).
        NOTE_JAIL_MULTI: u32 = 0x800_0000;
        /// `NOTE_JAIL_CTRLMASK`: the bits that are no data (JAIL).
        NOTE_JAIL_CTRLMASK: u32 = 0xf000_0000;
    }
}

pub(crate) const STRUCTS: &[Struct] = &[KEVENT];
