//! Busy-polling the network card instead of waiting for its interrupt: ioctls of Linux 6.9.

use super::{Epoll, NAME, check};
use crate::error::Error;
use core::ffi::{c_int, c_uint};
use iomux_sys::epoll_params::{EPIOCGPARAMS, EPIOCSPARAMS, epoll_ioctl, epoll_params};
use iomux_sys::errno::{ENOSYS, ENOTTY, EOPNOTSUPP};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// How an epoll polls the network cards of its sockets before it sleeps, `struct epoll_params`.
///
/// ```
/// use iomux_backend::{BusyPoll, Epoll, Error};
/// use std::time::Duration;
///
/// let mut epoll = Epoll::new()?;
/// let asked = BusyPoll { time: Duration::from_nanos(49_001), budget: 8, is_preferred: false };
/// match epoll.set_busy_poll(asked) {
///     Ok(()) => assert_eq!(epoll.busy_poll()?.time, Duration::from_micros(50)),
///     Err(error) => assert!(matches!(error, Error::Unsupported { .. })),
/// }
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BusyPoll {
    /// How long to busy-poll, in whole µs, rounded up, at most `i32::MAX`; zero is not at all.
    pub time: Duration,
    /// How many packets to take in one go; more than 64 need `CAP_NET_ADMIN`.
    pub budget: u16,
    /// Whether interrupts are held back for as long as the program polls often enough.
    pub is_preferred: bool,
}

impl Epoll<'_> {
    /// Sets how the network is busy-polled, `EPIOCSPARAMS`.
    ///
    /// ```no_run
    /// use iomux_backend::{BusyPoll, Epoll};
    /// use std::time::Duration;
    ///
    /// let mut epoll = Epoll::new()?;
    /// let time = Duration::from_micros(50);
    /// epoll.set_busy_poll(BusyPoll { time, budget: 8, is_preferred: false })?;
    /// # std::io::Result::Ok(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] before Linux 6.9, or if it was built without network busy-polling;
    /// [`Error::Os`], for want of the capability, or for a time that it does not take.
    #[doc(alias = "EPIOCSPARAMS")]
    pub fn set_busy_poll(&self, busy_poll: BusyPoll) -> Result<(), Error> {
        let mut params = epoll_params {
            busy_poll_usecs: u32::try_from(busy_poll.time.as_nanos().div_ceil(1000)).unwrap_or(u32::MAX),
            busy_poll_budget: busy_poll.budget,
            prefer_busy_poll: busy_poll.is_preferred.into(),
            __pad: 0,
        };
        self.ioctl(EPIOCSPARAMS, &mut params)
    }

    /// How the network is busy-polled, `EPIOCGPARAMS`.
    ///
    /// ```
    /// use iomux_backend::{Epoll, Error};
    ///
    /// match Epoll::new()?.busy_poll() {
    ///     Ok(busy_poll) => assert!(busy_poll.time.is_zero(), "not at all, unless it was set"),
    ///     Err(error) => assert!(matches!(error, Error::Unsupported { .. })),
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Unsupported`] as for [`set_busy_poll`](Self::set_busy_poll).
    #[doc(alias = "EPIOCGPARAMS")]
    pub fn busy_poll(&self) -> Result<BusyPoll, Error> {
        let mut params = epoll_params::default();
        self.ioctl(EPIOCGPARAMS, &mut params)?;
        Ok(BusyPoll {
            time: Duration::from_micros(params.busy_poll_usecs.into()),
            budget: params.busy_poll_budget,
            is_preferred: params.prefer_busy_poll != 0,
        })
    }

    /// ioctl(2), `EPIOCSPARAMS` or `EPIOCGPARAMS`.
    fn ioctl(&self, request: c_uint, params: &mut epoll_params) -> Result<(), Error> {
        // SAFETY: both requests take such a struct, and it is ours alone.
        let returned = unsafe { epoll_ioctl(self.epoll.as_raw_fd(), request, params) };
        check(returned).map(|_| ()).map_err(failed)
    }
}

fn failed(code: c_int) -> Error {
    match code {
        // Before Linux 6.9, or built without network busy-polling; an emulator says ENOSYS.
        ENOTTY | EOPNOTSUPP | ENOSYS => Error::Unsupported { what: "busy-polling", backend: NAME },
        code => Error::Os { call: "ioctl", code },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iomux_sys::errno::EINVAL;

    #[test]
    fn a_kernel_without_it_is_told_from_a_refusal() {
        for code in [ENOTTY, EOPNOTSUPP, ENOSYS] {
            assert_eq!(failed(code), Error::Unsupported { what: "busy-polling", backend: NAME });
        }
        assert_eq!(failed(EINVAL), Error::Os { call: "ioctl", code: EINVAL });
    }
}
