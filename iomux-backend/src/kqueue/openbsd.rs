//! The features of kqueue(2) on OpenBSD in which platforms differ.

use iomux_sys::kqueue::{EVFILT_EXCEPT, NOTE_OOB, data_t, filter_t};

/// The filter of urgent data and its `fflags`, or `None` if there is none.
pub(super) const URGENT: Option<(filter_t, u32)> = Some((EVFILT_EXCEPT, NOTE_OOB));

/// The unit of a timer: its `fflags`, and the number of units per second.
///
/// It is ms, which every release accepts. Releases before OpenBSD 7.4 know no other unit, and would treat ns as ms.
pub(super) const TIMER: (u32, data_t) = (0, 1_000);
