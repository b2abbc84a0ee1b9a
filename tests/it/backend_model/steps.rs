//! What a random program may do.

use super::world::{Kind, PLACES, Step};
use iomux_backend::{Interest, Mode};
use proptest::prelude::*;
use std::ops::Range;

/// So many steps.
pub(crate) fn steps(count: Range<usize>) -> impl Strategy<Value = Vec<Step>> + use<> {
    let place = 0..PLACES;
    let interest = prop::sample::select(vec![
        Interest::empty(),
        Interest::READABLE,
        Interest::WRITABLE,
        Interest::READABLE | Interest::WRITABLE,
        Interest::READ_CLOSED,
        Interest::READABLE | Interest::READ_CLOSED | Interest::PRIORITY,
    ]);
    let mode = prop::sample::select(vec![Mode::Level, Mode::Level, Mode::OneShot]);
    let asked = (place.clone(), interest, mode, 0..5usize);
    let kind = prop::sample::select(vec![Kind::PipeReader, Kind::PipeWriter, Kind::Socket]);
    let step = prop_oneof![
        3 => (place.clone(), kind).prop_map(|(place, kind)| Step::Open(place, kind)),
        1 => (place.clone(), place.clone()).prop_map(|(from, to)| Step::Dup(from, to)),
        6 => asked.clone().prop_map(|(place, interest, mode, token)| Step::Register(place, interest, mode, token)),
        4 => asked.prop_map(|(place, interest, mode, token)| Step::Modify(place, interest, mode, token)),
        2 => place.clone().prop_map(Step::Deregister),
        4 => place.clone().prop_map(Step::PeerWrites),
        3 => place.clone().prop_map(Step::Read),
        1 => place.clone().prop_map(Step::PeerEndsWriting),
        1 => place.clone().prop_map(Step::PeerCloses),
        1 => place.prop_map(Step::Close),
        1 => Just(Step::Wake),
        5 => (1..PLACES + 2).prop_map(Step::Wait),
        1 => Just(Step::WaitInTurns),
    ];
    prop::collection::vec(step, count)
}
