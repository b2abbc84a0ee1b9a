//! Busy polling of network cards before a wait sleeps: ioctls of Linux 6.9.

use super::{Epoll, NAME, check};
use crate::error::Error;
use core::ffi::{c_int, c_uint};
use iomux_sys::epoll_params::{EPIOCGPARAMS, EPIOCSPARAMS, epoll_ioctl, epoll_params};
use iomux_sys::errno::{ENOSYS, ENOTTY, EOPNOTSUPP};
use std::os::fd::AsRawFd;
use std::time::Duration;

/// The parameters with which an epoll polls network cards before it sleeps: `struct epoll_params`.
///
/// # Examples
/// ```
/// use iomux_backend::{BusyPoll, Epoll, Error};
/// use std::time::Duration;
///
/// let epoll = Epoll::new()?;
/// let time = Duration::from_micros(50);
/// match epoll.set_busy_poll(BusyPoll { time, budget: 8, is_preferred: false }) {
///     Ok(()) => assert_eq!(epoll.busy_poll()?.time, time),
///     Err(error @ Error::Unsupported { .. }) => println!("waiting for interrupts: {error}"),
///     Err(error) => return Err(error.into()),
/// }
/// # std::io::Result::Ok(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct BusyPoll {
    /// The time to poll before sleeping, rounded up to µs, at most `i32::MAX` µs. Zero disables busy polling.
    pub time: Duration,
    /// The number of packets to take per poll. More than 64 require `CAP_NET_ADMIN`.
    pub budget: u16,
    /// `true` to suppress interrupts while the program polls often enough.
    pub is_preferred: bool,
}

impl Epoll<'_> {
    /// Sets the parameters of busy polling: `EPIOCSPARAMS`.
    ///
    /// # Errors
    /// - Returns [`Error::Unsupported`] if the kernel is older than Linux 6.9, or was built without network busy polling.
    /// - Returns [`Error::Os`] if the process lacks `CAP_NET_ADMIN` for the budget, or the time is too long.
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

    /// Returns the parameters of busy polling: `EPIOCGPARAMS`.
    ///
    /// # Errors
    /// Returns [`Error::Unsupported`] if the kernel is older than Linux 6.9, or was built without network busy polling.
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

    /// Calls ioctl(2) with `EPIOCSPARAMS` or `EPIOCGPARAMS`.
    fn ioctl(&self, request: c_uint, params: &mut epoll_params) -> Result<(), Error> {
        // SAFETY: both requests take such a struct, which is borrowed exclusively.
        let returned = unsafe { epoll_ioctl(self.epoll.as_raw_fd(), request, params) };
        check(returned).map(|_| ()).map_err(failed)
    }
}

const UNSUPPORTED: Error = Error::Unsupported {
    what: "busy polling: use Linux 6.9 or later with network busy polling",
    backend: NAME,
};

fn failed(code: c_int) -> Error {
    match code {
        // Before Linux 6.9, or built without network busy polling; an emulator returns ENOSYS.
        ENOTTY | EOPNOTSUPP | ENOSYS => UNSUPPORTED,
        code => Error::Os { call: "ioctl", code },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iomux_sys::errno::EINVAL;

    #[test]
    fn missing_ioctl_is_unsupported() {
        for code in [ENOTTY, EOPNOTSUPP, ENOSYS] {
            assert_eq!(failed(code), UNSUPPORTED);
        }
        assert_eq!(failed(EINVAL), Error::Os { call: "ioctl", code: EINVAL });
    }
}
