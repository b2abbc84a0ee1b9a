//! The third layer: a trait for multiplexers, poll, epoll and kqueue behind it, and the means to prove another.

#[macro_use]
mod any;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod event;
mod multiplexer;
mod places;
mod poll;
mod reactor;
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
pub use iomux::{Interest, Readiness, SigSet, Signal, Timeout};
pub use multiplexer::{Capabilities, Mode, Multiplexer, TrustedMultiplexer};
pub use native::{Any, NAMES, Native, by_name, native};
pub use poll::Poll;
pub use reactor::{Handle, InsertError, Key, Reactor, Ready, SubmitError};
pub use waker::{Waker, WakerSource};

/// The README's programs, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
