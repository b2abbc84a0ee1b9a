//! The reactor: sources that come and go, whatever happens between a wait and what it found.

mod deadlines;
#[cfg(target_os = "linux")]
mod deferred;
mod errors;
#[cfg(target_os = "linux")]
mod lost;
mod submit;

use crate::support::{full_pipe, skip};
use iomux_backend::{
    ALL_NAMES as NAMES, Capabilities, Cause, Error, Handle, Interest, Key, Mode, Poll, Reactor, Readiness,
    SigSet, Signal, Timeout, TrustedMultiplexer, by_name,
};
use std::cell::Cell;
use std::io::{ErrorKind, PipeReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// By when what must happen has happened.
const LONG: Timeout = Timeout::After(Duration::from_secs(60));

fn readable<T>(reactor: &mut Reactor<PipeReader, T>, state: T) -> Key {
    reactor.insert(full_pipe().0, state, Interest::READABLE, Mode::Level).unwrap()
}

fn ready_keys<S: AsFd, T, M: TrustedMultiplexer<'static>>(reactor: &mut Reactor<S, T, M>) -> Vec<Key> {
    let mut keys: Vec<Key> = std::iter::from_fn(|| reactor.next_ready().map(|ready| ready.key())).collect();
    keys.sort();
    keys
}

#[test]
fn keys_find_sources_and_states() {
    let mut reactor = Reactor::new().unwrap();
    let first = readable(&mut reactor, 1);
    let second = readable(&mut reactor, 2);
    assert_eq!((reactor.len(), reactor.is_empty()), (2, false));
    assert!(reactor.contains(first) && reactor.contains(second));
    *reactor.get(first).unwrap().1 += 10;
    assert_eq!(reactor.wait(LONG), Ok(2));
    assert_eq!(ready_keys(&mut reactor), [first, second]);
    let (mut source, state) = reactor.remove(first).unwrap();
    assert_eq!(state, 11);
    assert_eq!(source.read(&mut [0; 4]).unwrap(), 1, "the source is as it was");
    assert!(reactor.get(first).is_none() && reactor.remove(first).is_none() && !reactor.contains(first));
    assert_eq!(reactor.modify(first, Interest::READABLE, Mode::Level), Err(Error::NoSuchKey));
    assert_eq!(reactor.pause(first), Err(Error::NoSuchKey));
    assert_eq!(reactor.resume(first), Err(Error::NoSuchKey));
    assert_eq!(reactor.keys().collect::<Vec<_>>(), [second]);
    assert_eq!(reactor.iter_mut().map(|(key, _, state)| (key, *state)).collect::<Vec<_>>(), [(second, 2)]);
    reactor.modify(second, Interest::empty(), Mode::Level).unwrap();
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(1), "the writer is gone, and that is reported");
    assert!(reactor.next_ready().unwrap().readiness().is_closed());
}

#[test]
fn insert_error_hands_the_source_back() {
    let mut reactor = Reactor::with(Poll::new(), 8);
    let (reader, _writer) = full_pipe();
    let failed = reactor.insert(reader, vec![7], Interest::READABLE, Mode::Edge).unwrap_err();
    assert_eq!(failed.error(), Error::UnsupportedMode { mode: Mode::Edge, backend: "poll" });
    let (_, reader, state) = failed.into_parts();
    assert_eq!(reactor.len(), 0);
    let key = reactor.insert(reader, state, Interest::READABLE, Mode::Level).unwrap();
    assert_eq!(reactor.get(key).unwrap().1, &[7]);
}

#[test]
fn event_of_a_removed_source_is_skipped() {
    let mut reactor = Reactor::new().unwrap();
    let keys: Vec<Key> = (0..5).map(|state| readable(&mut reactor, state)).collect();
    assert_eq!(reactor.wait(LONG), Ok(5));
    let first = reactor.next_ready().unwrap().key();
    for key in keys.iter().filter(|&&key| key != first && key != keys[3]) {
        reactor.remove(*key).unwrap();
    }
    assert_eq!(ready_keys(&mut reactor), [keys[3]]);
}

