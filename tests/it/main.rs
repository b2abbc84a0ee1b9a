//! What the crates promise, tried from outside on real pipes, sockets, signals and threads.

mod backend_calls;
mod backend_errors;
mod backend_model;
mod bad_input;
mod c_headers;
mod calls;
mod debug;
mod echo;
#[cfg(target_os = "linux")]
mod epoll;
mod model;
mod nc;
mod no_compile;
mod reactor;
mod readiness;
mod readme;
mod signals;
mod slots;
mod storage;
mod support;
mod tidy;
mod time;
mod waker;
