//! The features of kqueue(2) on DragonFly in which platforms differ.

use iomux_sys::kqueue::{EVFILT_EXCEPT, NOTE_OOB, data_t, filter_t};

/// The filter of urgent data and its `fflags`, or `None` if there is none.
pub(super) const URGENT: Option<(filter_t, u32)> = Some((EVFILT_EXCEPT, NOTE_OOB));

/// The unit of a timer: its `fflags`, and the number of units per second.
pub(super) const TIMER: (u32, data_t) = (0, 1_000);
