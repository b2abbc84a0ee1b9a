//! Deadlines of sources: what has arrived in time is ready, whatever the process did meanwhile; what has not expires.

mod model;

use super::LONG;
use crate::support::skip;
use iomux_backend::{
    ALL_NAMES as NAMES, Any, Capabilities, Cause, Error, Events, Interest, Key, Mode, Multiplexer, Reactor,
    SigSet, Signal, Timeout, Token, TrustedMultiplexer, Waker, by_name,
};
use std::cell::Cell;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);
const READABLE: Interest = Interest::READABLE;

/// What happens once, before or after the next wait of the multiplexer.
type Hook = Rc<Cell<Option<Box<dyn FnOnce()>>>>;

/// A multiplexer that stops on the way into its wait, or on the way out.
struct Stalling {
    mux: Any<'static>,
    before: Hook,
    after: Hook,
}

fn happen(hook: &Hook) {
    if let Some(happens) = hook.take() {
        happens();
    }
}

impl Multiplexer<'static> for Stalling {
    fn name(&self) -> &'static str {
        self.mux.name()
    }

    fn capabilities(&self) -> Capabilities {
        self.mux.capabilities()
    }

    fn register(
        &mut self,
        fd: BorrowedFd<'static>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        self.mux.register(fd, token, interest, mode)
    }

    fn modify(
        &mut self,
        fd: BorrowedFd<'_>,
        token: Token,
        interest: Interest,
        mode: Mode,
    ) -> Result<(), Error> {
        self.mux.modify(fd, token, interest, mode)
    }

    fn deregister(&mut self, fd: BorrowedFd<'_>) -> Result<(), Error> {
        self.mux.deregister(fd)
    }

    fn wait(&mut self, events: &mut Events, timeout: Timeout) -> Result<usize, Error> {
        happen(&self.before);
        let result = self.mux.wait(events, timeout);
        happen(&self.after);
        result
    }

    fn wait_masked(&mut self, events: &mut Events, timeout: Timeout, mask: &SigSet) -> Result<usize, Error> {
        happen(&self.before);
        let result = self.mux.wait_masked(events, timeout, mask);
        happen(&self.after);
        result
    }

    fn waker(&mut self, token: Token) -> Result<Waker, Error> {
        self.mux.waker(token)
    }
}

// SAFETY: it passes every call on to the one multiplexer that it owns, which has promised.
unsafe impl TrustedMultiplexer<'static> for Stalling {}

/// A reactor of socket pairs, whose states are the peers.
struct Rig {
    name: &'static str,
    room: usize,
    reactor: Reactor<UnixStream, UnixStream, Stalling>,
    before: Hook,
    after: Hook,
}

/// What a turn has handed out.
#[derive(Debug, Default, PartialEq, Eq)]
struct Turn {
    ready: Vec<Key>,
    expired: Vec<Key>,
}

impl Rig {
    fn new(name: &'static str, room: usize) -> Self {
        let (before, after) = (Hook::default(), Hook::default());
        let mux = by_name(name).unwrap();
        let mux = Stalling { mux, before: Rc::clone(&before), after: Rc::clone(&after) };
        Self { name, room, reactor: Reactor::with(mux, room), before, after }
    }

    /// A source that is not ready.
    fn silent(&mut self) -> Key {
        self.asked(READABLE, Mode::Level)
    }

    fn asked(&mut self, interest: Interest, mode: Mode) -> Key {
        let (ours, theirs) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        self.reactor.insert(ours, theirs, interest, mode).unwrap()
    }

    fn silent_ones(&mut self, count: usize) -> Vec<Key> {
        (0..count).map(|_| self.silent()).collect()
    }

    /// A source that is ready until it is read.
    fn ready(&mut self) -> Key {
        let key = self.silent();
        self.write(key);
        key
    }

    /// A byte arrives.
    fn write(&mut self, key: Key) {
        self.reactor.get(key).unwrap().1.write_all(b"!").unwrap();
    }

