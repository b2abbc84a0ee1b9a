//! A program made of bytes.

use arbitrary::{Arbitrary, Unstructured};

/// Steps for as long as there are bytes. (As a `Vec` they would end at every other step, by the toss of a bit.)
pub(crate) fn program<'a, Step: Arbitrary<'a>>(bytes: &'a [u8]) -> Vec<Step> {
    let mut bytes = Unstructured::new(bytes);
    let mut steps = Vec::new();
    while !bytes.is_empty() {
        let Ok(step) = Step::arbitrary(&mut bytes) else { break };
        steps.push(step);
    }
    steps
}
