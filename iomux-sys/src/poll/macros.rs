//! The macros with which the file of a platform declares its `<poll.h>`.

/// Declares the ten events that every platform has, with their values on this platform, and its other constants.
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
                /// `POLLPRI`: there is an exceptional condition, such as out-of-band data on a TCP socket.
                POLLPRI: c_short = $pri;
                /// `POLLOUT`: writing would not block.
                POLLOUT: c_short = $out;
                /// `POLLERR`: there is an error; ignored in `events`.
                POLLERR: c_short = $err;
                /// `POLLHUP`: the peer has hung up; ignored in `events`.
                POLLHUP: c_short = $hup;
                /// `POLLNVAL`: the fd is not open; ignored in `events`.
                POLLNVAL: c_short = $nval;
                /// `POLLRDNORM`: there is normal data to read.
                POLLRDNORM: c_short = $rdnorm;
                /// `POLLRDBAND`: there is data of a priority band to read.
                POLLRDBAND: c_short = $rdband;
                /// `POLLWRNORM`: normal data may be written.
                POLLWRNORM: c_short = $wrnorm $(, unless $wrong_in_libc)?;
                /// `POLLWRBAND`: data of a priority band may be written.
                POLLWRBAND: c_short = $wrband $(, unless $wrong_in_libc)?;
                $($as_in_libc)*
            }
            not in libc { $($not_in_libc)* }
        }
    };
}

/// Declares ppoll(2), from its name on this platform and the C function that it calls.
#[allow(unused_macros, reason = "some platforms have no ppoll(2)")]
macro_rules! ppoll {
    ($name:ident, $symbol:path) => {
        /// ppoll(2), where the platform has it.
        pub const PPOLL: Option<super::PpollFn> = Some($name);

        /// Waits as [`poll`](super::poll()) does, with a timeout in ns and the signal mask replaced during the call.
        ///
        /// # Safety
        /// - `fds` points to `nfds` entries that nothing else uses during the call.
        /// - `timeout` is null or points to a timespec.
        /// - `mask` is null or points to a set.
        #[inline]
        pub unsafe fn $name(
            fds: *mut super::pollfd,
            nfds: nfds_t,
            timeout: *const crate::time::timespec,
            mask: *const crate::signal::sigset_t,
        ) -> core::ffi::c_int {
            // SAFETY: the caller guarantees the pointers. The layouts are those of libc, as asserted in poll.rs.
            unsafe { $symbol(fds.cast(), nfds, timeout, mask) }
        }
    };
}
