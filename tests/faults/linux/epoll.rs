//! `Epoll`, if the calls of epoll(7) fail.

use super::{
    DELETE, EPOLL_CREATE, EPOLL_CTL, EPOLL_PWAIT2, EPOLL_WAIT, FCNTL, IOCTL, MODIFY, PPOLL, failing, fds,
    in_turn, tokens,
};
use crate::support::{empty_pipe, full_pipe};
use iomux_backend::{BusyPoll, Epoll, Error, Events, Interest, Mode, Multiplexer, SigSet, Timeout, Token};
use libc::{
    EBADF, EEXIST, EFAULT, EINTR, EINVAL, ELOOP, EMFILE, ENFILE, ENOENT, ENOMEM, ENOSPC, ENOSYS, ENOTTY,
    EOPNOTSUPP, EPERM, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD,
};
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

const READABLE: Interest = Interest::READABLE;
const CTL: [i32; 9] = [EBADF, EEXIST, EFAULT, EINVAL, ELOOP, ENOENT, ENOMEM, ENOSPC, EPERM];

/// Returns the tokens that are ready.
#[track_caller]
fn found(epoll: &mut Epoll<'_>) -> Vec<usize> {
    let mut events = Events::with_capacity(8);
    epoll.wait(&mut events, Timeout::Nowait).unwrap();
    tokens(&events)
}

/// Returns the error for an errno of epoll_ctl(2).
#[track_caller]
fn assert_rejected(result: Result<(), Error>, operation: i32, fd: i32, code: i32) {
    let expected = match (code, operation) {
        (EEXIST, _) => Error::AlreadyRegistered { fd },
        (ENOENT, _) => Error::NotRegistered { fd },
        (ENOMEM, _) => Error::OutOfMemory,
        (ELOOP, _) => Error::NestedTooDeep { fd },
        (EPERM, EPOLL_CTL_ADD) => Error::NotPollable { fd, backend: "epoll" },
        (EINVAL, EPOLL_CTL_MOD) => {
            return assert!(matches!(result, Err(Error::Unsupported { backend: "epoll", .. })), "{result:?}");
        }
        (code, _) => Error::Os { call: "epoll_ctl", code },
    };
    assert_eq!(result, Err(expected));
}

#[test]
fn failed_epoll_create_leaks_no_fd() {
    let Some(_alone) = in_turn() else { return };
    let before = fds();
    for code in [EINVAL, EMFILE, ENFILE, ENOMEM, ENOSYS, EPERM] {
        let answer = failing(EPOLL_CREATE, code, || Epoll::new().map(drop));
        assert_eq!(answer, Err(Error::Os { call: "epoll_create1", code }));
    }
    assert_eq!(fds(), before);
}

#[test]
fn failed_register_can_be_retried() {
    let Some(_alone) = in_turn() else { return };
    for code in CTL {
        let (reader, _writer) = full_pipe();
        let mut epoll = Epoll::new().unwrap();
        let fd = reader.as_raw_fd();
        let answer =
            failing(EPOLL_CTL, code, || epoll.register(reader.as_fd(), Token(1), READABLE, Mode::Level));
        assert_rejected(answer, EPOLL_CTL_ADD, fd, code);
        assert_eq!(epoll.deregister(reader.as_fd()), Err(Error::NotRegistered { fd }));
        assert_eq!(found(&mut epoll), []);
        epoll.register(reader.as_fd(), Token(2), READABLE, Mode::Level).unwrap();
        assert_eq!(found(&mut epoll), [2]);
    }
}

#[test]
fn failed_modify_changes_nothing() {
    let Some(_alone) = in_turn() else { return };
    let modes = [Mode::Level, Mode::Edge, Mode::OneShot];
    for (code, mode) in CTL.into_iter().flat_map(|code| modes.map(|mode| (code, mode))) {
        let (reader, _writer) = full_pipe();
        let mut epoll = Epoll::new().unwrap();
        epoll.register(reader.as_fd(), Token(1), READABLE, mode).unwrap();
        let answer =
            failing(MODIFY, code, || epoll.modify(reader.as_fd(), Token(2), Interest::WRITABLE, mode));
        assert_rejected(answer, EPOLL_CTL_MOD, reader.as_raw_fd(), code);
        assert_eq!(found(&mut epoll), [1], "as it was registered");
        epoll.modify(reader.as_fd(), Token(2), READABLE, mode).unwrap();
        assert_eq!(found(&mut epoll), [2]);
    }
}

