//! The guide: what one has to know to write a loop that is right, a page a subject.
//!
//! The documentation of an item says what it does. These pages say when to use which, and what goes wrong otherwise.
//! Every example is a whole program, and is run by the tests. The pages exist in the documentation only.
//!
//! - [`readiness`]: what is reported of an fd, and what to do then.
//! - [`modes`]: level, edge, one-shot, exclusive.
//! - [`back_pressure`]: what to ask for while a peer is slow, and when fds run out.
//! - [`wakers`]: ending a wait from another thread or from a signal handler.
//! - [`signals`]: without races, also in a loop that is always busy.
//! - [`timeouts`]: time, timers, and how exact they are.
//! - [`closed_fds`]: fds that are closed behind a multiplexer's back, and why that can't happen here.
//! - [`backends`]: writing one, and proving it.
//! - [`moving`]: from mio, polling, ocaml-iomux and C.

#[doc = include_str!("guide/readiness.md")]
pub mod readiness {}

#[doc = include_str!("guide/modes.md")]
pub mod modes {}

#[doc = include_str!("guide/back_pressure.md")]
pub mod back_pressure {}

#[doc = include_str!("guide/wakers.md")]
pub mod wakers {}

#[doc = include_str!("guide/signals.md")]
pub mod signals {}

#[doc = include_str!("guide/timeouts.md")]
pub mod timeouts {}

#[doc = include_str!("guide/closed_fds.md")]
pub mod closed_fds {}

#[doc = include_str!("guide/backends.md")]
#[cfg_attr(feature = "conformance", doc = "\nThe suite: [`conformance`](mod@crate::conformance).")]
pub mod backends {}

#[doc = include_str!("guide/moving.md")]
pub mod moving {}
