//! poll(2) and ppoll(2) as a safe, zero-allocation table of fd slots addressed by index.
//!
//! ```
//! use iomux::{Interest, Slots, Timeout};
//! use std::io::{self, Write};
//! use std::os::fd::{AsFd, AsRawFd};
//!
//! let (pipe_r, pipe_w) = io::pipe()?;
//! let mut slots = Slots::with_capacity(16);
//! slots.set(7, pipe_w.as_fd(), Interest::WRITABLE)?;
//! assert_eq!(slots.poll(Timeout::Nowait)?, 1);
//! (&pipe_w).write_all(b"!")?;
//! slots.set(0, pipe_r.as_fd(), Interest::READABLE)?;
//! assert_eq!(slots.poll(Timeout::Nowait)?, 2);
//! for ready in slots.ready() {
//!     println!("fd {} (from index {}): {:?}", ready.fd().as_raw_fd(), ready.index(), ready.readiness());
//! }
//! # io::Result::Ok(())
//! ```
//!
//! # Two layers
//! - [`Slots`] is the table: [`set`](Slots::set) and [`clear`](Slots::clear) slots, then
//!   [`poll`](Slots::poll), [`ppoll`](Slots::ppoll) or [`wait`](Slots::wait), then walk what is
//!   [`ready`](Slots::ready). It is over any storage: a `Vec`, an array in a `static`, a borrowed slice.
//! - [`poll`](poll()), [`ppoll`](ppoll()) and [`wait`](wait()) are the calls alone, over a slice of
//!   [`PollFd`]s.
//!
//! What is asked is an [`Interest`], what is reported a [`Readiness`], how long to wait a [`Timeout`],
//! which signals a [`SigSet`], and what goes wrong an [`Error`].
//!
//! # What can't go wrong
//! - An fd can't be closed while it is in a slot: the slot holds its borrow. That does not compile.
//! - An index or a count past the table is an [`Error`], and nothing is changed.
//! - An answer is only seen after a poll that succeeded, only of slots that it reached, and never of
//!   an fd that was in the slot before.
//! - No wait is early, none is for ever because a number was too large, and [`Slots::wait`] is neither
//!   stretched nor cut by signals.
//! - No call after construction allocates, but for [`Slots::grow`].
//! - What a kernel reports that this crate has no name for is kept, and never panics.
//!
//! # Platform notes
//! Linux, Android, Apple, FreeBSD, NetBSD, OpenBSD, DragonFly, illumos, Solaris, AIX, Haiku, Hurd, Redox,
//! Cygwin, QNX. Where a system has no ppoll(2), [`HAS_PPOLL`] is false, times are rounded up to ms and a
//! mask is [`Error::Unsupported`]. Where poll(2) can't report that a peer has shut down writing,
//! [`HAS_READ_CLOSED`] is false and asking for it is [`Error::Unsupported`].
//!
//! The crate needs std: [`BorrowedFd`](std::os::fd::BorrowedFd) and [`Instant`](std::time::Instant) live
//! there.
#![deny(unsafe_code)]

mod answer;
mod error;
mod interest;
#[allow(unsafe_code, reason = "sysconf(3)")]
mod limits;
mod mask_turns;
#[allow(unsafe_code, reason = "poll(2) and ppoll(2)")]
mod poll;
#[allow(unsafe_code, reason = "its private field proves that a number is an open fd")]
mod pollfd;
mod ready;
#[allow(unsafe_code, reason = "sigset_t and pthread_sigmask(3)")]
mod signal;
#[allow(unsafe_code, reason = "prctl(2)")]
mod slack;
#[allow(unsafe_code, reason = "`set_raw` passes its caller's promise on")]
mod slots;
mod storage;
mod timeout;
mod wait;

pub use error::Error;
pub use interest::{HAS_READ_CLOSED, Interest, Readiness};
pub use limits::max_open_files;
pub use mask_turns::MaskTurns;
#[doc(hidden)]
pub use poll::without_ppoll;
pub use poll::{HAS_PPOLL, has_ppoll, poll, ppoll, wait};
pub use pollfd::PollFd;
pub use ready::{Iter, Ready, ReadySlots, Slot, next_ready};
pub use signal::{MaskGuard, SigSet, Signal};
pub use slack::{set_timer_slack, timer_slack};
pub use slots::Slots;
pub use timeout::{Chunk, Deadline, Timeout, Timespec};
pub use wait::{Interrupt, Outcome, WaitCall, wait_with};
