//! What kqueue(2) has on Apple beyond what it has everywhere.

use iomux_sys::kqueue::{EVFILT_EXCEPT, NOTE_NSECONDS, NOTE_OOB, data_t, filter_t};

/// The filter of urgent data, and what is asked of it.
pub(super) const URGENT: Option<(filter_t, u32)> = Some((EVFILT_EXCEPT, NOTE_OOB));

/// The unit of a timer: `fflags`, and how many of it are a second.
pub(super) const TIMER: (u32, data_t) = (NOTE_NSECONDS, 1_000_000_000);
