//! Registrations: accepted and rejected calls, and errors that change nothing.

use super::rig::{MODES, Rig, empty_pipe, full_pipe, needs, write};
use super::{Backend, os, skip};
use crate::{Error, Events, Interest, Mode, Multiplexer, Timeout};
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};

pub(super) fn name_is_lower_case<B: Backend>() {
    let name = B::create().expect("Backend::create").name();
    assert!(!name.is_empty() && !name.chars().any(char::is_uppercase), "'{name}'");
}

pub(super) fn capabilities_are_constant<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    let before = rig.mux.capabilities();
    rig.watch(&reader, 1, Interest::READABLE);
    rig.ready();
    assert_eq!(rig.mux.capabilities(), before);
    assert_eq!(B::create().expect("Backend::create").capabilities(), before);
}

pub(super) fn second_register_is_an_error<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    let fd = reader.as_raw_fd();
    let again = rig.register(&reader, 2, Interest::empty(), Mode::Level);
    assert_eq!(again, Err(Error::AlreadyRegistered { fd }));
    assert!(rig.only(1).is_readable());
}

pub(super) fn modify_unregistered_is_an_error<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    let result = rig.try_modify(&reader, 1, Interest::READABLE, Mode::Level);
    assert_eq!(result, Err(Error::NotRegistered { fd: reader.as_raw_fd() }));
    rig.silent();
}

pub(super) fn deregister_unregistered_is_an_error<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let (other, _writer2) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&other, 1, Interest::READABLE);
    let result = rig.mux.deregister(reader.as_fd());
    assert_eq!(result, Err(Error::NotRegistered { fd: reader.as_raw_fd() }));
    assert!(rig.only(1).is_readable());
}

pub(super) fn second_deregister_is_an_error<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    rig.deregister(&reader);
    let result = rig.mux.deregister(reader.as_fd());
    assert_eq!(result, Err(Error::NotRegistered { fd: reader.as_raw_fd() }));
}

pub(super) fn negative_fd_is_an_error<B: Backend>() {
    let mut mux = B::create().expect("Backend::create");
    for fd in [-1, -100, i32::MIN] {
        let result = os::register_number(&mut mux, fd, 1, Interest::READABLE, Mode::Level);
        assert_eq!(result, Err(Error::NegativeFd { fd }));
    }
    // -100 is AT_FDCWD on some platforms, and some libraries have it as a `BorrowedFd`.
    let result = mux.register(os::by_number(-100), crate::Token(1), Interest::READABLE, Mode::Level);
    assert_eq!(result, Err(Error::NegativeFd { fd: -100 }));
    // fd 0 may be closed or a file, so another error is correct.
    let result = os::register_number(&mut mux, 0, 1, Interest::READABLE, Mode::Level);
    assert_ne!(result, Err(Error::NegativeFd { fd: 0 }));
}

pub(super) fn deregistered_fd_can_be_registered_again<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    for round in 0..3 {
        rig.watch(&reader, round, Interest::READABLE);
        assert!(rig.only(round).is_readable());
        rig.deregister(&reader);
        rig.silent();
    }
}

pub(super) fn register_in_unsupported_mode_is_an_error<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    for mode in MODES.into_iter().filter(|mode| *mode != Mode::Level) {
        if !rig.has(needs(mode)) {
            let result = rig.register(&reader, 1, Interest::READABLE, mode);
            let backend = rig.mux.name();
            assert_eq!(result, Err(Error::UnsupportedMode { mode, backend }), "{mode:?}");
            rig.silent();
        }
    }
    rig.watch(&reader, 2, Interest::READABLE);
    assert!(rig.only(2).is_readable());
}

pub(super) fn modify_to_unsupported_mode_changes_nothing<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    for mode in MODES.into_iter().filter(|mode| *mode != Mode::Level) {
        if !rig.has(needs(mode)) {
            let result = rig.try_modify(&reader, 2, Interest::empty(), mode);
            assert!(matches!(result, Err(Error::UnsupportedMode { .. })), "{mode:?}: {result:?}");
            assert!(rig.only(1).is_readable(), "token and interest are unchanged");
        }
    }
}

pub(super) fn dup_is_another_fd<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let copy = reader.try_clone().expect("dup");
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    rig.watch(&copy, 2, Interest::READABLE);
    assert_eq!(rig.tokens(), [1, 2]);
    rig.deregister(&reader);
    assert!(rig.only(2).is_readable());
}

pub(super) fn fds_can_share_a_token<B: Backend>() {
    let (first, second) = (full_pipe(), full_pipe());
    let mut rig = Rig::<B>::new();
    rig.watch(&first.0, 7, Interest::READABLE);
    rig.watch(&second.0, 7, Interest::READABLE);
    assert_eq!(rig.tokens(), [7, 7]);
}

pub(super) fn modify_changes_token<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    rig.modify(&reader, 2, Interest::READABLE, Mode::Level);
    assert!(rig.only(2).is_readable());
}

