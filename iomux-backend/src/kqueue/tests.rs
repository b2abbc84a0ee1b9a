//! What it says of itself.

use super::*;

#[test]
fn what_it_can_do_becomes_no_less() {
    let without_priority = Capabilities::EDGE
        | Capabilities::ONE_SHOT
        | Capabilities::EDGE_ONE_SHOT
        | Capabilities::WAKER
        | Capabilities::READ_CLOSED
        | Capabilities::HANGUP
        | Capabilities::ANY_FD;
    let all = Kqueue::new().unwrap().capabilities();
    assert_eq!(all.difference(Capabilities::PRIORITY), without_priority);
    assert_eq!(all.contains(Capabilities::PRIORITY), URGENT.is_some());
}

#[test]
fn a_refusal_says_which_interest_is_not_there() {
    let what = |interest| match check(interest, Mode::Level) {
        Err(Error::Unsupported { what, .. }) => what,
        answer => panic!("{answer:?}"),
    };
    match URGENT {
        None => assert_eq!(what(Interest::PRIORITY), "priority"),
        Some(_) => assert_eq!(check(Interest::PRIORITY, Mode::Level), Ok(())),
    }
    assert_eq!(what(Interest::READ_BAND), "an interest in bands, or without a name,");
}
