//! The backends of Apple and the BSDs.

use crate::kqueue::Kqueue;
use crate::poll::Poll;

/// A multiplexer of the best kind that this system has, with nothing registered.
///
/// # Errors
/// [`Error::Os`], where it is an fd, as it is here, and there is none left.
pub fn native<'fd>() -> Result<Native<'fd>, Error> {
    Kqueue::new()
}

backends! {
    native Kqueue;
    /// Over kqueue(2).
    Kqueue {
        "kqueue" => Kqueue::new()?,
    }
    /// Over poll(2).
    Poll {
        "poll" => Poll::new(),
        "poll-without-ppoll" => Poll::without_ppoll(),
    }
}
