//! E0502: events are read while the next wait overwrites them
use iomux_backend::{Events, Multiplexer, Poll, Timeout};

fn main() {
    let (mut poll, mut events) = (Poll::new(), Events::with_capacity(1));
    for event in &events {
        poll.wait(&mut events, Timeout::Nowait).unwrap();
        println!("{event:?}");
    }
}
