//! The third layer: a trait for multiplexers, with poll, epoll and kqueue behind it.
//!
//! This version holds the title page only; the trait and its backends come with the next. What there is
//! to use now is [`iomux`], a safe slot table over poll(2) and ppoll(2).
#![forbid(unsafe_code)]

/// The README's programs, compiled.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