    /// Gives each of `keys` the same deadline, which is soon.
    fn set(&mut self, keys: &[Key]) -> Instant {
        let soon = Instant::now() + Duration::from_millis(3);
        keys.iter().for_each(|key| self.reactor.set_deadline(*key, soon).unwrap());
        soon
    }

    /// What writes to the peers of `keys`, and then lets `time` pass.
    fn arrival(&mut self, keys: &[Key], time: Instant) -> impl FnOnce() + use<> {
        let peer = |key: &Key| self.reactor.get(*key).unwrap().1.try_clone().unwrap();
        let peers: Vec<_> = keys.iter().map(peer).collect();
        move || {
            peers.iter().for_each(|mut peer| peer.write_all(b"!").unwrap());
            pass(time);
        }
    }

    /// Takes all that the last wait has found: ready ones come first.
    #[track_caller]
    fn taken(&mut self) -> Turn {
        let mut turn = Turn::default();
        while let Some((key, cause, _, _)) = self.reactor.next() {
            match cause {
                Cause::Ready(readiness) => {
                    assert!(!readiness.is_empty() && turn.expired.is_empty(), "{}: {turn:?}", self.name);
                    turn.ready.push(key);
                }
                Cause::Expired => turn.expired.push(key),
            }
        }
        turn.expired.sort();
        turn
    }

    #[track_caller]
    fn turn(&mut self) -> Turn {
        let count = self.reactor.wait(LONG).unwrap();
        assert_ne!(count, 0, "{}", self.name);
        let turn = self.taken();
        assert_eq!(turn.ready.len() + turn.expired.len(), count, "{}", self.name);
        turn
    }

    #[track_caller]
    fn nothing(&mut self) {
        assert_eq!(self.reactor.wait(Timeout::Nowait), Ok(0), "{}", self.name);
        assert!(self.reactor.next_ready().is_none(), "{}", self.name);
    }

    /// A turn of a server with an idle timeout: what arrived is read, and moves the deadline. Expired ones are removed.
    #[track_caller]
    fn serve(&mut self) -> Turn {
        let (mut turn, name) = (Turn::default(), self.name);
        assert_ne!(self.reactor.wait(LONG), Ok(0), "{name}");
        while let Some((key, cause, mut source, _)) = self.reactor.next() {
            if cause == Cause::Expired {
                turn.expired.push(key);
                self.reactor.remove(key).unwrap();
            } else {
                assert_eq!(source.read(&mut [0; 8]).unwrap(), 1, "{name}");
                turn.ready.push(key);
                self.reactor.set_deadline(key, HOUR).unwrap();
            }
        }
        turn
    }

    /// Serves until all of `in_time` and `silent` have been handed out: the first as ready, the others as expired.
    #[track_caller]
    fn serve_all(&mut self, in_time: &[Key], silent: &[Key]) {
        let mut all = Turn::default();
        while all.ready.len() < in_time.len() || all.expired.len() < silent.len() {
            let turn = self.serve();
            all.ready.extend(turn.ready);
            all.expired.extend(turn.expired);
        }
        all.ready.sort();
        all.expired.sort();
        assert_eq!(all, Turn { ready: in_time.to_vec(), expired: silent.to_vec() }, "{}", self.name);
        self.nothing();
    }
}

/// Lets `time` pass, as in a process that is stopped.
fn pass(time: Instant) {
    iomux::wait(&mut [], time).unwrap();
    assert!(Instant::now() >= time);
}

fn expired(keys: &[Key]) -> Turn {
    Turn { ready: Vec::new(), expired: keys.to_vec() }
}

/// With each backend, and with buffers smaller than five ready sources, as large, and larger.
fn each_room(mut test: impl FnMut(Rig)) {
    for name in NAMES {
        for room in [1, 2, 3, 5, 6, 64] {
            test(Rig::new(name, room));
        }
    }
}

fn each(mut test: impl FnMut(Rig)) {
    NAMES.iter().for_each(|name| test(Rig::new(name, 16)));
}

