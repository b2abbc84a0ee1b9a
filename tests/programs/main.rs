//! What starts programs: the examples as their users meet them, cargo, the C compiler, strace.
//!
//! Apart from the tests in `tests/it`, because a process that is started holds a copy of every fd from its fork
//! until its exec: a pipe that a test of another thread closes at that moment does not hang up yet.

mod arguments;
mod c_headers;
mod chat;
mod compiler;
mod dependencies;
mod echo;
mod example;
mod executor;
mod ignored_signals;
mod inherited;
#[cfg(target_os = "linux")]
mod interrupted;
mod listener;
mod nc;
mod no_compile;
mod program;
mod proxy;
mod public_api;
mod readme;
mod server;
mod sharded_echo;
mod shown_examples;
mod supervise;
#[path = "../it/support.rs"]
#[allow(dead_code, reason = "a part of it is used here")]
mod support;
mod terminal;
mod traced;
mod urgent;
mod watch;

pub(crate) use example::example;
