//! Without room for all, `Poll` reports the fds first that were not reported for longest.

use crate::support::{empty_pipe, full_pipe, is_emulated};
use iomux_backend::{Events, Interest, Mode, Multiplexer, Poll, Timeout, Token, Waker};
use proptest::prelude::*;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;

#[test]
fn removal_takes_no_turn() {
    let (idle, seven, eleven, three) = (empty_pipe(), full_pipe(), full_pipe(), full_pipe());
    let mut poll = Poll::new();
    for (token, reader, mode) in [
        (0, &idle.0, Mode::Level),
        (7, &seven.0, Mode::Level),
        (11, &eleven.0, Mode::Level),
        (3, &three.0, Mode::OneShot),
    ] {
        poll.register(reader.as_fd(), Token(token), Interest::READABLE, mode).unwrap();
    }
    let mut events = Events::with_capacity(1);
    for expected in [7, 11, 3, 7, 11] {
        assert_eq!(poll.wait(&mut events, Timeout::Nowait), Ok(1));
        assert_eq!(events.get(0).unwrap().token(), Token(expected));
        if expected == 3 {
            poll.deregister(idle.0.as_fd()).unwrap();
        }
    }
}

const SOURCES: usize = 8;
/// The waker's token.
const WAKER: usize = SOURCES;

#[derive(Clone, Debug)]
enum Step {
    Register(usize, Mode),
    Modify(usize, Mode),
    Deregister(usize),
    /// Writes a byte to a source, or reads the one that is there.
    Toggle(usize),
    Wake,
    Wait {
        room: usize,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (source, mode) = (0..SOURCES, prop::sample::select(vec![Mode::Level, Mode::OneShot]));
    let step = prop_oneof![
        4 => (source.clone(), mode.clone()).prop_map(|(source, mode)| Step::Register(source, mode)),
        1 => (source.clone(), mode).prop_map(|(source, mode)| Step::Modify(source, mode)),
        2 => source.clone().prop_map(Step::Deregister),
        3 => source.prop_map(Step::Toggle),
        1 => Just(Step::Wake),
        6 => (1..5_usize).prop_map(|room| Step::Wait { room }),
    ];
    prop::collection::vec(step, 1..200)
}

struct Registered {
    token: usize,
    mode: Mode,
    is_armed: bool,
}

/// What is registered, the one whose last report is the oldest first.
struct Model<'fd> {
    poll: Poll<'fd>,
    waker: Waker,
    pipes: &'fd [(PipeReader, PipeWriter)],
    is_ready: [bool; SOURCES + 1],
    queue: Vec<Registered>,
}

impl<'fd> Model<'fd> {
    fn new(pipes: &'fd [(PipeReader, PipeWriter)]) -> Self {
        let mut poll = Poll::new();
        let waker = poll.waker(Token(WAKER)).unwrap();
        let queue = vec![Registered { token: WAKER, mode: Mode::Level, is_armed: true }];
        Self { poll, waker, pipes, is_ready: [false; SOURCES + 1], queue }
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        match *step {
            Step::Register(token, mode) => {
                let fd = self.pipes[token].0.as_fd();
                if self.poll.register(fd, Token(token), Interest::READABLE, mode).is_ok() {
                    self.queue.push(Registered { token, mode, is_armed: true });
                }
            }
            Step::Modify(token, mode) => {
                let fd = self.pipes[token].0.as_fd();
                let registered = self.queue.iter_mut().find(|registered| registered.token == token);
                let modified = self.poll.modify(fd, Token(token), Interest::READABLE, mode);
                prop_assert_eq!(modified.is_ok(), registered.is_some());
                if let Some(registered) = registered {
                    (registered.mode, registered.is_armed) = (mode, true);
                }
            }
            Step::Deregister(token) => {
                let _ = self.poll.deregister(self.pipes[token].0.as_fd());
                self.queue.retain(|registered| registered.token != token);
            }
            Step::Toggle(token) => {
                let (mut reader, mut writer) = (&self.pipes[token].0, &self.pipes[token].1);
                match self.is_ready[token] {
                    true => reader.read_exact(&mut [0]).unwrap(),
                    false => writer.write_all(b"!").unwrap(),
                }
                self.is_ready[token] = !self.is_ready[token];
            }
            Step::Wake => {
                self.waker.wake();
                self.is_ready[WAKER] = true;
            }
            Step::Wait { room } => self.wait(room)?,
        }
        Ok(())
    }

    fn wait(&mut self, room: usize) -> Result<(), TestCaseError> {
        let is_due = |registered: &&Registered| registered.is_armed && self.is_ready[registered.token];
        let due = self.queue.iter().filter(is_due).map(|registered| registered.token);
        let mut due: Vec<_> = due.take(room).collect();
        let mut events = Events::with_capacity(room);
        self.poll.wait(&mut events, Timeout::Nowait).unwrap();
        let mut reported: Vec<_> = events.iter().map(|event| event.token().0).collect();
        for token in &reported {
            let index = self.queue.iter().position(|registered| registered.token == *token);
            let mut registered = self.queue.remove(index.expect("it is registered"));
            registered.is_armed = registered.mode != Mode::OneShot;
            self.queue.push(registered);
        }
        if reported.contains(&WAKER) {
            self.is_ready[WAKER] = false;
        }
        due.sort_unstable();
        reported.sort_unstable();
        prop_assert_eq!(reported, due);
        Ok(())
    }
}

/// An emulator takes a hundred times as long.
fn cases() -> u32 {
    if is_emulated() { 25 } else { 500 }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn longest_unreported_come_first(steps in steps()) {
        let pipes: Vec<_> = (0..SOURCES).map(|_| empty_pipe()).collect();
        let mut model = Model::new(&pipes);
        for step in &steps {
            model.take(step)?;
        }
    }
}
