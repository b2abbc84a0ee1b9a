//! What filters the kernel is told of, and what their events mean: without a kernel.

use super::*;
use iomux_sys::kqueue::EV_EOF;

const FD: RawFd = 5;
const BOTH: Interest = READ.union(Interest::WRITABLE);
const NOTHING: Interest = Interest::empty();
const READ: Interest = Interest::READABLE;

fn registered(interest: Interest, mode: Mode) -> Registration {
    let mut registration = Registration::new(Token(1), interest, mode, Kind::Socket, 7);
    submitted(&mut registration);
    registration
}

/// The changes to submit: filters and flags.
fn submitted(registration: &mut Registration) -> Vec<(filter_t, flags_t)> {
    let mut changes = Vec::new();
    registration.settle(FD, &mut changes);
    assert!(!registration.is_changed(), "it is settled");
    changes.iter().map(|change| (change.0.filter, change.0.flags)).collect()
}

fn event(filter: filter_t, flags: flags_t, fflags: u32) -> Kevent {
    Kevent::change(5, filter, flags, fflags, 0, 7)
}

#[test]
fn a_level_modify_is_one_change_a_filter_and_none_where_nothing_changes() {
    let mut it = registered(READ, Mode::Level);
    it.modify(Token(2), BOTH, Mode::Level);
    assert_eq!(submitted(&mut it), [(EVFILT_WRITE, EV_ADD)]);
    it.modify(Token(3), Interest::WRITABLE, Mode::Level);
    assert_eq!(submitted(&mut it), [(EVFILT_READ, EV_DELETE)]);
    it.modify(Token(4), READ, Mode::Level);
    it.modify(Token(5), NOTHING, Mode::Level);
    it.modify(Token(6), Interest::WRITABLE, Mode::Level);
    assert!(!it.is_changed(), "there and back");
    assert_eq!(submitted(&mut it), []);
    assert_eq!(it.token, Token(6));
}

#[test]
fn a_change_of_mode_takes_a_filter_away_and_adds_it_again() {
    let mut it = registered(READ, Mode::Level);
    it.modify(Token(1), READ, Mode::Edge);
    assert_eq!(submitted(&mut it), [(EVFILT_READ, EV_DELETE), (EVFILT_READ, EV_ADD | EV_CLEAR)]);
    it.modify(Token(1), READ, Mode::Edge);
    assert_eq!(submitted(&mut it).len(), 2, "edges are looked for again");
}

#[test]
fn one_shot_leaves_no_filter_behind_and_is_armed_again_by_what_is_missing() {
    let mut it = registered(BOTH, Mode::OneShot);
    it.take(&event(EVFILT_READ, 0, 0), Filter::Read);
    assert_eq!(submitted(&mut it), [(EVFILT_READ, EV_DELETE), (EVFILT_WRITE, EV_DELETE)]);
    it.modify(Token(1), READ, Mode::OneShot);
    assert_eq!(submitted(&mut it), [(EVFILT_READ, EV_ADD | EV_DISPATCH)]);
    it.take(&event(EVFILT_READ, 0, 0), Filter::Read);
    it.modify(Token(1), READ, Mode::OneShot);
    let again = [(EVFILT_READ, EV_DELETE), (EVFILT_READ, EV_ADD | EV_DISPATCH)];
    assert_eq!(submitted(&mut it), again, "before it was taken away");
}

#[test]
fn where_nothing_is_asked_the_filter_of_what_it_is_open_for_hears_of_the_end() {
    let nothing = registered(NOTHING, Mode::Level);
    let spared = |it: &Registration, is_write_only| {
        [Filter::Read, Filter::Write, Filter::Urgent].map(|filter| it.can_spare(filter, is_write_only))
    };
    assert_eq!(spared(&nothing, false), [false, true, false]);
    assert_eq!(spared(&nothing, true), [true, false, false]);
    let both = registered(BOTH, Mode::Level);
    assert_eq!((spared(&both, false), spared(&both, true)), ([false; 3], [false; 3]));
}

#[test]
fn what_is_not_urgent_is_no_priority() {
    let mut it = registered(Interest::PRIORITY, Mode::Level);
    assert_eq!(it.take(&event(EVFILT_READ, 0, 0), Filter::Urgent), Readiness::empty());
    assert_eq!(it.take(&event(EVFILT_READ, EV_EOF, !0), Filter::Urgent), Readiness::empty(), "an errno");
    let Some((filter, out_of_band)) = URGENT else { return };
    assert_eq!(it.take(&event(filter, 0, out_of_band), Filter::Urgent), Readiness::PRIORITY);
    assert!(!it.is_changed(), "not before it was reported");
    it.take_pending();
    assert!(it.is_changed(), "it is asked anew");
}

#[test]
fn what_is_one_shot_and_by_the_edge_is_added_as_both() {
    let mut it = Registration::new(Token(1), READ, Mode::EdgeOneShot, Kind::Socket, 7);
    assert_eq!(submitted(&mut it), [(EVFILT_READ, EV_ADD | EV_CLEAR | EV_DISPATCH)]);
}