#[test]
fn deadline_is_set_moved_and_removed() {
    each(|mut rig| {
        let key = rig.silent();
        let soon = rig.set(&[key]);
        assert_eq!(rig.turn(), expired(&[key]));
        assert!(Instant::now() >= soon, "{}", rig.name);
        rig.nothing();
        // To later.
        let soon = rig.set(&[key]);
        let later = soon + Duration::from_millis(10);
        rig.reactor.set_deadline(key, later).unwrap();
        assert_eq!(rig.turn(), expired(&[key]));
        assert!(Instant::now() >= later, "{}", rig.name);
        // To earlier, as a time from now.
        rig.reactor.set_deadline(key, HOUR).unwrap();
        rig.reactor.set_deadline(key, Duration::from_millis(3)).unwrap();
        assert_eq!(rig.turn(), expired(&[key]));
        // Away.
        for never in [Timeout::Infinite, Duration::MAX.into()] {
            let soon = rig.set(&[key]);
            rig.reactor.set_deadline(key, never).unwrap();
            pass(soon);
            rig.nothing();
        }
        let soon = rig.set(&[key]);
        rig.reactor.set_deadline(key, None).unwrap();
        assert_eq!(rig.reactor.wait(soon + Duration::from_millis(1)), Ok(0), "{}", rig.name);
    });
}

#[test]
fn only_sources_have_deadlines() {
    let mut rig = Rig::new(NAMES[0], 8);
    let (waker, _) = rig.reactor.waker().unwrap();
    let removed = rig.silent();
    rig.reactor.remove(removed).unwrap();
    for key in [waker, removed] {
        assert_eq!(rig.reactor.set_deadline(key, Timeout::Nowait), Err(Error::NoSuchKey));
        assert_eq!(rig.reactor.set_deadline(key, None), Err(Error::NoSuchKey));
    }
    rig.nothing();
}

#[test]
fn earliest_deadline_ends_the_wait() {
    each(|mut rig| {
        let keys = rig.silent_ones(4);
        let begin = Instant::now();
        let deadlines = [30, 5, 20, 5_000_000].map(|ms| begin + Duration::from_millis(ms));
        // Not by `turn`, which sorts.
        for (key, deadline) in keys.iter().zip(deadlines) {
            rig.reactor.set_deadline(*key, deadline).unwrap();
        }
        let mut order = Vec::new();
        while order.len() < 3 {
            assert_ne!(rig.reactor.wait(LONG), Ok(0), "{}", rig.name);
            while let Some(key) = rig.reactor.next_ready().map(|ready| ready.key()) {
                let index = keys.iter().position(|other| *other == key).unwrap();
                assert!(Instant::now() >= deadlines[index], "{}", rig.name);
                order.push(index);
            }
        }
        assert_eq!(order, [1, 2, 0], "{}", rig.name);
    });
}

#[test]
fn expired_sources_follow_ready_ones() {
    each(|mut rig| {
        let silent = rig.silent_ones(3);
        let ready = rig.ready();
        pass(rig.set(&silent));
        assert_eq!(rig.turn(), Turn { ready: vec![ready], expired: silent });
    });
}

#[test]
fn bytes_before_the_wait_are_ready() {
    each_room(|mut rig| {
        let (in_time, silent) = (rig.silent_ones(5), rig.silent_ones(5));
        let soon = rig.set(&[&in_time[..], &silent].concat());
        rig.arrival(&in_time, soon)();
        rig.serve_all(&in_time, &silent);
    });
}

#[test]
fn bytes_at_the_begin_of_the_wait_are_ready() {
    each_room(|mut rig| {
        let (in_time, silent) = (rig.silent_ones(5), rig.silent_ones(5));
        let soon = rig.set(&[&in_time[..], &silent].concat());
        let arrival = rig.arrival(&in_time, soon);
        rig.before.set(Some(Box::new(arrival)));
        rig.serve_all(&in_time, &silent);
    });
}

