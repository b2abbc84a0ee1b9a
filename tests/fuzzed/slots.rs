//! Any sequence of calls on a table of slots has the results of the model.

use crate::program::program;
use crate::table::{self, CAPACITY, Call, Step};
use arbitrary::{Arbitrary, Result, Unstructured};
use iomux::{Interest, Timeout};
use std::time::{Duration, Instant};

/// Any index, but mostly one of a slot or near the end.
fn index(bytes: &mut Unstructured<'_>) -> Result<usize> {
    Ok(match bytes.arbitrary::<u8>()? {
        255 => bytes.arbitrary()?,
        byte => usize::from(byte) % (CAPACITY + 2),
    })
}

fn timeout(bytes: &mut Unstructured<'_>) -> Result<Timeout> {
    let after = |bytes: &mut Unstructured<'_>| {
        Ok(Duration::new(bytes.arbitrary()?, bytes.int_in_range(0..=999_999_999)?))
    };
    Ok(match bytes.int_in_range(0..=3)? {
        0 => Timeout::Nowait,
        1 => Timeout::Infinite,
        2 => Timeout::After(after(bytes)?),
        _ => Instant::now().checked_add(after(bytes)?).map_or(Timeout::Infinite, Timeout::Until),
    })
}

/// Any flags, named or not, but those that poll(2) has no bit for here: the model rejects none.
fn interest(bytes: &mut Unstructured<'_>) -> Result<Interest> {
    let lacks = if iomux::HAS_READ_CLOSED { Interest::empty() } else { Interest::READ_CLOSED };
    bytes.arbitrary().map(|bits| Interest::from_bits_retain(bits) - lacks)
}

fn call(bytes: &mut Unstructured<'_>) -> Result<Call> {
    bytes.choose(&[Call::Poll, Call::Ppoll, Call::PpollWithMask, Call::Wait]).copied()
}

impl Arbitrary<'_> for Step {
    fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<Self> {
        Ok(match bytes.int_in_range(0..=7)? {
            0 => Self::Set(index(bytes)?, bytes.int_in_range(0..=3)?, interest(bytes)?),
            1 => Self::SetInterest(index(bytes)?, interest(bytes)?),
            2 => Self::Clear(index(bytes)?),
            3 => Self::Pause(index(bytes)?),
            4 => Self::Resume(index(bytes)?),
            5 => Self::Wait(call(bytes)?, timeout(bytes)?),
            6 => Self::PollFirst(index(bytes)?, timeout(bytes)?),
            _ => Self::NextReady,
        })
    }
}

pub(crate) fn run(bytes: &[u8]) {
    table::holds(&program(bytes)).unwrap();
}
