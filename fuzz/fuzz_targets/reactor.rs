#![no_main]

#[path = "../../tests/fuzzed/program.rs"]
mod program;
#[path = "../../tests/fuzzed/reactor.rs"]
mod reactor;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| reactor::run(bytes));