#[test]
fn event_does_not_reach_the_next_in_its_place() {
    let mut reactor = Reactor::new().unwrap();
    let old: Vec<Key> = (0..4).map(|state| readable(&mut reactor, state)).collect();
    assert_eq!(reactor.wait(LONG), Ok(4));
    old.iter().for_each(|key| drop(reactor.remove(*key)));
    let new: Vec<Key> = (0..4).map(|state| readable(&mut reactor, state)).collect();
    assert_eq!(ready_keys(&mut reactor), [], "what was found was found of others");
    assert!(old.iter().all(|key| !reactor.contains(*key)), "and their keys find nothing");
    assert_eq!(reactor.wait(LONG), Ok(4));
    let mut sorted = new.clone();
    sorted.sort();
    assert_eq!(ready_keys(&mut reactor), sorted);
}

#[test]
fn key_of_another_reactor_finds_nothing() {
    let (mut ours, mut theirs) = (Reactor::new().unwrap(), Reactor::new().unwrap());
    let (key, other) = (readable(&mut ours, "ours"), readable(&mut theirs, "theirs"));
    assert_ne!(key, other);
    assert!(!ours.contains(other) && ours.get(other).is_none() && ours.remove(other).is_none());
    assert_eq!(ours.modify(other, Interest::empty(), Mode::Level), Err(Error::NoSuchKey));
    assert!(ours.contains(key) && theirs.contains(other));
}

#[test]
fn get_pair_keeps_the_order_of_keys() {
    let mut reactor = Reactor::new().unwrap();
    let (waker, _) = reactor.waker().unwrap();
    let (first, second) = (readable(&mut reactor, 1), readable(&mut reactor, 2));
    for (key, other) in [(first, second), (second, first)] {
        let fds = [key, other].map(|key| reactor.source(key).unwrap().as_raw_fd());
        let states = [key, other].map(|key| *reactor.get(key).unwrap().1);
        let ((source, state), (other_source, other_state)) = reactor.get_pair(key, other).unwrap();
        assert_eq!([source.as_raw_fd(), other_source.as_raw_fd()], fds);
        assert_eq!([*state, *other_state], states);
        std::mem::swap(state, other_state);
    }
    for (key, other) in [(first, first), (first, waker), (waker, first), (waker, waker)] {
        assert!(reactor.get_pair(key, other).is_none());
    }
    reactor.remove(second).unwrap();
    assert!(reactor.get_pair(first, second).is_none() && reactor.source(second).is_none());
}

/// A handle's type needs no more than what its reactor's does.
struct _Server {
    reactor: Reactor<PipeReader>,
    handle: Handle<PipeReader>,
}

#[test]
fn sources_are_inserted_between_next_calls() {
    let mut reactor = Reactor::new().unwrap();
    let first = readable(&mut reactor, 0);
    assert_eq!(reactor.wait(LONG), Ok(1));
    let mut seen = Vec::new();
    while let Some(ready) = reactor.next_ready() {
        seen.push(ready.key());
        for state in 0..100 {
            readable(&mut reactor, state);
        }
    }
    assert_eq!(seen, [first], "the new ones come with the next wait");
    assert_eq!(reactor.wait(LONG), Ok(101));
}

