//! The steps of a random program.

use super::channel::Kind;
use iomux_backend::{Interest, Mode};
use proptest::prelude::*;
use std::ops::Range;
use std::time::Duration;

/// The places of sources.
pub(crate) const PLACES: usize = 10;

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Open(usize, Kind),
    Dup(usize, usize),
    Register(usize, Interest, Mode, usize),
    Modify(usize, Interest, Mode, usize),
    Deregister(usize),
    PeerWrites(usize),
    Read(usize),
    Write(usize),
    PeerReads(usize),
    PeerEndsWriting(usize),
    PeerCloses(usize),
    Close(usize),
    Wake,
    /// Sends the signal, which this thread blocks.
    Signal,
    Fork,
    ChildEnds(usize),
    Wait(usize),
    /// The source that is removed during the waits.
    WaitInTurns(Option<usize>),
    /// `true` if the mask unblocks the signal.
    WaitMasked(usize, bool),
    /// Waits with the signal unblocked while it arrives.
    WaitInterrupted(Duration),
}

/// Returns a strategy for programs with so many steps.
pub(crate) fn steps(count: Range<usize>) -> impl Strategy<Value = Vec<Step>> + use<> {
    let place = 0..PLACES;
    let interest = prop::sample::select(vec![
        Interest::empty(),
        Interest::READABLE,
        Interest::WRITABLE,
        Interest::READABLE | Interest::WRITABLE,
        Interest::READABLE | Interest::PRIORITY,
        Interest::READ_CLOSED,
        Interest::READABLE | Interest::READ_CLOSED | Interest::PRIORITY,
    ]);
    let mode = prop::sample::select(vec![Mode::Level, Mode::Level, Mode::OneShot]);
    let asked = (place.clone(), interest, mode, 0..5usize);
    let kind = prop::sample::select(vec![Kind::PipeReader, Kind::PipeWriter, Kind::Socket]);
    let sources = prop_oneof![
        3 => (place.clone(), kind).prop_map(|(place, kind)| Step::Open(place, kind)),
        1 => (place.clone(), place.clone()).prop_map(|(from, to)| Step::Dup(from, to)),
        6 => asked.clone().prop_map(|(place, interest, mode, token)| Step::Register(place, interest, mode, token)),
        4 => asked.prop_map(|(place, interest, mode, token)| Step::Modify(place, interest, mode, token)),
        2 => place.clone().prop_map(Step::Deregister),
        4 => place.clone().prop_map(Step::PeerWrites),
        3 => place.clone().prop_map(Step::Read),
        1 => place.clone().prop_map(Step::Write),
        1 => place.clone().prop_map(Step::PeerReads),
        1 => place.clone().prop_map(Step::PeerEndsWriting),
        1 => place.clone().prop_map(Step::PeerCloses),
        1 => place.clone().prop_map(Step::Close),
    ];
    let others = prop_oneof![
        6 => Just(Step::Wake),
        6 => Just(Step::Signal),
        2 => Just(Step::Fork),
        2 => (0..2usize).prop_map(Step::ChildEnds),
        20 => (1..PLACES + 2).prop_map(Step::Wait),
        4 => prop::option::of(place).prop_map(Step::WaitInTurns),
        12 => (1..PLACES + 2, prop::bool::weighted(0.8)).prop_map(|(room, lets)| Step::WaitMasked(room, lets)),
        // Whole milliseconds, and fractions, which need another system call.
        1 => prop::sample::select(vec![300, 1000]).prop_map(|us| Step::WaitInterrupted(Duration::from_micros(us))),
    ];
    prop::collection::vec(prop_oneof![2 => sources, 1 => others], count)
}
