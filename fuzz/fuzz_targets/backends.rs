//! Any program on Poll and Epoll side by side reports what the model says is ready.
#![no_main]

#[path = "../../tests/differential/channel.rs"]
mod channel;
#[path = "../../tests/differential/child.rs"]
mod child;
#[path = "../../tests/differential/sides.rs"]
mod sides;
#[path = "../../tests/differential/signal.rs"]
mod signal;
#[path = "../../tests/differential/steps.rs"]
mod steps;
#[path = "../src/strategy.rs"]
mod strategy;
#[allow(dead_code, reason = "of all that it has, this needs little")]
#[path = "../../tests/it/support.rs"]
mod support;
#[path = "../../tests/differential/world.rs"]
mod world;

use iomux_backend::{Epoll, Poll};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let both = sides::Sides::new(vec![Box::new(Poll::new()), Box::new(Epoll::new().unwrap())]);
    let mut world = world::World::new(both);
    strategy::value(bytes, &steps::steps(1..100)).iter().try_for_each(|step| world.take(step)).unwrap();
});
