//! Any sequence of calls on a reactor. Each source has the events of its socket under its own key, and a removed source
//! has none.

use crate::program::program;
use arbitrary::Arbitrary;
use iomux_backend::{Interest, Key, Mode, Reactor, Readiness, Timeout};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

#[derive(Arbitrary, Debug)]
enum Step {
    Insert(u8, bool),
    Remove(u8),
    Modify(u8, u8, bool),
    Pause(u8),
    Resume(u8),
    PeerWrites(u8),
    Read(u8),
    PeerCloses(u8),
    /// The events at which another source is removed, and one is inserted.
    Wait(u8, u8),
}

struct Source {
    peer: Option<UnixStream>,
    pending: usize,
    /// The registration that a resume restores.
    asked: (Interest, Mode),
    is_paused: bool,
    is_armed: bool,
}

impl Source {
    fn due(&self) -> Readiness {
        let (interest, _) = if self.is_paused { (Interest::empty(), Mode::OneShot) } else { self.asked };
        let is_gone = self.peer.is_none();
        let mut is = Readiness::WRITABLE;
        is.set(Readiness::READABLE, self.pending > 0 || is_gone);
        is.set(Readiness::READ_CLOSED, is_gone);
        is &= Readiness::from_bits_retain(interest.bits());
        is.set(Readiness::HANGUP, is_gone);
        if self.is_armed { is } else { Readiness::empty() }
    }

    fn is_one_shot(&self) -> bool {
        self.is_paused || self.asked.1 == Mode::OneShot
    }
}

#[derive(Default)]
struct World {
    sources: HashMap<Key, Source>,
    /// The sources, in the order of insertion.
    keys: Vec<Key>,
}

fn asked(bits: u8, is_one_shot: bool) -> (Interest, Mode) {
    let all = [Interest::READABLE, Interest::WRITABLE, Interest::READ_CLOSED];
    let chosen = all.into_iter().enumerate().filter(|(index, _)| bits & 1 << index != 0);
    let interest = chosen.fold(Interest::empty(), |all, (_, one)| all | one);
    (interest, if is_one_shot { Mode::OneShot } else { Mode::Level })
}

type Reacts = Reactor<UnixStream, u64>;

impl World {
    fn key(&self, number: u8) -> Option<Key> {
        if self.keys.is_empty() { None } else { Some(self.keys[usize::from(number) % self.keys.len()]) }
    }

    fn insert(&mut self, reactor: &mut Reacts, asked: (Interest, Mode)) {
        if self.keys.len() < 40 {
            let (ours, theirs) = UnixStream::pair().unwrap();
            let key = reactor.insert(ours, 7, asked.0, asked.1).unwrap();
            let source = Source { peer: Some(theirs), pending: 0, asked, is_paused: false, is_armed: true };
            assert!(self.sources.insert(key, source).is_none(), "a key is never used again");
            self.keys.push(key);
        }
    }

    fn remove(&mut self, reactor: &mut Reacts, key: Key) {
        assert!(reactor.remove(key).is_some_and(|(_, state)| state == 7));
        assert!(reactor.remove(key).is_none() && reactor.get(key).is_none());
        self.sources.remove(&key);
        self.keys.retain(|one| *one != key);
    }

    fn wait(&mut self, reactor: &mut Reacts, at: u8, which: u8) {
        let mut due: HashMap<Key, Readiness> = self
            .sources
            .iter()
            .map(|(key, source)| (*key, source.due()))
            .filter(|(_, is)| !is.is_empty())
            .collect();
        assert_eq!(reactor.wait(Timeout::Nowait), Ok(due.len()));
        for source in self.sources.values_mut() {
            source.is_armed &= source.due().is_empty() || !source.is_one_shot();
        }
        let mut number = 0;
        while let Some(ready) = reactor.next_ready() {
            assert_eq!(due.remove(&ready.key()), Some(ready.readiness()));
            if number == at {
                if let Some(key) = self.key(which) {
                    self.remove(reactor, key);
                    due.remove(&key);
                }
                self.insert(reactor, asked(which, false));
            }
            number += 1;
        }
        assert!(due.is_empty(), "not heard: {due:?}");
    }

    fn take(&mut self, reactor: &mut Reacts, step: &Step) {
        match *step {
            Step::Insert(bits, is_one_shot) => self.insert(reactor, asked(bits, is_one_shot)),
            Step::Wait(at, which) => self.wait(reactor, at, which),
            Step::Remove(number)
            | Step::Modify(number, ..)
            | Step::Pause(number)
            | Step::Resume(number)
            | Step::PeerWrites(number)
            | Step::Read(number)
            | Step::PeerCloses(number) => {
                if let Some(key) = self.key(number) {
                    self.change(reactor, key, step);
                }
            }
        }
    }

    fn change(&mut self, reactor: &mut Reacts, key: Key, step: &Step) {
        let source = self.sources.get_mut(&key).unwrap();
        match *step {
            Step::Remove(_) => self.remove(reactor, key),
            Step::Modify(_, bits, is_one_shot) => {
                let asked = asked(bits, is_one_shot);
                reactor.modify(key, asked.0, asked.1).unwrap();
                (source.asked, source.is_paused, source.is_armed) = (asked, false, true);
            }
            Step::Pause(_) => {
                reactor.pause(key).unwrap();
                // A pause rearms the hangup, unless the source is already paused.
                source.is_armed |= !source.is_paused;
                source.is_paused = true;
            }
            Step::Resume(_) => {
                reactor.resume(key).unwrap();
                (source.is_paused, source.is_armed) = (false, true);
            }
            Step::PeerWrites(_) => {
                if let (Some(peer), 0..100) = (&mut source.peer, source.pending) {
                    peer.write_all(b"!").unwrap();
                    source.pending += 1;
                }
            }
            Step::Read(_) if source.pending > 0 => {
                let mut stream = reactor.source(key).unwrap();
                source.pending -= stream.read(&mut [0; 3]).unwrap();
            }
            Step::PeerCloses(_) => source.peer = None,
            _ => {}
        }
    }
}

pub(crate) fn run(bytes: &[u8]) {
    let mut reactor = Reactor::new().unwrap();
    let mut world = World::default();
    for step in &program::<Step>(bytes) {
        world.take(&mut reactor, step);
        assert_eq!(reactor.len(), world.keys.len());
    }
}
