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
