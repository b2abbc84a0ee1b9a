//! Any program on Poll, on Epoll, and on both side by side, reports what the model says is ready.
#![no_main]

#[path = "../../tests/it/backend_model/both.rs"]
mod both;
#[path = "../../tests/it/backend_model/steps.rs"]
mod steps;
#[path = "../src/strategy.rs"]
mod strategy;
#[path = "../../tests/it/backend_model/world.rs"]
mod world;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut world = world::World::new(both::Both::new());
    strategy::value(bytes, &steps::steps(1..100)).iter().try_for_each(|step| world.take(step)).unwrap();
});
