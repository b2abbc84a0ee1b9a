//! What the errors of a backend say, and what they are as an `io::Error`.

use iomux_backend::{
    ALL_NAMES, Error, Events, Interest, Mode, Multiplexer, NAMES, Poll, Reactor, Readiness, Token, by_name,
    native,
};
use std::io::{self, ErrorKind};

#[test]
fn errors_say_what_and_what_to_do() {
    let backend = "poll";
    let texts = [
        (
            Error::AlreadyRegistered { fd: 5 },
            "fd 5 is already registered: use `modify` to change its interest",
        ),
        (Error::NotRegistered { fd: 5 }, "fd 5 is not registered"),
        (
            Error::NoSuchKey,
            "no source has this key: the source was removed, or the key is a waker's or another reactor's",
        ),
        (Error::NegativeFd { fd: -1 }, "invalid fd -1: must not be negative"),
        (
            Error::NotPollable { fd: 5, backend },
            "poll can't wait for fd 5: a file of this kind is always ready; read it without waiting",
        ),
        (
            Error::UnsupportedMode { mode: Mode::Edge, backend },
            "poll does not support Mode::Edge: use Mode::Level or another backend",
        ),
        (Error::Unsupported { what: "x", backend }, "poll does not support x: use another backend"),
        (Error::Unsupported { what: "x: use y", backend }, "poll does not support x: use y"),
        (
            Error::NoRoomForEvents,
            "the buffer for events has capacity 0: use Events::with_capacity(1) or more",
        ),
        (
            Error::NothingToWaitFor,
            "nothing could end this wait: nothing is armed and the timeout is infinite; register a source or a waker first",
        ),
        (
            Error::Interrupted,
            "interrupted by a signal handler, or stopped and continued: handle the signal, and wait again",
        ),
        (Error::OutOfMemory, "out of memory for another registration or timer"),
    ];
    for (error, text) in texts {
        assert_eq!(error.to_string(), text);
    }
}

#[test]
fn os_errors_have_advice() {
    let texts = [
        ("eventfd", libc::EMFILE, "; close some fds, or raise the limit (RLIMIT_NOFILE, `ulimit -n`)"),
        ("eventfd", libc::ENFILE, "; close some fds, or raise the system's limit (on Linux fs.file-max)"),
        ("epoll_ctl", libc::EBADF, "; keep a source open while it is registered"),
        ("ppoll", libc::EPERM, "; allow ppoll(2), or wait without a signal mask"),
        ("epoll_ctl", libc::ENOSPC, "; raise the user's limit (sysctl fs.epoll.max_user_watches)"),
        ("kevent", libc::ENOSPC, ""),
    ];
    for (call, code, advice) in texts {
        let text = format!("{call}: {}{advice}", std::io::Error::from_raw_os_error(code));
        assert_eq!(Error::Os { call, code }.to_string(), text);
    }
}

#[test]
fn io_error_keeps_kind_text_and_errno() {
    let emfile = io::Error::from_raw_os_error(libc::EMFILE).kind();
    let table = [
        (Error::Interrupted, ErrorKind::Interrupted, Some(libc::EINTR)),
        (Error::Os { call: "poll", code: libc::ENOMEM }, ErrorKind::OutOfMemory, Some(libc::ENOMEM)),
        (Error::Os { call: "eventfd", code: libc::EMFILE }, emfile, Some(libc::EMFILE)),
        (Error::AlreadyRegistered { fd: 5 }, ErrorKind::AlreadyExists, Some(libc::EEXIST)),
        (Error::NotRegistered { fd: 5 }, ErrorKind::NotFound, Some(libc::ENOENT)),
        (Error::NoSuchKey, ErrorKind::NotFound, None),
        (Error::NotPollable { fd: 5, backend: "epoll" }, ErrorKind::Unsupported, Some(libc::EPERM)),
        (Error::NestedTooDeep { fd: 5 }, ErrorKind::InvalidInput, Some(libc::ELOOP)),
        (Error::OutOfMemory, ErrorKind::OutOfMemory, None),
        (Error::NoRoomForEvents, ErrorKind::InvalidInput, None),
    ];
    for (error, kind, code) in table {
        assert_eq!(error.raw_os_error(), code, "{error}");
        let io = io::Error::from(error);
        assert_eq!((io.kind(), io.to_string()), (kind, error.to_string()));
        assert_eq!(io.get_ref().and_then(|inner| inner.downcast_ref()), Some(&error));
    }
}

