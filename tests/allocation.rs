//! No call after construction allocates. A global allocator counts, so the test has a process of its own.

use allocation_counter::measure;
use iomux::{Interest, PollFd, SigSet, Slots, Timeout};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

const ROUNDS: usize = 100_000;

/// Makes every call of the hot paths `ROUNDS` times.
fn rounds<'fd, S>(slots: &mut Slots<'fd, S>, ready: BorrowedFd<'fd>, idle: BorrowedFd<'fd>)
where
    S: AsRef<[PollFd<'fd>]> + AsMut<[PollFd<'fd>]>,
{
    let mask = iomux::HAS_PPOLL.then(SigSet::empty);
    for round in 0..ROUNDS {
        let index = round % 8;
        slots.set(index, ready, Interest::READABLE).unwrap();
        slots.set((index + 1) % 8, idle, Interest::READABLE).unwrap();
        slots.set_interest(index, Interest::READABLE | Interest::PRIORITY).unwrap();
        assert!(slots.poll(Timeout::Nowait).unwrap() >= 1);
        assert!(!slots.readiness(index).unwrap().is_empty());
        assert!(slots.wait(Duration::from_millis(1)).unwrap() >= 1);
        assert!(slots.ppoll(Duration::from_nanos(1), mask.as_ref()).unwrap() >= 1);
        assert!(slots.poll_first(8, Duration::from_nanos(1)).unwrap() >= 1);
        assert!(slots.ready().count() >= 1);
        assert!(slots.iter().count() >= 2);
        while slots.next_ready().is_some() {}
        slots.clear(index).unwrap();
        assert!(slots.set(99, ready, Interest::READABLE).is_err());
    }
}

#[test]
fn calls_never_allocate() {
    let (ready, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"!").unwrap();
    let (idle, _writer) = std::io::pipe().unwrap();
    let (ready, idle) = (ready.as_fd(), idle.as_fd());

    let mut on_heap = Slots::with_capacity(8);
    let counted = measure(|| rounds(&mut on_heap, ready, idle));
    assert_eq!(counted.count_total, 0, "Vec");

    let mut array = Slots::<[PollFd; 8]>::array();
    let counted = measure(|| rounds(&mut array, ready, idle));
    assert_eq!(counted.count_total, 0, "array");
}

#[test]
fn recycle_never_allocates() {
    let mut slots = Slots::with_capacity(8);
    let counted = measure(|| {
        for _ in 0..ROUNDS {
            slots = std::mem::replace(&mut slots, Slots::with_capacity(0)).recycle();
        }
    });
    assert_eq!(counted.count_total, 0);
    let counted = measure(|| slots.grow(4096).unwrap());
    assert!(counted.count_total >= 1, "the counter counts");
}
