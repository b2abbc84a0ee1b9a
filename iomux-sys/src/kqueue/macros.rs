//! The macro by which the file of a system declares its `<sys/event.h>`.

/// Declares the constants that have one value on every system, and the system's own beside them.
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
                /// `NOTE_CHILD`: this is a child that is followed (PROC).
                NOTE_CHILD: u32 = 0x4;
                /// `NOTE_FFNOP`: leave the stored flags (USER).
                NOTE_FFNOP: u32 = 0x0;
                /// `NOTE_FFAND`: and the flags with the stored ones (USER).
                NOTE_FFAND: u32 = 0x4000_0000;
                /// `NOTE_FFOR`: or the flags with the stored ones (USER).
                NOTE_FFOR: u32 = 0x8000_0000;
                /// `NOTE_FFCOPY`: replace the stored flags (USER).
                NOTE_FFCOPY: u32 = 0xc000_0000;
                /// `NOTE_FFCTRLMASK`: the bits that say which of these (USER).
                NOTE_FFCTRLMASK: u32 = 0xc000_0000;
                /// `NOTE_FFLAGSMASK`: the bits that are the caller's (USER).
                NOTE_FFLAGSMASK: u32 = 0xff_ffff;
                /// `NOTE_TRIGGER`: makes the event ready (USER).
                NOTE_TRIGGER: u32 = 0x100_0000;
                $($as_in_libc)*
            }
            not in libc { $($not_in_libc)* }
        }
    };
}