/// The first of these waits begins before the deadline, which passes while the process is stopped: that wait has not
/// looked for what has arrived then.
#[test]
fn bytes_at_the_end_of_the_wait_are_ready() {
    each_room(|mut rig| {
        let mut time = Duration::from_millis(3);
        loop {
            rig = Rig::new(rig.name, rig.room);
            let other = rig.ready();
            let (in_time, silent) = (rig.silent_ones(5), rig.silent_ones(5));
            let soon = Instant::now() + time;
            for key in in_time.iter().chain(&silent) {
                rig.reactor.set_deadline(*key, soon).unwrap();
            }
            let began = Rc::new(Cell::new(None));
            let begins = Rc::clone(&began);
            rig.before.set(Some(Box::new(move || begins.set(Some(Instant::now())))));
            let arrival = rig.arrival(&in_time, soon);
            rig.after.set(Some(Box::new(arrival)));
            let turn = rig.serve();
            if began.get().is_some_and(|began| began < soon) {
                assert_eq!(turn, Turn { ready: vec![other], expired: Vec::new() }, "{}", rig.name);
                return rig.serve_all(&in_time, &silent);
            }
            // A machine so slow that the deadline had passed before the wait.
            time *= 2;
        }
    });
}

#[test]
fn bytes_during_a_slow_turn_are_ready() {
    each_room(|mut rig| {
        let slow = rig.ready();
        let (in_time, silent) = (rig.silent_ones(5), rig.silent_ones(5));
        rig.reactor.wait(LONG).unwrap();
        let soon = rig.set(&[&in_time[..], &silent].concat());
        assert_eq!(rig.reactor.next_ready().map(|ready| ready.key()), Some(slow), "{}", rig.name);
        assert_eq!(rig.reactor.get(slow).unwrap().0.read(&mut [0]).unwrap(), 1);
        rig.arrival(&in_time, soon)();
        assert!(rig.reactor.next_ready().is_none(), "{}", rig.name);
        rig.serve_all(&in_time, &silent);
    });
}

/// The newest of the ready ones, whose turn is the last.
#[test]
fn bytes_in_time_beat_many_ready_sources() {
    for name in NAMES {
        for (busy, room, turns) in
            (1..9).flat_map(|busy| (1..5).map(move |room| (busy, room, busy * room % 7)))
        {
            let mut rig = Rig::new(name, room);
            let busy: Vec<_> = (0..busy).map(|_| rig.ready()).collect();
            let (in_time, silent) = (rig.silent(), rig.silent());
            (0..turns).for_each(|_| drop(rig.turn()));
            let soon = rig.set(&[in_time, silent]);
            rig.arrival(&[in_time], soon)();
            let mut heard = Turn::default();
            for _ in 0..(busy.len() + 2) / room + 2 {
                let turn = rig.turn();
                heard.ready.extend(turn.ready);
                assert!(
                    !turn.expired.contains(&in_time) || heard.ready.contains(&in_time),
                    "{name}: {busy:?}"
                );
                heard.expired.extend(turn.expired);
            }
            heard.expired.sort();
            assert_eq!(heard, Turn { ready: heard.ready.clone(), ..expired(&[in_time, silent]) }, "{name}");
        }
    }
}

#[test]
fn bytes_in_time_beat_many_wakers() {
    for name in NAMES {
        let mut rig = Rig::new(name, 1);
        let wakers: Vec<_> = (0..8).map(|_| rig.reactor.waker().unwrap().1).collect();
        let key = rig.silent();
        wakers.iter().for_each(Waker::wake);
        let soon = rig.set(&[key]);
        rig.arrival(&[key], soon)();
        let mut heard = Turn::default();
        while heard.ready.is_empty() {
            assert_ne!(rig.reactor.wait(LONG), Ok(0), "{name}");
            // The wakers are skipped.
            heard = rig.taken();
            wakers.iter().for_each(Waker::wake);
            assert!(heard.expired.is_empty() || !heard.ready.is_empty(), "{name}: it has arrived in time");
        }
    }
}

