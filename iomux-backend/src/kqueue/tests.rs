//! What is made of the kernel's results: each is made by hand here, since no one system returns them all.

use super::*;
use crate::multiplexer::Multiplexer;
use iomux_sys::kqueue::{EV_CLEAR, EV_EOF, EV_ERROR, EVFILT_READ, EVFILT_WRITE, filter_t, flags_t};
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

const READ: Interest = Interest::READABLE;
const BOTH: Interest = READ.union(Interest::WRITABLE);

/// A queue, and an fd that it has in its table as if the kernel had taken it, in generation 1.
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

    fn answer(&self, filter: filter_t, code: c_int) -> Kevent {
        self.answer_to(filter, code, 1)
    }

    fn answer_to(&self, filter: filter_t, code: c_int, generation: usize) -> Kevent {
        let code = i16::try_from(code).unwrap();
        Kevent::change(self.ident(), filter, EV_ERROR, 0, code.into(), generation)
    }

    fn event(&self, filter: filter_t, flags: flags_t) -> Kevent {
        Kevent::change(self.ident(), filter, flags, 0, 0, 1)
    }

    fn ident(&self) -> usize {
        usize::try_from(self.fd).unwrap()
    }

    fn take_refusal(&mut self, filter: filter_t, code: c_int) -> Option<c_int> {
        self.kqueue.take_answer(self.answer(filter, code))
    }

    /// Whether the next wait submits changes.
    fn has_changes(&mut self) -> bool {
        self.kqueue.table.update(self.fd, |registration| registration.is_changed()).unwrap()
    }

    /// What is reported next.
    fn reported(&mut self) -> Vec<Readiness> {
        let mut events = Events::with_capacity(8);
        self.kqueue.report(&mut events);
        events.iter().map(|event| event.readiness()).collect()
    }
}

/// Whether a wait reports one event, long before its time is over.
pub(super) fn ends_at_once(kqueue: &mut Kqueue<'_>) -> bool {
    const TIME: Duration = Duration::from_secs(10);
    let begin = Instant::now();
    kqueue.wait(&mut Events::with_capacity(8), TIME.into()) == Ok(1) && begin.elapsed() < TIME
}

#[test]
fn what_the_kernel_says_of_an_fd_that_it_does_not_take_is_told_apart() {
    for code in [EINVAL, ENODEV, ENXIO, EPERM, ENOTSUP, EOPNOTSUPP] {
        assert_eq!(refused(5, code), Error::NotPollable { fd: 5, backend: NAME }, "{code}");
    }
    assert_eq!(refused(5, ENOMEM), Error::OutOfMemory);
    assert_eq!(refused(5, EBADF), Error::Os { call: "kevent", code: EBADF });
}

#[test]
fn what_was_taken_is_no_refusal() {
    let mut it = Registered::reader(READ, Mode::Level);
    assert_eq!(it.take_refusal(EVFILT_READ, 0), None);
    assert_eq!(it.reported(), []);
}

#[test]
fn what_was_to_be_removed_and_is_not_there_changes_nothing() {
    let mut it = Registered::reader(READ, Mode::Level);
    assert_eq!(it.take_refusal(EVFILT_READ, ENOENT), Some(ENOENT));
    assert_eq!(it.reported(), []);
}

#[test]
fn a_refusal_of_an_earlier_registration_is_returned_and_reported_to_nobody() {
    let mut it = Registered::reader(READ, Mode::Level);
    let stranger = it.answer_to(EVFILT_READ, EINVAL, 2);
    assert_eq!(it.kqueue.take_answer(stranger), Some(EINVAL));
    assert_eq!(it.reported(), []);
}

#[test]
fn a_refusal_is_invalid_once_though_both_filters_are_refused() {
    let mut it = Registered::reader(BOTH, Mode::Level);
    assert_eq!(it.take_refusal(EVFILT_READ, EINVAL), Some(EINVAL));
    assert_eq!(it.take_refusal(EVFILT_WRITE, ENODEV), Some(ENODEV));
    assert_eq!(it.reported(), [Readiness::INVALID]);
    assert_eq!(it.reported(), []);
}