#[test]
fn debug_output_names_the_fields() {
    let mut reactor = Reactor::with(Poll::new(), 8);
    assert!(reactor.is_empty());
    reactor.insert(full_pipe().0, (), Interest::READABLE, Mode::Level).unwrap();
    assert_eq!(format!("{reactor:?}"), r#"Reactor { multiplexer: "poll", len: 1, .. }"#);
    let failed = reactor.insert(full_pipe().0, (), Interest::READABLE, Mode::EdgeOneShot).unwrap_err();
    let error = "UnsupportedMode { mode: EdgeOneShot, backend: \"poll\" }";
    assert_eq!(format!("{failed:?}"), format!("InsertError {{ error: {error}, .. }}"));
    assert!(failed.to_string().starts_with("poll does not support Mode::EdgeOneShot: "), "{failed}");
    let handle = reactor.handle().unwrap();
    assert_eq!(format!("{handle:?}"), "Handle { .. }");
    drop(reactor);
    let failed = handle.submit(|_| {}).unwrap_err();
    assert_eq!(format!("{failed:?}"), "SubmitError { is_out_of_memory: false, .. }");
    assert_eq!(failed.to_string(), "the reactor is gone");
    let failed = std::io::Error::from(failed);
    assert_eq!((failed.kind(), failed.to_string()), (ErrorKind::BrokenPipe, "the reactor is gone".into()));
}

#[test]
fn dropping_the_reactor_closes_its_sources() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let mut reactor = Reactor::new().unwrap();
    reactor.insert(ours, (), Interest::READABLE, Mode::Level).unwrap();
    drop(reactor);
    assert_eq!(theirs.read(&mut [0]).unwrap(), 0);
}

/// A source whose `as_fd` returns another fd with each call, and panics at last.
struct Liar {
    fds: Vec<PipeReader>,
    asked: Cell<usize>,
}

impl AsFd for Liar {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let asked = self.asked.replace(self.asked.get() + 1);
        self.fds[asked].as_fd()
    }
}

#[test]
fn as_fd_is_called_once() {
    let mut reactor = Reactor::with(Poll::new(), 8);
    let liar = Liar { fds: vec![full_pipe().0], asked: Cell::new(0) };
    let key = reactor.insert(liar, (), Interest::READABLE, Mode::OneShot).unwrap();
    reactor.modify(key, Interest::READABLE, Mode::Level).unwrap();
    reactor.pause(key).unwrap();
    reactor.resume(key).unwrap();
    assert_eq!(reactor.wait(LONG), Ok(1));
    let (liar, ()) = reactor.remove(key).unwrap();
    assert_eq!(liar.asked.get(), 1, "a second answer would have panicked");
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(0), "the right one was deregistered");
    let other = Liar { fds: liar.fds, asked: Cell::new(0) };
    reactor.insert(other, (), Interest::READABLE, Mode::Level).unwrap();
}

/// A source that has another's fd.
struct Shared(Rc<PipeReader>);

impl AsFd for Shared {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[test]
fn second_source_with_the_same_fd_is_rejected() {
    let reader = Rc::new(full_pipe().0);
    let mut reactor = Reactor::new().unwrap();
    let key = reactor.insert(Shared(Rc::clone(&reader)), 1, Interest::READABLE, Mode::Level).unwrap();
    let failed = reactor.insert(Shared(reader), 2, Interest::READABLE, Mode::Level).unwrap_err();
    assert!(matches!(failed.error(), Error::AlreadyRegistered { .. }));
    drop(failed);
    assert_eq!(reactor.wait(LONG), Ok(1));
    assert_eq!(ready_keys(&mut reactor), [key]);
}

#[test]
fn paused_source_reports_its_hangup_once() {
    let mut reactor = Reactor::new().unwrap();
    let key = readable(&mut reactor, ());
    reactor.pause(key).unwrap();
    let mut heard = 0;
    for _ in 0..100 {
        heard += reactor.wait(Timeout::Nowait).unwrap();
        while let Some(ready) = reactor.next_ready() {
            assert!(ready.readiness().is_closed(), "{ready:?}");
        }
    }
    assert!(heard <= 1, "{heard} times");
    reactor.resume(key).unwrap();
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(1), "resumed, it is all there again");
    assert!(reactor.next_ready().unwrap().readiness().is_readable());
}

