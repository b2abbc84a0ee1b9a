//! The third layer: a trait for multiplexers, poll, epoll and kqueue behind it, and the means to prove another.
//!
//! # Where to begin
//! [`Reactor`] for connections that come and go; [`Multiplexer`] for a set of sources that stays, over [`native()`],
//! [`Poll`] or [`by_name`]. poll(2) alone, as a table of slots, is [`iomux::Slots`].
//!
//! # Guide
//! One page per subject, each with programs that the tests run:
//! - [readiness](guide::readiness): what is reported of an fd, and what to do then.
//! - [errors](guide::errors): errors that are no end, error queues, and ends that are errors.
//! - [modes](guide::modes): level, edge, one-shot, exclusive.
//! - [connecting](guide::connecting): a non-blocking connect(2), its deadline, and the next address.
//! - [listening](guide::listening): the queue, a few accepts per turn, and when file descriptors run out.
//! - [buffers](guide::buffers): bytes that were read already, and a queue for those to write.
//! - [back-pressure](guide::back_pressure): the interest while a peer is slow.
//! - [timeouts](guide::timeouts): deadlines, timers, and how exact they are.
//! - [signals](guide::signals): as a source, or with a mask; what children inherit.
//! - [wakers](guide::wakers): ending a wait from another thread or from a signal handler.
//! - [threads](guide::threads): reactors and epolls in several threads, and inside another loop.
//! - [closed fds](guide::closed_fds): fds that are closed while they are registered.
//! - [backends](guide::backends): writing one, and proving it.
//! - [moving](guide::moving): from mio, polling, ocaml-iomux and C.
//!
//! # Features
//! Both are off by default.
//! - `conformance`: the suite that proves a backend, and its macro `conformance!`: for tests.
//! - `tracing`: `Traced`, a multiplexer around any other that tells the crate tracing of each call.

mod any;
mod capabilities;
#[cfg(feature = "conformance")]
pub mod conformance;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod epoll;
mod error;
mod event;
mod fd_table;
#[cfg(any(doc, doctest))]
pub mod guide;
#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    iomux_libkqueue,
))]
mod kqueue;
mod memory;
mod mode;
mod multiplexer;
mod native;
mod poll;
mod reactor;
mod spin;
mod timers;
#[cfg(feature = "tracing")]
mod traced;
mod try_io;
mod waker;

pub use any::{Any, ByNameError, by_name};
pub use capabilities::Capabilities;
#[cfg(target_os = "linux")]
pub use epoll::BusyPoll;
#[cfg(any(target_os = "linux", target_os = "android"))]
pub use epoll::{Epoll, EpollFlags};
pub use error::Error;
pub use event::{Event, Events, Token};
/// The error of the layer below: of a [`MaskGuard`], and of [`wait_with`].
pub use iomux::Error as PollError;
pub use iomux::{
    Chunk, Interest, Interrupt, MaskGuard, MaskTurns, Outcome, PollFd, Readiness, SigSet, Signal, Timeout,
    Timespec, WaitCall, max_open_files, set_timer_slack, timer_slack, wait_with,
};
#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    iomux_libkqueue,
))]
pub use kqueue::{FileChanges, Kqueue, Notice, Watched};
pub use mode::Mode;
pub use multiplexer::{Multiplexer, TrustedMultiplexer};
#[doc(hidden)]
pub use native::ALL_NAMES;
pub use native::{NAMES, Native, native};
pub use poll::Poll;
pub use reactor::{Cause, Handle, InsertError, Key, Reactor, Ready, SubmitError};
pub use spin::Spin;
pub use timers::{TimerKey, Timers};
#[cfg(feature = "tracing")]
pub use traced::Traced;
pub use try_io::{TryRead, TryWrite, try_io};
pub use waker::{Waker, WakerSource};

/// The README's programs, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
