//! Random programs on a multiplexer, step by step against a model of what must be ready.
//!
//! A failure prints its seed; `IOMUX_SEED=… cargo test --test it backend_model` replays it.

#[cfg(target_os = "linux")]
mod both;
mod world;

use crate::support::{is_emulated, skip};
use iomux_backend::{Interest, Mode, Multiplexer, Poll};
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use std::hash::{BuildHasher, RandomState};
use world::{Kind, PLACES, Step, World};

const STEPS_A_CASE: usize = 200;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let place = 0..PLACES;
    let interest = prop::sample::select(vec![
        Interest::empty(),
        Interest::READABLE,
        Interest::WRITABLE,
        Interest::READABLE | Interest::WRITABLE,
        Interest::READ_CLOSED,
        Interest::READABLE | Interest::READ_CLOSED | Interest::PRIORITY,
    ]);
    let mode = prop::sample::select(vec![Mode::Level, Mode::Level, Mode::OneShot]);
    let asked = (place.clone(), interest, mode, 0..5usize);
    let kind = prop::sample::select(vec![Kind::PipeReader, Kind::PipeWriter, Kind::Socket]);
    let step = prop_oneof![
        3 => (place.clone(), kind).prop_map(|(place, kind)| Step::Open(place, kind)),
        1 => (place.clone(), place.clone()).prop_map(|(from, to)| Step::Dup(from, to)),
        6 => asked.clone().prop_map(|(place, interest, mode, token)| Step::Register(place, interest, mode, token)),
        4 => asked.prop_map(|(place, interest, mode, token)| Step::Modify(place, interest, mode, token)),
        2 => place.clone().prop_map(Step::Deregister),
        4 => place.clone().prop_map(Step::PeerWrites),
        3 => place.clone().prop_map(Step::Read),
        1 => place.clone().prop_map(Step::PeerEndsWriting),
        1 => place.clone().prop_map(Step::PeerCloses),
        1 => place.prop_map(Step::Close),
        1 => Just(Step::Wake),
        5 => (1..PLACES + 2).prop_map(Step::Wait),
        1 => Just(Step::WaitInTurns),
    ];
    prop::collection::vec(step, STEPS_A_CASE)
}

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
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let result = runner.run(&steps(), |steps| {
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
