//! `<sys/event.h>` of Apple: kqueue(2), kevent(2).

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
#[repr(C, packed(4))]
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
        /// `EVFILT_MACHPORT`: a Mach port or set of ports has a message.
        EVFILT_MACHPORT: filter_t = -8;
        /// `EVFILT_FS`: a file system changed.
        EVFILT_FS: filter_t = -9;
        /// `EVFILT_USER`: the program triggered the event.
        EVFILT_USER: filter_t = -10;
        /// `EVFILT_VM`: memory is low.
        EVFILT_VM: filter_t = -12;
        /// `EVFILT_EXCEPT`: there is an exceptional condition.
        EVFILT_EXCEPT: filter_t = -15;
        /// `EV_UDATA_SPECIFIC`: events with different values of `udata` are separate.
        EV_UDATA_SPECIFIC: flags_t = 0x100;
        /// `EV_DISPATCH2`: `EV_DISPATCH` and `EV_UDATA_SPECIFIC`.
        EV_DISPATCH2: flags_t = 0x180;
        /// `EV_VANISHED`: reports that the source no longer exists.
        EV_VANISHED: flags_t = 0x200;
        /// `EV_FLAG0`: its meaning depends on the filter.
        EV_FLAG0: flags_t = 0x1000;
        /// `EV_POLL`: the filter behaves as in poll(2).
        EV_POLL: flags_t = 0x1000;
        /// `EV_OOBAND`: there is out-of-band data.
        EV_OOBAND: flags_t = 0x2000;
        /// `EV_SYSFLAGS`: the bits that are reserved for the kernel.
        EV_SYSFLAGS: flags_t = 0xf000;
        /// `NOTE_OOB`: there is out-of-band data (EXCEPT).
        NOTE_OOB: u32 = 0x2;
        /// `NOTE_NONE`: no event (VNODE).
        NOTE_NONE: u32 = 0x80;
        /// `NOTE_FUNLOCK`: the file was unlocked (VNODE).
        NOTE_FUNLOCK: u32 = 0x100;
        /// `NOTE_LEASE_DOWNGRADE`: a downgrade of the lease was requested (VNODE).
        NOTE_LEASE_DOWNGRADE: u32 = 0x200;
        /// `NOTE_LEASE_RELEASE`: a release of the lease was requested (VNODE).
        NOTE_LEASE_RELEASE: u32 = 0x400;
        /// `NOTE_SIGNAL`: a signal was sent (PROC).
        NOTE_SIGNAL: u32 = 0x800_0000;
        /// `NOTE_EXITSTATUS`: the data is the exit status (PROC).
        NOTE_EXITSTATUS: u32 = 0x400_0000;
        /// `NOTE_EXIT_DETAIL`: the data contains the reason of the exit (PROC).
        NOTE_EXIT_DETAIL: u32 = 0x200_0000;
        /// `NOTE_PCTRLMASK`: the bits that are not data (PROC).
        NOTE_PCTRLMASK: u32 = 0xfff0_0000;
        /// `NOTE_EXIT_DETAIL_MASK`: the bits of the reason of the exit (PROC).
        NOTE_EXIT_DETAIL_MASK: u32 = 0x7_0000;
        /// `NOTE_EXIT_DECRYPTFAIL`: the program could not be decrypted (PROC).
        NOTE_EXIT_DECRYPTFAIL: u32 = 0x1_0000;
        /// `NOTE_EXIT_MEMORY`: the kernel killed the process because memory was low (PROC).
        NOTE_EXIT_MEMORY: u32 = 0x2_0000;
        /// `NOTE_EXIT_CSERROR`: the code signature was invalid (PROC).
        NOTE_EXIT_CSERROR: u32 = 0x4_0000;
        /// `NOTE_VM_PRESSURE`: memory is low (VM).
        NOTE_VM_PRESSURE: u32 = 0x8000_0000;
        /// `NOTE_VM_PRESSURE_TERMINATE`: exit when memory is low (VM).
        NOTE_VM_PRESSURE_TERMINATE: u32 = 0x4000_0000;
        /// `NOTE_VM_PRESSURE_SUDDEN_TERMINATE`: exit immediately when memory is low (VM).
        NOTE_VM_PRESSURE_SUDDEN_TERMINATE: u32 = 0x2000_0000;
        /// `NOTE_VM_ERROR`: an error (VM).
        NOTE_VM_ERROR: u32 = 0x1000_0000;
        /// `NOTE_SECONDS`: the data is in seconds (TIMER).
        NOTE_SECONDS: u32 = 0x1;
        /// `NOTE_USECONDS`: the data is in µs (TIMER).
        NOTE_USECONDS: u32 = 0x2;
        /// `NOTE_NSECONDS`: the data is in ns. Without a unit, it is in ms (TIMER).
        NOTE_NSECONDS: u32 = 0x4;
        /// `NOTE_ABSOLUTE`: the data is a point in time (TIMER).
        NOTE_ABSOLUTE: u32 = 0x8;
        /// `NOTE_LEEWAY`: the delay of the timer that the caller accepts (TIMER).
        NOTE_LEEWAY: u32 = 0x10;
        /// `NOTE_CRITICAL`: the timer is as exact as possible (TIMER).
        NOTE_CRITICAL: u32 = 0x20;
        /// `NOTE_BACKGROUND`: the kernel may delay the timer to save power (TIMER).
        NOTE_BACKGROUND: u32 = 0x40;
        /// `NOTE_MACH_CONTINUOUS_TIME`: the clock of the timer also counts sleep (TIMER).
        NOTE_MACH_CONTINUOUS_TIME: u32 = 0x80;
        /// `NOTE_MACHTIME`: the data is in units of mach_absolute_time(3) (TIMER).
        NOTE_MACHTIME: u32 = 0x100;
    }
    not in libc {
        /// `EVFILT_LIO`: a list of asynchronous reads and writes has completed.
        EVFILT_LIO: filter_t = -19;
    }
}

pub(crate) const STRUCTS: &[Struct] = &[KEVENT];