#[test]
fn events_keep_their_capacity() {
    let mut events = Events::with_capacity(2);
    assert_eq!((events.capacity(), events.remaining(), events.len(), events.is_empty()), (2, 2, 0, true));
    assert!(!events.push(Token(1), Readiness::empty()), "nothing to report");
    assert!(events.push(Token(1), Readiness::READABLE));
    assert_eq!((events.remaining(), events.len(), events.is_empty()), (1, 1, false));
    assert!(events.push(Token(2), Readiness::HANGUP));
    assert!(!events.push(Token(3), Readiness::READABLE), "full");
    let seen: Vec<_> = (&events).into_iter().map(|event| (event.token(), event.readiness())).collect();
    assert_eq!(seen, [(Token(1), Readiness::READABLE), (Token(2), Readiness::HANGUP)]);
    assert_eq!(events.iter().len(), 2);
    assert_eq!(events.get(1).map(|event| event.token()), Some(Token(2)));
    assert_eq!(events.get(2), None);
    events.clear();
    assert_eq!((events.len(), events.capacity(), events.remaining()), (0, 2, 2));
}

#[test]
fn by_name_knows_exactly_names() {
    for name in ALL_NAMES {
        let backend = by_name(name).unwrap();
        assert!(name.starts_with(backend.name()), "{name}");
        assert!(!backend.capabilities().is_empty());
    }
    let error = by_name("kevent").unwrap_err();
    assert_eq!(error.to_string(), format!("unknown backend 'kevent'; available: {}", NAMES.join(", ")));
    assert_eq!(io::Error::from(error).kind(), io::ErrorKind::NotFound);
    assert_eq!(by_name(NAMES[0]).unwrap().name(), native().unwrap().name(), "the best one comes first");
}

#[test]
fn kernel_errors_have_their_errno() {
    let too_many = Error::TooManySources { count: 81, limit: 64 };
    assert_eq!(too_many.raw_os_error(), Some(libc::EINVAL));
    assert_eq!(Error::Os { call: "poll", code: libc::ENOMEM }.raw_os_error(), Some(libc::ENOMEM));
    assert_eq!(Error::NoRoomForEvents.raw_os_error(), None);
}

#[test]
fn reactor_forwards_capabilities() {
    let reactor = Reactor::<io::PipeReader>::new().unwrap();
    assert_eq!(reactor.capabilities(), native().unwrap().capabilities());
    assert!(!reactor.capabilities().is_empty());
}

#[test]
fn mutable_reference_is_a_multiplexer() {
    let (reader, mut writer) = io::pipe().unwrap();
    io::Write::write_all(&mut writer, b"!").unwrap();
    let mut poll = Poll::new();
    {
        let mut borrowed: &mut dyn Multiplexer<'_> = &mut poll;
        let fd = std::os::fd::AsFd::as_fd(&reader);
        Multiplexer::register(&mut borrowed, fd, Token(4), Interest::READABLE, Mode::Level).unwrap();
        assert_eq!(Multiplexer::name(&borrowed), "poll");
        assert_eq!(Multiplexer::capabilities(&borrowed), Poll::new().capabilities());
    }
    let mut events = Events::with_capacity(1);
    assert_eq!(poll.wait(&mut events, iomux::Timeout::Nowait), Ok(1));
}
