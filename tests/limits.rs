//! The open-files limit: a process of its own, since it lowers that of all its threads.

use iomux::{Error, Interest, Readiness, Slots, Timeout, max_open_files};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::io::Write;
use std::os::fd::AsFd;

#[test]
fn a_table_larger_than_the_limit_is_polled_up_to_its_highest_slot_and_told_when_that_is_too_high() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, 64, hard).unwrap();
    assert_eq!(max_open_files(), Some(64));

    let (reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(b"!").unwrap();
    let mut slots = Slots::with_capacity(1000);
    slots.set(10, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(1), "the size of the table is no matter");
    slots.set(63, reader.as_fd(), Interest::READABLE).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(2), "as many as the limit");

    slots.set(80, reader.as_fd(), Interest::READABLE).unwrap();
    let answer = slots.poll(Timeout::Nowait);
    if answer == Ok(3) {
        eprintln!("skipped: more slots than open files: this system's poll takes them");
        return;
    }
    let error = Error::TooManySlots { count: 81, limit: 64 };
    assert_eq!(answer, Err(error));
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
    assert!(slots.fd(80).unwrap().is_some() && slots.fd(10).unwrap().is_some(), "nothing was lost");
    assert_eq!(slots.readiness(10), Ok(Readiness::empty()), "and nothing is reported");
    assert_eq!(slots.wait(Timeout::Nowait), Err(error));
    assert_eq!(slots.poll_first(65, Timeout::Nowait), Err(Error::TooManySlots { count: 65, limit: 64 }));

    slots.clear(80).unwrap();
    assert_eq!(slots.poll(Timeout::Nowait), Ok(2), "and it goes on once that is cleared");
}
