#![no_main]

#[path = "../../tests/fuzzed/values.rs"]
mod values;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| values::run(bytes));
