//! Fairness: a source that did not fit into the buffer is reported next, whatever is registered meanwhile.

use super::rig::{Rig, empty_pipe, full_pipe, read, write};
use super::{Backend, lacks, os};
use crate::{Capabilities, Events, Interest, Mode, Multiplexer, SigSet, Timeout, Token};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;

const READABLE: Interest = Interest::READABLE;

/// Records when each source was reported, and checks that those that wait longest come first.
struct Turns {
    last: BTreeMap<usize, u32>,
    now: u32,
}

impl Turns {
    fn of(tokens: impl IntoIterator<Item = usize>) -> Self {
        Self { last: tokens.into_iter().map(|token| (token, 0)).collect(), now: 0 }
    }

    #[track_caller]
    fn taken(&mut self, tokens: &[usize]) {
        self.now += 1;
        let latest = tokens.iter().map(|token| self.last[token]).max();
        for token in tokens {
            self.last.insert(*token, self.now);
        }
        let waiting = self.last.iter().find(|turn| Some(*turn.1) < latest);
        assert_eq!(waiting, None, "(token, turn) waits longer than one of {tokens:?}");
    }
}

/// Registers sources that are always ready, each with its index as token.
#[track_caller]
fn crowd<B: Backend>(readers: &[(File, File)], room: usize) -> Rig<'_, B> {
    let mut rig = Rig::with_room_for(room);
    for (token, (reader, _)) in readers.iter().enumerate() {
        rig.watch(reader, token, READABLE);
    }
    rig
}

/// Checks that each of `tokens` is reported once in as many waits.
#[track_caller]
fn each_has_its_turn<B: Backend>(rig: &mut Rig<'_, B>, tokens: &[usize]) {
    let mut seen: Vec<_> = (0..tokens.len()).map(|_| rig.tokens()[0]).collect();
    seen.sort_unstable();
    assert_eq!(seen, tokens, "each is reported once in {} waits", tokens.len());
}

pub(super) fn events_do_not_exceed_capacity<B: Backend>() {
    let pipes: Vec<_> = (0..5).map(|_| full_pipe()).collect();
    let mut rig = Rig::<B>::new();
    for (token, (reader, _)) in pipes.iter().enumerate() {
        rig.watch(reader, token, READABLE);
    }
    for capacity in [1, 2, 3, 4, 5, 6] {
        rig.events = Events::with_capacity(capacity);
        assert_eq!(rig.ready().len(), capacity.min(5), "as many as fit");
    }
}

/// Sources of several kinds. A kernel may report one source in several parts, and each takes room from another.
pub(super) fn room_left_means_nothing_else_ready<B: Backend>() {
    let pipes: Vec<_> = (0..3).map(|_| full_pipe()).collect();
    let sockets: Vec<_> = (0..2).map(|_| UnixStream::pair().expect("a socket pair")).collect();
    let gone: Vec<_> = (0..3).map(|_| UnixStream::pair().expect("a socket pair").0).collect();
    sockets.iter().for_each(|(_, theirs)| write(theirs));
    for room in 1..16 {
        let mut rig = crowd::<B>(&pipes, room);
        for (token, (ours, _)) in (3..).zip(&sockets) {
            rig.watch(ours, token, READABLE | Interest::WRITABLE);
        }
        let mut due: Vec<_> = (0..5).collect();
        if rig.has(Capabilities::HANGUP) {
            for (token, ours) in (5..).zip(&gone) {
                rig.watch(ours, token, Interest::empty());
                due.push(token);
            }
        }
        if rig.has(Capabilities::WAKER) {
            rig.mux.waker(Token(8)).expect("waker").wake();
            due.push(8);
        }
        let tokens = rig.tokens();
        assert!(tokens.len() == room || tokens == due, "room for {room}: {tokens:?} of {due:?}");
        if rig.has(Capabilities::MASK) {
            let mut masked = rig.masked(Timeout::Nowait, &SigSet::full()).expect("no signal").len();
            masked += usize::from(due.contains(&8));
            assert!(masked >= room.min(due.len()), "room for {room}: {masked} of {due:?}, with a mask");
        }
    }
}

pub(super) fn unreported_source_comes_first<B: Backend>() {
    let pipes: Vec<_> = (0..7).map(|_| full_pipe()).collect();
    for room in 2..7 {
        let mut rig = crowd::<B>(&pipes, room);
        let mut turns = Turns::of(0..7);
        for _ in 0..20 {
            let tokens = rig.tokens();
            assert_eq!(tokens.len(), room);
            turns.taken(&tokens);
        }
    }
}

pub(super) fn unreported_source_is_rechecked<B: Backend>() {
    let pipes: Vec<_> = (0..4).map(|_| full_pipe()).collect();
    let mut rig = crowd::<B>(&pipes, 1);
    let first = rig.tokens()[0];
    for (token, (reader, _)) in pipes.iter().enumerate() {
        if token != first {
            read(reader);
        }
    }
    for _ in 0..4 {
        assert_eq!(rig.tokens(), [first]);
    }
}

