//! The third layer: a trait for multiplexers, with poll behind it, and the means to prove another.
//!
//! To come: epoll and kqueue.

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

// The target table: which system gets which file. Nothing else in this crate names a system.
cfg_if::cfg_if! {
    if #[cfg(loom)] {
        // Not a system: the model checker's.
        #[path = "waker/loom.rs"]
        mod notifier;
    } else if #[cfg(any(
        target_os = "linux",
        target_os = "android",
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "illumos",
    ))] {
        mod sys;
        #[path = "waker/eventfd.rs"]
        mod notifier;
        #[cfg(test)]
        #[path = "waker/socketpair.rs"]
        mod notifier_elsewhere;
    } else {
        #[path = "waker/socketpair.rs"]
        mod notifier;
    }
}

pub use any::{Any, NAMES, UnknownBackend, by_name};
pub use error::Error;
pub use event::{Event, Events, Token};
pub use iomux::{Interest, Readiness, SigSet, Signal, Timeout};
pub use multiplexer::{Capabilities, Mode, Multiplexer, TrustedMultiplexer};
pub use poll::Poll;
pub use reactor::{Handle, InsertError, Key, Reactor, Ready, SubmitError};
pub use waker::{Waker, WakerSource};

/// The best multiplexer of this system.
pub type Native<'fd> = Poll<'fd>;

/// The README's programs, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
