//! Any storage: `Vec`, array, borrowed and boxed slice, and one that lies.

use crate::support::full_pipe;
use iomux::{Error, Interest, PollFd, Readiness, Slots, Timeout};
use std::cell::Cell;
use std::os::fd::AsFd;
use std::sync::Mutex;

const EMPTY: Slots<'static, [PollFd<'static>; 4]> = Slots::array();
static SHARED: Mutex<Slots<'static, [PollFd<'static>; 8]>> = Mutex::new(Slots::array());

#[test]
fn slot_is_8_bytes() {
    assert_eq!(size_of::<PollFd<'_>>(), 8);
    let table = size_of::<Slots<'_, [PollFd<'_>; 64]>>();
    assert!(table <= 64 * 8 + 32, "{table}");
}

#[test]
fn array_works_as_const_and_static() {
    let (reader, _writer) = full_pipe();
    let mut table = EMPTY;
    assert_eq!(table.capacity(), 4);
    table.set(3, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(table.poll(Timeout::Nowait), Ok(1));
    assert_eq!(EMPTY.used(), 0, "each use of a const creates it");
    let stdin: &'static std::io::Stdin = Box::leak(Box::new(std::io::stdin()));
    SHARED.lock().unwrap().set(0, stdin.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(SHARED.lock().unwrap().used(), 1);
    assert_eq!(Slots::<[PollFd; 2]>::array().capacity(), 2);
}

#[test]
fn slices_are_tables() {
    let (reader, _writer) = full_pipe();
    let mut buffer = [const { PollFd::EMPTY }; 4];
    let mut slots = Slots::over(&mut buffer[..]);
    slots.set(1, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(1));
    assert_eq!(slots.ready().count(), 1);
    let same = slots.into_inner();
    assert!(!same[1].is_empty());
    assert_eq!(same[1].readiness(), Readiness::empty(), "the readiness stays with the table");

    let boxed: Box<[PollFd<'_>]> = vec![PollFd::EMPTY; 4].into();
    let mut slots = Slots::over(boxed);
    slots.set(3, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(1));
}

#[test]
fn fds_in_the_storage_are_polled() {
    let (reader, _writer) = full_pipe();
    let fd = PollFd::new(reader.as_fd(), Interest::READABLE).unwrap();
    let mut slots = Slots::over([PollFd::EMPTY, fd, PollFd::EMPTY]);
    assert_eq!(slots.used(), 2);
    assert_eq!(slots.poll(Timeout::Nowait), Ok(1));
}

#[test]
fn grow_keeps_the_slots() {
    let (reader, _writer) = full_pipe();
    let mut slots = Slots::with_capacity(2);
    slots.set(1, reader.as_fd(), Interest::READABLE).unwrap();
    slots.poll(Timeout::Nowait).unwrap();
    slots.grow(10).unwrap();
    assert_eq!(slots.capacity(), 10);
    assert_eq!(slots.readiness(1), Ok(Readiness::READABLE));
    slots.set(9, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(2));
    slots.grow(5).unwrap();
    assert_eq!(slots.capacity(), 10, "never smaller");
    assert_eq!(slots.grow(usize::MAX), Err(Error::OutOfMemory { capacity: usize::MAX }));
    assert_eq!(slots.poll(Timeout::Nowait), Ok(2), "and as it was");
}

#[test]
fn recycle_keeps_the_allocation() {
    let mut slots = Slots::with_capacity(8);
    for _ in 0..3 {
        let mut round = slots.recycle();
        let (reader, writer) = full_pipe();
        round.set(5, reader.as_fd(), Interest::READABLE).unwrap();
        assert_eq!(round.poll(Timeout::Nowait), Ok(1));
        slots = round.recycle();
        drop((reader, writer));
        assert_eq!((slots.used(), slots.capacity()), (0, 8));
        assert!(slots.ready().next().is_none());
        assert_eq!(slots.poll(Timeout::Nowait), Ok(0));
    }
}

/// A storage whose `as_ref` and `as_mut` show another length at each call.
struct Liar<'fd> {
    slots: Vec<PollFd<'fd>>,
    calls: Cell<usize>,
}

impl Liar<'_> {
    fn length(&self) -> usize {
        self.calls.set(self.calls.get() + 1);
        [8, 0, 3, 8, 1, 5][self.calls.get() % 6].min(self.slots.len())
    }
}

impl<'fd> AsRef<[PollFd<'fd>]> for Liar<'fd> {
    fn as_ref(&self) -> &[PollFd<'fd>] {
        &self.slots[..self.length()]
    }
}

impl<'fd> AsMut<[PollFd<'fd>]> for Liar<'fd> {
    fn as_mut(&mut self) -> &mut [PollFd<'fd>] {
        let length = self.length();
        &mut self.slots[..length]
    }
}

#[test]
fn lying_storage_is_sound() {
    let (reader, _writer) = full_pipe();
    for shift in 0..6 {
        let mut slots = Slots::over(Liar { slots: vec![PollFd::EMPTY; 8], calls: Cell::new(shift) });
        for round in 0..100 {
            let _ = slots.set(round % 9, reader.as_fd(), Interest::READABLE);
            let ready = slots.poll(Timeout::Nowait).unwrap();
            let _ = slots.set_interest(round % 8, Interest::PRIORITY);
            let _ = (slots.used(), slots.capacity(), slots.readiness(round % 8), slots.fd(7));
            assert!(slots.ready().count() <= ready);
            assert!(slots.iter().count() <= 8);
            while slots.next_ready().is_some() {}
            let _ = slots.poll_first(round % 9, Timeout::Nowait);
            let _ = slots.clear(round % 7);
            let _ = format!("{slots:?}");
        }
    }
}