#[test]
fn failed_deregister_keeps_registration() {
    let Some(_alone) = in_turn() else { return };
    for code in CTL {
        let (reader, _writer) = full_pipe();
        let mut epoll = Epoll::new().unwrap();
        let fd = reader.as_raw_fd();
        epoll.register(reader.as_fd(), Token(1), READABLE, Mode::Level).unwrap();
        let answer = failing(DELETE, code, || epoll.deregister(reader.as_fd()));
        assert_rejected(answer, EPOLL_CTL_DEL, fd, code);
        assert_eq!(found(&mut epoll), [1]);
        let again = epoll.register(reader.as_fd(), Token(2), READABLE, Mode::Level);
        assert_eq!(again, Err(Error::AlreadyRegistered { fd }));
        assert_eq!(epoll.deregister(reader.as_fd()), Ok(()));
        assert_eq!(epoll.deregister(reader.as_fd()), Err(Error::NotRegistered { fd }));
        epoll.register(reader.as_fd(), Token(2), READABLE, Mode::Level).unwrap();
        assert_eq!(found(&mut epoll), [2]);
    }
}

type Wait = fn(&mut Epoll<'_>, &mut Events) -> Result<usize, Error>;

/// Each kind of wait, with its system call.
const WAITS: [(&str, Wait); 4] = [
    ("epoll_wait", |epoll, events| epoll.wait(events, Timeout::Nowait)),
    ("epoll_wait", |epoll, events| epoll.wait(events, Timeout::Infinite)),
    ("epoll_pwait2", |epoll, events| epoll.wait(events, Duration::from_micros(5).into())),
    ("epoll_pwait", |epoll, events| epoll.wait_masked(events, Timeout::Infinite, &SigSet::full())),
];

#[test]
fn failed_wait_loses_no_event() {
    let Some(_alone) = in_turn() else { return };
    for ((call, wait), code) in
        WAITS.into_iter().flat_map(|wait| [EBADF, EFAULT, EINVAL, ENOMEM].map(|code| (wait, code)))
    {
        let ((once, _w1), (edge, _w2), (level, _w3)) = (full_pipe(), full_pipe(), full_pipe());
        let mut epoll = Epoll::new().unwrap();
        let waker = epoll.waker(Token(0)).unwrap();
        epoll.register(once.as_fd(), Token(1), READABLE, Mode::OneShot).unwrap();
        epoll.register(edge.as_fd(), Token(2), READABLE, Mode::Edge).unwrap();
        epoll.register(level.as_fd(), Token(3), READABLE, Mode::Level).unwrap();
        waker.wake();
        let mut events = Events::with_capacity(8);
        let answer = failing(EPOLL_WAIT, code, || wait(&mut epoll, &mut events));
        assert_eq!(answer, Err(Error::Os { call, code }));
        assert!(events.is_empty());
        assert_eq!(found(&mut epoll), [0, 1, 2, 3], "nothing was lost");
    }
}

#[test]
fn eintr_ends_only_masked_waits() {
    let Some(_alone) = in_turn() else { return };
    let (once, _writer) = full_pipe();
    for time in [0, 10, 2000].map(Duration::from_micros) {
        let mut epoll = Epoll::new().unwrap();
        epoll.register(once.as_fd(), Token(1), READABLE, Mode::OneShot).unwrap();
        let mut events = Events::with_capacity(8);
        let (answer, took, masked) = failing(EPOLL_WAIT, EINTR, || {
            let begin = Instant::now();
            let answer = epoll.wait(&mut events, time.into());
            let took = begin.elapsed();
            (answer, took, epoll.wait_masked(&mut events, time.into(), &SigSet::full()))
        });
        assert_eq!((answer, masked), (Ok(0), Err(Error::Interrupted)));
        assert!(took >= time, "{took:?} of {time:?}");
        assert_eq!(found(&mut epoll), [1], "nothing was lost");
    }
}

#[test]
fn early_kernel_timeout_is_resumed() {
    let Some(_alone) = in_turn() else { return };
    let (reader, _writer) = empty_pipe();
    for wait in [Epoll::wait, |epoll: &mut _, events: &mut _, time| {
        Epoll::wait_masked(epoll, events, time, &SigSet::full())
    }] {
        let mut epoll = Epoll::new().unwrap();
        epoll.register(reader.as_fd(), Token(1), READABLE, Mode::Level).unwrap();
        let time = Duration::from_micros(1500);
        // Without an errno, the call returns 0 events.
        let took = failing(EPOLL_WAIT, 0, || {
            let (begin, mut events) = (Instant::now(), Events::with_capacity(8));
            assert_eq!(wait(&mut epoll, &mut events, time.into()), Ok(0));
            begin.elapsed()
        });
        assert!(took >= time, "{took:?}");
    }
}

#[test]
fn failed_masked_wait_loses_no_event() {
    let Some(_alone) = in_turn() else { return };
    let (once, _writer) = full_pipe();
    for code in [EFAULT, EINVAL, ENOMEM, ENOSYS] {
        let mut epoll = Epoll::new().unwrap();
        epoll.register(once.as_fd(), Token(1), READABLE, Mode::OneShot).unwrap();
        let answer = failing(PPOLL, code, || {
            epoll.wait_masked(&mut Events::with_capacity(8), Timeout::Infinite, &SigSet::full())
        });
        assert_eq!(answer, Err(Error::Os { call: "ppoll", code }));
        assert_eq!(found(&mut epoll), [1]);
    }
}

#[test]
fn missing_pwait2_rounds_timeout_up() {
    let Some(_alone) = in_turn() else { return };
    let (reader, _writer) = empty_pipe();
    for code in [ENOSYS, EOPNOTSUPP, EPERM] {
        let mut epoll = Epoll::new().unwrap();
        epoll.register(reader.as_fd(), Token(1), READABLE, Mode::Level).unwrap();
        let time = Duration::from_micros(1100);
        let took = failing(EPOLL_PWAIT2, code, || {
            let (begin, mut events) = (Instant::now(), Events::with_capacity(8));
            assert_eq!(epoll.wait(&mut events, time.into()), Ok(0));
            begin.elapsed()
        });
        assert!(took >= time, "{took:?}");
    }
}

#[test]
fn only_fractional_ms_uses_pwait2() {
    let Some(_alone) = in_turn() else { return };
    let (reader, _writer) = empty_pipe();
    let mut epoll = Epoll::new().unwrap();
    epoll.register(reader.as_fd(), Token(1), READABLE, Mode::Level).unwrap();
    let mut wait = |us| {
        let mut events = Events::with_capacity(8);
        epoll.wait(&mut events, Duration::from_micros(us).into())
    };
    let refused = Err(Error::Os { call: "epoll_pwait2", code: EINVAL });
    assert_eq!(failing(EPOLL_PWAIT2, EINVAL, || (wait(1000), wait(1))), (Ok(0), refused));
}

#[test]
fn failed_share_changes_nothing() {
    let Some(_alone) = in_turn() else { return };
    let (reader, _writer) = full_pipe();
    for code in [EBADF, EINVAL, EMFILE, EPERM] {
        let mut epoll = Epoll::new().unwrap();
        epoll.register(reader.as_fd(), Token(1), Interest::empty(), Mode::Level).unwrap();
        let before = fds();
        let answer = failing(FCNTL, code, || epoll.share().map(drop));
        assert_eq!((answer, fds()), (Err(Error::Os { call: "fcntl", code }), before));
        assert!(epoll.share().is_ok());
    }
}

#[test]
fn failed_busy_poll_is_an_error() {
    let Some(_alone) = in_turn() else { return };
    let epoll = Epoll::new().unwrap();
    for code in [EBADF, EFAULT, EINVAL, EPERM, ENOSYS, ENOTTY, EOPNOTSUPP] {
        let expected = match code {
            ENOSYS | ENOTTY | EOPNOTSUPP => {
                let what = "busy polling: use Linux 6.9 or later with network busy polling";
                Error::Unsupported { what, backend: "epoll" }
            }
            code => Error::Os { call: "ioctl", code },
        };
        let answer = failing(IOCTL, code, || (epoll.set_busy_poll(BusyPoll::default()), epoll.busy_poll()));
        assert_eq!(answer, (Err(expected), Err(expected)));
    }
}
