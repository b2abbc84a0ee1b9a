//! How to write a correct event loop, one page per subject.
//!
//! The documentation of an item says what the item does. These pages say when to use it, and what breaks otherwise.
//! The tests run every example, with lines that are hidden here. To run one, put it into
//! `fn main() -> std::io::Result<()>`, before `Ok(())`. Some examples need the crates iomux, libc, socket2
//! (feature `all`) or signal-hook. These modules exist only in the documentation.
//!
//! - [`readiness`]: what each readiness flag means, and how to respond to it.
//! - [`errors`]: errors and hangups of sources that are not streams.
//! - [`modes`]: level, edge, one-shot and exclusive.
//! - [`connecting`]: a non-blocking connect(2), its deadline, and the next address.
//! - [`listening`]: the accept queue, fair accepts, and running out of file descriptors.
//! - [`buffers`]: input that is already buffered, and a queue for output.
//! - [`back_pressure`]: the interest while a peer is slow.
//! - [`timeouts`]: deadlines, timers, and their precision.
//! - [`signals`]: signals as a source or with a mask, and what children inherit.
//! - [`wakers`]: ending a wait from another thread or from a signal handler.
//! - [`threads`]: several threads, and a reactor inside another loop.
//! - [`closed_fds`]: fds that are closed while they are registered.
//! - [`backends`]: writing and testing a custom backend.
//! - [`moving`]: moving from mio, polling, ocaml-iomux and C.

#[doc = include_str!("guide/readiness.md")]
pub mod readiness {}

#[doc = include_str!("guide/errors.md")]
pub mod errors {}

#[doc = include_str!("guide/modes.md")]
pub mod modes {}

#[doc = include_str!("guide/connecting.md")]
pub mod connecting {}

#[doc = include_str!("guide/listening.md")]
pub mod listening {}

#[doc = include_str!("guide/buffers.md")]
pub mod buffers {}

#[doc = include_str!("guide/back_pressure.md")]
pub mod back_pressure {}

#[doc = include_str!("guide/timeouts.md")]
pub mod timeouts {}

#[doc = include_str!("guide/signals.md")]
pub mod signals {}

#[doc = include_str!("guide/wakers.md")]
pub mod wakers {}

#[doc = include_str!("guide/threads.md")]
pub mod threads {}

#[doc = include_str!("guide/closed_fds.md")]
pub mod closed_fds {}

#[doc = include_str!("guide/backends.md")]
#[cfg_attr(feature = "conformance", doc = "\nThe suite: [`conformance`](mod@crate::conformance).")]
pub mod backends {}

#[doc = include_str!("guide/moving.md")]
pub mod moving {}
