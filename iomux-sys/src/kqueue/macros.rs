//! The macro with which the file of a platform declares its `<sys/event.h>`.

/// Declares the constants that have the same value on every platform, and those of this platform.
macro_rules! kqueue_constants {
    (
        as in libc { $($as_in_libc:tt)* }
        not in libc { $($not_in_libc:tt)* }
    ) => {
        constants! {
            as in libc {
                /// `EV_ADD`: adds the event to the queue, enabled.
                EV_ADD: flags_t = 0x1;
                /// `EV_DELETE`: removes the event.
                EV_DELETE: flags_t = 0x2;
                /// `EV_ENABLE`: enables the event again.
                EV_ENABLE: flags_t = 0x4;
                /// `EV_DISABLE`: disables the event without removing it.
                EV_DISABLE: flags_t = 0x8;
                /// `EV_ONESHOT`: removes the event after its first report.
                EV_ONESHOT: flags_t = 0x10;
                /// `EV_CLEAR`: makes the event edge-triggered, by resetting its state after each report.
                EV_CLEAR: flags_t = 0x20;
                /// `EV_RECEIPT`: returns an `EV_ERROR` event for the change, whose data is 0 on success.
                EV_RECEIPT: flags_t = 0x40;
                /// `EV_DISPATCH`: disables the event after each report.
                EV_DISPATCH: flags_t = 0x80;
                /// `EV_FLAG1`: its meaning depends on the filter.
                EV_FLAG1: flags_t = 0x2000;
                /// `EV_ERROR`: an error, whose number is in the data; other flags may be set, too.
                EV_ERROR: flags_t = 0x4000;
                /// `EV_EOF`: end of file or hangup.
                EV_EOF: flags_t = 0x8000;

                /// `NOTE_LOWAT`: the data is the low-water mark (READ, WRITE).
                NOTE_LOWAT: u32 = 0x1;
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
                /// `NOTE_REVOKE`: access was revoked, or the file system unmounted (VNODE).
                NOTE_REVOKE: u32 = 0x40;
                /// `NOTE_EXIT`: the process exited (PROC).
                NOTE_EXIT: u32 = 0x8000_0000;
                /// `NOTE_FORK`: the process forked (PROC).
                NOTE_FORK: u32 = 0x4000_0000;
                /// `NOTE_EXEC`: the process executed another program (PROC).
                NOTE_EXEC: u32 = 0x2000_0000;
                /// `NOTE_PDATAMASK`: the bits that are data (PROC).
                NOTE_PDATAMASK: u32 = 0xf_ffff;
                /// `NOTE_TRACK`: follows the children of the process (PROC).
                NOTE_TRACK: u32 = 0x1;
                /// `NOTE_TRACKERR`: a child could not be followed (PROC).
                NOTE_TRACKERR: u32 = 0x2;
                /// `NOTE_CHILD`: the event is for a child that is followed (PROC).
                NOTE_CHILD: u32 = 0x4;
                /// `NOTE_FFNOP`: ignores the given flags (USER).
                NOTE_FFNOP: u32 = 0x0;
                /// `NOTE_FFAND`: combines the given flags with the stored flags by AND (USER).
                NOTE_FFAND: u32 = 0x4000_0000;
                /// `NOTE_FFOR`: combines the given flags with the stored flags by OR (USER).
                NOTE_FFOR: u32 = 0x8000_0000;
                /// `NOTE_FFCOPY`: replaces the stored flags (USER).
                NOTE_FFCOPY: u32 = 0xc000_0000;
                /// `NOTE_FFCTRLMASK`: the bits of `NOTE_FFNOP` to `NOTE_FFCOPY` (USER).
                NOTE_FFCTRLMASK: u32 = 0xc000_0000;
                /// `NOTE_FFLAGSMASK`: the bits that the caller may use (USER).
                NOTE_FFLAGSMASK: u32 = 0xff_ffff;
                /// `NOTE_TRIGGER`: triggers the event (USER).
                NOTE_TRIGGER: u32 = 0x100_0000;
                $($as_in_libc)*
            }
            not in libc { $($not_in_libc)* }
        }
    };
}
