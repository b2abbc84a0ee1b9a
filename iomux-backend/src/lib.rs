//! The third layer: a trait for multiplexers, poll, epoll and kqueue behind it, and the means to prove another.
//!
//! # Where to begin
//! [`Reactor`] for connections that come and go; [`Multiplexer`] for a set of sources that stays, over [`native()`],
//! [`Poll`] or [`by_name`]. poll(2) alone, as a table of slots, is [`iomux::Slots`].
//!
//! # Guide
//! A page a subject, each with programs that are run by the tests:
//! - [readiness](guide::readiness): what is reported of an fd, and what to do then.
//! - [modes](guide::modes): level, edge, one-shot, exclusive.
//! - [back-pressure](guide::back_pressure): what to ask for while a peer is slow, and when fds run out.
//! - [wakers](guide::wakers): ending a wait from another thread or from a signal handler.
//! - [signals](guide::signals): without races, also in a loop that is always busy.
//! - [timeouts](guide::timeouts): time, timers, and how exact they are.
//! - [closed fds](guide::closed_fds): what happens behind a multiplexer's back, and why it can't here.
//! - [backends](guide::backends): writing one, and proving it.
//! - [moving](guide::moving): from mio, polling, ocaml-iomux and C.
//!
//! # Features
//! Both are off by default.
//! - `conformance`: the suite that proves a backend, and its macro `conformance!`: for tests.
//! - `tracing`: `Traced`, a multiplexer around any other that tells the crate tracing of each call.

#[macro_use]
mod any;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod event;
mod fd_table;
#[cfg(any(doc, doctest))]
pub mod guide;
mod multiplexer;
mod poll;
mod reactor;
#[cfg(feature = "tracing")]
mod traced;
mod waker;

// Never compiled: cargo-mutants reads these lines, and does not look into `cfg_if!`.
#[cfg(any())]
#[path = "epoll/busy_poll.rs"]
mod busy_poll;
#[cfg(any())]
mod epoll;
#[cfg(any())]
mod kqueue;
#[cfg(any())]
#[path = "waker/eventfd.rs"]
mod notifier;
#[cfg(any())]
#[path = "event/epoll.rs"]
mod raw;