#[test]
fn hard_deadline_holds_for_a_busy_peer() {
    each_room(|mut rig| {
        let keys: Vec<_> = (0..5).map(|_| rig.ready()).collect();
        let hard = keys[3];
        let soon = rig.set(&[hard]);
        loop {
            let turn = rig.turn();
            if turn.expired.is_empty() {
                continue;
            }
            assert!(Instant::now() >= soon, "{}", rig.name);
            assert_eq!(turn.expired, [hard], "{}", rig.name);
            assert!(turn.ready.contains(&hard), "{}: ready and then expired, in the same turn", rig.name);
            break;
        }
        (0..10).for_each(|_| assert_eq!(rig.turn().expired, [], "{}: once", rig.name));
    });
}

#[test]
fn undrained_edge_and_used_one_shot_expire() {
    each(|mut rig| {
        for (mode, needed) in [
            (Mode::Edge, Capabilities::EDGE),
            (Mode::OneShot, Capabilities::ONE_SHOT),
            (Mode::EdgeOneShot, Capabilities::EDGE_ONE_SHOT),
        ] {
            if !rig.reactor.capabilities().contains(needed) {
                continue;
            }
            let key = rig.asked(READABLE, mode);
            rig.write(key);
            assert_eq!(rig.turn().ready, [key], "{}", rig.name);
            rig.set(&[key]);
            assert_eq!(rig.turn(), expired(&[key]), "{}: {mode:?}", rig.name);
            rig.reactor.remove(key).unwrap();
        }
    });
}

#[test]
fn input_does_not_save_a_writable_source() {
    each(|mut rig| {
        let key = rig.asked(Interest::WRITABLE, Mode::Level);
        rig.reactor.set_deadline(key, Timeout::Nowait).unwrap();
        assert_eq!(rig.turn(), Turn { ready: vec![key], expired: vec![key] }, "{}", rig.name);
        let mut source = rig.reactor.source(key).unwrap();
        while source.write(&[0; 4096]).is_ok() {}
        assert_eq!(source.write(&[0]).unwrap_err().kind(), ErrorKind::WouldBlock);
        rig.write(key);
        rig.set(&[key]);
        assert_eq!(rig.turn(), expired(&[key]), "{}", rig.name);
    });
}

#[test]
fn paused_source_expires() {
    each(|mut rig| {
        let key = rig.ready();
        rig.reactor.pause(key).unwrap();
        rig.set(&[key]);
        assert_eq!(rig.reactor.wait(Timeout::Infinite), Ok(1), "{}", rig.name);
        assert_eq!(rig.taken(), expired(&[key]), "{}", rig.name);
        rig.reactor.resume(key).unwrap();
        assert_eq!(rig.turn().ready, [key], "{}", rig.name);
        // Paused once it was found ready.
        rig.reactor.set_deadline(key, Timeout::Nowait).unwrap();
        assert_eq!(rig.reactor.wait(LONG), Ok(2), "{}", rig.name);
        rig.reactor.pause(key).unwrap();
        assert_eq!(rig.taken(), expired(&[key]), "{}", rig.name);
    });
}

#[test]
fn removed_deadlines_leave_nothing_to_wait_for() {
    each(|mut rig| {
        for takes in [true, false] {
            let keys = rig.silent_ones(2);
            rig.reactor.set_deadline(keys[0], LONG).unwrap();
            rig.reactor.set_deadline(keys[1], Timeout::Nowait).unwrap();
            assert_eq!(rig.reactor.wait(LONG), Ok(1));
            if takes {
                assert_eq!(rig.taken(), expired(&keys[1..]));
            }
            keys.iter().for_each(|key| drop(rig.reactor.remove(*key)));
            assert_eq!(rig.reactor.wait(Timeout::Infinite), Err(Error::NothingToWaitFor), "{}", rig.name);
        }
    });
}

