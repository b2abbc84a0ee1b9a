//! Runs the bodies of the fuzz targets on the kept inputs of the fuzzer, and on new random ones.
//!
//! `fuzz/corpus/TARGET/` holds at most 15 inputs, which together reach the most code. Add an input that crashes.

#[cfg(target_os = "linux")]
mod backends;
mod program;
mod reactor;
mod slots;
#[path = "../it/support.rs"]
#[allow(dead_code, reason = "what other tests need")]
mod support;
#[path = "../it/model/table.rs"]
mod table;
mod values;

use proptest::test_runner::{RngAlgorithm, TestRng};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

/// Held by each test, since its children have copies of every fd.
static ALONE: Mutex<()> = Mutex::new(());

/// Runs all kept inputs and `IOMUX_FUZZED` random ones. A failure prints the seed.
fn on_all_inputs(target: &str, run: fn(&[u8])) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let corpus = support::root().join("fuzz/corpus").join(target);
    let files: Vec<_> = corpus.read_dir().expect("a corpus").map(|file| file.unwrap().path()).collect();
    let kept = files.len();
    assert!(kept >= 10, "a corpus of {kept}");
    for file in files {
        eprintln!("{}", file.display());
        run(&std::fs::read(file).unwrap());
    }
    let number = |name| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a number"));
    let count = number("IOMUX_FUZZED").unwrap_or(if support::is_emulated() { 10 } else { 500 });
    for _ in 0..count {
        let seed = number("IOMUX_SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
        eprintln!("IOMUX_SEED={seed}");
        run(&bytes(seed));
    }
    eprintln!("{target}: ran {kept} inputs of the corpus and {count} new ones");
}

/// Returns up to 1,000 random bytes.
fn bytes(seed: u64) -> Vec<u8> {
    use proptest::prelude::{Rng as _, RngCore as _};
    let mut rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed.to_le_bytes().repeat(4));
    let mut bytes = vec![0; rng.random_range(1..1000)];
    rng.fill_bytes(&mut bytes);
    bytes
}

#[test]
fn slots() {
    on_all_inputs("slots", slots::run);
}

#[cfg(target_os = "linux")]
#[test]
fn backends() {
    on_all_inputs("backends", backends::run);
}

#[test]
fn reactors() {
    if cfg!(not(target_os = "linux")) {
        return support::skip("fuzzed reactors", "the model is that of Linux's sockets");
    }
    on_all_inputs("reactor", reactor::run);
}

#[test]
fn values() {
    on_all_inputs("values", values::run);
}