pub(super) fn fairness_survives_any_deregister<B: Backend>() {
    let pipes: Vec<_> = (0..6).map(|_| full_pipe()).collect();
    for gone in 0..6 {
        for taken in 0..6 {
            let mut rig = crowd::<B>(&pipes, 1);
            let had: Vec<_> = (0..taken).map(|_| rig.tokens()[0]).collect();
            rig.deregister(&pipes[gone].0);
            let left: Vec<_> = (0..6).filter(|token| *token != gone).collect();
            let owed: Vec<_> = left.iter().copied().filter(|token| !had.contains(token)).collect();
            each_has_its_turn(&mut rig, &owed);
            each_has_its_turn(&mut rig, &left);
            each_has_its_turn(&mut rig, &left);
        }
    }
}

pub(super) fn new_source_starves_none<B: Backend>() {
    let pipes: Vec<_> = (0..4).map(|_| full_pipe()).collect();
    for taken in 0..3 {
        let mut rig = crowd::<B>(&pipes[..3], 1);
        let had: Vec<_> = (0..taken).map(|_| rig.tokens()[0]).collect();
        rig.watch(&pipes[3].0, 3, READABLE);
        let owed: Vec<_> = (0..3).filter(|token| !had.contains(token)).collect();
        // The newcomer may be reported at any point of the round.
        let mut next: Vec<_> =
            (0..=owed.len()).map(|_| rig.tokens()[0]).filter(|token| *token != 3).collect();
        next.truncate(owed.len());
        next.sort_unstable();
        assert_eq!(next, owed, "these were to be reported before {had:?}");
        let round: Vec<_> = (0..4).map(|_| rig.tokens()[0]).collect();
        assert!(round.contains(&3), "{round:?}");
    }
}

/// Each source beyond the first `STAY` is deregistered after its event, and registered again.
pub(super) fn changing_sources_starve_no_waker<B: Backend>() {
    const ROOM: usize = 4;
    const STAY: usize = 8;
    for coming in ROOM..=2 * ROOM {
        let pipes: Vec<_> = (0..STAY + coming).map(|_| full_pipe()).collect();
        let mut rig = crowd::<B>(&pipes, ROOM);
        let waker_token = pipes.len();
        let waker = rig.has(Capabilities::WAKER).then(|| rig.mux.waker(Token(waker_token)).expect("waker"));
        let wake = || waker.iter().for_each(crate::Waker::wake);
        wake();
        // The number of waits since each source was reported.
        let mut waits = vec![0; pipes.len() + usize::from(waker.is_some())];
        for _ in 0..10 * waits.len() {
            waits.iter_mut().for_each(|waits| *waits += 1);
            for token in rig.tokens() {
                waits[token] = 0;
                if token == waker_token {
                    wake();
                } else if token >= STAY {
                    rig.deregister(&pipes[token].0);
                    rig.watch(&pipes[token].0, token, READABLE);
                }
            }
            let all_are_reported = waits.iter().all(|count| *count < waits.len());
            assert!(all_are_reported, "waits since each was reported, {coming} come and go: {waits:?}");
        }
    }
}

pub(super) fn unreported_one_shot_stays_armed<B: Backend>() {
    if lacks::<B>("unreported_one_shot_stays_armed", Capabilities::ONE_SHOT) {
        return;
    }
    let pipes: Vec<_> = (0..4).map(|_| full_pipe()).collect();
    let mut rig = Rig::<B>::with_room_for(1);
    for (token, (reader, _)) in pipes.iter().enumerate() {
        rig.watch_in(reader, token, READABLE, Mode::OneShot);
    }
    let mut seen: Vec<_> = (0..4).map(|_| rig.tokens()[0]).collect();
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3], "each once");
    rig.silent();
}

pub(super) fn unreported_edge_is_kept<B: Backend>() {
    if lacks::<B>("unreported_edge_is_kept", Capabilities::EDGE) {
        return;
    }
    let pipes: Vec<_> = (0..4).map(|_| full_pipe()).collect();
    let mut rig = Rig::<B>::with_room_for(1);
    for (token, (reader, _)) in pipes.iter().enumerate() {
        rig.watch_in(reader, token, READABLE, Mode::Edge);
    }
    let mut seen: Vec<_> = (0..4).map(|_| rig.tokens()[0]).collect();
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3], "each once");
    rig.silent();
}

pub(super) fn reused_fd_gets_no_stale_event<B: Backend>() {
    let _alone = os::numbers();
    let (other, old, new) = (full_pipe(), full_pipe(), empty_pipe());
    let numbers = [(); 2].map(|()| os::dup_to_free_number(old.0.as_fd()).expect("dup"));
    let mut rig = Rig::<B>::with_room_for(1);
    rig.watch(&other.0, 0, READABLE);
    for number in &numbers {
        os::register_number(&mut rig.mux, number.as_raw_fd(), 1, READABLE, Mode::Level)
            .expect("register_raw");
    }
    rig.ready();
    for number in &numbers {
        rig.mux.deregister(number.as_fd()).expect("deregister");
        os::replace(number, new.0.as_fd()).expect("dup2");
        os::register_number(&mut rig.mux, number.as_raw_fd(), 2, READABLE, Mode::Level)
            .expect("register_raw");
    }
    for _ in 0..4 {
        assert!(rig.only(0).is_readable(), "the new files have no data");
    }
}
