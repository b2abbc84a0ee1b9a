//! What kqueue(2) has on libkqueue on Linux beyond what it has everywhere.

use iomux_sys::kqueue::{NOTE_NSECONDS, data_t, filter_t};
use std::time::Duration;

/// The filter of urgent data, and what is asked of it.
pub(super) const URGENT: Option<(filter_t, u32)> = None;

/// The unit of a timer: `fflags`, and how many of it are a second.
pub(super) const TIMER: (u32, data_t) = (NOTE_NSECONDS, 1_000_000_000);

/// Well below what the sum of it and of the time since boot can hold.
pub(super) const LONGEST_TIMER: Duration = Duration::from_secs(1 << 30);

/// Whether a waker may be a filter of the queue, `EVFILT_USER`, where the kernel has it.
///
/// That library takes a lock, which a signal handler may not, and keeps it while it waits, before 2.7.
pub(super) const WAKES_BY_FILTER: bool = false;
