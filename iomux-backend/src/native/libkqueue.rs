//! The backends of Linux with libkqueue.

use crate::epoll::Epoll;
use crate::kqueue::Kqueue;
use crate::poll::Poll;

/// A multiplexer of the best kind that this system has, with nothing registered.
///
/// ```
/// use iomux_backend::{Multiplexer, NAMES, native};
///
/// assert_eq!(native()?.name(), NAMES[0], "what `by_name` gives for the first name");
/// # Ok::<(), iomux_backend::Error>(())
/// ```
///
/// # Errors
/// [`Error::Os`], where it is an fd, as it is here, and there is none left.
pub fn native<'fd>() -> Result<Native<'fd>, Error> {
    Epoll::new()
}

backends! {
    native Epoll;
    /// Over epoll(7).
    Epoll {
        "epoll" => Epoll::new()?,
        "epoll-without-pwait2" => Epoll::without_pwait2()?,
    }
    /// Over kqueue(2) in user space.
    Kqueue {
        "kqueue" => Kqueue::new()?,
    }
    /// Over poll(2).
    Poll {
        "poll" => Poll::new(),
        "poll-without-ppoll" => Poll::without_ppoll(),
    }
}
