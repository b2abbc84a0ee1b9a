//! What kqueue(2) has on NetBSD beyond what it has everywhere.

use iomux_sys::kqueue::{data_t, filter_t};

/// The filter of urgent data, and what is asked of it.
pub(super) const URGENT: Option<(filter_t, u32)> = None;

/// The unit of a timer: `fflags`, and how many of it are a second.
///
/// ms, which every release takes: those before NetBSD 10 know no other unit, and would take ns for ms.
pub(super) const TIMER: (u32, data_t) = (0, 1_000);
