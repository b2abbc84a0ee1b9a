//! What is printed: slots as strace does, flags by name, errors with what to do.

use crate::support::full_pipe;
use iomux::{Error, Interest, PollFd, Readiness, Slots, Timeout};
use std::os::fd::{AsFd, AsRawFd};

#[test]
fn slots_print_like_strace() {
    let (reader, writer) = full_pipe();
    let mut slots = Slots::with_capacity(8);
    assert_eq!(format!("{slots:?}"), "[]");
    slots.set(0, reader.as_fd(), Interest::READABLE).unwrap();
    slots.set(2, reader.as_fd(), Interest::READABLE | Interest::PRIORITY).unwrap();
    slots.set(3, writer.as_fd(), Interest::empty()).unwrap();
    let (r, w) = (reader.as_raw_fd(), writer.as_raw_fd());
    assert_eq!(
        format!("{slots:?}"),
        format!(
            "[{{fd={r}, events=POLLIN}}, {{fd=-1}}, {{fd={r}, events=POLLIN|POLLPRI}}, {{fd={w}, events=0}}]"
        )
    );
    slots.poll_first(1, Timeout::Nowait).unwrap();
    drop(writer.try_clone());
    assert_eq!(
        format!("{slots:?}"),
        format!(
            "[{{fd={r}, events=POLLIN, revents=POLLIN}}, {{fd=-1}}, \
             {{fd={r}, events=POLLIN|POLLPRI}}, {{fd={w}, events=0}}]"
        ),
        "what was not polled is not reported"
    );
    let printed: Vec<String> = slots.iter().map(|slot| format!("{slot:?}")).collect();
    assert_eq!(printed[0], format!("{{fd={r}, events=POLLIN, revents=POLLIN}}"));
    assert_eq!(printed.len(), 3, "empty slots are not in use");
    assert!(format!("{:?}", slots.ready()).starts_with("[Ready { index: 0, fd: "));
    assert!(format!("{:?}", slots.iter()).starts_with("[{fd="));
}

#[test]
fn pollfd_prints_like_strace() {
    let (reader, writer) = full_pipe();
    let r = reader.as_raw_fd();
    // A bit that has no name here, and no effect on a pipe anywhere. 0x4000 is `POLLRDHUP` of FreeBSD and illumos.
    let bit = if cfg!(target_vendor = "apple") { 0x2000 } else { 0x400 };
    let unknown = Interest::READABLE | Interest::from_bits_retain(bit);
    let mut fds = [PollFd::new(reader.as_fd(), unknown).unwrap(), PollFd::EMPTY];
    drop(writer);
    iomux::poll(&mut fds, Timeout::Nowait).unwrap();
    assert_eq!(
        format!("{fds:?}"),
        format!("[{{fd={r}, events=POLLIN|{bit:#x}, revents=POLLIN|POLLHUP}}, {{fd=-1}}]")
    );
    fds[0].set_interest(Interest::from_bits_retain(bit)).unwrap();
    assert_eq!(format!("{:?}", fds[0]), format!("{{fd={r}, events={bit:#x}, revents=POLLIN|POLLHUP}}"));
}

#[test]
fn flags_print_their_names() {
    assert_eq!(format!("{:?}", Interest::READABLE | Interest::WRITABLE), "Interest(READABLE | WRITABLE)");
    assert_eq!(format!("{:?}", Readiness::HANGUP), "Readiness(HANGUP)");
    assert_eq!(Interest::READABLE.to_string(), "READABLE");
    assert_eq!((Readiness::READABLE | Readiness::ERROR).to_string(), "READABLE | ERROR");
}

#[test]
fn errors_say_what_and_what_to_do() {
    let texts = [
        (
            Error::IndexOutOfRange { index: 8, capacity: 8 },
            "slot index 8 is out of range: the table has 8 slots",
        ),
        (Error::CountOutOfRange { count: 9, capacity: 8 }, "can't poll the first 9 slots: the table has 8"),
        (Error::EmptySlot { index: 3 }, "slot 3 is empty: set its fd with `set` first"),
        (Error::NegativeFd { fd: -1 }, "invalid fd -1: must not be negative; to empty a slot, use `clear`"),
        (
            Error::TooManySlots { count: 81, limit: 64 },
            "can't poll 81 slots: the open-files limit (RLIMIT_NOFILE) is 64; use lower indices, or raise the limit",
        ),
        (Error::OutOfMemory { capacity: 9 }, "no memory for a table of 9 slots"),
        (
            Error::NothingToWaitFor,
            "the wait would never end: every slot is empty or paused, and the timeout is infinite; \
             set or resume a slot, or use a finite timeout",
        ),
        (Error::Interrupted, "interrupted by a signal before anything was ready: call again, or use `wait`"),
        (
            Error::NoSuchSignal { number: 0 },
            "invalid signal 0: this platform does not have it, or libc reserves it",
        ),
    ];
    for (error, text) in texts {
        assert_eq!(error.to_string(), text);
    }
    let os = std::env::consts::OS;
    assert_eq!(
        Error::Unsupported { what: "a signal mask" }.to_string(),
        format!(
            "a signal mask is not supported on {os}; wait without a mask, and write to a pipe in the signal handler"
        )
    );
    assert_eq!(
        Error::Unsupported { what: "a timer slack" }.to_string(),
        format!("a timer slack is not supported on {os}")
    );
    let error = Error::Os { call: "poll", code: libc::ENOMEM };
    assert!(error.to_string().starts_with("poll: "), "{error}");
    assert!(error.to_string().contains(&std::io::Error::from_raw_os_error(libc::ENOMEM).to_string()));
}

#[test]
fn io_error_keeps_kind_and_text() {
    use std::io::{self, ErrorKind};
    let table = [
        (Error::Interrupted, ErrorKind::Interrupted),
        (Error::Os { call: "poll", code: libc::ENOMEM }, ErrorKind::OutOfMemory),
        (Error::Unsupported { what: "x" }, ErrorKind::Unsupported),
        (Error::OutOfMemory { capacity: 1 }, ErrorKind::OutOfMemory),
        (Error::IndexOutOfRange { index: 1, capacity: 1 }, ErrorKind::InvalidInput),
        (Error::TooManySlots { count: 2, limit: 1 }, ErrorKind::InvalidInput),
    ];
    for (error, kind) in table {
        let io = io::Error::from(error);
        assert_eq!((io.kind(), io.to_string()), (kind, error.to_string()));
        assert_eq!(io.get_ref().and_then(|inner| inner.downcast_ref()), Some(&error));
    }
    let wrapped = io::Error::from(Error::NothingToWaitFor);
    assert_eq!(wrapped.to_string(), Error::NothingToWaitFor.to_string(), "the text is not lost");
    assert_eq!(Error::Interrupted.raw_os_error(), Some(libc::EINTR));
    assert_eq!(Error::TooManySlots { count: 2, limit: 1 }.raw_os_error(), Some(libc::EINVAL));
    assert_eq!(Error::Os { call: "poll", code: 77 }.raw_os_error(), Some(77));
    assert_eq!(Error::NothingToWaitFor.raw_os_error(), None);
}
