//! Which system call each wait makes, and how many: seen by strace.

use super::{is_traced, traced};
use crate::support::full_pipe;
use iomux::{Interest, SigSet, Slots, Timeout};
use std::os::fd::AsFd;
use std::time::Duration;

const NAME: &str = "traced::slots::waits_use_the_cheapest_call";

/// What the traced process does, and the calls that are due for it.
fn waits(slots: &mut Slots<'_>) {
    slots.poll(Timeout::Nowait).unwrap();
    slots.poll(Timeout::Infinite).unwrap();
    slots.poll(Duration::from_millis(77)).unwrap();
    slots.wait(Duration::from_millis(78)).unwrap();
    slots.ppoll(Duration::from_millis(79), None).unwrap();
    slots.poll(Duration::from_micros(1500)).unwrap();
    slots.wait(Duration::from_nanos(1_000_001)).unwrap();
    slots.poll(Duration::from_micros(80_500)).unwrap();
    slots.wait(Duration::from_micros(81_500)).unwrap();
    slots.ppoll(Timeout::Infinite, Some(&SigSet::empty())).unwrap();
    slots.poll(Duration::MAX).unwrap();
    slots.poll_first(3, Timeout::Nowait).unwrap();
}

const DUE: [(&str, &str); 12] = [
    ("poll", "2, 0)"),
    ("poll", "2, -1)"),
    ("poll", "2, 77)"),
    ("poll", "2, 78)"),
    ("poll", "2, 79)"),
    ("ppoll", "2, {tv_sec=0, tv_nsec=1500000}, NULL"),
    ("ppoll", "2, {tv_sec=0, tv_nsec=1000001}, NULL"),
    ("poll", "2, 80)"),
    ("poll", "2, 81)"),
    ("ppoll", "2, NULL, [], 8)"),
    ("poll", "2, 1789000)"),
    ("poll", "3, 0)"),
];

#[test]
fn waits_use_the_cheapest_call() {
    if is_traced() {
        let (reader, _writer) = full_pipe();
        let mut slots = Slots::with_capacity(3);
        slots.set(1, reader.as_fd(), Interest::READABLE).unwrap();
        return waits(&mut slots);
    }
    let Some(trace) = traced(NAME, "poll,ppoll") else { return };
    // The runtime polls its standard fds at the start; ours has an empty slot first.
    let made: Vec<&str> = trace.lines().filter(|line| line.contains("poll([{fd=-1}, ")).collect();
    assert_eq!(made.len(), DUE.len(), "one call a wait:\n{trace}");
    for (line, (call, arguments)) in made.iter().zip(DUE) {
        let name = line.split('(').next().unwrap().rsplit(' ').next().unwrap();
        assert_eq!(name, call, "{line}");
        assert!(line.contains(arguments), "{line} should have {arguments}");
    }
}