#[test]
fn past_deadline_expires_in_the_next_wait() {
    each(|mut rig| {
        let keys = rig.silent_ones(3);
        let past = Instant::now();
        let long_ago = past.checked_sub(HOUR).unwrap_or(past);
        let deadlines = [Timeout::Nowait, past.into(), long_ago.into()];
        for timeout in [Timeout::Nowait, Duration::ZERO.into(), past.into(), LONG, Timeout::Infinite] {
            for (key, deadline) in keys.iter().zip(deadlines) {
                rig.reactor.set_deadline(*key, deadline).unwrap();
            }
            assert!(rig.reactor.next_ready().is_none(), "{}", rig.name);
            assert_eq!(rig.reactor.wait(timeout), Ok(3), "{}", rig.name);
            assert_eq!(rig.taken().expired.len(), 3, "{}", rig.name);
            rig.nothing();
        }
    });
}

#[test]
fn earlier_timeout_ends_the_wait() {
    each(|mut rig| {
        let key = rig.silent();
        let end = Instant::now() + Duration::from_millis(3);
        rig.reactor.set_deadline(key, HOUR).unwrap();
        assert_eq!(rig.reactor.wait(end), Ok(0), "{}", rig.name);
        assert!(Instant::now() >= end, "{}", rig.name);
        // The same time, and a later one.
        for more in [Duration::ZERO, Duration::from_nanos(1), Duration::from_millis(1), HOUR] {
            let soon = rig.set(&[key]);
            assert_eq!(rig.reactor.wait(soon + more), Ok(1), "{}: {more:?}", rig.name);
            assert!(Instant::now() >= soon, "{}", rig.name);
            assert_eq!(rig.taken(), expired(&[key]), "{}", rig.name);
        }
    });
}

#[test]
fn wait_returns_zero_only_after_its_timeout() {
    each(|mut rig| {
        // The wait reads the clock at the old deadline.
        let key = rig.silent();
        let soon = rig.set(&[key]);
        rig.reactor.set_deadline(key, HOUR).unwrap();
        let end = soon + Duration::from_millis(5);
        assert_eq!(rig.reactor.wait(end), Ok(0), "{}", rig.name);
        assert!(Instant::now() >= end, "{}", rig.name);
    });
}

#[test]
fn signal_loses_no_expiry() {
    let flag = std::sync::Arc::default();
    signal_hook::flag::register(libc::SIGVTALRM, std::sync::Arc::clone(&flag)).unwrap();
    let blocked = SigSet::from(Signal::new(libc::SIGVTALRM).unwrap()).block().unwrap();
    let mask = blocked.wait_mask();
    each(|mut rig| {
        if !rig.reactor.capabilities().contains(Capabilities::MASK) {
            return skip("deadlines in a masked wait", rig.name);
        }
        let (in_time, silent) = (rig.silent(), rig.silent());
        rig.write(in_time);
        pass(rig.set(&[in_time, silent]));
        signal_hook::low_level::raise(libc::SIGVTALRM).unwrap();
        assert_eq!(rig.reactor.wait_masked(LONG, &mask), Err(Error::Interrupted), "{}", rig.name);
        assert!(rig.reactor.next_ready().is_none(), "{}", rig.name);
        assert_eq!(rig.reactor.wait_masked(LONG, &mask), Ok(3), "{}", rig.name);
        let both = Turn { ready: vec![in_time], expired: vec![in_time, silent] };
        assert_eq!(rig.taken(), both, "{}", rig.name);
        rig.reactor.remove(in_time).unwrap();
        rig.set(&[silent]);
        assert_eq!(rig.reactor.wait_masked(Timeout::Infinite, &mask), Ok(1), "{}", rig.name);
        assert_eq!(rig.taken(), expired(&[silent]), "{}", rig.name);
    });
}

#[test]
fn tasks_hide_no_expiry() {
    each(|mut rig| {
        let handle = rig.reactor.handle().unwrap();
        let key = rig.silent();
        let soon = rig.set(&[key]);
        let of_thread = handle.clone();
        let inside = move || drop(handle.submit(move |reactor| reactor.set_deadline(key, soon).unwrap()));
        inside();
        rig.before.set(Some(Box::new(inside)));
        assert_eq!(rig.turn(), expired(&[key]), "{}", rig.name);
        assert!(Instant::now() >= soon);
        // A task sets the first deadline of all while the wait sleeps.
        rig.before.set(Some(Box::new(move || {
            let _ =
                of_thread.submit(move |reactor| reactor.set_deadline(key, Duration::from_millis(1)).unwrap());
        })));
        assert_eq!(rig.turn(), expired(&[key]), "{}", rig.name);
    });
}

