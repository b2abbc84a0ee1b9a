//! Random programs on a multiplexer, step by step against a model of what must be ready.
//!
//! A failure prints its seed; `IOMUX_SEED=… cargo test --test it backend_model` replays it.

#[cfg(target_os = "linux")]
mod both;
mod steps;
mod world;

use crate::support::{is_emulated, skip};
use iomux_backend::{Multiplexer, Poll};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::hash::{BuildHasher, RandomState};
use world::World;

const STEPS_A_CASE: usize = 200;

/// The seed to replay, or a new one.
fn seed() -> u64 {
    let given = std::env::var("IOMUX_SEED").ok();
    given.map_or_else(|| RandomState::new().hash_one(0), |seed| seed.parse().expect("IOMUX_SEED is a number"))
}

fn holds_to_the_model<M: Multiplexer<'static>>(create: impl Fn() -> M, steps_in_all: usize) {
    if cfg!(not(target_os = "linux")) {
        return skip("backend_model", "the model is that of Linux's pipes and sockets");
    }
    let steps_in_all = if is_emulated() { steps_in_all / 20 } else { steps_in_all };
    let seed = seed();
    let bytes: Vec<u8> = seed.to_le_bytes().repeat(4);
    let cases = u32::try_from(steps_in_all / STEPS_A_CASE).unwrap();
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let result = runner.run(&steps::steps(STEPS_A_CASE..STEPS_A_CASE + 1), |steps| {
        let mut world = World::new(create());
        steps.iter().try_for_each(|step| world.take(step))
    });
    if let Err(failure) = result {
        panic!("IOMUX_SEED={seed} replays this: {failure}");
    }
}

#[test]
fn poll_holds_to_the_model() {
    holds_to_the_model(Poll::new, 100_000);
}

#[test]
fn poll_without_ppoll_holds_to_the_model() {
    holds_to_the_model(Poll::without_ppoll, 20_000);
}

#[test]
fn a_boxed_poll_holds_to_the_model() {
    holds_to_the_model(|| -> Box<dyn Multiplexer<'static>> { Box::new(Poll::new()) }, 20_000);
}

#[cfg(target_os = "linux")]
#[test]
fn epoll_holds_to_the_model() {
    holds_to_the_model(|| iomux_backend::Epoll::new().unwrap(), 100_000);
}

#[cfg(target_os = "linux")]
#[test]
fn epoll_without_pwait2_holds_to_the_model() {
    holds_to_the_model(|| iomux_backend::Epoll::without_pwait2().unwrap(), 20_000);
}

#[cfg(target_os = "linux")]
#[test]
fn poll_and_epoll_report_the_same() {
    holds_to_the_model(both::Both::new, 100_000);
}
