//! With little room each has its turn, whoever leaves meanwhile.

use crate::support::{empty_pipe, full_pipe};
use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token};
use std::os::fd::AsFd;

#[test]
fn who_leaves_takes_the_turn_from_nobody() {
    const PLACES: usize = 6;
    // How many waits there were, and who leaves: whatever place takes the hole.
    for (waits, leaves) in (1..2 * PLACES).flat_map(|waits| (0..PLACES).map(move |leaves| (waits, leaves))) {
        let pipes: Vec<_> = (0..PLACES).map(|_| full_pipe()).collect();
        let idle = empty_pipe();
        let mut poll = Poll::new();
        let mut events = Events::with_capacity(1);
        for (place, (reader, _)) in pipes.iter().enumerate() {
            let reader = if place == leaves { &idle.0 } else { reader };
            poll.register(reader.as_fd(), Token(place), Interest::READABLE, Mode::Level).unwrap();
        }
        let mut seen = Vec::new();
        for wait in 1..waits + PLACES - 1 {
            assert_eq!(poll.wait(&mut events, Timeout::Nowait), Ok(1));
            seen.push(events.get(0).unwrap().token().0);
            if wait == waits {
                poll.deregister(idle.0.as_fd()).unwrap();
            }
        }
        let mut seen = seen.split_off(waits - 1);
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), PLACES - 1, "{leaves} leaves after {waits} waits: {seen:?}");
    }
}

/// Sources that are all ready, with room for so many a wait: whose turn it is once two have left after so many waits.
fn whose_turn_it_is(room: usize, waits: usize, leave: [usize; 2]) {
    const PLACES: usize = 7;
    let pipes: Vec<_> = (0..PLACES).map(|_| full_pipe()).collect();
    let mut poll = Poll::new();
    for (place, (reader, _)) in pipes.iter().enumerate() {
        poll.register(reader.as_fd(), Token(place), Interest::READABLE, Mode::Level).unwrap();
    }
    let mut events = Events::with_capacity(room);
    let mut reported = |poll: &mut Poll<'_>| {
        assert_eq!(poll.wait(&mut events, Timeout::Nowait), Ok(room));
        events.iter().map(|event| event.token().0).collect::<Vec<_>>()
    };
    let last = (0..waits).map(|_| reported(&mut poll)).last().unwrap();
    for place in leave {
        poll.deregister(pipes[place].0.as_fd()).unwrap();
    }
    let is_owed = |place: &usize| !leave.contains(place) && !last.contains(place);
    let owed: Vec<_> = (0..PLACES).filter(is_owed).collect();
    let mut seen: Vec<_> = (0..owed.len().div_ceil(room)).flat_map(|_| reported(&mut poll)).collect();
    seen.truncate(owed.len());
    seen.sort_unstable();
    assert_eq!(seen, owed, "{leave:?} leave after {waits} waits with room for {room}");
}

#[test]
fn who_was_reported_comes_after_who_was_not_whoever_leaves() {
    for (room, waits) in (1..4).flat_map(|room| (1..8).map(move |waits| (room, waits))) {
        for (one, other) in (0..7).flat_map(|one| (0..7).map(move |other| (one, other))) {
            if one != other {
                whose_turn_it_is(room, waits, [one, other]);
            }
        }
    }
}
