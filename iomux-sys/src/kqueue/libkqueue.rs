//! `<kqueue/sys/event.h>` of libkqueue 2.6 and later: kqueue(2) in user space, on Linux.
//!
//! It lets developers without a BSD test kqueue code. It needs `--cfg iomux_libkqueue`, and a library that the linker
//! finds.

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

/// `EVFILT_READ`: there is data to read.
pub const EVFILT_READ: filter_t = -1;
/// `EVFILT_WRITE`: writing would not block.
pub const EVFILT_WRITE: filter_t = -2;
/// `EVFILT_VNODE`: a file changed.
pub const EVFILT_VNODE: filter_t = -4;
/// `EVFILT_PROC`: a process changed.
pub const EVFILT_PROC: filter_t = -5;
/// `EVFILT_SIGNAL`: a signal was sent to this process.
pub const EVFILT_SIGNAL: filter_t = -6;
/// `EVFILT_TIMER`: a timer has expired.
pub const EVFILT_TIMER: filter_t = -7;
/// `EVFILT_USER`: the program triggered the event.
pub const EVFILT_USER: filter_t = -11;

/// `EV_ADD`: adds the event to the queue, enabled.
pub const EV_ADD: flags_t = 0x1;
/// `EV_DELETE`: removes the event.
pub const EV_DELETE: flags_t = 0x2;
/// `EV_ENABLE`: enables the event again.
pub const EV_ENABLE: flags_t = 0x4;
/// `EV_DISABLE`: disables the event without removing it.
pub const EV_DISABLE: flags_t = 0x8;
/// `EV_ONESHOT`: removes the event after its first report.
pub const EV_ONESHOT: flags_t = 0x10;
/// `EV_CLEAR`: makes the event edge-triggered, by resetting its state after each report.
pub const EV_CLEAR: flags_t = 0x20;
/// `EV_RECEIPT`: returns an `EV_ERROR` event for the change, whose data is 0 on success.
pub const EV_RECEIPT: flags_t = 0x40;
/// `EV_DISPATCH`: disables the event after each report.
pub const EV_DISPATCH: flags_t = 0x80;
/// `EV_FLAG1`: its meaning depends on the filter.
pub const EV_FLAG1: flags_t = 0x2000;
/// `EV_ERROR`: an error, whose number is in the data; other flags may be set, too.
pub const EV_ERROR: flags_t = 0x4000;
/// `EV_EOF`: end of file or hangup.
pub const EV_EOF: flags_t = 0x8000;
/// `EV_SYSFLAGS`: the bits that are reserved for the kernel.
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
/// `NOTE_TRIGGER`: triggers the event (USER).
pub const NOTE_TRIGGER: u32 = 0x100_0000;
/// `NOTE_SECONDS`: the data is in seconds (TIMER).
pub const NOTE_SECONDS: u32 = 0x1;
/// `NOTE_USECONDS`: the data is in µs (TIMER).
pub const NOTE_USECONDS: u32 = 0x2;
/// `NOTE_NSECONDS`: the data is in ns. Without a unit, it is in ms (TIMER).
pub const NOTE_NSECONDS: u32 = 0x4;
/// `NOTE_ABSOLUTE`: the data is a point in time (TIMER).
pub const NOTE_ABSOLUTE: u32 = 0x8;

pub(super) mod symbol {
    use super::{c_int, kevent as event, nevents_t};
    use crate::time::timespec;

    // SAFETY: the declarations are those of the library's header.
    #[link(name = "kqueue")]
    unsafe extern "C" {
        /// Creates a queue, kqueue(2), and returns its fd.
        ///
        /// # Safety
        /// The caller has nothing to guarantee. The function is `unsafe` because it is foreign.
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
