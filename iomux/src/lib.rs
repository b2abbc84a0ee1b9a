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
//! # Layers
//! - [`Slots`] is the table: [`set`](Slots::set) and [`clear`](Slots::clear) slots, then
//!   [`poll`](Slots::poll), [`ppoll`](Slots::ppoll) or [`wait`](Slots::wait), then iterate over the
//!   [`ready`](Slots::ready) ones. Its storage is a `Vec`, an array in a `static`, or a borrowed slice.
//! - [`poll`](poll()), [`ppoll`](ppoll()) and [`wait`](wait()) are the same calls over a slice of [`PollFd`]s,
//!   without a table.
//! - [`wait_with`] and [`MaskTurns`] are for a custom multiplexer. They handle deadlines, EINTR and signal masks
//!   around a system call of the caller.
//!
//! An [`Interest`] has the events to poll an fd for, and a [`Readiness`] the events that the kernel returned. A
//! [`Timeout`] limits a wait, and a [`SigSet`] is its signal mask.
//!
//! # Guarantees
//! - An fd can't be closed while it is in a slot, because the slot holds its borrow. The compiler checks it.
//! - An index or a count past the end of the table is an [`Error`], and changes nothing.
//! - The readiness of a slot is that of the last poll, if that poll succeeded and reached the slot. It is never that
//!   of an fd that was in the slot before.
//! - No wait times out early, and no duration is so long that a wait fails or becomes infinite. Signals neither
//!   extend nor shorten [`Slots::wait`].
//! - Only [`Slots::grow`] allocates after construction.
//! - Bits of `revents` that have no name in this crate are kept, and never cause a panic.
//!
//! # Platform notes
//! The crate supports Linux, Android, Apple, FreeBSD, NetBSD, OpenBSD, DragonFly, illumos, Solaris, AIX, Haiku, Hurd,
//! Redox, Cygwin and QNX.
//!
//! Where there is no ppoll(2), [`HAS_PPOLL`] is `false`. Timeouts are rounded up to ms then, and a mask is
//! [`Error::Unsupported`]. Where poll(2) can't report that a peer has shut down writing, [`HAS_READ_CLOSED`] is
//! `false`, and that interest is [`Error::Unsupported`].
//!
//! The crate needs std for [`BorrowedFd`](std::os::fd::BorrowedFd) and [`Instant`](std::time::Instant).

// Each module imports only from those above it. The reasons name what needs `unsafe`.
#![deny(unsafe_code)]

mod interest;
#[allow(unsafe_code, reason = "sysconf(3)")]
mod limits;
mod timeout;

mod error;

#[allow(unsafe_code, reason = "its private field proves that a number is an open fd")]
mod pollfd;
#[allow(unsafe_code, reason = "sigset_t and pthread_sigmask(3)")]
mod signal;
#[allow(unsafe_code, reason = "prctl(2)")]
mod slack;

mod wait;

#[allow(unsafe_code, reason = "poll(2) and ppoll(2)")]
mod poll;

mod mask_turns;
mod ready;

#[allow(unsafe_code, reason = "the caller of `set_raw` keeps the fd open")]
mod slots;

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
pub use timeout::{Chunk, Timeout, Timespec};
pub use wait::{Interrupt, Outcome, WaitCall, wait_with};
