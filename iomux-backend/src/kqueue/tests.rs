//! Tests of the handling of kernel results. They are constructed, since no platform returns all of them.

use super::*;
use crate::multiplexer::Multiplexer;
use iomux_sys::kqueue::{EV_CLEAR, EV_EOF, EV_ERROR, EVFILT_READ, EVFILT_WRITE, filter_t, flags_t};
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

const READ: Interest = Interest::READABLE;
const BOTH: Interest = READ.union(Interest::WRITABLE);

/// A queue with an fd in its table, in generation 1, as if the kernel had accepted it.
struct Registered {
    kqueue: Kqueue<'static>,
    fd: RawFd,
    _file: File,
}

impl Registered {
    fn reader(interest: Interest, mode: Mode) -> Self {
        Self::new(File::open("/dev/null").unwrap(), interest, mode)
    }

    fn writer(interest: Interest, mode: Mode) -> Self {
        Self::new(OpenOptions::new().write(true).open("/dev/null").unwrap(), interest, mode)
    }

    fn new(file: File, interest: Interest, mode: Mode) -> Self {
        let (mut kqueue, fd) = (Kqueue::new().unwrap(), file.as_raw_fd());
        let generation = kqueue.next_generation();
        let mut registration = Registration::new(Token(7), interest, mode, Kind::Other, generation);
        registration.settle(fd, &mut Vec::new());
        kqueue.table.insert(fd, registration).unwrap();
        Self { kqueue, fd, _file: file }
    }

    fn result(&self, filter: filter_t, code: c_int) -> Kevent {
        self.result_of(filter, code, 1)
    }

    fn result_of(&self, filter: filter_t, code: c_int, generation: usize) -> Kevent {
        let code = i16::try_from(code).unwrap();
        Kevent::change(self.ident(), filter, EV_ERROR, 0, code.into(), generation)
    }

    fn event(&self, filter: filter_t, flags: flags_t) -> Kevent {
        Kevent::change(self.ident(), filter, flags, 0, 0, 1)
    }

    fn ident(&self) -> usize {
        usize::try_from(self.fd).unwrap()
    }

    fn take_rejection(&mut self, filter: filter_t, code: c_int) -> Option<c_int> {
        self.kqueue.take_result(self.result(filter, code))
    }

    /// Returns `true` if the next wait submits changes.
    fn has_changes(&mut self) -> bool {
        self.kqueue.table.update(self.fd, |registration| registration.is_changed()).unwrap()
    }

    /// Returns the readiness of the next report.
    fn reported(&mut self) -> Vec<Readiness> {
        let mut events = Events::with_capacity(8);
        self.kqueue.report(&mut events);
        events.iter().map(|event| event.readiness()).collect()
    }
}

/// Returns `true` if a wait reports one event long before its timeout.
pub(super) fn ends_immediately(kqueue: &mut Kqueue<'_>) -> bool {
    const TIME: Duration = Duration::from_secs(10);
    let begin = Instant::now();
    kqueue.wait(&mut Events::with_capacity(8), TIME.into()) == Ok(1) && begin.elapsed() < TIME
}

#[test]
fn rejected_distinguishes_errors() {
    for code in [EINVAL, ENODEV, ENXIO, EPERM, ENOTSUP, EOPNOTSUPP] {
        assert_eq!(rejected(5, code), Error::NotPollable { fd: 5, backend: NAME }, "{code}");
    }
    assert_eq!(rejected(5, ENOMEM), Error::OutOfMemory);
    assert_eq!(rejected(5, EBADF), Error::Os { call: "kevent", code: EBADF });
}

#[test]
fn success_is_no_error() {
    let mut it = Registered::reader(READ, Mode::Level);
    assert_eq!(it.take_rejection(EVFILT_READ, 0), None);
    assert_eq!(it.reported(), []);
}

#[test]
fn missing_filter_changes_nothing() {
    let mut it = Registered::reader(READ, Mode::Level);
    assert_eq!(it.take_rejection(EVFILT_READ, ENOENT), Some(ENOENT));
    assert_eq!(it.reported(), []);
}

#[test]
fn stale_rejection_is_not_reported() {
    let mut it = Registered::reader(READ, Mode::Level);
    let stranger = it.result_of(EVFILT_READ, EINVAL, 2);
    assert_eq!(it.kqueue.take_result(stranger), Some(EINVAL));
    assert_eq!(it.reported(), []);
}

#[test]
fn rejection_of_both_filters_is_invalid_once() {
    let mut it = Registered::reader(BOTH, Mode::Level);
    assert_eq!(it.take_rejection(EVFILT_READ, EINVAL), Some(EINVAL));
    assert_eq!(it.take_rejection(EVFILT_WRITE, ENODEV), Some(ENODEV));
    assert_eq!(it.reported(), [Readiness::INVALID]);
    assert_eq!(it.reported(), []);
}

#[test]
fn spare_filter_may_be_rejected() {
    let mut it = Registered::reader(Interest::empty(), Mode::Level);
    assert_eq!(it.take_rejection(EVFILT_WRITE, EINVAL), None, "it is open for reading only");
    assert_eq!(it.reported(), []);
    assert_eq!(it.take_rejection(EVFILT_READ, EINVAL), Some(EINVAL));
    assert_eq!(it.reported(), [Readiness::INVALID]);
    let mut it = Registered::writer(Interest::empty(), Mode::Level);
    assert_eq!(it.take_rejection(EVFILT_READ, EINVAL), None);
    assert_eq!(it.reported(), []);
}

