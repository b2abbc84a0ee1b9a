//! The features of kqueue(2) on NetBSD in which platforms differ.

use iomux_sys::kqueue::{data_t, filter_t};

/// The filter of urgent data and its `fflags`, or `None` if there is none.
pub(super) const URGENT: Option<(filter_t, u32)> = None;

/// The unit of a timer: its `fflags`, and the number of units per second.
///
/// It is ms, which every release accepts. Releases before NetBSD 10 know no other unit, and would treat ns as ms.
pub(super) const TIMER: (u32, data_t) = (0, 1_000);
