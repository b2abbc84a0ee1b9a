//! Interests: each is reported or rejected, and modifies lose no event.

use super::rig::{MODES, Rig, empty_pipe, full_pipe, needs, read, write};
use super::{Backend, lacks, os, skip};
use crate::{Capabilities, Error, Interest, Mode, Multiplexer, Readiness, Timeout, WakerSource};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, RawFd};
use std::os::unix::net::UnixStream;

pub(super) fn unsupported_interest_is_an_error<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    let backend = rig.mux.name();
    let all =
        [(Interest::PRIORITY, Capabilities::PRIORITY), (Interest::READ_CLOSED, Capabilities::READ_CLOSED)];
    for (interest, capability) in all {
        if rig.has(capability) {
            continue;
        }
        for wanted in [interest, interest | Interest::READABLE, interest | Interest::WRITABLE] {
            let is_rejected = |result: Result<(), Error>| matches!(result, Err(Error::Unsupported { backend: by, .. }) if by == backend);
            assert!(is_rejected(rig.register(&reader, 1, wanted, Mode::Level)), "{wanted:?}");
            rig.silent();
            rig.watch(&reader, 2, Interest::READABLE);
            assert!(is_rejected(rig.try_modify(&reader, 3, wanted, Mode::Level)), "{wanted:?}");
            assert!(rig.only(2).is_readable(), "the registration is unchanged");
            rig.deregister(&reader);
        }
    }
}

pub(super) fn supported_interest_is_accepted<B: Backend>() {
    let (reader, _writer) = empty_pipe();
    let mut rig = Rig::<B>::new();
    let mut interests = vec![Interest::empty(), Interest::READABLE, Interest::WRITABLE];
    interests.extend(rig.has(Capabilities::PRIORITY).then_some(Interest::PRIORITY));
    interests.extend(rig.has(Capabilities::READ_CLOSED).then_some(Interest::READ_CLOSED));
    interests.push(interests.iter().copied().collect());
    let capabilities = rig.mux.capabilities();
    for mode in MODES.into_iter().filter(|mode| capabilities.contains(needs(*mode))) {
        for &interest in &interests {
            // epoll rejects other interests in an exclusive registration.
            let is_odd = interest.intersects(Interest::PRIORITY | Interest::READ_CLOSED);
            if mode == Mode::Exclusive && is_odd {
                continue;
            }
            rig.watch_in(&reader, 1, interest, mode);
            rig.deregister(&reader);
        }
    }
}

pub(super) fn unnamed_bits_never_panic<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    let each = (0..16).map(|bit| 1_u16.rotate_left(bit)).chain([u16::MAX, 0x7fff, 0xfc00]);
    for bits in each {
        let interest = Interest::from_bits_retain(i16::from_ne_bytes(bits.to_ne_bytes()));
        // The backend may accept the bits or reject them, and the kernel may report anything for them.
        if rig.register(&reader, 1, interest, Mode::Level).is_ok() {
            let _ = rig.mux.wait(&mut rig.events, Timeout::Nowait);
            let _ = rig.try_modify(&reader, 1, interest, Mode::OneShot);
            let _ = rig.mux.wait(&mut rig.events, Timeout::Nowait);
            rig.deregister(&reader);
        }
        rig.silent();
    }
    rig.watch(&reader, 2, Interest::READABLE);
    assert!(rig.only(2).is_readable());
}

pub(super) fn band_interests_are_reported_or_rejected<B: Backend>() {
    let (socket, peer) = UnixStream::pair().expect("a pair");
    write(&peer);
    let mut rig = Rig::<B>::new();
    let all = [
        (Interest::READ_NORMAL, Some(Readiness::READ_NORMAL)),
        (Interest::WRITE_NORMAL, Some(Readiness::WRITE_NORMAL)),
        (Interest::READ_BAND, None),
        (Interest::WRITE_BAND, None),
    ];
    for (interest, reported) in all {
        match (rig.register(&socket, 1, interest, Mode::Level), reported) {
            (Ok(()), Some(reported)) => assert!(rig.only(1).intersects(reported), "{interest:?}"),
            // Whether a socket has bands depends on the platform.
            (Ok(()), None) => drop(rig.now()),
            (Err(Error::Unsupported { .. }), _) => rig.silent(),
            (Err(error), _) => panic!("{interest:?}: {error}"),
        }
        let _ = rig.mux.deregister(socket.as_fd());
        rig.watch(&socket, 2, Interest::READABLE);
        assert!(rig.only(2).is_readable(), "after {interest:?}");
        rig.deregister(&socket);
    }
}

