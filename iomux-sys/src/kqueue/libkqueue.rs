//! `<kqueue/sys/event.h>` of libkqueue 2.6 and later: kqueue(2) in user space, on Linux.
//!
//! For who has no BSD at hand: with `--cfg iomux_libkqueue`, and the library where the linker looks for it.

use crate::time::timespec;
use core::ffi::{c_int, c_void};

/// The type of a filter here; not a C name.
pub type filter_t = i16;
/// The type of the flags here; not a C name.
pub type flags_t = u16;
/// The type of the data here; not a C name.
pub type data_t = isize;
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
}

/// `EV_SET`: a change.
#[must_use]
pub const fn EV_SET(
    ident: usize,
    filter: filter_t,
    flags: flags_t,
    fflags: u32,
    data: data_t,
    udata: *mut c_void,
) -> kevent {
    kevent { ident, filter, flags, fflags, data, udata }
}

constants! {
    as in libc {}
    not in libc {
        /// `EVFILT_READ`: there is data to read.
        EVFILT_READ: filter_t = -1;
        /// `EVFILT_WRITE`: writing is possible.
        EVFILT_WRITE: filter_t = -2;
        /// `EVFILT_VNODE`: a file changed.
        EVFILT_VNODE: filter_t = -4;
        /// `EVFILT_PROC`: a process changed.
        EVFILT_PROC: filter_t = -5;
        /// `EVFILT_SIGNAL`: a signal was sent to this process.
        EVFILT_SIGNAL: filter_t = -6;
        /// `EVFILT_TIMER`: a time has passed.
        EVFILT_TIMER: filter_t = -7;
        /// `EVFILT_USER`: the program itself said so.
        EVFILT_USER: filter_t = -11;

        /// `EV_ADD`: adds the event to the queue, enabled.
        EV_ADD: flags_t = 0x1;
        /// `EV_DELETE`: removes the event.
        EV_DELETE: flags_t = 0x2;
        /// `EV_ENABLE`: lets the event be reported again.
        EV_ENABLE: flags_t = 0x4;
        /// `EV_DISABLE`: keeps the event, and does not report it.
        EV_DISABLE: flags_t = 0x8;
        /// `EV_ONESHOT`: reported once, then removed.
        EV_ONESHOT: flags_t = 0x10;
        /// `EV_CLEAR`: edge-triggered: the state is reset after it was reported.
        EV_CLEAR: flags_t = 0x20;
        /// `EV_RECEIPT`: answers the change with an `EV_ERROR` whose data is 0 on success.
        EV_RECEIPT: flags_t = 0x40;
        /// `EV_DISPATCH`: reported once, then disabled.
        EV_DISPATCH: flags_t = 0x80;
        /// `EV_FLAG1`: belongs to the filter.
        EV_FLAG1: flags_t = 0x2000;
        /// `EV_ERROR`: an error, whose number is in the data; a bit, beside others.
        EV_ERROR: flags_t = 0x4000;
        /// `EV_EOF`: the other end is gone.
        EV_EOF: flags_t = 0x8000;
        /// `EV_SYSFLAGS`: the bits that belong to the system.
        EV_SYSFLAGS: flags_t = 0xf000;

        /// `NOTE_DELETE`: the file was unlinked (VNODE).
        NOTE_DELETE: u32 = 0x1;
        /// `NOTE_WRITE`: the file was written (VNODE).
        NOTE_WRITE: u32 = 0x2;
        /// `NOTE_EXTEND`: the file grew (VNODE).
        NOTE_EXTEND: u32 = 0x4;
        /// `NOTE_ATTRIB`: the attributes changed (VNODE).
        NOTE_ATTRIB: u32 = 0x8;
        /// `NOTE_LINK`: the number of links changed (VNODE).
        NOTE_LINK: u32 = 0x10;
        /// `NOTE_RENAME`: the file was renamed (VNODE).
        NOTE_RENAME: u32 = 0x20;
        /// `NOTE_EXIT`: the process exited (PROC).
        NOTE_EXIT: u32 = 0x8000_0000;
        /// `NOTE_TRIGGER`: makes the event ready (USER).
        NOTE_TRIGGER: u32 = 0x100_0000;
        /// `NOTE_SECONDS`: the data is in s (TIMER).
        NOTE_SECONDS: u32 = 0x1;
        /// `NOTE_USECONDS`: the data is in µs (TIMER).
        NOTE_USECONDS: u32 = 0x2;
        /// `NOTE_NSECONDS`: the data is in ns; without a unit it is in ms (TIMER).
        NOTE_NSECONDS: u32 = 0x4;
        /// `NOTE_ABSOLUTE`: the data is a point in time (TIMER).
        NOTE_ABSOLUTE: u32 = 0x8;
    }
}

#[link(name = "kqueue")]
unsafe extern "C" {
    /// kqueue(2): a new queue.
    ///
    /// # Safety
    /// It takes nothing; it is `unsafe` as every foreign function.
    pub fn kqueue() -> c_int;

    /// kevent(2): applies `nchanges` changes, then waits for up to `nevents` events, or for `timeout`;
    /// a null one is for ever.
    ///
    /// # Safety
    /// `changelist` points to `nchanges` changes that nobody writes during the call, `eventlist` to room
    /// for `nevents` events that nobody else uses; the two may be the same array. `timeout` is null or
    /// points to a timespec.
    pub fn kevent(
        kq: c_int,
        changelist: *const kevent,
        nchanges: nevents_t,
        eventlist: *mut kevent,
        nevents: nevents_t,
        timeout: *const timespec,
    ) -> c_int;
}
