//! The ways to wait for a pipe: with a table and with each backend, with and without a mask.

use iomux::{Error as SlotsError, HAS_PPOLL, Interest, SigSet, Slots, Timeout};
use iomux_backend::{ALL_NAMES as NAMES, Capabilities, Error, Events, Mode, Multiplexer, Token, by_name};
use std::io::PipeReader;
use std::os::fd::AsFd;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum End {
    Ready,
    Time,
    Interrupted,
}

pub(super) struct Way<'a> {
    pub(super) name: String,
    /// `true` if a signal may end the wait. The others must resume.
    pub(super) is_interruptible: bool,
    pub(super) wait: Box<dyn FnMut(Timeout) -> End + 'a>,
}

impl<'a> Way<'a> {
    fn new(name: &str, is_interruptible: bool, wait: impl FnMut(Timeout) -> End + 'a) -> Self {
        Self { name: name.into(), is_interruptible, wait: Box::new(wait) }
    }

    fn of_slots(
        name: &str,
        source: &'a PipeReader,
        is_interruptible: bool,
        wait: impl Fn(&mut Slots<'a>, Timeout) -> Result<usize, SlotsError> + 'a,
    ) -> Self {
        let mut slots = Slots::with_capacity(1);
        slots.set(0, source.as_fd(), Interest::READABLE).unwrap();
        Self::new(name, is_interruptible, move |timeout| match wait(&mut slots, timeout) {
            Err(SlotsError::Interrupted) => End::Interrupted,
            answer => end(answer.unwrap()),
        })
    }

    /// Returns none if the backend has no masked wait.
    fn of_backend(name: &'static str, source: &'a PipeReader, mask: Option<(&str, SigSet)>) -> Option<Self> {
        let (mut mux, mut events) = (by_name(name).unwrap(), Events::with_capacity(4));
        mux.register(source.as_fd(), Token(0), Interest::READABLE, Mode::Level).unwrap();
        let Some((what, mask)) = mask else {
            return Some(Self::new(name, false, move |timeout| end(mux.wait(&mut events, timeout).unwrap())));
        };
        if !mux.capabilities().contains(Capabilities::MASK) {
            return None;
        }
        Some(Self::new(&format!("{name}, {what}"), what == LETS_THROUGH, move |timeout| {
            match mux.wait_masked(&mut events, timeout, &mask) {
                Err(Error::Interrupted) => End::Interrupted,
                answer => end(answer.unwrap()),
            }
        }))
    }
}

fn end(count: usize) -> End {
    assert!(count <= 1, "{count} of one");
    if count == 0 { End::Time } else { End::Ready }
}

const LETS_THROUGH: &str = "a mask that lets it through";
const HOLDS_BACK: &str = "a mask that holds it back";

/// Returns the ways without a mask.
pub(super) fn unmasked(source: &PipeReader) -> Vec<Way<'_>> {
    let of_slots = [
        Way::of_slots("Slots::poll", source, true, |slots, timeout| slots.poll(timeout)),
        Way::of_slots("Slots::wait", source, false, |slots, timeout| slots.wait(timeout)),
    ];
    let of_backends = NAMES.iter().filter_map(|name| Way::of_backend(name, source, None));
    of_slots.into_iter().chain(of_backends).collect()
}

/// Returns the ways with a mask. The signal is blocked outside of the waits, and `mask` decides about it in them.
pub(super) fn masked<'a>(source: &'a PipeReader, mask: &SigSet) -> Vec<Way<'a>> {
    let mut ways = Vec::new();
    for (what, mask) in [(LETS_THROUGH, *mask), (HOLDS_BACK, SigSet::full())] {
        if HAS_PPOLL {
            let name = format!("Slots::ppoll, {what}");
            ways.push(Way::of_slots(&name, source, what == LETS_THROUGH, move |slots, timeout| {
                slots.ppoll(timeout, Some(&mask))
            }));
        }
        ways.extend(NAMES.iter().filter_map(|name| Way::of_backend(name, source, Some((what, mask)))));
    }
    ways
}
