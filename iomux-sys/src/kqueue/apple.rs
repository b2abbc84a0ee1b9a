//! `<sys/event.h>` of Apple: kqueue(2), kevent(2).

use crate::table::Struct;
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
#[repr(C, packed(4))]
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
layout_as_in_libc!(KEVENT: kevent { ident, filter, flags, fflags, data, udata });

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
        /// `EVFILT_MACHPORT`: a Mach port or set of ports has a message.
        EVFILT_MACHPORT: filter_t = -8;
        /// `EVFILT_FS`: a file system changed.
        EVFILT_FS: filter_t = -9;
        /// `EVFILT_USER`: the program itself said so.
        EVFILT_USER: filter_t = -10;
        /// `EVFILT_VM`: memory runs short.
        EVFILT_VM: filter_t = -12;
        /// `EVFILT_EXCEPT`: there is something exceptional.
        EVFILT_EXCEPT: filter_t = -15;
        /// `EV_UDATA_SPECIFIC`: an event for each value of udata.
        EV_UDATA_SPECIFIC: flags_t = 0x100;
        /// `EV_DISPATCH2`: `EV_DISPATCH` and `EV_UDATA_SPECIFIC`.
        EV_DISPATCH2: flags_t = 0x180;
        /// `EV_VANISHED`: reports that the source is gone.
        EV_VANISHED: flags_t = 0x200;
        /// `EV_FLAG0`: belongs to the filter.
        EV_FLAG0: flags_t = 0x1000;
        /// `EV_POLL`: as poll(2) would.
        EV_POLL: flags_t = 0x1000;
        /// `EV_OOBAND`: there is out-of-band data.
        EV_OOBAND: flags_t = 0x2000;
        /// `EV_SYSFLAGS`: the bits that belong to the system.
        EV_SYSFLAGS: flags_t = 0xf000;
        /// `NOTE_OOB`: there is out-of-band data (EXCEPT).
        NOTE_OOB: u32 = 0x2;
        /// `NOTE_NONE`: no event of the file (VNODE).
        NOTE_NONE: u32 = 0x80;
        /// `NOTE_FUNLOCK`: the file was unlocked (VNODE).
        NOTE_FUNLOCK: u32 = 0x100;
        /// `NOTE_LEASE_DOWNGRADE`: a lease is to be downgraded (VNODE).
        NOTE_LEASE_DOWNGRADE: u32 = 0x200;
        /// `NOTE_LEASE_RELEASE`: a lease is to be released (VNODE).
        NOTE_LEASE_RELEASE: u32 = 0x400;
        /// `NOTE_SIGNAL`: a signal was sent (PROC).
        NOTE_SIGNAL: u32 = 0x800_0000;
        /// `NOTE_EXITSTATUS`: the data is the exit status (PROC).
        NOTE_EXITSTATUS: u32 = 0x400_0000;
        /// `NOTE_EXIT_DETAIL`: the data says why it exited (PROC).
        NOTE_EXIT_DETAIL: u32 = 0x200_0000;
        /// `NOTE_PCTRLMASK`: the bits that are no data (PROC).
        NOTE_PCTRLMASK: u32 = 0xfff0_0000;
        /// `NOTE_EXIT_DETAIL_MASK`: the bits that say why it exited (PROC).
        NOTE_EXIT_DETAIL_MASK: u32 = 0x7_0000;
        /// `NOTE_EXIT_DECRYPTFAIL`: it could not be decrypted (PROC).
        NOTE_EXIT_DECRYPTFAIL: u32 = 0x1_0000;
        /// `NOTE_EXIT_MEMORY`: it was ended for want of memory (PROC).
        NOTE_EXIT_MEMORY: u32 = 0x2_0000;
        /// `NOTE_EXIT_CSERROR`: its signature was bad (PROC).
        NOTE_EXIT_CSERROR: u32 = 0x4_0000;
        /// `NOTE_VM_PRESSURE`: memory is short (VM).
        NOTE_VM_PRESSURE: u32 = 0x8000_0000;
        /// `NOTE_VM_PRESSURE_TERMINATE`: quit when memory is short (VM).
        NOTE_VM_PRESSURE_TERMINATE: u32 = 0x4000_0000;
        /// `NOTE_VM_PRESSURE_SUDDEN_TERMINATE`: quit at once when memory is short (VM).
        NOTE_VM_PRESSURE_SUDDEN_TERMINATE: u32 = 0x2000_0000;
        /// `NOTE_VM_ERROR`: an error (VM).
        NOTE_VM_ERROR: u32 = 0x1000_0000;
        /// `NOTE_SECONDS`: the data is in s (TIMER).
        NOTE_SECONDS: u32 = 0x1;
        /// `NOTE_USECONDS`: the data is in µs (TIMER).
        NOTE_USECONDS: u32 = 0x2;
        /// `NOTE_NSECONDS`: the data is in ns; without a unit it is in ms (TIMER).
        NOTE_NSECONDS: u32 = 0x4;
        /// `NOTE_ABSOLUTE`: the data is a point in time (TIMER).
        NOTE_ABSOLUTE: u32 = 0x8;
        /// `NOTE_LEEWAY`: how much later it may be (TIMER).
        NOTE_LEEWAY: u32 = 0x10;
        /// `NOTE_CRITICAL`: as exact as can be (TIMER).
        NOTE_CRITICAL: u32 = 0x20;
        /// `NOTE_BACKGROUND`: as inexact as saves power (TIMER).
        NOTE_BACKGROUND: u32 = 0x40;
        /// `NOTE_MACH_CONTINUOUS_TIME`: by the clock that goes on in sleep (TIMER).
        NOTE_MACH_CONTINUOUS_TIME: u32 = 0x80;
        /// `NOTE_MACHTIME`: the data is in units of mach_absolute_time (TIMER).
        NOTE_MACHTIME: u32 = 0x100;
    }
    not in libc {
        /// `EVFILT_LIO`: a list of asynchronous reads and writes is done.
        EVFILT_LIO: filter_t = -19;
    }
}

pub(crate) const STRUCTS: &[Struct] = &[KEVENT];
