//! What kqueue(2) has on libkqueue on Linux beyond what it has everywhere.

use iomux_sys::kqueue::{NOTE_NSECONDS, data_t, filter_t};

/// The filter of urgent data, and what is asked of it.
pub(super) const URGENT: Option<(filter_t, u32)> = None;

/// The unit of a timer: `fflags`, and how many of it are a second.
pub(super) const TIMER: (u32, data_t) = (NOTE_NSECONDS, 1_000_000_000);
