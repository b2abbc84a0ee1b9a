//! `<kqueue/sys/event.h>` of libkqueue 2.6 and later: kqueue(2) in user space, on Linux.
//!
//! For who has no BSD at hand: with `--cfg iomux_libkqueue`, and the library where the linker looks for it.

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

/// `EVFILT_READ`: there is data to read.
pub const EVFILT_READ: filter_t = -1;
/// `EVFILT_WRITE`: writing is possible.
pub const EVFILT_WRITE: filter_t = -2;
/// `EVFILT_VNODE`: a file changed.
pub const EVFILT_VNODE: filter_t = -4;
/// `EVFILT_PROC`: a process changed.
pub const EVFILT_PROC: filter_t = -5;
/// `EVFILT_SIGNAL`: a signal was sent to this process.
pub const EVFILT_SIGNAL: filter_t = -6;
/// `EVFILT_TIMER`: a time has passed.
pub const EVFILT_TIMER: filter_t = -7;
/// `EVFILT_USER`: the program itself said so.
pub const EVFILT_USER: filter_t = -11;

/// `EV_ADD`: adds the event to the queue, enabled.
pub const EV_ADD: flags_t = 0x1;
/// `EV_DELETE`: removes the event.
pub const EV_DELETE: flags_t = 0x2;
/// `EV_ENABLE`: lets the event be reported again.
pub const EV_ENABLE: flags_t = 0x4;
/// `EV_DISABLE`: keeps the event, and does not report it.
pub const EV_DISABLE: flags_t = 0x8;
/// `EV_ONESHOT`: reported once, then removed.
pub const EV_ONESHOT: flags_t = 0x10;
/// `EV_CLEAR`: edge-triggered: the state is reset after it was reported.
pub const EV_CLEAR: flags_t = 0x20;
/// `EV_RECEIPT`: answers the change with an `EV_ERROR` whose data is 0 on success.
pub const EV_RECEIPT: flags_t = 0x40;
/// `EV_DISPATCH`: reported once, then disabled.
pub const EV_DISPATCH: flags_t = 0x80;
/// `EV_FLAG1`: belongs to the filter.
pub const EV_FLAG1: flags_t = 0x2000;
/// `EV_ERROR`: an error, whose number is in the data; a bit, beside others.
pub const EV_ERROR: flags_t = 0x4000;
/// `EV_EOF`: the other end is gone.
pub const EV_EOF: flags_t = 0x8000;
/// `EV_SYSFLAGS`: the bits that belong to the system.
pub const EV_SYSFLAGS: flags_t = 0xf000;

/// `NOTE_DELETE`: the file was unlinked (VNODE).
pub const NOTE_DELETE: u32 = 0x1;
/// `NOTE_WRITE`: the file was written (VNODE).
pub const NOTE_WRITE: u32 = 0x2;
/// `NOTE_EXTEND`: the file grew (VNODE).
pub const NOTE_EXTEND: u32 = 0x4;
/// `NOTE_ATTRIB`: the attributes changed (VNODE).
pub const NOTE_ATTRIB: u32 = 0x8;
/// `NOTE_LINK`: the number of links changed (VNODE).
pub const NOTE_LINK: u32 = 0x10;
/// `NOTE_RENAME`: the file was renamed (VNODE).
pub const NOTE_RENAME: u32 = 0x20;
/// `NOTE_EXIT`: the process exited (PROC).
pub const NOTE_EXIT: u32 = 0x8000_0000;
/// `NOTE_TRIGGER`: makes the event ready (USER).
pub const NOTE_TRIGGER: u32 = 0x100_0000;
/// `NOTE_SECONDS`: the data is in s (TIMER).
pub const NOTE_SECONDS: u32 = 0x1;
/// `NOTE_USECONDS`: the data is in µs (TIMER).
pub const NOTE_USECONDS: u32 = 0x2;
/// `NOTE_NSECONDS`: the data is in ns; without a unit it is in ms (TIMER).
pub const NOTE_NSECONDS: u32 = 0x4;
/// `NOTE_ABSOLUTE`: the data is a point in time (TIMER).
pub const NOTE_ABSOLUTE: u32 = 0x8;

pub(super) mod symbol {
    use super::{c_int, kevent as event, nevents_t};
    use crate::time::timespec;

    // SAFETY: as the library's header declares them.
    #[link(name = "kqueue")]
    unsafe extern "C" {
        /// kqueue(2): a new queue.
        ///
        /// # Safety
        /// It takes nothing; it is `unsafe` as every foreign function.
        pub fn kqueue() -> c_int;
        pub(crate) fn kevent(
            kq: c_int,
            changelist: *const event,
            nchanges: nevents_t,
            eventlist: *mut event,
            nevents: nevents_t,
            timeout: *const timespec,
        ) -> c_int;
    }
}