pub(super) fn modify_to_empty_interest_reports_hangup<B: Backend>() {
    if lacks::<B>("modify_to_empty_interest_reports_hangup", Capabilities::HANGUP) {
        return;
    }
    let (reader, writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    rig.modify(&reader, 2, Interest::empty(), Mode::Level);
    rig.silent();
    drop(writer);
    assert!(rig.only(2).is_closed());
    assert!(rig.only(2).is_closed(), "level-triggered");
}

pub(super) fn modify_reports_hangup_again<B: Backend>() {
    if lacks::<B>("modify_reports_hangup_again", Capabilities::HANGUP) {
        return;
    }
    let (reader, writer) = empty_pipe();
    drop(writer);
    let mut rig = Rig::<B>::new();
    let mut interests = vec![Interest::empty(), Interest::READABLE];
    interests.extend(rig.has(Capabilities::READ_CLOSED).then_some(Interest::READ_CLOSED));
    for interest in interests {
        rig.watch(&reader, 1, interest);
        for _ in 0..3 {
            assert!(rig.only(1).is_closed(), "{interest:?}");
            rig.modify(&reader, 1, interest, Mode::Level);
        }
        rig.deregister(&reader);
    }
}

pub(super) fn empty_interest_reports_reset<B: Backend>() {
    if lacks::<B>("empty_interest_reports_reset", Capabilities::HANGUP) {
        return;
    }
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("bind to a free port");
    let client =
        TcpStream::connect(listener.local_addr().expect("local_addr")).expect("connect to the listener");
    let (server, _) = listener.accept().expect("accept");
    let mut rig = Rig::<B>::new();
    rig.watch(&client, 1, Interest::empty());
    rig.silent();
    os::reset(server).expect("a reset");
    rig.eventually(1, |readiness| readiness.is_error() || readiness.is_closed());
}

pub(super) fn modify_to_empty_and_back_loses_nothing<B: Backend>() {
    let (reader, writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::READABLE);
    for _ in 0..3 {
        rig.modify(&reader, 1, Interest::empty(), Mode::Level);
        rig.silent();
        rig.modify(&reader, 1, Interest::READABLE, Mode::Level);
        assert!(rig.only(1).is_readable());
    }
    rig.modify(&reader, 1, Interest::empty(), Mode::Level);
    rig.modify(&reader, 1, Interest::READABLE, Mode::Level);
    assert!(rig.only(1).is_readable(), "with no wait in between");
    rig.modify(&reader, 1, Interest::empty(), Mode::Level);
    read(&reader);
    write(&writer);
    rig.silent();
    rig.modify(&reader, 1, Interest::READABLE, Mode::Level);
    assert!(rig.only(1).is_readable(), "data that arrived during the empty interest");
}

pub(super) fn deregister_drops_pending_modify<B: Backend>() {
    let (reader, _writer) = full_pipe();
    let mut rig = Rig::<B>::new();
    rig.watch(&reader, 1, Interest::empty());
    rig.modify(&reader, 2, Interest::READABLE, Mode::Level);
    rig.deregister(&reader);
    rig.silent();
    rig.watch(&reader, 3, Interest::empty());
    rig.silent();
    rig.modify(&reader, 4, Interest::READABLE, Mode::Level);
    assert!(rig.only(4).is_readable());
}

pub(super) fn two_multiplexers_can_share_an_fd<B: Backend>() {
    let (reader, writer) = empty_pipe();
    let (mut one, mut two) = (Rig::<B>::new(), Rig::<B>::new());
    one.watch(&reader, 1, Interest::READABLE);
    two.watch(&reader, 2, Interest::READABLE);
    write(&writer);
    assert!(one.only(1).is_readable());
    assert!(two.only(2).is_readable());
    one.deregister(&reader);
    one.silent();
    assert!(two.only(2).is_readable());
}

pub(super) fn counter_is_readable_until_drained<B: Backend>() {
    let counter = WakerSource::new().expect("a counter");
    let mut rig = Rig::<B>::new();
    rig.watch(&counter, 1, Interest::READABLE);
    rig.silent();
    for _ in 0..3 {
        counter.waker().wake();
        assert!(rig.only(1).is_readable());
        assert!(rig.only(1).is_readable(), "only its owner drains it");
        counter.drain();
        rig.silent();
    }
}

pub(super) fn large_fd_number_works<B: Backend>() {
    if lacks::<B>("large_fd_number_works", Capabilities::ANY_FD) {
        return;
    }
    let _alone = os::numbers();
    let (reader, writer) = empty_pipe();
    let highest = iomux::max_open_files().unwrap_or(usize::MAX).min(1 << 16) - 1;
    let lowest = RawFd::try_from(highest).expect("less than 2^16");
    let large = match os::dup_from(reader.as_fd(), lowest) {
        Ok(large) => large,
        Err(error) => return skip("large_fd_number_works", &format!("no fd {lowest}: {error}")),
    };
    let mut rig = Rig::<B>::new();
    rig.watch(&large, 1, Interest::READABLE);
    rig.watch(&reader, 2, Interest::READABLE);
    rig.silent();
    write(&writer);
    assert_eq!(rig.tokens(), [1, 2]);
    rig.deregister(&large);
    assert!(rig.only(2).is_readable());
}