#[test]
fn a_filter_that_the_end_does_not_need_may_be_refused() {
    let mut it = Registered::reader(Interest::empty(), Mode::Level);
    assert_eq!(it.take_refusal(EVFILT_WRITE, EINVAL), None, "it is open for reading only");
    assert_eq!(it.reported(), []);
    assert_eq!(it.take_refusal(EVFILT_READ, EINVAL), Some(EINVAL));
    assert_eq!(it.reported(), [Readiness::INVALID]);
    let mut it = Registered::writer(Interest::empty(), Mode::Level);
    assert_eq!(it.take_refusal(EVFILT_READ, EINVAL), None);
    assert_eq!(it.reported(), []);
}

#[test]
fn a_pipe_that_nobody_reads_is_a_hangup_and_no_error() {
    // EBADF of an fd that is open, as NetBSD has it.
    for code in [EPIPE, EBADF] {
        let mut it = Registered::writer(Interest::WRITABLE, Mode::Level);
        assert_eq!(it.take_refusal(EVFILT_WRITE, code), None, "{code}");
        assert!(!it.has_changes(), "not again in the same wait");
        assert_eq!(it.reported(), [Readiness::WRITABLE | Readiness::HANGUP], "{code}");
        assert!(it.has_changes(), "the next wait tries again");
        // So it is where nothing is asked, and the filter could be spared.
        let mut it = Registered::reader(Interest::empty(), Mode::Level);
        assert_eq!(it.take_refusal(EVFILT_WRITE, code), None, "{code}");
        assert_eq!(it.reported(), [Readiness::HANGUP], "{code}");
    }
}

#[test]
fn a_number_that_is_not_open_has_no_peer_that_is_gone() {
    assert!(!is_peer_gone(-1, EBADF));
    let it = Registered::writer(Interest::WRITABLE, Mode::Level);
    assert!(is_peer_gone(it.fd, EBADF) && !is_peer_gone(it.fd, EINVAL));
}

#[test]
fn what_comes_in_the_place_of_a_receipt_is_kept_if_it_would_not_come_again() {
    let mut it = Registered::reader(READ, Mode::Level);
    assert_eq!(it.kqueue.take_receipt(it.event(EVFILT_READ, 0)), None);
    assert_eq!(it.reported(), [], "it is still so at the next wait");
    let mut it = Registered::reader(READ, Mode::Edge);
    assert_eq!(it.kqueue.take_receipt(it.event(EVFILT_READ, EV_CLEAR)), None);
    assert_eq!(it.reported(), [Readiness::READABLE]);
    assert_eq!(it.kqueue.take_receipt(it.answer(EVFILT_READ, EINVAL)), Some(EINVAL));
    assert_eq!(it.reported(), [Readiness::INVALID]);
}

#[test]
fn what_came_in_the_place_of_a_receipt_ends_a_wait_at_once() {
    let mut it = Registered::reader(READ, Mode::Edge);
    it.kqueue.take_receipt(it.event(EVFILT_READ, EV_CLEAR));
    assert!(ends_at_once(&mut it.kqueue));
}

#[test]
fn an_event_is_new_if_it_says_what_this_wait_has_not_heard() {
    let mut it = Registered::reader(BOTH, Mode::Level);
    assert!(it.kqueue.take_event(it.event(EVFILT_READ, 0)));
    assert!(!it.kqueue.take_event(it.event(EVFILT_READ, 0)));
    assert!(it.kqueue.take_event(it.event(EVFILT_WRITE, 0)));
    assert!(it.kqueue.take_event(it.event(EVFILT_READ, EV_EOF)), "an end is more");
    let all = Readiness::READABLE | Readiness::WRITABLE | Readiness::HANGUP;
    assert_eq!(it.reported(), [all], "in one event");
    let stranger = Kevent::change(it.ident(), EVFILT_READ, 0, 0, 0, 2);
    assert!(!it.kqueue.take_event(stranger));
    assert_eq!(it.reported(), []);
}

#[test]
fn the_list_of_answers_grows_to_what_is_asked_and_never_shrinks() {
    let mut list = Vec::new();
    for (asked, len) in [(3, 3), (2, 3), (3, 3), (5, 5)] {
        grow(&mut list, asked).unwrap();
        assert_eq!((list.len(), list.capacity()), (len, len));
    }
}

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

#[test]
fn a_second_filter_is_no_repetition_though_it_adds_no_readiness() {
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
