//! Bad input: a typed error that says what to do, and the table as it was.

use crate::support::{empty_pipe, full_pipe};
use iomux::{Error, HAS_READ_CLOSED, Interest, PollFd, Readiness, Slots, Timeout};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

/// A table with an answer in it, and what it looks like.
fn table<'fd>(fd: BorrowedFd<'fd>) -> (Slots<'fd>, String) {
    let mut slots = Slots::with_capacity(4);
    slots.set(2, fd, Interest::READABLE).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(1));
    let print = format!("{slots:?}");
    (slots, print)
}

#[test]
fn index_out_of_range_changes_nothing() {
    let (reader, _writer) = full_pipe();
    let (mut slots, before) = table(reader.as_fd());
    for index in [4, 5, usize::MAX] {
        let error = Error::IndexOutOfRange { index, capacity: 4 };
        assert_eq!(slots.set(index, reader.as_fd(), Interest::READABLE), Err(error));
        assert_eq!(slots.set_interest(index, Interest::READABLE), Err(error));
        assert_eq!(slots.clear(index), Err(error));
        assert_eq!(slots.fd(index).unwrap_err(), error);
        assert_eq!(slots.interest(index), Err(error));
        assert_eq!(slots.readiness(index), Err(error));
    }
    assert_eq!(format!("{slots:?}"), before);
    assert_eq!(slots.used(), 3);
}

#[test]
fn count_out_of_range_polls_nothing() {
    let (reader, _writer) = full_pipe();
    let (mut slots, before) = table(reader.as_fd());
    for count in [5, usize::MAX] {
        let error = Error::CountOutOfRange { count, capacity: 4 };
        assert_eq!(slots.poll_first(count, Timeout::Infinite), Err(error));
    }
    assert_eq!(format!("{slots:?}"), before, "with its readiness");
    assert_eq!(slots.ready().count(), 1);
}

#[test]
fn empty_slot_has_no_interest() {
    let mut slots = Slots::with_capacity(2);
    assert_eq!(slots.set_interest(1, Interest::READABLE), Err(Error::EmptySlot { index: 1 }));
    assert_eq!(slots.interest(1), Ok(Interest::empty()));
}

#[test]
fn negative_fd_error_names_clear() {
    let (reader, _writer) = full_pipe();
    let (mut slots, before) = table(reader.as_fd());
    for fd in [-1, -2, i32::MIN] {
        // SAFETY: no number below 0 is an fd, so nothing is lent.
        let error = unsafe { slots.set_raw(2, fd, Interest::READABLE) }.unwrap_err();
        assert_eq!(error, Error::NegativeFd { fd });
        assert!(error.to_string().contains("`clear`"));
        // SAFETY: as above.
        assert_eq!(unsafe { PollFd::from_raw(fd, Interest::READABLE) }.unwrap_err(), error);
    }
    // SAFETY: `AT_FDCWD` is what such functions as openat(2) take for an fd, and is never closed.
    let cwd = unsafe { BorrowedFd::borrow_raw(libc::AT_FDCWD) };
    let error = Error::NegativeFd { fd: libc::AT_FDCWD };
    assert_eq!(slots.set(0, cwd, Interest::READABLE), Err(error));
    assert_eq!(PollFd::new(cwd, Interest::READABLE).unwrap_err(), error);
    assert_eq!(format!("{slots:?}"), before);
}

#[test]
fn fd_0_is_valid() {
    let (reader, _writer) = full_pipe();
    let mut slots = Slots::with_capacity(1);
    // SAFETY: 0 is only stored, never polled.
    unsafe { slots.set_raw(0, 0, Interest::READABLE) }.unwrap();
    assert_eq!(slots.fd(0).unwrap().map(|fd| fd.as_raw_fd()), Some(0));
    assert_eq!(slots.used(), 1);
    // SAFETY: as above.
    let mut slot = unsafe { PollFd::from_raw(0, Interest::READABLE) }.unwrap();
    assert!(!slot.is_paused() && !slot.is_empty());
    slot.pause();
    assert!(slot.is_paused() && !slot.is_empty());
    slot.resume();
    assert_eq!(slot.fd().map(|fd| fd.as_raw_fd()), Some(0));
    drop(reader);
}

#[test]
fn closed_fd_is_invalid() {
    let (ready, _writer) = full_pipe();
    let mut slots = Slots::with_capacity(2);
    slots.set(0, ready.as_fd(), Interest::READABLE).unwrap();
    let never_opened = i32::MAX;
    // SAFETY: no process can open that number, so nothing else is meant by it.
    unsafe { slots.set_raw(1, never_opened, Interest::READABLE) }.unwrap();
    assert_eq!(slots.poll(Timeout::Infinite), Ok(2));
    let readiness = slots.readiness(1).unwrap();
    assert_eq!(readiness, Readiness::INVALID);
    assert!(readiness.is_invalid() && readiness.is_readable(), "the next read says EBADF");
    assert_eq!(slots.readiness(0), Ok(Readiness::READABLE), "the others are none the worse");
}

#[test]
fn infinite_wait_of_empty_slots_is_an_error() {
    let mut slots = Slots::with_capacity(4);
    assert_eq!(slots.wait(Timeout::Infinite), Err(Error::NothingToWaitFor));
    assert_eq!(slots.wait(Timeout::Nowait), Ok(0));
    let (reader, _writer) = empty_pipe();
    slots.set(0, reader.as_fd(), Interest::READABLE).unwrap();
    slots.clear(0).unwrap();
    assert_eq!(slots.wait(Timeout::Infinite), Err(Error::NothingToWaitFor), "cleared is nothing, too");
}

#[test]
fn read_closed_is_unsupported_without_rdhup() {
    let (reader, _writer) = full_pipe();
    let (mut slots, _) = table(reader.as_fd());
    let expected =
        if HAS_READ_CLOSED { Ok(()) } else { Err(Error::Unsupported { what: "Interest::READ_CLOSED" }) };
    assert_eq!(slots.set_interest(2, Interest::READ_CLOSED), expected);
    assert_eq!(slots.set(1, reader.as_fd(), Interest::READ_CLOSED | Interest::READABLE), expected);
}