#[test]
fn task_sees_no_earlier_expiry() {
    each(|mut rig| {
        let handle = rig.reactor.handle().unwrap();
        let keys = rig.silent_ones(3);
        for key in &keys {
            rig.reactor.set_deadline(*key, Timeout::Nowait).unwrap();
        }
        assert_eq!(rig.reactor.wait(LONG), Ok(3));
        assert!(matches!(rig.reactor.next(), Some((_, Cause::Expired, _, _))));
        handle.submit(|reactor| assert!(reactor.next_ready().is_none(), "left by the wait before")).unwrap();
        assert_eq!(rig.reactor.wait(LONG), Ok(2), "{}: what was not taken comes again", rig.name);
        assert_eq!(rig.taken().expired.len(), 2, "{}", rig.name);
    });
}

#[test]
fn failed_wait_loses_no_expiry() {
    each(|mut rig| {
        let handle = rig.reactor.handle().unwrap();
        let keys = rig.silent_ones(2);
        rig.reactor.set_deadline(keys[0], Timeout::Nowait).unwrap();
        assert_eq!(rig.reactor.wait(LONG), Ok(1));
        rig.reactor.set_deadline(keys[1], Timeout::Nowait).unwrap();
        handle.submit(|_| panic!("a task that fails")).unwrap();
        let wait = AssertUnwindSafe(|| rig.reactor.wait(Timeout::Nowait));
        assert!(catch_unwind(wait).is_err());
        assert!(rig.reactor.next_ready().is_none(), "{}", rig.name);
        rig.before.set(Some(Box::new(|| panic!("a wait that fails"))));
        let wait = AssertUnwindSafe(|| rig.reactor.wait(Timeout::Nowait));
        assert!(catch_unwind(wait).is_err());
        assert!(rig.reactor.next_ready().is_none(), "{}", rig.name);
        assert_eq!(rig.turn(), expired(&keys), "{}", rig.name);
        let soon = rig.set(&keys[..1]);
        assert_eq!(rig.turn(), expired(&keys[..1]), "{}", rig.name);
        assert!(Instant::now() >= soon);
    });
}

#[test]
fn deadline_moved_before_next_does_not_expire() {
    each(|mut rig| {
        let keys = rig.silent_ones(4);
        pass(rig.set(&keys));
        assert_eq!(rig.reactor.wait(LONG), Ok(4));
        rig.reactor.set_deadline(keys[0], HOUR).unwrap();
        rig.reactor.set_deadline(keys[1], None).unwrap();
        rig.reactor.set_deadline(keys[2], Timeout::Nowait).unwrap();
        assert_eq!(rig.taken(), expired(&keys[3..]), "{}", rig.name);
        assert_eq!(rig.turn(), expired(&keys[2..3]), "{}: it is in the past again", rig.name);
        rig.nothing();
    });
}

#[test]
fn reused_place_has_no_deadline() {
    each(|mut rig| {
        for has_passed in [false, true] {
            let old = rig.silent_ones(4);
            let soon = rig.set(&old);
            if has_passed {
                pass(soon);
                assert_eq!(rig.reactor.wait(LONG), Ok(4));
            }
            rig.reactor.retain(|key, _, _| key == old[3]);
            let new = rig.silent_ones(3);
            rig.reactor.set_deadline(new[0], HOUR).unwrap();
            pass(soon);
            if !has_passed {
                assert_eq!(rig.reactor.wait(LONG), Ok(1), "{}", rig.name);
            }
            assert_eq!(rig.taken(), expired(&old[3..]), "{}", rig.name);
            rig.nothing();
            rig.set(&new[1..2]);
            assert_eq!(rig.turn(), expired(&new[1..2]), "{}", rig.name);
            rig.reactor.retain(|_, _, _| false);
        }
    });
}