#[test]
fn hangup_before_a_pause_is_reported_once() {
    for name in NAMES {
        let mut reactor = Reactor::with(by_name(name).unwrap(), 8);
        let (reader, writer) = std::io::pipe().unwrap();
        drop(writer);
        let key = reactor.insert(reader, (), Interest::READABLE, Mode::Level).unwrap();
        assert_eq!(reactor.wait(LONG), Ok(1));
        reactor.pause(key).unwrap();
        assert_eq!(reactor.next_ready(), None, "{name}: it comes again");
        let mut heard = Vec::new();
        for _ in 0..5 {
            reactor.wait(Timeout::Nowait).unwrap();
            heard.extend(std::iter::from_fn(|| reactor.next_ready()).map(|ready| ready.readiness()));
        }
        let hears_it = reactor.capabilities().contains(Capabilities::HANGUP);
        assert_eq!(heard, vec![Readiness::HANGUP; usize::from(hears_it)], "{name}");
        reactor.resume(key).unwrap();
        assert_eq!(reactor.wait(LONG), Ok(1));
        assert_eq!(ready_keys(&mut reactor), [key], "{name}");
    }
}

#[test]
fn retain_closes_the_others() {
    let mut reactor = Reactor::new().unwrap();
    let keys: Vec<Key> = (0..10).map(|state| readable(&mut reactor, state)).collect();
    reactor.retain(|_, _, state| *state % 3 == 0);
    assert_eq!(reactor.keys().collect::<Vec<_>>(), [keys[0], keys[3], keys[6], keys[9]]);
    assert_eq!(reactor.wait(LONG), Ok(4));
}

#[test]
fn wakers_have_their_own_keys() {
    let mut reactor = Reactor::<PipeReader>::new().unwrap();
    let (first, wake_first) = reactor.waker().unwrap();
    let (second, wake_second) = reactor.waker().unwrap();
    assert_eq!(reactor.len(), 0, "a waker is no source");
    assert!(!reactor.contains(first) && reactor.get(first).is_none() && reactor.remove(first).is_none());
    wake_second.wake();
    assert_eq!(reactor.wait(LONG), Ok(1));
    assert_eq!(ready_keys(&mut reactor), [second]);
    std::thread::scope(|scope| {
        scope.spawn(|| wake_first.wake());
        assert_eq!(reactor.wait(LONG), Ok(1));
    });
    assert_eq!(ready_keys(&mut reactor), [first]);
}

#[test]
fn signal_loses_no_event_of_a_masked_wait() {
    let mut reactor = Reactor::new().unwrap();
    if !reactor.capabilities().contains(Capabilities::MASK) {
        return skip("a masked wait", "Native has none");
    }
    let flag = std::sync::Arc::default();
    signal_hook::flag::register(libc::SIGPROF, std::sync::Arc::clone(&flag)).unwrap();
    let blocked = SigSet::from(Signal::new(libc::SIGPROF).unwrap()).block().unwrap();
    let key = readable(&mut reactor, ());
    signal_hook::low_level::raise(libc::SIGPROF).unwrap();
    let answer = reactor.wait_masked(LONG, &blocked.wait_mask());
    assert_eq!(answer, Err(Error::Interrupted), "though something is always ready");
    assert!(flag.load(Ordering::SeqCst));
    assert!(reactor.next_ready().is_none());
    assert_eq!(reactor.wait_masked(LONG, &blocked.wait_mask()), Ok(1));
    assert_eq!(ready_keys(&mut reactor), [key]);
}

#[test]
fn boxed_multiplexer_works() {
    let boxed: Box<dyn TrustedMultiplexer<'static> + Send> = Box::new(Poll::without_ppoll());
    let mut reactor = Reactor::with(boxed, 4);
    assert_eq!(reactor.name(), "poll");
    let (reader, mut writer) = std::io::pipe().unwrap();
    let key = reactor.insert(reader, (), Interest::READABLE, Mode::Level).unwrap();
    assert_eq!(reactor.wait(Timeout::Nowait), Ok(0));
    writer.write_all(b"!").unwrap();
    assert_eq!(reactor.wait(LONG), Ok(1));
    assert_eq!(ready_keys(&mut reactor), [key]);
}

