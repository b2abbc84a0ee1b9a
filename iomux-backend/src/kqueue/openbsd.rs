//! What kqueue(2) has on OpenBSD beyond what it has everywhere.

use iomux_sys::kqueue::{EVFILT_EXCEPT, NOTE_OOB, data_t, filter_t};

/// The filter of urgent data, and what is asked of it.
pub(super) const URGENT: Option<(filter_t, u32)> = Some((EVFILT_EXCEPT, NOTE_OOB));

/// The unit of a timer: `fflags`, and how many of it are a second.
///
/// ms, which every release takes: those before OpenBSD 7.4 know no other unit, and would take ns for ms.
pub(super) const TIMER: (u32, data_t) = (0, 1_000);
