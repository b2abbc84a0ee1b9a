//! What can't be seen from outside: what the call answered, and how much memory is kept.

use super::*;

#[test]
fn what_the_call_answered_is_passed_on() {
    let too_many = iomux::Error::TooManySlots { count: 81, limit: 64 };
    assert_eq!(from_iomux(too_many), Error::TooManySources { count: 81, limit: 64 });
    let failed = iomux::Error::Os { call: "ppoll", code: 12 };
    assert_eq!(from_iomux(failed), Error::Os { call: "ppoll", code: 12 });
}

#[test]
fn a_list_that_is_full_grows_by_an_eighth_and_no_other_grows() {
    let mut list = vec![0_u8; 160];
    grow(&mut list).unwrap();
    assert_eq!(list.capacity(), 160 + 160 / 8 + 16);
    grow(&mut list).unwrap();
    assert_eq!(list.capacity(), 160 + 160 / 8 + 16, "there is room");
}

#[test]
fn registrations_take_up_an_eighth_more_than_they_need_at_most() {
    let mut poll = Poll::new();
    // The highest first: there is a place for each of the others already.
    for fd in (0..520).rev() {
        poll.insert(fd, PollFd::EMPTY, Token(0), Place::WAKER).unwrap();
    }
    let most = 520 + 520 / 8 + 16;
    assert!(poll.fds.capacity() <= most, "{}", poll.fds.capacity());
    assert!(poll.tokens.capacity() <= most, "{}", poll.tokens.capacity());
}