#[test]
fn thousand_sources_keep_their_keys() {
    let mut reactor = Reactor::with(Poll::new(), 7);
    let mut alive: Vec<(Key, u32)> = Vec::new();
    let mut random = 0x2545_F491_4F6C_DD1D_u64;
    for number in 0..1000 {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if random.is_multiple_of(3) && !alive.is_empty() {
            let index = usize::try_from(random >> 8).unwrap_or(0) % alive.len();
            let (key, state) = alive.swap_remove(index);
            assert_eq!(reactor.remove(key).map(|(_, state)| state), Some(state));
        } else {
            alive.push((
                reactor.insert(full_pipe().0, number, Interest::READABLE, Mode::Level).unwrap(),
                number,
            ));
        }
        assert_eq!(reactor.wait(Timeout::Nowait), Ok(alive.len().min(7)));
        while let Some(ready) = reactor.next_ready() {
            let state = *reactor.get(ready.key()).unwrap().1;
            assert!(alive.contains(&(ready.key(), state)));
        }
        assert_eq!(reactor.len(), alive.len());
    }
}

#[test]
fn insert_with_passes_the_key() {
    let mut reactor = Reactor::<PipeReader, Option<Key>>::new().unwrap();
    let mut keys = Vec::new();
    for _ in 0..3 {
        let (reader, _writer) = full_pipe();
        keys.push(reactor.insert_with(reader, Interest::READABLE, Mode::Level, Some).unwrap());
    }
    reactor.remove(keys[1]);
    let (reader, _writer) = full_pipe();
    keys[1] = reactor.insert_with(reader, Interest::READABLE, Mode::Level, Some).unwrap();
    for key in keys {
        assert_eq!(reactor.get(key).map(|(_, state)| *state), Some(Some(key)));
    }
    let (reader, _writer) = full_pipe();
    let unknown = Interest::from_bits_retain(libc::POLLHUP);
    let failed = reactor.insert_with(reader, unknown, Mode::Level, Some);
    let Err(failed) = failed else { return skip("an interest without a name", "this backend takes it") };
    let (_error, reader, state) = failed.into_parts();
    assert!(state.is_some_and(|key| !reactor.contains(key)), "the key that it was given names nothing");
    reactor.insert(reader, None, Interest::READABLE, Mode::Level).unwrap();
}

#[test]
fn key_of_a_panicking_state_is_not_given_again() {
    let mut reactor = Reactor::<PipeReader>::new().unwrap();
    let mut lost = None;
    let insert = AssertUnwindSafe(|| {
        let state = |key| {
            lost = Some(key);
            panic!("on purpose");
        };
        reactor.insert_with(full_pipe().0, Interest::READABLE, Mode::Level, state).is_ok()
    });
    assert!(catch_unwind(insert).is_err());
    let key = reactor.insert(full_pipe().0, (), Interest::READABLE, Mode::Level).unwrap();
    assert_ne!(lost, Some(key));
    assert!(lost.is_some_and(|lost| !reactor.contains(lost)));
}

#[test]
fn next_skips_wakers() {
    let mut reactor = Reactor::<PipeReader, u32>::new().unwrap();
    let (_, waker) = reactor.waker().unwrap();
    waker.wake(); // it is the first that the wait reports
    let keys: Vec<_> = (0..3)
        .map(|number| {
            let (reader, writer) = full_pipe();
            std::mem::forget(writer);
            reactor.insert(reader, number, Interest::READABLE, Mode::Level).unwrap()
        })
        .collect();
    assert_eq!(reactor.wait(Timeout::Infinite), Ok(4));
    reactor.remove(keys[1]);
    let mut found = Vec::new();
    while let Some((key, cause, mut source, number)) = reactor.next() {
        assert!(matches!(cause, Cause::Ready(readiness) if readiness.is_readable()));
        assert!(source.read(&mut [0]).unwrap() > 0);
        *number += 10;
        found.push((key, *number));
    }
    found.sort_unstable();
    assert_eq!(found, [(keys[0], 10), (keys[2], 12)]);
}