#[test]
fn urgent_data_is_looked_for_on_sockets_and_by_the_edge() {
    let wanted =
        |kind, interest, filter| Registration::new(Token(1), interest, Mode::Level, kind, 7).wanted(filter);
    assert_eq!(wanted(Kind::Socket, Interest::PRIORITY, Filter::Urgent), InKernel::Armed(Mode::Edge));
    assert_eq!(wanted(Kind::Other, Interest::PRIORITY, Filter::Urgent), InKernel::Absent);
    assert_eq!(wanted(Kind::Socket, READ, Filter::Urgent), InKernel::Absent);
}

#[test]
fn with_empty_interest_data_wakes_once_and_a_hangup_is_checked_again_by_each_wait() {
    let mut it = registered(NOTHING, Mode::Level);
    assert_eq!(it.take(&event(EVFILT_READ, 0, 0), Filter::Read), Readiness::empty());
    assert!(!it.is_changed(), "edge-triggered");
    assert_eq!(it.take(&event(EVFILT_READ, EV_EOF, 0), Filter::Read), Readiness::empty(), "half a hangup");
    assert!(!it.is_changed());
    assert_eq!(it.take(&event(EVFILT_WRITE, EV_EOF, 104), Filter::Write), HANGUP | Readiness::ERROR);
    assert!(!it.is_changed(), "not before it was reported");
    assert_eq!(it.take_pending(), HANGUP | Readiness::ERROR);
    let again = |filter| [(filter, EV_DELETE), (filter, EV_ADD | EV_CLEAR)];
    assert_eq!(submitted(&mut it), [again(EVFILT_READ), again(EVFILT_WRITE)].concat());
    assert_eq!(it.take(&event(EVFILT_WRITE, 0, 0), Filter::Write), Readiness::empty(), "it is no hangup now");
    assert!(!it.is_changed(), "as before");
}

#[test]
fn a_modify_looks_anew_for_an_end_that_was_reported() {
    for interest in [NOTHING, Interest::READ_CLOSED] {
        let mut it = registered(interest, Mode::Level);
        it.take(&event(EVFILT_READ, EV_EOF, 0), Filter::Read);
        it.modify(Token(1), interest, Mode::Level);
        let read: Vec<_> =
            submitted(&mut it).into_iter().filter(|(filter, _)| *filter == EVFILT_READ).collect();
        assert_eq!(read, [(EVFILT_READ, EV_DELETE), (EVFILT_READ, EV_ADD | EV_CLEAR)], "{interest:?}");
    }
}

const HANGUP: Readiness = Readiness::HANGUP;

#[test]
fn the_end_means_what_its_filter_and_the_kind_of_the_file_make_of_it() {
    let of = |kind, interest, filter: filter_t| {
        let mut it = Registration::new(Token(1), interest, Mode::Level, kind, 7);
        submitted(&mut it);
        let event = event(filter, EV_EOF, 0);
        it.take(&event, Filter::of(&event).unwrap())
    };
    let (readable, closed) = (Readiness::READABLE, Readiness::READ_CLOSED);
    assert_eq!(of(Kind::Socket, READ, EVFILT_READ), readable);
    assert_eq!(of(Kind::Socket, READ | Interest::READ_CLOSED, EVFILT_READ), readable | closed);
    assert_eq!(of(Kind::Socket, Interest::READ_CLOSED, EVFILT_READ), closed);
    assert_eq!(of(Kind::Socket, Interest::WRITABLE, EVFILT_WRITE), Readiness::WRITABLE | HANGUP);
    assert_eq!(of(Kind::Other, READ, EVFILT_READ), readable | HANGUP);
    assert_eq!(of(Kind::Other, NOTHING, EVFILT_READ), HANGUP);
}

#[test]
fn an_event_of_another_owner_or_of_a_filter_that_was_taken_away_is_not_its_own() {
    let it = registered(READ, Mode::Level);
    assert!(it.is_of(&event(EVFILT_READ, 0, 0), Filter::Read));
    assert!(!it.is_of(&event(EVFILT_WRITE, 0, 0), Filter::Write));
    assert!(!it.is_of(&Kevent::change(5, EVFILT_READ, 0, 0, 0, 6), Filter::Read));
}

#[test]
fn what_is_refused_is_invalid_and_a_peer_that_is_gone_a_hangup_to_be_looked_at_again() {
    let mut it = registered(BOTH, Mode::Level);
    it.refuse(Filter::Write, true);
    assert!(!it.is_changed(), "not before it was reported");
    assert_eq!(it.take_pending(), Readiness::WRITABLE | HANGUP);
    assert_eq!(submitted(&mut it), [(EVFILT_WRITE, EV_ADD)]);
    it.refuse(Filter::Write, false);
    assert_eq!(it.take_pending(), Readiness::INVALID);
    assert_eq!(submitted(&mut it), [(EVFILT_READ, EV_DELETE)]);
}
