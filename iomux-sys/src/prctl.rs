//! `<sys/prctl.h>`: the timer slack of a thread, on Linux and Android.

#[cfg(any(target_os = "android", target_os = "linux"))]
mod linux;
#[cfg(any(target_os = "android", target_os = "linux"))]
pub(crate) use linux::HEADER;
#[cfg(any(target_os = "android", target_os = "linux"))]
pub use linux::{GET_TIMERSLACK, PR_GET_TIMERSLACK, PR_SET_TIMERSLACK, SET_TIMERSLACK};
#[cfg(not(any(target_os = "android", target_os = "linux")))]
mod none;
#[cfg(not(any(target_os = "android", target_os = "linux")))]
pub use none::{GET_TIMERSLACK, SET_TIMERSLACK};
