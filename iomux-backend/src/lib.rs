//! A trait for multiplexers, its implementations over poll(2), epoll(7) and kqueue(2), and a reactor.
//!
//! # Where to begin
//! - Use a [`Reactor`] for sources that come and go, such as connections.
//! - Use a [`Multiplexer`] for a fixed set of sources: [`native()`], [`Poll`], or [`by_name`].
//! - Use [`iomux::Slots`] for poll(2) alone, as a table of slots.
//!
//! # Guide
//! The guide has one page per subject, with programs that the tests run:
//! - [readiness](guide::readiness): what each readiness flag means, and how to respond to it.
//! - [errors](guide::errors): errors and hangups of sources that are not streams.
//! - [modes](guide::modes): level, edge, one-shot and exclusive.
//! - [connecting](guide::connecting): a non-blocking connect(2), its deadline, and the next address.
//! - [listening](guide::listening): the accept queue, fair accepts, and running out of file descriptors.
//! - [buffers](guide::buffers): input that is already buffered, and a queue for output.
//! - [back-pressure](guide::back_pressure): the interest while a peer is slow.
//! - [timeouts](guide::timeouts): deadlines, timers, and their precision.
//! - [signals](guide::signals): signals as a source or with a mask, and what children inherit.
//! - [wakers](guide::wakers): ending a wait from another thread or from a signal handler.
//! - [threads](guide::threads): several threads, and a reactor inside another loop.
//! - [closed fds](guide::closed_fds): fds that are closed while they are registered.
//! - [backends](guide::backends): writing and testing a custom backend.
//! - [moving](guide::moving): moving from mio, polling, ocaml-iomux and C.
//!
//! # Features
//! Both are off by default.
//! - `conformance`: the conformance suite and its macro `conformance!`, for the tests of a backend.
//! - `tracing`: `Traced`, a multiplexer that logs each call of another one with the crate tracing.

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
/// The error of the crate iomux, which a [`MaskGuard`] and [`wait_with`] return.
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

/// The programs of the README, compiled as doc tests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
