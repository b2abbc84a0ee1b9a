//! The fd of a waker under loom: a counter. Its accesses are ordered as the kernel's lock orders those of an eventfd(2).

use crate::error::Error;
use ::loom::sync::atomic::{AtomicUsize, Ordering};
use ::loom::thread::yield_now;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

#[derive(Debug)]
pub(super) struct Notifier {
    counter: AtomicUsize,
    /// A substitute for the fd, which loom can't wait for.
    file: File,
}

impl Notifier {
    pub(super) fn new() -> Result<Self, Error> {
        let file = File::open("/dev/null").expect("/dev/null exists");
        Ok(Self { counter: AtomicUsize::new(0), file })
    }

    pub(super) fn notify(&self) -> bool {
        self.counter.fetch_add(1, Ordering::AcqRel);
        true
    }

    pub(super) fn drain(&self) {
        self.counter.swap(0, Ordering::AcqRel);
    }

    /// Waits until the fd would be readable.
    #[cfg(test)]
    pub(super) fn wait(&self) {
        while self.counter.load(Ordering::Acquire) == 0 {
            yield_now();
        }
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}
