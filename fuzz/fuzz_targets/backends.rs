#![no_main]

#[path = "../../tests/fuzzed/backends.rs"]
mod backends;
#[path = "../../tests/fuzzed/program.rs"]
mod program;
#[path = "../../tests/it/support.rs"]
#[allow(dead_code, reason = "what its tests need")]
mod support;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| backends::run(bytes));
