//! The features of kqueue(2) on FreeBSD in which platforms differ.

use iomux_sys::kqueue::{NOTE_NSECONDS, data_t, filter_t};

/// The filter of urgent data and its `fflags`, or `None` if there is none.
pub(super) const URGENT: Option<(filter_t, u32)> = None;

/// The unit of a timer: its `fflags`, and the number of units per second.
pub(super) const TIMER: (u32, data_t) = (NOTE_NSECONDS, 1_000_000_000);
