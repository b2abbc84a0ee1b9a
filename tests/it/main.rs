//! What the crates promise, tried from outside on real pipes, sockets, signals and threads.

mod attacks;
mod auto_traits;
mod backend_errors;
mod bad_input;
mod debug;
#[cfg(target_os = "linux")]
mod epoll;
mod model;
#[cfg(target_os = "linux")]
mod pictures;
mod reactor;
mod readiness;
mod signals;
mod slots;
mod spin;
mod storage;
#[allow(dead_code, reason = "other tests need the rest")]
mod support;
mod tidy;
mod time;
mod traced;
mod turns;
mod waker;
mod words;
