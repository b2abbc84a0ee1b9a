//! The backends of Apple and the BSDs.

use crate::any::ByNameError;
use crate::error::Error;
use crate::event::{Events, Token};
use crate::kqueue::Kqueue;
use crate::multiplexer::{Capabilities, Mode, Multiplexer, TrustedMultiplexer};
use crate::poll::Poll;
use crate::waker::Waker;
use iomux::{Interest, SigSet, Timeout};
use std::os::fd::BorrowedFd;

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
