//! Tests of internals: converted errors, memory, and the ages of registrations.

use super::*;

#[test]
fn errors_of_poll_are_converted() {
    let too_many = iomux::Error::TooManySlots { count: 81, limit: 64 };
    assert_eq!(Error::from(too_many), Error::TooManySources { count: 81, limit: 64 });
    let failed = iomux::Error::Os { call: "ppoll", code: 12 };
    assert_eq!(Error::from(failed), Error::Os { call: "ppoll", code: 12 });
}

#[test]
fn full_list_grows_by_an_eighth() {
    let mut list = vec![0_u8; 160];
    grow(&mut list).unwrap();
    assert_eq!(list.capacity(), 160 + 160 / 8 + 16);
    grow(&mut list).unwrap();
    assert_eq!(list.capacity(), 160 + 160 / 8 + 16, "not full");
}

#[test]
fn registrations_reserve_at_most_an_eighth_more() {
    let mut poll = Poll::new();
    // The highest first, so that the table has an entry for each of the others.
    for fd in (0..520).rev() {
        poll.insert(fd, PollFd::EMPTY, Token(0), LEVEL).unwrap();
    }
    let most = 520 + 520 / 8 + 16;
    assert!(poll.fds.capacity() <= most, "{}", poll.fds.capacity());
    assert!(poll.registrations.capacity() <= most, "{}", poll.registrations.capacity());
}

#[test]
fn age_of_oldest_agrees_with_sorting() {
    let (_reader, writer) = std::io::pipe().unwrap();
    let copies: Vec<_> = (0..9).map(|_| writer.try_clone().unwrap()).collect();
    let mut poll = Poll::new();
    for copy in &copies {
        poll.register(copy.as_fd(), Token(0), Interest::WRITABLE, Mode::Level).unwrap();
    }
    poll.wait(&mut Events::with_capacity(9), Timeout::Nowait).unwrap();
    // Ages that differ in each group of 11 bits, on both sides of a clock that wraps.
    let steps = [1, 2, 3, 1 << 9, 1 << 10, 1 << 20, (1 << 20) + 1, (1 << 30) - 2, (1 << 30) - 1];
    for shortest in [9, 6, 3, 1] {
        for clock in [0, 5 * STEP, STEP.wrapping_neg()] {
            poll.clock = clock;
            for (index, registration) in poll.registrations.iter_mut().enumerate() {
                let age = steps[(index * 4) % shortest] * STEP;
                registration.stamp = clock.wrapping_sub(age) | [LEVEL, ONE_SHOT][index % 2];
            }
            let mut ages: Vec<_> = (0..9).map(|index| steps[(index * 4) % shortest] * STEP).collect();
            ages.sort_unstable_by(|one, other| other.cmp(one));
            let found: Vec<_> = (1..=9).map(|count| poll.age_of_oldest(count)).collect();
            assert_eq!(found, ages, "{clock}");
        }
    }
}

#[test]
fn full_buffer_is_fair_while_clock_wraps() {
    let (_reader, writer) = std::io::pipe().unwrap();
    let copies: Vec<_> = (0..5).map(|_| writer.try_clone().unwrap()).collect();
    let mut poll = Poll::new();
    poll.clock = (7 * STEP).wrapping_neg();
    for (token, copy) in copies.iter().enumerate() {
        poll.register(copy.as_fd(), Token(token), Interest::WRITABLE, Mode::Level).unwrap();
    }
    let mut events = Events::with_capacity(1);
    for wait in 0..12 {
        poll.wait(&mut events, Timeout::Nowait).unwrap();
        assert_eq!(events.get(0).map(|event| event.token()), Some(Token(wait % 5)));
    }
}
