//! Tests of the notices that follow from events.

use super::super::tests::ends_immediately;
use super::*;

fn event(filter: filter_t, ident: usize, fflags: u32, data: data_t) -> Kevent {
    Kevent::change(ident, filter, 0, fflags, data, 0)
}

/// Returns watches of a timer, and of a file with a single event.
fn watches() -> Watches {
    let watch = |watched, key, is_once| {
        let notice = Notice { token: Token(7), watched, data: 0, fflags: 0 };
        Watch { notice, key, is_once, source: None }
    };
    let timer = watch(Watched::Timer(3), (EVFILT_TIMER, 3), false);
    let file = watch(Watched::File(5), (EVFILT_VNODE, 5), true);
    Watches { all: vec![timer, file], notices: Vec::new(), reported: 0 }
}

#[test]
fn events_of_one_wait_are_one_notice() {
    let mut watches = watches();
    assert!(watches.take(&event(EVFILT_TIMER, 3, 0, 2)));
    assert!(!watches.take(&event(EVFILT_TIMER, 3, 0, 3)), "not the first event");
    assert_eq!(watches.take_notices(8)[0].count(), 5);
    assert_eq!(watches.take_notices(8)[0].token(), Token(7));
    watches.begin();
    assert_eq!(watches.notices.len(), 0, "reported");
}

#[test]
fn later_event_is_notice_of_next_wait() {
    let mut watches = watches();
    assert!(watches.take(&event(EVFILT_TIMER, 3, 0, 2)));
    assert_eq!(watches.take_notices(8).len(), 1);
    assert!(watches.take(&event(EVFILT_TIMER, 3, 0, 4)), "instead of a receipt, between two waits");
    watches.begin();
    assert_eq!(watches.take_notices(8)[0].count(), 4);
}

#[test]
fn single_event_ends_watch() {
    let mut watches = watches();
    let (renamed, deleted) = (FileChanges::RENAME, FileChanges::DELETE);
    assert!(watches.take(&event(EVFILT_VNODE, 5, renamed.bits(), 0)));
    assert!(!watches.take(&event(EVFILT_VNODE, 5, deleted.bits(), 0)));
    assert_eq!(watches.position(Watched::File(5)), None);
    let notice = watches.take_notices(8)[0];
    assert_eq!((notice.changes(), notice.count()), (renamed, 1));
}

#[test]
fn changes_of_one_wait_are_merged() {
    let mut watches = watches();
    watches.all[1].is_once = false;
    let (renamed, deleted) = (FileChanges::RENAME, FileChanges::DELETE);
    for changes in [renamed, deleted] {
        watches.take(&event(EVFILT_VNODE, 5, changes.bits(), 0));
    }
    assert_eq!(watches.take_notices(8)[0].changes(), renamed | deleted);
}

#[test]
fn unwatched_event_is_ignored() {
    let mut watches = watches();
    for (filter, ident) in [(EVFILT_TIMER, 4), (EVFILT_VNODE, 3), (EVFILT_USER, 3)] {
        assert!(!watches.take(&event(filter, ident, !0, 1)), "{filter} {ident}");
    }
    assert_eq!(watches.notices.len(), 0);
}

#[test]
fn changes_are_of_files_and_counts_of_repeats() {
    let notice = |watched| Notice { token: Token(7), watched, data: 9, fflags: !0 };
    assert_eq!(notice(Watched::Timer(1)).changes(), FileChanges::empty());
    assert_eq!(notice(Watched::File(1)).count(), 1);
    assert_eq!(notice(Watched::Signal(Signal::USR1)).count(), 9);
    assert_eq!(Notice { data: -1, ..notice(Watched::Timer(1)) }.count(), 1);
}

#[test]
fn event_instead_of_receipt_ends_next_wait() {
    let mut kqueue = Kqueue::new().unwrap();
    kqueue.watch_timer(3, Token(7), Duration::from_secs(1000), false).unwrap();
    let is_new = kqueue.watches.take(&event(EVFILT_TIMER, 3, 0, 1));
    assert!(is_new && ends_immediately(&mut kqueue));
}

#[test]
fn watch_reserves_notice() {
    let mut kqueue = Kqueue::new().unwrap();
    for id in 0..20 {
        kqueue.watch_timer(id, Token(7), Duration::from_secs(1000), false).unwrap();
        assert!(kqueue.watches.notices.capacity() >= kqueue.watches.all.len());
    }
}

#[test]
fn to_units_rounds_up_within_limits() {
    let (ns, ms) = (1_000_000_000, 1_000);
    assert_eq!(to_units(Duration::ZERO, ms), Some(1));
    assert_eq!(to_units(Duration::from_nanos(1_000_000), ms), Some(1));
    assert_eq!(to_units(Duration::from_nanos(1_000_001), ms), Some(2));
    assert_eq!(to_units(Duration::from_nanos(1_000_001), ns), Some(1_000_001));
    assert_eq!(to_units(Duration::MAX, ns), None);
    assert!(to_units(LONGEST_TIMER, TIMER.1).is_some());
    assert_eq!(to_units(LONGEST_TIMER + Duration::from_nanos(1), TIMER.1), None);
}

#[test]
fn changes_display_names() {
    assert_eq!((FileChanges::DELETE | FileChanges::LINK).to_string(), "DELETE | LINK");
}
