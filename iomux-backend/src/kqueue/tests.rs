//! What it says of itself.

use super::*;

#[test]
fn it_says_that_it_can_do_what_it_takes() {
    let can = Kqueue::new().unwrap().capabilities();
    let modes = [
        (Mode::Edge, Capabilities::EDGE),
        (Mode::OneShot, Capabilities::ONE_SHOT),
        (Mode::EdgeOneShot, Capabilities::EDGE_ONE_SHOT),
        (Mode::Exclusive, Capabilities::EXCLUSIVE),
    ];
    for (mode, needed) in modes {
        assert_eq!(can.contains(needed), check(Interest::READABLE, mode).is_ok(), "{mode:?}");
    }
    let interests =
        [(Interest::PRIORITY, Capabilities::PRIORITY), (Interest::READ_CLOSED, Capabilities::READ_CLOSED)];
    for (interest, needed) in interests {
        assert_eq!(can.contains(needed), check(interest, Mode::Level).is_ok(), "{interest:?}");
    }
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