#[test]
fn silent_source_expires_with_a_full_buffer() {
    each_room(|mut rig| {
        let busy: Vec<_> = (0..4).map(|_| rig.ready()).collect();
        let silent = rig.silent();
        rig.reactor.set_deadline(silent, Timeout::Nowait).unwrap();
        let mut waits = 0;
        while rig.reactor.wait(LONG).unwrap() == busy.len().min(rig.room) {
            waits += 1;
            assert!(waits <= busy.len() + 3, "{}", rig.name);
        }
        // Not taken, it comes with each wait from now on.
        assert_eq!(rig.reactor.wait(LONG), Ok(busy.len().min(rig.room) + 1), "{}", rig.name);
        assert_eq!(rig.turn().expired, [silent], "{}", rig.name);
        assert_eq!(rig.turn().expired, [], "{}", rig.name);
    });
}

#[test]
fn untaken_ready_source_does_not_expire() {
    for (name, left) in NAMES.iter().flat_map(|name| (0..4).map(move |left| (name, left))) {
        let mut rig = Rig::new(name, 1);
        let (hard, _busy) = (rig.ready(), rig.ready());
        rig.reactor.set_deadline(hard, Timeout::Nowait).unwrap();
        (0..left).for_each(|_| assert_ne!(rig.reactor.wait(LONG), Ok(0)));
        let turns = [rig.turn(), rig.turn()];
        for turn in &turns {
            assert_eq!(turn.expired.contains(&hard), turn.ready.contains(&hard), "{name}: {turns:?}");
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn closed_source_is_invalid_then_expires() {
    use iomux_backend::Epoll;
    use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd};

    struct Closed(RawFd);
    impl AsFd for Closed {
        fn as_fd(&self) -> BorrowedFd<'_> {
            // SAFETY: not kept: the reactor is to do no harm even so. No other test is given the number.
            unsafe { BorrowedFd::borrow_raw(self.0) }
        }
    }

    let (reader, _writer) = std::io::pipe().unwrap();
    let number = nix::fcntl::fcntl(&reader, nix::fcntl::FcntlArg::F_DUPFD_CLOEXEC(970)).unwrap();
    // SAFETY: just opened, and nothing else knows it.
    let fd = unsafe { OwnedFd::from_raw_fd(number) };
    let mut reactor = Reactor::with(Epoll::new().unwrap(), 1);
    let key = reactor.insert(Closed(fd.as_raw_fd()), (), Interest::empty(), Mode::Level).unwrap();
    drop(fd);
    reactor.modify(key, READABLE, Mode::Level).unwrap();
    reactor.set_deadline(key, Timeout::Nowait).unwrap();
    assert_eq!(reactor.wait(LONG), Ok(2));
    let causes: Vec<_> = std::iter::from_fn(|| reactor.next_ready()).map(|ready| ready.cause()).collect();
    assert_eq!(causes, [Cause::Ready(iomux_backend::Readiness::INVALID), Cause::Expired]);
}

#[test]
fn next_deadline_is_for_an_outer_loop() {
    each(|mut rig| {
        assert_eq!(rig.reactor.next_deadline(), None);
        let (one, two) = (rig.silent(), rig.silent());
        let late = Instant::now() + HOUR;
        rig.reactor.set_deadline(one, late).unwrap();
        assert_eq!(rig.reactor.next_deadline(), Some(late));
        rig.reactor.set_deadline(two, Timeout::Nowait).unwrap();
        assert!(rig.reactor.next_deadline() <= Some(Instant::now()));
        assert_eq!(rig.reactor.wait(Timeout::Nowait), Ok(1));
        assert!(rig.reactor.next_deadline() <= Some(Instant::now()), "it was not handed out");
        assert_eq!(rig.taken(), expired(&[two]));
        assert_eq!(rig.reactor.next_deadline(), Some(late));
        rig.reactor.remove(one);
        assert_eq!(rig.reactor.next_deadline(), None);
    });
}
