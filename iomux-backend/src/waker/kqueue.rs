//! What a waker writes to where there is kqueue(2): the queue itself, or an fd for whoever has no queue.

use crate::error::Error;
use crate::kqueue::Trigger;
use crate::notifier_fd;
use std::os::fd::{AsFd, BorrowedFd};

#[derive(Debug)]
pub(crate) enum Notifier {
    /// A filter of the queue, `EVFILT_USER`.
    Queue(Trigger),
    /// An fd of its own.
    Fd(notifier_fd::Notifier),
}

impl Notifier {
    pub(crate) fn new() -> Result<Self, Error> {
        notifier_fd::Notifier::new().map(Self::Fd)
    }

    /// Makes it ready, or says that it could not. The queue is open for as long as this is, and keeps the filter.
    #[inline]
    pub(crate) fn notify(&self) -> bool {
        match self {
            Self::Queue(trigger) => trigger.pull(),
            Self::Fd(fd) => fd.notify(),
        }
    }

    /// Makes it unready. A filter is that already once it was reported.
    pub(crate) fn drain(&self) {
        match self {
            Self::Queue(_) => {}
            Self::Fd(fd) => fd.drain(),
        }
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Queue(trigger) => trigger.as_fd(),
            Self::Fd(fd) => fd.as_fd(),
        }
    }
}
