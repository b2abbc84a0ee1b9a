//! The table as it should be: a model so simple that it is right.

use crate::support::{empty_pipe, full_pipe};
use iomux::{Error, HAS_PPOLL, Interest, Readiness, SigSet, Slots, Timeout};
use proptest::prelude::*;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};

pub(crate) const CAPACITY: usize = 37;

/// The calls that wait for all slots.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Poll,
    Ppoll,
    PpollWithMask,
    Wait,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Set(usize, usize, Interest),
    SetInterest(usize, Interest),
    Clear(usize),
    Pause(usize),
    Resume(usize),
    /// With that timeout, where something is ready; without waiting, where nothing is.
    Wait(Call, Timeout),
    PollFirst(usize, Timeout),
    NextReady,
}

/// An fd, and what the kernel reports of it. Kernels differ: pipes of FreeBSD go both ways, and OpenBSD reports no hangup to
/// who asks for `WRITE_BAND` alone.
#[derive(Clone, Copy)]
struct State(RawFd);

impl State {
    fn of(fd: BorrowedFd<'_>) -> Self {
        Self(fd.as_raw_fd())
    }

    /// Asks poll(2) itself.
    fn reported(self, interest: Interest) -> Readiness {
        let mut fd = libc::pollfd { fd: self.0, events: interest.bits(), revents: 0 };
        // SAFETY: one entry.
        let ready = unsafe { libc::poll(&raw mut fd, 1, 0) };
        assert!(ready >= 0, "{}", std::io::Error::last_os_error());
        Readiness::from_bits_retain(fd.revents)
    }
}

#[derive(Clone, Copy)]
struct Slot {
    fd: usize,
    interest: Interest,
    is_paused: bool,
    reported: Readiness,
}

/// The table as it should be: `reported` holds the last poll's answer until it is forgotten.
struct Model {
    states: [State; 4],
    slots: [Option<Slot>; CAPACITY],
    cursor: usize,
}

impl Model {
    fn used(&self) -> usize {
        self.slots.iter().rposition(Option::is_some).map_or(0, |highest| highest + 1)
    }

