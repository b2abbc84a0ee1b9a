//! Threads share an epoll: while one waits, others register, modify, deregister and wake. Nothing is lost.

use crate::program::DEADLINE;
use crate::support::is_emulated;
use crate::{Random, alone, amount, report};
use iomux_backend::{Epoll, Events, Interest, Mode, Multiplexer, Timeout, Token, Waker};
use std::io::{PipeReader, PipeWriter, Read, Write, pipe};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

const WORKERS: usize = 4;
/// The number of pipes per worker. A worker's tokens start at a multiple of it.
const PIPES: usize = 8;
/// Longer than a worker waits for an event, so that the worker reports a lost event first.
const LONGER: Timeout = Timeout::After(Duration::from_secs(2 * DEADLINE.as_secs()));

const WAKE: usize = WORKERS * PIPES;

/// The last tokens of a worker's pipes. Tokens count up, so an event of an earlier registration is stale.
fn token(worker: usize, pipe: usize, times: usize) -> Token {
    Token(times * (WAKE + WORKERS) + worker * PIPES + pipe)
}

/// A message of the waiting thread to a worker: an event's token, or a wake.
type Told = Result<Token, ()>;

struct Worker<'a> {
    number: usize,
    epoll: &'a Epoll<'a>,
    pipes: &'a [(PipeReader, PipeWriter)],
    events: Receiver<Told>,
    waker: Waker,
    /// The number of registers and modifies per pipe.
    times: [usize; PIPES],
    operations: usize,
    old: usize,
}

impl Worker<'_> {
    /// Waits for the event of the last change. The other thread's wait may have found earlier events before it.
    fn expect(&mut self, due: Told) {
        loop {
            match self.events.recv_timeout(DEADLINE) {
                Ok(sent) if sent == due => return,
                Ok(Ok(_)) => self.old += 1,
                Ok(Err(())) => panic!("worker {}: a wake that was not made", self.number),
                Err(RecvTimeoutError::Timeout) => panic!("worker {}: {due:?} was lost", self.number),
                Err(RecvTimeoutError::Disconnected) => panic!("the waiting thread has ended"),
            }
        }
    }

    /// Registers, modifies and deregisters one pipe, waits for an event after each change, and sometimes wakes.
    fn round(&mut self, pipe: usize, lot: usize) {
        let ((reader, writer), mut epoll) = (&self.pipes[pipe], self.epoll);
        let is_level_at_last = lot < 3;
        let mode = [Mode::OneShot, Mode::EdgeOneShot, Mode::Edge][lot % 3];
        (&*writer).write_all(b"!").unwrap();
        self.times[pipe] += 1;
        let registered = token(self.number, pipe, self.times[pipe]);
        epoll.register(reader.as_fd(), registered, Interest::READABLE, mode).unwrap();
        self.expect(Ok(registered));
        self.times[pipe] += 1;
        let modified = token(self.number, pipe, self.times[pipe]);
        epoll.modify(reader.as_fd(), modified, Interest::READABLE, Mode::OneShot).unwrap();
        self.expect(Ok(modified));
        if is_level_at_last {
            // A removed registration has no events, except those that a wait had found before.
            epoll.modify(reader.as_fd(), modified, Interest::READABLE, Mode::Level).unwrap();
        }
        epoll.deregister(reader.as_fd()).unwrap();
        (&*reader).read_exact(&mut [0]).unwrap();
        self.waker.wake();
        self.expect(Err(()));
        self.operations += if is_level_at_last { 5 } else { 4 };
    }
}

/// Waits, and sends each worker its events, until the last worker has ended.
fn wait(mut epoll: &Epoll<'_>, workers: &[Sender<Told>], is_over: &AtomicBool) -> (usize, usize) {
    let mut events = Events::with_capacity(7);
    let (mut waits, mut count) = (0, 0);
    while !is_over.load(Ordering::Acquire) {
        let found = epoll.wait(&mut events, LONGER).unwrap();
        assert!(found > 0, "a wait in vain");
        waits += 1;
        count += found;
        for event in events.iter() {
            let source = event.token().0 % (WAKE + WORKERS);
            let (worker, number) = match source.checked_sub(WAKE) {
                Some(worker) => (worker, Err(())),
                None => (source / PIPES, Ok(event.token())),
            };
            // A worker that has ended receives nothing.
            let _ = workers[worker].send(number);
        }
    }
    (waits, count)
}

#[test]
fn shared_epoll_loses_nothing() {
    let _alone = alone();
    let rounds = amount(if is_emulated() { 20 } else { 2_000 }, 60_000);
    let begin = Instant::now();
    let pipes: Vec<Vec<_>> = (0..WORKERS).map(|_| (0..PIPES).map(|_| pipe().unwrap()).collect()).collect();
    let epoll = Epoll::new().unwrap();
    let (is_over, running) = (AtomicBool::new(false), AtomicUsize::new(WORKERS));
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..WORKERS).map(|_| channel()).unzip();
    let (operations, waits, events, old) = thread::scope(|scope| {
        let (epoll, is_over, running) = (&epoll, &is_over, &running);
        let waiter = scope.spawn(move || wait(epoll, &senders, is_over));
        let work = |(number, events): (usize, Receiver<Told>)| {
            let pipes = &pipes[number];
            scope.spawn(move || {
                // At the same time as the waits and registrations of the others.
                let waker = { epoll }.waker(Token(WAKE + number)).unwrap();
                let (times, mut random) = ([0; PIPES], Random(number as u64));
                let mut worker = Worker { number, epoll, pipes, events, waker, times, operations: 0, old: 0 };
                for _ in 0..rounds {
                    worker.round(random.below(PIPES), random.below(12));
                }
                if running.fetch_sub(1, Ordering::AcqRel) == 1 {
                    is_over.store(true, Ordering::Release);
                    worker.waker.wake();
                }
                (worker.operations, worker.old)
            })
        };
        let workers: Vec<_> = receivers.into_iter().enumerate().map(work).collect();
        let done: Vec<_> = workers.into_iter().map(|worker| worker.join().unwrap()).collect();
        let (waits, events) = waiter.join().unwrap();
        let sums = done.iter().fold((0, 0), |(all, old), done| (all + done.0, old + done.1));
        (sums.0, waits, events, sums.1)
    });
    let ms = begin.elapsed().as_millis();
    report(&format!(
        "shared epoll: {WORKERS} threads, {operations} operations, {waits} waits, {events} events, none lost, {old} of \
         what was gone meanwhile, {ms} ms"
    ));
}
