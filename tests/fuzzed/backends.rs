//! Any program on `Poll` and `Epoll` has the readiness that the model expects.

#[path = "../differential/channel.rs"]
mod channel;
#[path = "../differential/child.rs"]
mod child;
#[path = "../differential/sides.rs"]
mod sides;
#[path = "../differential/signal.rs"]
mod signal;
#[path = "../differential/steps.rs"]
#[allow(dead_code, reason = "the programs are made of bytes here")]
mod steps;
#[path = "../differential/words.rs"]
mod words;
#[path = "../differential/world.rs"]
#[allow(dead_code, reason = "of all that it has, this needs little")]
mod world;

use crate::program::program;
use crate::support;
use arbitrary::{Arbitrary, Result, Unstructured};
use channel::Kind;
use iomux_backend::{Epoll, Interest, Mode, Poll};
use std::time::Duration;
use steps::{PLACES, Step};

fn place(bytes: &mut Unstructured<'_>) -> Result<usize> {
    bytes.choose_index(PLACES)
}

/// Any combination of the interests that Linux has.
fn interest(bytes: &mut Unstructured<'_>) -> Result<Interest> {
    let all = [Interest::READABLE, Interest::WRITABLE, Interest::READ_CLOSED, Interest::PRIORITY];
    let bits: u8 = bytes.arbitrary()?;
    let asked = all.into_iter().enumerate().filter(|(index, _)| bits & 1 << index != 0);
    Ok(asked.fold(Interest::empty(), |all, (_, one)| all | one))
}

fn mode(bytes: &mut Unstructured<'_>) -> Result<Mode> {
    bytes.choose(&[Mode::Level, Mode::OneShot]).copied()
}

impl Arbitrary<'_> for Step {
    fn arbitrary(bytes: &mut Unstructured<'_>) -> Result<Self> {
        let kinds = [Kind::PipeReader, Kind::PipeWriter, Kind::Socket];
        Ok(match bytes.int_in_range(0..=19)? {
            0 => Self::Open(place(bytes)?, *bytes.choose(&kinds)?),
            1 => Self::Dup(place(bytes)?, place(bytes)?),
            2 => Self::Register(place(bytes)?, interest(bytes)?, mode(bytes)?, bytes.choose_index(5)?),
            3 => Self::Modify(place(bytes)?, interest(bytes)?, mode(bytes)?, bytes.choose_index(5)?),
            4 => Self::Deregister(place(bytes)?),
            5 => Self::PeerWrites(place(bytes)?),
            6 => Self::Read(place(bytes)?),
            7 => Self::Write(place(bytes)?),
            8 => Self::PeerReads(place(bytes)?),
            9 => Self::PeerEndsWriting(place(bytes)?),
            10 => Self::PeerCloses(place(bytes)?),
            11 => Self::Close(place(bytes)?),
            12 => Self::Wake,
            13 => Self::Signal,
            14 => Self::Fork,
            15 => Self::ChildEnds(bytes.choose_index(2)?),
            16 => Self::Wait(place(bytes)? + 1),
            17 => Self::WaitInTurns(bytes.arbitrary::<Option<u8>>()?.map(|byte| usize::from(byte) % PLACES)),
            18 => Self::WaitMasked(place(bytes)? + 1, bytes.arbitrary()?),
            _ => Self::WaitInterrupted(Duration::from_micros(*bytes.choose(&[300, 1000])?)),
        })
    }
}

pub(crate) fn run(bytes: &[u8]) {
    let steps: Vec<Step> = program(bytes);
    let both = sides::Sides::new(vec![Box::new(Poll::new()), Box::new(Epoll::new().unwrap())]);
    let mut world = world::World::new(both);
    steps
        .iter()
        .try_for_each(|step| world.take(step))
        .unwrap_or_else(|failure| panic!("{failure}: {steps:?}"));
}
