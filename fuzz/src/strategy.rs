//! A strategy's value, made of the fuzzer's bytes.

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The bytes are the seed: taken as the random numbers themselves (`RngAlgorithm::PassThrough`) they run out, and
/// some ranges never take the zeros that come then.
pub fn value<S: Strategy>(bytes: &[u8], strategy: &S) -> S::Value {
    let mut seed = [0; 32];
    for (number, part) in seed.chunks_exact_mut(8).enumerate() {
        let mut hasher = DefaultHasher::new();
        (number, bytes).hash(&mut hasher);
        part.copy_from_slice(&hasher.finish().to_le_bytes());
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    strategy.new_tree(&mut runner).expect("it rejects nothing").current()
}
