//! Random programs of register, modify, deregister, read, write, shutdown, close, dup, wake, signal, fork and wait.
//! Each backend is compared with a model, and several backends with each other.
//!
//! Each test prints its seed and its number of steps, which `IOMUX_STEPS=1000000` sets. A failure prints the seed of
//! its program and the smallest program that fails. `IOMUX_SEED=…` starts with that seed.
//!
//! The tests run in a process of their own, one at a time. A child has a copy of every fd, so a pipe that another test
//! closes would not hang up.

mod channel;
mod child;
#[allow(dead_code, reason = "an example has a `main`")]
#[path = "../../examples/select_backend.rs"]
mod select_backend;
#[cfg(target_os = "linux")]
mod shared_epoll;
#[cfg(target_os = "linux")]
mod sides;
mod signal;
mod steps;
#[path = "../it/support.rs"]
#[allow(dead_code, reason = "of all that it has, this needs little")]
mod support;
mod words;
mod world;

#[cfg(target_os = "linux")]
use iomux_backend::Epoll;
use iomux_backend::{Multiplexer, Poll};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use select_backend::Select;
#[cfg(target_os = "linux")]
use shared_epoll::SharedEpoll;
#[cfg(target_os = "linux")]
use sides::Sides;
use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};
use std::io::{Write, stderr};
use std::sync::{Mutex, PoisonError};
use steps::Step;
use support::{is_emulated, skip};
use world::{Tally, World};

/// Held by each test, since its children have copies of every fd.
static ALONE: Mutex<()> = Mutex::new(());

/// Returns a number from the environment.
fn given(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Prints past the capture of output, so that the lines of passing tests are visible too.
fn say(line: &str) {
    writeln!(stderr(), "{line}").expect("stderr");
}

/// Runs the steps of one program. Returns their number and a tally, or the failure and the smallest program that fails.
fn run<M: Multiplexer<'static>>(seed: u64, create: &impl Fn() -> M) -> Result<(usize, Tally), String> {
    let config = Config { failure_persistence: None, max_shrink_iters: 10_000, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed.to_le_bytes().repeat(4));
    let mut runner = TestRunner::new_with_rng(config, rng);
    let program = steps::steps(1..400).new_tree(&mut runner).expect("it rejects nothing");
    let (length, tally) = (program.current().len(), Cell::default());
    let result = runner.run_one(program, |steps: Vec<Step>| {
        let mut world = World::new(create());
        steps.iter().try_for_each(|step| world.take(step))?;
        tally.set(world.tally);
        Ok(())
    });
    match result {
        Ok(_) => Ok((length, tally.get())),
        Err(TestError::Fail(reason, steps)) => {
            let steps: Vec<_> = steps.iter().map(|step| format!("    {step:?}")).collect();
            Err(format!("{reason}\n{}", steps.join("\n")))
        }
        Err(TestError::Abort(reason)) => Err(reason.to_string()),
    }
}

fn agrees_with_model<M: Multiplexer<'static>>(name: &str, steps: u64, create: impl Fn() -> M) {
    if cfg!(not(target_os = "linux")) {
        return skip(name, "the model is for Linux's pipes and sockets");
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let steps = given("IOMUX_STEPS").unwrap_or(if is_emulated() { steps / 20 } else { steps });
    let first = given("IOMUX_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    say(&format!("{name}: from IOMUX_SEED={first}"));
    let (mut seed, mut taken, mut all) = (first, 0, Tally::default());
    while taken < steps {
        let (length, tally) = run(seed, &create)
            .unwrap_or_else(|failure| panic!("{name}: IOMUX_SEED={seed} replays this: {failure}"));
        taken += u64::try_from(length).expect("a small number");
        all += tally;
        seed = seed.wrapping_add(1);
    }
    say(&format!("{name}: {taken} steps agreed with the model: {all}"));
}

/// Defines a test per backend, with its default number of steps.
macro_rules! backends {
    ($($(#[$attribute:meta])* $name:ident, $steps:literal: $create:expr;)*) => {
        $($(#[$attribute])* #[test] fn $name() {
            agrees_with_model(stringify!($name), $steps, || $create);
        })*
    };
}

backends! {
    poll, 10_000: Poll::new();
    poll_without_ppoll, 4_000: Poll::without_ppoll();
    poll_boxed, 4_000: Box::new(Poll::new()) as Box<dyn Multiplexer<'static>>;
    select, 10_000: Select::new();
    #[cfg(target_os = "linux")]
    epoll, 10_000: Epoll::new().unwrap();
    #[cfg(target_os = "linux")]
    epoll_without_pwait2, 4_000: Epoll::without_pwait2().unwrap();
    #[cfg(target_os = "linux")]
    shared_epoll, 4_000: SharedEpoll::new().unwrap();
    #[cfg(target_os = "linux")]
    poll_and_epoll, 10_000: Sides::new(vec![Box::new(Poll::new()), Box::new(Epoll::new().unwrap())]);
    #[cfg(target_os = "linux")]
    select_poll_and_epoll, 8_000: Sides::new(vec![
        Box::new(Select::new()), Box::new(Poll::new()), Box::new(Epoll::new().unwrap()),
    ]);
    #[cfg(iomux_libkqueue)]
    kqueue, 10_000: iomux_backend::Kqueue::new().unwrap();
}
