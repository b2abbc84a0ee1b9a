//! 64 threads on one waker: no wake is lost, and none is seen twice.

use crate::program::DEADLINE;
use crate::support::is_emulated;
use crate::{alone, amount, report};
use iomux_backend::{
    ALL_NAMES as NAMES, Any, Events, Handle, Multiplexer, Reactor, Timeout, Token, Waker, by_name,
};
use std::fmt::Display;
use std::io::PipeReader;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

const THREADS: usize = 64;
const SHORT_ROUNDS: usize = 100;
const LONG_ROUNDS: usize = 5_000;

/// Longer than a thread waits for its reply, so that the thread reports a lost wake first.
const LONGER: Timeout = Timeout::After(Duration::from_secs(2 * DEADLINE.as_secs()));

/// A thread waits for the reply to each wake before the next one, so that it notices a lost wake.
struct Threads {
    /// The number of requests per thread, which it stores before it wakes.
    asked: Vec<AtomicUsize>,
    rounds: usize,
}

impl Threads {
    fn new() -> Self {
        let short = if is_emulated() { 10 } else { SHORT_ROUNDS };
        let asked = (0..THREADS).map(|_| AtomicUsize::new(0)).collect();
        Self { asked, rounds: amount(short, LONG_ROUNDS) }
    }

    fn run(&self, number: usize, answers: &Receiver<usize>, waker: &Waker) {
        for round in 1..=self.rounds {
            self.asked[number].store(round, Ordering::Release);
            waker.wake();
            let answer = answers.recv_timeout(DEADLINE);
            assert_eq!(answer, Ok(round), "thread {number}: its wake was lost");
        }
    }

    /// Replies to all new requests, and returns their number.
    fn answer(&self, answered: &mut [usize], answers: &[Sender<usize>]) -> usize {
        let mut count = 0;
        for ((asked, answered), answer) in self.asked.iter().zip(answered).zip(answers) {
            let round = asked.load(Ordering::Acquire);
            if round != *answered {
                *answered = round;
                count += 1;
                answer.send(round).expect("it waits for this");
            }
        }
        count
    }
}

/// Runs the threads. `wait` returns the number of events of a wait.
fn no_wake_is_lost(what: impl Display, waker: &Waker, mut wait: impl FnMut() -> usize) {
    let begin = Instant::now();
    let threads = Threads::new();
    let (answers, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| channel()).unzip();
    let wakes = THREADS * threads.rounds;
    let mut waits = 0;
    thread::scope(|scope| {
        for (number, receiver) in receivers.into_iter().enumerate() {
            let threads = &threads;
            scope.spawn(move || threads.run(number, &receiver, waker));
        }
        let (mut done, mut answered) = (0, [0; THREADS]);
        while done < wakes {
            assert_eq!(wait(), 1, "nothing but the waker, and not the end of the time");
            waits += 1;
            done += threads.answer(&mut answered, &answers);
        }
    });
    let ms = begin.elapsed().as_millis();
    report(&format!("wakers, {what}: {THREADS} threads, {wakes} wakes, {waits} waits, none lost, {ms} ms"));
    assert!(waits <= wakes, "{waits} waits have been ended by {wakes} wakes");
}

#[test]
fn wakes_of_64_threads_are_seen_once() {
    let _alone = alone();
    for backend in NAMES {
        let mut mux = by_name(backend).unwrap();
        let waker = mux.waker(Token(0)).unwrap();
        let mut events = Events::with_capacity(4);
        no_wake_is_lost(backend, &waker, || mux.wait(&mut events, LONGER).unwrap());
        // The last requests may have had a reply before their wakes.
        mux.wait(&mut events, Timeout::Nowait).unwrap();
        assert_eq!(mux.wait(&mut events, Timeout::Nowait), Ok(0), "{backend}: a wake is seen twice");
    }
}

type Tasks = Reactor<PipeReader, (), Any<'static>>;

#[test]
fn reactor_loses_no_wake() {
    let _alone = alone();
    for backend in NAMES {
        let mut reactor = Tasks::with(by_name(backend).unwrap(), 4);
        let (_, waker) = reactor.waker().unwrap();
        no_wake_is_lost(format_args!("Reactor, {backend}"), &waker, || {
            reactor.wait(LONGER).unwrap();
            std::iter::from_fn(|| reactor.next_ready()).count()
        });
    }
}

/// Submits tasks, and waits for the reply of each before the next.
fn submit(number: usize, rounds: usize, handle: &Handle<PipeReader, (), Any<'static>>) {
    let (answer, answers) = channel();
    for round in 1..=rounds {
        let answer = answer.clone();
        let task = move |_: &mut Tasks| answer.send(round).expect("it is waited for");
        assert!(handle.submit(task).is_ok(), "the reactor is there");
        assert_eq!(answers.recv_timeout(DEADLINE), Ok(round), "thread {number}: its task was not run");
    }
}

#[test]
fn reactor_loses_no_task() {
    let _alone = alone();
    let rounds = Threads::new().rounds;
    for backend in NAMES {
        let begin = Instant::now();
        let mut reactor = Tasks::with(by_name(backend).unwrap(), 4);
        let (handle, (_, waker)) = (reactor.handle().unwrap(), reactor.waker().unwrap());
        let running = AtomicUsize::new(THREADS);
        thread::scope(|scope| {
            for number in 0..THREADS {
                let (handle, waker, running) = (&handle, &waker, &running);
                scope.spawn(move || {
                    submit(number, rounds, handle);
                    if running.fetch_sub(1, Ordering::AcqRel) == 1 {
                        waker.wake();
                    }
                });
            }
            assert_eq!(reactor.wait(LONGER), Ok(1), "tasks end no wait; the waker does");
        });
        let (tasks, ms) = (THREADS * rounds, begin.elapsed().as_millis());
        report(&format!("wakers, submit, {backend}: {THREADS} threads, {tasks} tasks, none lost, {ms} ms"));
    }
}