pub(super) fn modify_changes_interest<B: Backend>() {
    let (ours, _theirs) = std::os::unix::net::UnixStream::pair().expect("a socket pair");
    let mut rig = Rig::<B>::new();
    rig.watch(&ours, 1, Interest::READABLE);
    rig.silent();
    rig.modify(&ours, 1, Interest::WRITABLE, Mode::Level);
    assert!(rig.only(1).is_writable());
    rig.modify(&ours, 1, Interest::READABLE, Mode::Level);
    rig.silent();
}

pub(super) fn any_number_is_a_token<B: Backend>() {
    let pipes = [full_pipe(), full_pipe(), full_pipe()];
    let tokens = [0, 1_usize.rotate_right(1), usize::MAX];
    let mut rig = Rig::<B>::new();
    for ((reader, _), token) in pipes.iter().zip(tokens) {
        rig.watch(reader, token, Interest::READABLE);
    }
    assert_eq!(rig.tokens(), tokens);
}

pub(super) fn empty_buffer_is_an_error<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    let result = rig.mux.wait(&mut Events::with_capacity(0), Timeout::Nowait);
    assert_eq!(result, Err(Error::NoRoomForEvents));
    assert!(rig.only(1).is_readable());
}

pub(super) fn drop_keeps_fds_open<B: Backend>() {
    let (reader, writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    rig.watch(&writer, 2, Interest::WRITABLE);
    drop(rig);
    write(&writer);
    super::rig::read(&reader);
}

pub(super) fn deregistered_fd_is_not_reported<B: Backend>() {
    let pipes: Vec<(File, File)> = (0..5).map(|_| full_pipe()).collect();
    let mut rig = Rig::<B>::new();
    for (token, (reader, _)) in pipes.iter().enumerate() {
        rig.watch(reader, token, Interest::READABLE);
    }
    rig.ready();
    for token in [4, 0, 2] {
        rig.deregister(&pipes[token].0);
    }
    assert_eq!(rig.tokens(), [1, 3]);
}

pub(super) fn deregister_keeps_others<B: Backend>() {
    let pipes: Vec<_> = (0..4).map(|_| full_pipe()).collect();
    for gone in 0..4 {
        let mut rig = Rig::<B>::new();
        for (token, (reader, _)) in pipes.iter().enumerate() {
            rig.watch(reader, token, Interest::READABLE);
        }
        rig.deregister(&pipes[gone].0);
        let mut left: Vec<_> = (0..4).filter(|token| *token != gone).collect();
        assert_eq!(rig.tokens(), left);
        for token in left.clone() {
            rig.modify(&pipes[token].0, token, Interest::empty(), Mode::Level);
            let others: Vec<_> = left.iter().copied().filter(|other| *other != token).collect();
            assert_eq!(rig.tokens(), others, "without {gone} and {token}");
            rig.modify(&pipes[token].0, token, Interest::READABLE, Mode::Level);
        }
        while let Some(token) = left.pop() {
            assert_eq!(rig.tokens().len(), left.len() + 1);
            rig.deregister(&pipes[token].0);
        }
        rig.silent();
    }
}

pub(super) fn deregister_drops_pending_event<B: Backend>() {
    let pipes: Vec<(File, File)> = (0..4).map(|_| full_pipe()).collect();
    let mut rig = Rig::<B>::with_room_for(1);
    for (token, (reader, _)) in pipes.iter().enumerate() {
        rig.watch(reader, token, Interest::READABLE);
    }
    let (first, _) = rig.ready()[0];
    let others: Vec<usize> = (0..4).filter(|token| *token != first).collect();
    rig.deregister(&pipes[others[0]].0);
    rig.deregister(&pipes[others[1]].0);
    let mut seen: Vec<usize> = (0..4).map(|_| rig.ready()[0].0).collect();
    seen.sort_unstable();
    seen.dedup();
    let mut left = [first, others[2]];
    left.sort_unstable();
    assert_eq!(seen, left);
}

pub(super) fn ten_thousand_sources_are_distinguished<B: Backend>() {
    let _alone = os::numbers();
    let rig = Rig::<B>::new();
    // Leave fds, and small numbers, for the properties in other threads.
    let wanted = if rig.has(crate::Capabilities::ANY_FD) { 10_000 } else { 300 };
    let wanted = iomux::max_open_files().map_or(wanted, |limit| wanted.min(limit.saturating_sub(700)));
    drop(rig);
    let (reader, _writer) = empty_pipe();
    let (ready, _writer2) = full_pipe();
    let idle: Vec<File> = (0..wanted).map(|_| reader.try_clone().expect("below the limit")).collect();
    let mut rig = Rig::<B>::new();
    for (token, file) in idle.iter().enumerate() {
        rig.watch(file, token, Interest::READABLE);
    }
    if idle.len() < 10_000 {
        let reason = format!("only {} sources: the open-files limit, or FD_SETSIZE, is too low", idle.len());
        skip("ten_thousand_sources_are_distinguished", &reason);
    }
    rig.silent();
    rig.watch(&ready, usize::MAX, Interest::READABLE);
    assert!(rig.only(usize::MAX).is_readable());
    for file in &idle {
        rig.deregister(file);
    }
}
