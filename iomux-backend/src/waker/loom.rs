//! What a waker writes to under loom: a counter whose accesses are ordered as the kernel orders those of an
//! eventfd(2), by a lock.

use crate::error::Error;
use ::loom::sync::atomic::{AtomicUsize, Ordering};
use ::loom::thread::yield_now;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd};

#[derive(Debug)]
pub(super) struct Notifier {
    counter: AtomicUsize,
    /// What stands in for the fd, which loom can't wait for.
    file: File,
}

impl Notifier {
    pub(super) fn new() -> Result<Self, Error> {
        let file = File::open("/dev/null").expect("every system has it");
        Ok(Self { counter: AtomicUsize::new(0), file })
    }

    pub(super) fn notify(&self) -> bool {
        self.counter.fetch_add(1, Ordering::AcqRel);
        true
    }

    pub(super) fn drain(&self) {
        self.counter.swap(0, Ordering::AcqRel);
    }

    /// What a wait is to an fd.
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
