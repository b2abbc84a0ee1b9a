//! The macros by which the file of a system declares its `<poll.h>`.

/// Declares the ten events that every system has, by their values on this one, and its own constants.
macro_rules! poll_constants {
    (
        IN $in:expr, PRI $pri:expr, OUT $out:expr, ERR $err:expr, HUP $hup:expr, NVAL $nval:expr,
        RDNORM $rdnorm:expr, RDBAND $rdband:expr,
        WRNORM $wrnorm:expr, WRBAND $wrband:expr $(, unless $wrong_in_libc:expr)?;
        as in libc { $($as_in_libc:tt)* }
        not in libc { $($not_in_libc:tt)* }
    ) => {
        constants! {
            as in libc {
                /// `POLLIN`: there is data to read.
                POLLIN: c_short = $in;
                /// `POLLPRI`: there is something exceptional, such as out-of-band data on a TCP socket.
                POLLPRI: c_short = $pri;
                /// `POLLOUT`: writing is possible without blocking.
                POLLOUT: c_short = $out;
                /// `POLLERR`: an error; only ever reported.
                POLLERR: c_short = $err;
                /// `POLLHUP`: the other end is gone; only ever reported.
                POLLHUP: c_short = $hup;
                /// `POLLNVAL`: the fd is not open; only ever reported.
                POLLNVAL: c_short = $nval;
                /// `POLLRDNORM`: normal data to read.
                POLLRDNORM: c_short = $rdnorm;
                /// `POLLRDBAND`: priority band data to read.
                POLLRDBAND: c_short = $rdband;
                /// `POLLWRNORM`: normal data may be written.
                POLLWRNORM: c_short = $wrnorm $(, unless $wrong_in_libc)?;
                /// `POLLWRBAND`: priority band data may be written.
                POLLWRBAND: c_short = $wrband $(, unless $wrong_in_libc)?;
                $($as_in_libc)*
            }
            not in libc { $($not_in_libc)* }
        }
    };
}

/// Declares ppoll(2), by its name here and the C function behind it.
#[allow(unused_macros, reason = "some systems have no ppoll(2)")]
macro_rules! ppoll {
    ($name:ident, $symbol:path) => {
        /// ppoll(2), where the system has it.
        pub const PPOLL: Option<super::PpollFn> = Some($name);

        /// poll(2) with a timeout in ns, and a signal mask that holds during the call only.
        ///
        /// # Safety
        /// `fds` points to `nfds` entries that nothing else uses during the call; `timeout` and `mask`
        /// are null or point to what their types say.
        #[inline]
        pub unsafe fn $name(
            fds: *mut super::pollfd,
            nfds: nfds_t,
            timeout: *const crate::time::timespec,
            mask: *const crate::signal::sigset_t,
        ) -> core::ffi::c_int {
            // SAFETY: the caller guarantees the pointers; the layouts are libc's, asserted in poll.rs.
            unsafe { $symbol(fds.cast(), nfds, timeout, mask) }
        }
    };
}
