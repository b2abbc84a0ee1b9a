//! `<sys/event.h>` of DragonFly: kqueue(2), kevent(2).

use crate::table::Struct;
use core::ffi::{c_int, c_void};

/// The type of `kevent::filter`. C has no name for it.
pub type filter_t = i16;
/// The type of `kevent::flags`. C has no name for it.
pub type flags_t = u16;
/// The type of `kevent::data`. C has no name for it.
pub type data_t = isize;
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
}
layout_as_in_libc!(KEVENT: kevent { ident, filter, flags, fflags, data, udata });

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
        /// `EVFILT_EXCEPT`: there is an exceptional condition.
        EVFILT_EXCEPT: filter_t = -8;
        /// `EVFILT_USER`: the program triggered the event.
        EVFILT_USER: filter_t = -9;
        /// `EVFILT_FS`: a file system changed.
        EVFILT_FS: filter_t = -10;
        /// `EV_HUP`: both directions are closed.
        EV_HUP: flags_t = 0x800;
        /// `EV_NODATA`: end of file, and no data is left to read.
        EV_NODATA: flags_t = 0x1000;
        /// `EV_SYSFLAGS`: the bits that are reserved for the kernel.
        EV_SYSFLAGS: flags_t = 0xf800;
        /// `NOTE_OOB`: there is out-of-band data (EXCEPT).
        NOTE_OOB: u32 = 0x2;
        /// `NOTE_PCTRLMASK`: the bits that are not data (PROC).
        NOTE_PCTRLMASK: u32 = 0xf000_0000;
    }
    not in libc {}
}

pub(crate) const STRUCTS: &[Struct] = &[KEVENT];