    fn poll(&mut self, count: usize) -> usize {
        self.cursor = 0;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            let Some(slot) = slot else { continue };
            let is_polled = index < count && !slot.is_paused;
            let readiness = self.states[slot.fd].reported(slot.interest);
            slot.reported = if is_polled { readiness } else { Readiness::empty() };
        }
        self.ready(0).len()
    }

    fn ready(&self, from: usize) -> Vec<(usize, Readiness)> {
        let reported = self.slots.iter().enumerate().skip(from);
        reported
            .filter_map(|(index, slot)| slot.map(|slot| (index, slot.reported)))
            .filter(|(_, reported)| !reported.is_empty())
            .collect()
    }

    fn filled(&mut self, index: usize) -> Result<&mut Slot, Error> {
        let slot = self.slots.get_mut(index);
        let slot = slot.ok_or(Error::IndexOutOfRange { index, capacity: CAPACITY })?;
        slot.as_mut().ok_or(Error::EmptySlot { index })
    }

    fn wait(&mut self, call: Call, timeout: Timeout, slots: &mut Slots<'_>) -> Result<(), TestCaseError> {
        let ready = self.poll(self.used());
        let is_armed = self.slots.iter().flatten().any(|slot| !slot.is_paused);
        if matches!(call, Call::Wait) && timeout == Timeout::Infinite && !is_armed {
            prop_assert_eq!(slots.wait(timeout), Err(Error::NothingToWaitFor));
            return Ok(());
        }
        let timeout = if ready == 0 { Timeout::Nowait } else { timeout };
        let answer = match call {
            Call::PpollWithMask if HAS_PPOLL => slots.ppoll(timeout, Some(&SigSet::full())),
            Call::Ppoll | Call::PpollWithMask => slots.ppoll(timeout, None),
            Call::Poll => slots.poll(timeout),
            Call::Wait => slots.wait(timeout),
        };
        prop_assert_eq!(answer, Ok(ready));
        Ok(())
    }

    fn take(&mut self, slots: &mut Slots<'_>) -> Result<(), TestCaseError> {
        let due = self.ready(self.cursor).first().copied();
        let next = slots.next_ready().map(|ready| (ready.index(), ready.readiness()));
        prop_assert_eq!(next, due);
        self.cursor = due.map_or(CAPACITY, |(index, _)| index + 1);
        Ok(())
    }

    fn apply<'fd>(
        &mut self,
        step: &Step,
        slots: &mut Slots<'fd>,
        fds: &[BorrowedFd<'fd>; 4],
    ) -> Result<(), TestCaseError> {
        let outside = |index| Err(Error::IndexOutOfRange { index, capacity: CAPACITY });
        match *step {
            Step::Set(index, fd, interest) => {
                let expected = match self.slots.get_mut(index) {
                    Some(slot) => {
                        *slot = Some(Slot { fd, interest, is_paused: false, reported: Readiness::empty() });
                        Ok(())
                    }
                    None => outside(index),
                };
                prop_assert_eq!(slots.set(index, fds[fd], interest), expected);
            }
            Step::SetInterest(index, interest) => {
                let expected = self.filled(index).map(|slot| slot.interest = interest);
                prop_assert_eq!(slots.set_interest(index, interest), expected);
            }
            Step::Clear(index) => {
                let expected = self.slots.get_mut(index).map(|slot| *slot = None);
                prop_assert_eq!(slots.clear(index), expected.map_or(outside(index), Ok));
            }
            Step::Pause(index) => {
                let expected = self.filled(index).map(|slot| {
                    slot.is_paused = true;
                    slot.reported = Readiness::empty();
                });
                prop_assert_eq!(slots.pause(index), expected);
            }
            Step::Resume(index) => {
                let expected = self.filled(index).map(|slot| slot.is_paused = false);
                prop_assert_eq!(slots.resume(index), expected);
            }
            Step::Wait(call, timeout) => self.wait(call, timeout, slots)?,
            Step::PollFirst(count, timeout) if count > CAPACITY => {
                let expected = Err(Error::CountOutOfRange { count, capacity: CAPACITY });
                prop_assert_eq!(slots.poll_first(count, timeout), expected);
            }
            Step::PollFirst(count, timeout) => {
                let ready = self.poll(count);
                let timeout = if ready == 0 { Timeout::Nowait } else { timeout };
                prop_assert_eq!(slots.poll_first(count, timeout), Ok(ready));
            }
            Step::NextReady => self.take(slots)?,
        }
        Ok(())
    }

    fn check(&self, slots: &Slots<'_>, fds: &[BorrowedFd<'_>; 4]) -> Result<(), TestCaseError> {
        prop_assert_eq!(slots.used(), self.used());
        let iterated: Vec<_> = slots.ready().map(|ready| (ready.index(), ready.readiness())).collect();
        prop_assert_eq!(iterated, self.ready(0));
        let mut in_use = slots.iter();
        for (index, slot) in self.slots.iter().enumerate() {
            let reported = slot.map_or(Readiness::empty(), |slot| slot.reported);
            prop_assert_eq!(slots.readiness(index), Ok(reported));
            let fd = slot.map(|slot| fds[slot.fd].as_raw_fd());
            prop_assert_eq!(slots.fd(index).unwrap().map(|fd| fd.as_raw_fd()), fd);
            let interest = slot.map_or(Interest::empty(), |slot| slot.interest);
            prop_assert_eq!(slots.interest(index), Ok(interest));
            if slot.is_some() {
                let listed = in_use.next().map(|slot| (slot.index(), slot.readiness()));
                prop_assert_eq!(listed, Some((index, reported)));
            }
        }
        prop_assert!(in_use.next().is_none());
        Ok(())
    }
}

/// Takes the steps on a table, and compares it with the model after each.
pub(crate) fn holds(steps: &[Step]) -> Result<(), TestCaseError> {
    let (with_data, _w1) = full_pipe();
    let (without, _w2) = empty_pipe();
    let (_r3, with_room) = empty_pipe();
    let (hung_up, w4) = empty_pipe();
    drop(w4);
    let fds = [with_data.as_fd(), without.as_fd(), with_room.as_fd(), hung_up.as_fd()];
    let mut slots = Slots::with_capacity(CAPACITY);
    let mut model = Model { states: fds.map(State::of), slots: [None; CAPACITY], cursor: 0 };
    for step in steps {
        model.apply(step, &mut slots, &fds)?;
        model.check(&slots, &fds)?;
    }
    Ok(())
}
