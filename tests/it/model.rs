//! Any sequence of calls on a table of slots, against a model.

pub(crate) mod table;

use crate::support::is_emulated;
use iomux::{Interest, Timeout};
use proptest::prelude::*;
use std::time::Duration;
use table::{CAPACITY, Call, Step, holds};

fn steps() -> impl Strategy<Value = Vec<Step>> + use<> {
    let index = 0..CAPACITY + 2;
    let interest = prop::sample::select(vec![
        Interest::empty(),
        Interest::READABLE,
        Interest::WRITABLE,
        Interest::PRIORITY,
        Interest::READABLE | Interest::WRITABLE,
    ]);
    let timeout = prop::sample::select(vec![
        Timeout::Nowait,
        Timeout::Infinite,
        Duration::from_nanos(1).into(),
        Duration::from_secs(7).into(),
        Duration::MAX.into(),
    ]);
    let call = prop::sample::select(vec![Call::Poll, Call::Ppoll, Call::PpollWithMask, Call::Wait]);
    let step = prop_oneof![
        6 => (index.clone(), 0..4usize, interest.clone()).prop_map(|(i, fd, ask)| Step::Set(i, fd, ask)),
        2 => (index.clone(), interest).prop_map(|(i, ask)| Step::SetInterest(i, ask)),
        2 => index.clone().prop_map(Step::Clear),
        1 => index.clone().prop_map(Step::Pause),
        1 => index.clone().prop_map(Step::Resume),
        3 => (call, timeout.clone()).prop_map(|(call, timeout)| Step::Wait(call, timeout)),
        2 => (index, timeout).prop_map(|(count, timeout)| Step::PollFirst(count, timeout)),
        4 => Just(Step::NextReady),
    ];
    prop::collection::vec(step, 1..120)
}

/// An emulator takes a hundred times as long.
fn cases() -> u32 {
    if is_emulated() { 25 } else { 500 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn slots_agree_with_a_model(steps in steps()) {
        holds(&steps)?;
    }
}
