//! Tests of the changes to submit and of the meaning of events, without a kernel.

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

/// Returns the filters and flags of the changes to submit.
fn submitted(registration: &mut Registration) -> Vec<(filter_t, flags_t)> {
    let mut changes = Vec::new();
    registration.settle(FD, &mut changes);
    assert!(!registration.is_changed(), "all changes are submitted");
    changes.iter().map(|change| (change.0.filter, change.0.flags)).collect()
}

fn event(filter: filter_t, flags: flags_t, fflags: u32) -> Kevent {
    Kevent::change(5, filter, flags, fflags, 0, 7)
}

#[test]
fn level_modify_is_one_change_per_filter() {
    let mut it = registered(READ, Mode::Level);
    it.modify(Token(2), BOTH, Mode::Level);
    assert_eq!(submitted(&mut it), [(EVFILT_WRITE, EV_ADD)]);
    it.modify(Token(3), Interest::WRITABLE, Mode::Level);
    assert_eq!(submitted(&mut it), [(EVFILT_READ, EV_DELETE)]);
    it.modify(Token(4), READ, Mode::Level);
    it.modify(Token(5), NOTHING, Mode::Level);
    it.modify(Token(6), Interest::WRITABLE, Mode::Level);
    assert!(!it.is_changed(), "changed back");
    assert_eq!(submitted(&mut it), []);
    assert_eq!(it.token, Token(6));
}

#[test]
fn mode_change_readds_filter() {
    let mut it = registered(READ, Mode::Level);
    it.modify(Token(1), READ, Mode::Edge);
    assert_eq!(submitted(&mut it), [(EVFILT_READ, EV_DELETE), (EVFILT_READ, EV_ADD | EV_CLEAR)]);
    it.modify(Token(1), READ, Mode::Edge);
    assert_eq!(submitted(&mut it).len(), 2, "a modify rearms an edge");
}

#[test]
fn one_shot_event_deletes_filters() {
    let mut it = registered(BOTH, Mode::OneShot);
    it.take(&event(EVFILT_READ, 0, 0), Filter::Read);
    assert_eq!(submitted(&mut it), [(EVFILT_READ, EV_DELETE), (EVFILT_WRITE, EV_DELETE)]);
    it.modify(Token(1), READ, Mode::OneShot);
    assert_eq!(submitted(&mut it), [(EVFILT_READ, EV_ADD | EV_DISPATCH)]);
    it.take(&event(EVFILT_READ, 0, 0), Filter::Read);
    it.modify(Token(1), READ, Mode::OneShot);
    let again = [(EVFILT_READ, EV_DELETE), (EVFILT_READ, EV_ADD | EV_DISPATCH)];
    assert_eq!(submitted(&mut it), again, "rearmed before the deletion");
}

#[test]
fn empty_interest_can_spare_one_direction() {
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
fn only_urgent_data_is_priority() {
    let mut it = registered(Interest::PRIORITY, Mode::Level);
    assert_eq!(it.take(&event(EVFILT_READ, 0, 0), Filter::Urgent), Readiness::empty());
    assert_eq!(it.take(&event(EVFILT_READ, EV_EOF, !0), Filter::Urgent), Readiness::empty(), "an errno");
    let Some((filter, out_of_band)) = URGENT else { return };
    assert_eq!(it.take(&event(filter, 0, out_of_band), Filter::Urgent), Readiness::PRIORITY);
    assert!(!it.is_changed(), "not before it was reported");
    it.take_pending();
    assert!(it.is_changed(), "the next wait checks again");
}

#[test]
fn edge_one_shot_has_both_flags() {
    let mut it = Registration::new(Token(1), READ, Mode::EdgeOneShot, Kind::Socket, 7);
    assert_eq!(submitted(&mut it), [(EVFILT_READ, EV_ADD | EV_CLEAR | EV_DISPATCH)]);
}

#[test]
fn urgent_filter_is_for_sockets_and_edge_triggered() {
    let wanted =
        |kind, interest, filter| Registration::new(Token(1), interest, Mode::Level, kind, 7).wanted(filter);
    assert_eq!(wanted(Kind::Socket, Interest::PRIORITY, Filter::Urgent), InKernel::Armed(Mode::Edge));
    assert_eq!(wanted(Kind::Other, Interest::PRIORITY, Filter::Urgent), InKernel::Absent);
    assert_eq!(wanted(Kind::Socket, READ, Filter::Urgent), InKernel::Absent);
}

#[test]
fn empty_interest_reports_hangup_only() {
    let mut it = registered(NOTHING, Mode::Level);
    assert_eq!(it.take(&event(EVFILT_READ, 0, 0), Filter::Read), Readiness::empty());
    assert!(!it.is_changed(), "edge-triggered");
    assert_eq!(
        it.take(&event(EVFILT_READ, EV_EOF, 0), Filter::Read),
        Readiness::empty(),
        "one direction is closed"
    );
    assert!(!it.is_changed());
    assert_eq!(it.take(&event(EVFILT_WRITE, EV_EOF, 104), Filter::Write), HANGUP | Readiness::ERROR);
    assert!(!it.is_changed(), "not before it was reported");
    assert_eq!(it.take_pending(), HANGUP | Readiness::ERROR);
    let again = |filter| [(filter, EV_DELETE), (filter, EV_ADD | EV_CLEAR)];
    assert_eq!(submitted(&mut it), [again(EVFILT_READ), again(EVFILT_WRITE)].concat());
    assert_eq!(it.take(&event(EVFILT_WRITE, 0, 0), Filter::Write), Readiness::empty(), "no hangup any more");
    assert!(!it.is_changed(), "nothing to submit");
}

#[test]
fn modify_rechecks_end_of_file() {
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
fn end_of_file_depends_on_filter_and_kind() {
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
fn stale_event_is_ignored() {
    let it = registered(READ, Mode::Level);
    assert!(it.is_of(&event(EVFILT_READ, 0, 0), Filter::Read));
    assert!(!it.is_of(&event(EVFILT_WRITE, 0, 0), Filter::Write));
    assert!(!it.is_of(&Kevent::change(5, EVFILT_READ, 0, 0, 0, 6), Filter::Read));
}

#[test]
fn rejection_is_invalid_or_hangup() {
    let mut it = registered(BOTH, Mode::Level);
    it.reject(Filter::Write, true);
    assert!(!it.is_changed(), "not before it was reported");
    assert_eq!(it.take_pending(), Readiness::WRITABLE | HANGUP);
    assert_eq!(submitted(&mut it), [(EVFILT_WRITE, EV_ADD)]);
    it.reject(Filter::Write, false);
    assert_eq!(it.take_pending(), Readiness::INVALID);
    assert_eq!(submitted(&mut it), [(EVFILT_READ, EV_DELETE)]);
}
