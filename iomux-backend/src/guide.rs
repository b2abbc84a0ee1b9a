//! The guide: how to write a correct event loop, one page per subject.
//!
//! The documentation of an item says what it does. These pages say when to use which, and what goes wrong otherwise.
//! Every example is a whole program, and the tests run it. The pages exist in the documentation only.
//!
//! - [`readiness`]: what is reported of an fd, and what to do then.
//! - [`errors`]: errors that are no end, error queues, and ends that are errors.
//! - [`modes`]: level, edge, one-shot, exclusive.
//! - [`connecting`]: a non-blocking connect(2), its deadline, and the next address.
//! - [`listening`]: the queue, a few accepts per turn, and when file descriptors run out.
//! - [`buffers`]: bytes that were read already, and a queue for those to write.
//! - [`back_pressure`]: the interest while a peer is slow.
//! - [`timeouts`]: deadlines, timers, and how exact they are.
//! - [`signals`]: as a source, or with a mask; what children inherit.
//! - [`wakers`]: ending a wait from another thread or from a signal handler.
//! - [`threads`]: reactors and epolls in several threads, and inside another loop.
//! - [`closed_fds`]: fds that are closed while they are registered.
//! - [`backends`]: writing one, and proving it.
//! - [`moving`]: from mio, polling, ocaml-iomux and C.

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