#[test]
fn pipe_without_reader_is_hangup() {
    // NetBSD returns EBADF, though the fd is open.
    for code in [EPIPE, EBADF] {
        let mut it = Registered::writer(Interest::WRITABLE, Mode::Level);
        assert_eq!(it.take_rejection(EVFILT_WRITE, code), None, "{code}");
        assert!(!it.has_changes(), "not submitted again in the same wait");
        assert_eq!(it.reported(), [Readiness::WRITABLE | Readiness::HANGUP], "{code}");
        assert!(it.has_changes(), "the next wait submits it again");
        // The same for an empty interest, though it could spare the filter.
        let mut it = Registered::reader(Interest::empty(), Mode::Level);
        assert_eq!(it.take_rejection(EVFILT_WRITE, code), None, "{code}");
        assert_eq!(it.reported(), [Readiness::HANGUP], "{code}");
    }
}

#[test]
fn closed_fd_has_no_closed_peer() {
    assert!(!is_peer_gone(-1, EBADF));
    let it = Registered::writer(Interest::WRITABLE, Mode::Level);
    assert!(is_peer_gone(it.fd, EBADF) && !is_peer_gone(it.fd, EINVAL));
}

#[test]
fn edge_instead_of_receipt_is_kept() {
    let mut it = Registered::reader(READ, Mode::Level);
    assert_eq!(it.kqueue.take_receipt(it.event(EVFILT_READ, 0)), None);
    assert_eq!(it.reported(), [], "the next wait returns it again");
    let mut it = Registered::reader(READ, Mode::Edge);
    assert_eq!(it.kqueue.take_receipt(it.event(EVFILT_READ, EV_CLEAR)), None);
    assert_eq!(it.reported(), [Readiness::READABLE]);
    assert_eq!(it.kqueue.take_receipt(it.result(EVFILT_READ, EINVAL)), Some(EINVAL));
    assert_eq!(it.reported(), [Readiness::INVALID]);
}

#[test]
fn edge_instead_of_receipt_ends_next_wait() {
    let mut it = Registered::reader(READ, Mode::Edge);
    it.kqueue.take_receipt(it.event(EVFILT_READ, EV_CLEAR));
    assert!(ends_immediately(&mut it.kqueue));
}

#[test]
fn event_is_new_once_per_wait() {
    let mut it = Registered::reader(BOTH, Mode::Level);
    assert!(it.kqueue.take_event(it.event(EVFILT_READ, 0)));
    assert!(!it.kqueue.take_event(it.event(EVFILT_READ, 0)));
    assert!(it.kqueue.take_event(it.event(EVFILT_WRITE, 0)));
    assert!(it.kqueue.take_event(it.event(EVFILT_READ, EV_EOF)), "end of file is new");
    let all = Readiness::READABLE | Readiness::WRITABLE | Readiness::HANGUP;
    assert_eq!(it.reported(), [all], "in one event");
    let stranger = Kevent::change(it.ident(), EVFILT_READ, 0, 0, 0, 2);
    assert!(!it.kqueue.take_event(stranger));
    assert_eq!(it.reported(), []);
}

#[test]
fn grow_never_shrinks() {
    let mut list = Vec::new();
    for (wanted, len) in [(3, 3), (2, 3), (3, 3), (5, 5)] {
        grow(&mut list, wanted).unwrap();
        assert_eq!((list.len(), list.capacity()), (len, len));
    }
}

#[test]
fn capabilities_match_accepted_calls() {
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
fn unsupported_interest_is_named() {
    let what = |interest| match check(interest, Mode::Level) {
        Err(Error::Unsupported { what, .. }) => what,
        result => panic!("{result:?}"),
    };
    match URGENT {
        None => assert!(what(Interest::PRIORITY).starts_with("Interest::PRIORITY")),
        Some(_) => assert_eq!(check(Interest::PRIORITY, Mode::Level), Ok(())),
    }
    assert!(what(Interest::READ_BAND).starts_with("an interest in bands"));
}

#[test]
fn second_filter_is_new_without_readiness() {
    const FAILED: u32 = 104;
    let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let (mut kqueue, fd) = (Kqueue::new().unwrap(), ours.as_raw_fd());
    let generation = kqueue.next_generation();
    let mut registration =
        Registration::new(Token(7), Interest::empty(), Mode::Level, Kind::Socket, generation);
    registration.settle(fd, &mut Vec::new());
    kqueue.table.insert(fd, registration).unwrap();
    let ident = usize::try_from(fd).unwrap();
    let event = |filter| Kevent::change(ident, filter, EV_EOF, FAILED, 0, generation);
    for _ in 0..2 {
        // HANGUP | ERROR, and ERROR.
        let is_new = [EVFILT_WRITE, EVFILT_READ, EVFILT_WRITE, EVFILT_READ]
            .map(|filter| kqueue.take_event(event(filter)));
        assert_eq!(is_new, [true, true, false, false]);
        let mut events = Events::with_capacity(8);
        assert_eq!(kqueue.report(&mut events), 1);
    }
}
