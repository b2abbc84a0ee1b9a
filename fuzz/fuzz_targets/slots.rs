//! Any sequence of calls on a table of slots gives what the model gives.
#![no_main]

#[path = "../../tests/it/model.rs"]
#[allow(dead_code, unused_imports, reason = "what its tests need")]
mod model;
#[path = "../src/strategy.rs"]
mod strategy;
#[path = "../../tests/it/support.rs"]
#[allow(dead_code, reason = "what its tests need")]
mod support;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    model::holds(&strategy::value(bytes, &model::steps())).unwrap();
});
