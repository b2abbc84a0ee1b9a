//! What is found without a look at the kernel.

use super::*;

#[test]
fn what_it_can_do_is_all_that_it_says() {
    let without_priority = Capabilities::EDGE
        | Capabilities::ONE_SHOT
        | Capabilities::EDGE_ONE_SHOT
        | Capabilities::WAKER
        | Capabilities::READ_CLOSED
        | Capabilities::HANGUP
        | Capabilities::ANY_FD;
    let all = Kqueue::new().unwrap().capabilities();
    assert_eq!(all.difference(Capabilities::PRIORITY), without_priority);
    assert_eq!(all.contains(Capabilities::PRIORITY), check(Interest::PRIORITY, Mode::Level).is_ok());
}

#[test]
fn a_refusal_says_which_interest_is_not_there() {
    let what = |interest| match check(interest, Mode::Level) {
        Err(Error::Unsupported { what, .. }) => what,
        answer => panic!("{answer:?}"),
    };
    if URGENT.is_none() {
        assert_eq!(what(Interest::PRIORITY), "priority");
    }
    assert_eq!(what(Interest::READ_BAND), "an interest in bands, or without a name,");
}
