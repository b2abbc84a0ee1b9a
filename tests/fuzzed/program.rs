//! A program that is read from bytes.

use arbitrary::{Arbitrary, Unstructured};

/// The steps of a program, which use all bytes. `Vec` would end after a step if a random bit is 0.
pub(crate) fn program<'a, Step: Arbitrary<'a>>(bytes: &'a [u8]) -> Vec<Step> {
    let mut bytes = Unstructured::new(bytes);
    let mut steps = Vec::new();
    while !bytes.is_empty() {
        let Ok(step) = Step::arbitrary(&mut bytes) else { break };
        steps.push(step);
    }
    steps
}
