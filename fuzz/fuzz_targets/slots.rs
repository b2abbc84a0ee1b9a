#![no_main]

#[path = "../../tests/fuzzed/program.rs"]
mod program;
#[path = "../../tests/fuzzed/slots.rs"]
mod slots;
#[path = "../../tests/it/support.rs"]
#[allow(dead_code, reason = "what its tests need")]
mod support;
#[path = "../../tests/it/model/table.rs"]
mod table;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| slots::run(bytes));