// The target table: which system gets which file. Nothing else in this crate names a system.
cfg_if::cfg_if! {
    if #[cfg(loom)] {
        #[path = "event/plain.rs"]
        mod raw;
        // Not a system: the model checker's.
        #[path = "waker/loom.rs"]
        mod notifier;
        #[path = "native/poll.rs"]
        mod native;
    } else if #[cfg(all(target_os = "linux", iomux_libkqueue))] {
        #[path = "event/epoll.rs"]
        mod raw;
        mod sys;
        #[path = "waker/eventfd.rs"]
        mod notifier_fd;
        #[path = "waker/kqueue.rs"]
        mod notifier;
        #[cfg(test)]
        #[path = "waker/socketpair.rs"]
        mod notifier_elsewhere;
        mod epoll;
        #[path = "epoll/ioctl.rs"]
        mod ioctl;
        #[path = "epoll/busy_poll.rs"]
        mod busy_poll;
        mod kqueue;
        #[path = "kqueue/system/libkqueue.rs"]
        mod kqueue_system;
        #[path = "native/libkqueue.rs"]
        mod native;
        pub use busy_poll::BusyPoll;
        pub use epoll::{Epoll, EpollFlags};
        pub use kqueue::{FileChanges, Kqueue, Notice, Watched};
    } else if #[cfg(target_os = "linux")] {
        #[path = "event/epoll.rs"]
        mod raw;
        mod sys;
        #[path = "waker/eventfd.rs"]
        mod notifier;
        #[cfg(test)]
        #[path = "waker/socketpair.rs"]
        mod notifier_elsewhere;
        mod epoll;
        #[path = "epoll/ioctl.rs"]
        mod ioctl;
        #[path = "epoll/busy_poll.rs"]
        mod busy_poll;
        #[path = "native/epoll.rs"]
        mod native;
        pub use busy_poll::BusyPoll;
        pub use epoll::{Epoll, EpollFlags};
    } else if #[cfg(target_os = "android")] {
        #[path = "event/epoll.rs"]
        mod raw;
        mod sys;
        #[path = "waker/eventfd.rs"]
        mod notifier;
        mod epoll;
        #[path = "native/epoll.rs"]
        mod native;
        pub use epoll::{Epoll, EpollFlags};
    } else if #[cfg(target_vendor = "apple")] {
        #[path = "event/plain.rs"]
        mod raw;
        #[path = "waker/socketpair.rs"]
        mod notifier_fd;
        #[path = "waker/kqueue.rs"]
        mod notifier;
        mod kqueue;
        #[path = "kqueue/system/apple.rs"]
        mod kqueue_system;
        #[path = "native/kqueue.rs"]
        mod native;
        pub use kqueue::{FileChanges, Kqueue, Notice, Watched};
    } else if #[cfg(target_os = "freebsd")] {
        #[path = "event/plain.rs"]
        mod raw;
        mod sys;
        #[path = "waker/eventfd.rs"]
        mod notifier_fd;
        #[path = "waker/kqueue.rs"]
        mod notifier;
        mod kqueue;
        #[path = "kqueue/system/freebsd.rs"]
        mod kqueue_system;
        #[path = "native/kqueue.rs"]
        mod native;
        pub use kqueue::{FileChanges, Kqueue, Notice, Watched};
    } else if #[cfg(target_os = "netbsd")] {
        #[path = "event/plain.rs"]
        mod raw;
        mod sys;
        #[path = "waker/eventfd.rs"]
        mod notifier_fd;
        #[path = "waker/kqueue.rs"]
        mod notifier;
        mod kqueue;
        #[path = "kqueue/system/netbsd.rs"]
        mod kqueue_system;
        #[path = "native/kqueue.rs"]
        mod native;
        pub use kqueue::{FileChanges, Kqueue, Notice, Watched};
    } else if #[cfg(target_os = "openbsd")] {
        #[path = "event/plain.rs"]
        mod raw;
        #[path = "waker/socketpair.rs"]
        mod notifier_fd;
        #[path = "waker/kqueue.rs"]
        mod notifier;
        mod kqueue;
        #[path = "kqueue/system/openbsd.rs"]
        mod kqueue_system;
        #[path = "native/kqueue.rs"]
        mod native;
        pub use kqueue::{FileChanges, Kqueue, Notice, Watched};
    } else if #[cfg(target_os = "dragonfly")] {
        #[path = "event/plain.rs"]
        mod raw;
        #[path = "waker/socketpair.rs"]
        mod notifier_fd;
        #[path = "waker/kqueue.rs"]
        mod notifier;
        mod kqueue;
        #[path = "kqueue/system/dragonfly.rs"]
        mod kqueue_system;
        #[path = "native/kqueue.rs"]
        mod native;
        pub use kqueue::{FileChanges, Kqueue, Notice, Watched};
    } else if #[cfg(target_os = "illumos")] {
        #[path = "event/plain.rs"]
        mod raw;
        mod sys;
        #[path = "waker/eventfd.rs"]
        mod notifier;
        #[path = "native/poll.rs"]
        mod native;
    } else {
        #[path = "event/plain.rs"]
        mod raw;
        #[path = "waker/socketpair.rs"]
        mod notifier;
        #[path = "native/poll.rs"]
        mod native;
    }
}

pub use any::ByNameError;
pub use error::Error;
pub use event::{Event, Events, Token};
pub use iomux::{Deadline, Interest, MaskGuard, Readiness, SigSet, Signal, Timeout};
pub use multiplexer::{Capabilities, Mode, Multiplexer, TrustedMultiplexer};
pub use native::{Any, NAMES, Native, by_name, native};
pub use poll::Poll;
pub use reactor::{Handle, InsertError, Key, Reactor, Ready, SubmitError};
#[cfg(feature = "tracing")]
pub use traced::Traced;
pub use waker::{Waker, WakerSource};

/// The README's programs, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
