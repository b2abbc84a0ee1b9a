//! `<sys/event.h>` of FreeBSD: kqueue(2), kevent(2).
//!
//! The struct `kevent` is that of FreeBSD 12 and later, with `ext` and 64-bit data. It belongs to the symbol that
//! libc links to. From libc 0.2.177 on, that is the default symbol, `kevent@@FBSD_1.5`. A build of libc for FreeBSD
//! 11 links to `kevent@FBSD_1.0` with its shorter struct, and then the assertion below does not compile.

use crate::table::Struct;
use core::ffi::{c_int, c_void};

/// The type of `kevent::filter`. C has no name for it.
pub type filter_t = i16;
/// The type of `kevent::flags`. C has no name for it.
pub type flags_t = u16;
/// The type of `kevent::data`. C has no name for it.
pub type data_t = i64;
/// The type of the number of changes or events. C has no name for it.
pub type nevents_t = c_int;

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
    /// Further values of the filter.
    pub ext: [u64; 4],
}
layout_as_in_libc!(KEVENT: kevent { ident, filter, flags, fflags, data, udata, ext });

kqueue_constants! {
    as in libc {
        /// `EVFILT_READ`: there is data to read.
        EVFILT_READ: filter_t = -1;
        /// `EVFILT_WRITE`: writing would not block.
        EVFILT_WRITE: filter_t = -2;
        /// `EVFILT_AIO`: an asynchronous read or write has completed.
        EVFILT_AIO: filter_t = -3;
        /// `EVFILT_VNODE`: a file changed.
        EVFILT_VNODE: filter_t = -4;
        /// `EVFILT_PROC`: a process changed.
        EVFILT_PROC: filter_t = -5;
        /// `EVFILT_SIGNAL`: a signal was sent to this process.
        EVFILT_SIGNAL: filter_t = -6;
        /// `EVFILT_TIMER`: a timer has expired.
        EVFILT_TIMER: filter_t = -7;
        /// `EVFILT_PROCDESC`: a process changed, by its descriptor.
        EVFILT_PROCDESC: filter_t = -8;
        /// `EVFILT_FS`: a file system changed.
        EVFILT_FS: filter_t = -9;
        /// `EVFILT_LIO`: a list of asynchronous reads and writes has completed.
        EVFILT_LIO: filter_t = -10;
        /// `EVFILT_USER`: the program triggered the event.
        EVFILT_USER: filter_t = -11;
        /// `EVFILT_SENDFILE`: a sendfile(2) has completed; only the kernel uses it.
        EVFILT_SENDFILE: filter_t = -12;
        /// `EVFILT_EMPTY`: the write buffer is empty.
        EVFILT_EMPTY: filter_t = -13;
        /// `EV_FORCEONESHOT`: as `EV_ONESHOT`, and the event is ready immediately.
        EV_FORCEONESHOT: flags_t = 0x100;
        /// `EV_KEEPUDATA`: leaves `udata` unchanged.
        EV_KEEPUDATA: flags_t = 0x200;
        /// `EV_SYSFLAGS`: the bits that are reserved for the kernel.
        EV_SYSFLAGS: flags_t = 0xf000;
        /// `EV_DROP`: the kernel drops the event.
        EV_DROP: flags_t = 0x1000;
        /// `EV_FLAG2`: its meaning depends on the filter.
        EV_FLAG2: flags_t = 0x4000;
        /// `NOTE_FILE_POLL`: a file is also ready at its end, as in poll(2) (READ).
        NOTE_FILE_POLL: u32 = 0x2;
        /// `NOTE_OPEN`: the file was opened (VNODE).
        NOTE_OPEN: u32 = 0x80;
        /// `NOTE_CLOSE`: an fd without write access was closed (VNODE).
        NOTE_CLOSE: u32 = 0x100;
        /// `NOTE_CLOSE_WRITE`: an fd with write access was closed (VNODE).
        NOTE_CLOSE_WRITE: u32 = 0x200;
        /// `NOTE_READ`: the file was read (VNODE).
        NOTE_READ: u32 = 0x400;
        /// `NOTE_PCTRLMASK`: the bits that are not data (PROC).
        NOTE_PCTRLMASK: u32 = 0xf000_0000;
        /// `NOTE_SECONDS`: the data is in seconds (TIMER).
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
        /// `NOTE_JAIL_CHILD`: a child jail was created (JAIL).
        NOTE_JAIL_CHILD: u32 = 0x8000_0000;
        /// `NOTE_JAIL_SET`: the jail was modified (JAIL).
        NOTE_JAIL_SET: u32 = 0x4000_0000;
        /// `NOTE_JAIL_ATTACH`: a process entered the jail (JAIL).
        NOTE_JAIL_ATTACH: u32 = 0x2000_0000;
        /// `NOTE_JAIL_REMOVE`: the jail was removed (JAIL).
        NOTE_JAIL_REMOVE: u32 = 0x1000_0000;
        /// `NOTE_JAIL_MULTI`: several processes entered the jail, or several child jails were created (JAIL).
        NOTE_JAIL_MULTI: u32 = 0x800_0000;
        /// `NOTE_JAIL_CTRLMASK`: the bits that are not data (JAIL).
        NOTE_JAIL_CTRLMASK: u32 = 0xf000_0000;
    }
}

pub(crate) const STRUCTS: &[Struct] = &[KEVENT];
