//! The runtime: the executor with its tasks and timers, and the files that tasks wait for.

use iomux_backend::{Cause, Error, Interest, Key, Mode, Reactor, Timeout, Timers, TryRead, TryWrite};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::io;
use std::mem;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::Instant;

/// The number of the task that runs `main` of [`Executor::run`].
const MAIN: u64 = 0;

/// An executor, which runs tasks on the thread that created it. A clone refers to the same executor.
#[derive(Clone)]
pub(crate) struct Executor(Rc<Inner>);

struct Inner {
    reactor: RefCell<Reactor<Source, Waiters>>,
    tasks: RefCell<HashMap<u64, Pinned>>,
    timers: RefCell<Timers<Waker>>,
    last_number: Cell<u64>,
    queue: Arc<Queue>,
}

type Pinned = Pin<Box<dyn Future<Output = ()>>>;

/// The part of the executor that wakers share, on any thread.
struct Queue {
    woken: Mutex<Vec<Arc<Task>>>,
    owner: ThreadId,
    reactor: iomux_backend::Waker,
}

struct Task {
    number: u64,
    is_queued: AtomicBool,
    /// Weak, because the queue owns the woken tasks.
    queue: Weak<Queue>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if self.is_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let Some(queue) = self.queue.upgrade() else { return };
        lock(&queue.woken).push(self);
        // The executor's thread checks the queue before it waits.
        if thread::current().id() != queue.owner {
            queue.reactor.wake();
        }
    }
}

/// A registered file, which the reactor shares with the tasks that use it.
struct Source(Rc<dyn AsFd>);

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The tasks that wait for a source, each with its interest.
type Waiters = Vec<(Interest, Waker)>;

impl Executor {
    pub(crate) fn new() -> Result<Self, Error> {
        let mut reactor = Reactor::new()?;
        let (_key, waker) = reactor.waker()?; // its event only ends the wait
        let queue = Queue { woken: Mutex::default(), owner: thread::current().id(), reactor: waker };
        Ok(Self(Rc::new(Inner {
            reactor: RefCell::new(reactor),
            tasks: RefCell::default(),
            timers: RefCell::default(),
            last_number: Cell::new(MAIN),
            queue: Arc::new(queue),
        })))
    }

    fn number(&self) -> u64 {
        self.0.last_number.update(|number| number + 1);
        self.0.last_number.get()
    }

    /// Starts a task, and returns a future of its result.
    pub(crate) fn spawn<F>(&self, future: F) -> impl Future<Output = F::Output> + use<F>
    where
        F: Future<Output: 'static> + 'static,
    {
        let (answer, asked) = oneshot();
        let number = self.number();
        self.0.tasks.borrow_mut().insert(number, Box::pin(async move { answer(future.await) }));
        self.task(number).wake();
        asked
    }

    /// Waits until `time` or later.
    pub(crate) async fn sleep_until(&self, time: Instant) {
        let mut timer = None;
        poll_fn(|context| {
            let mut timers = self.0.timers.borrow_mut();
            // The timer still exists if the task was woken for another reason.
            timer.take().map(|key| timers.remove(key));
            if Instant::now() >= time {
                return Poll::Ready(());
            }
            timer = Some(timers.insert(time, context.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    fn task(&self, number: u64) -> Arc<Task> {
        Arc::new(Task { number, is_queued: AtomicBool::new(false), queue: Arc::downgrade(&self.0.queue) })
    }

    /// Runs `main` until it completes, and the tasks meanwhile.
    pub(crate) fn run<T>(&self, main: impl Future<Output = T>) -> Result<T, Error> {
        let mut main = pin!(main);
        self.task(MAIN).wake();
        loop {
            // A task that is woken meanwhile runs after the events, so that no task starves the others.
            let woken = mem::take(&mut *lock(&self.0.queue.woken));
            for task in woken {
                // Clear this first, so that a wake during the poll counts.
                task.is_queued.store(false, Ordering::Release);
                let (number, waker) = (task.number, Waker::from(task));
                let mut context = Context::from_waker(&waker);
                if number != MAIN {
                    self.go_on(number, &mut context);
                } else if let Poll::Ready(answer) = main.as_mut().poll(&mut context) {
                    // The tasks own the executor, and the executor owns the tasks.
                    let unfinished = mem::take(&mut *self.0.tasks.borrow_mut());
                    drop(unfinished);
                    return Ok(answer);
                }
            }
            self.wait()?;
        }
    }

    fn go_on(&self, number: u64, context: &mut Context<'_>) {
        // Remove the task while it runs, because it may spawn others.
        let Some(mut future) = self.0.tasks.borrow_mut().remove(&number) else { return };
        if future.as_mut().poll(context).is_pending() {
            self.0.tasks.borrow_mut().insert(number, future);
        }
    }

    /// Waits for an event, a timer or a wake, and wakes the tasks that wait for it.
    fn wait(&self) -> Result<(), Error> {
        let is_busy = !lock(&self.0.queue.woken).is_empty();
        let (mut reactor, mut timers) = (self.0.reactor.borrow_mut(), self.0.timers.borrow_mut());
        let timeout = timers.next_deadline().map_or(Timeout::Infinite, Timeout::Until);
        reactor.wait(if is_busy { Timeout::Nowait } else { timeout })?;
        while let Some((key, cause, _, waiters)) = reactor.next() {
            let Cause::Ready(readiness) = cause else { continue };
            waiters.retain(|(asked, waker)| {
                let is_due = *asked == Interest::READABLE && readiness.is_readable()
                    || *asked == Interest::WRITABLE && readiness.is_writable();
                if is_due {
                    waker.wake_by_ref();
                }
                !is_due
            });
            arm(&mut reactor, key)?; // for tasks with another interest
        }
        let now = Instant::now();
        while let Some((_, waker)) = timers.pop_expired(now) {
            waker.wake();
        }
        Ok(())
    }
}

/// Sets the interest of a source to that of its waiters, in one-shot mode.
fn arm(reactor: &mut Reactor<Source, Waiters>, key: Key) -> Result<(), Error> {
    let Some((_, waiters)) = reactor.get(key) else { return Ok(()) };
    let asked = waiters.iter().fold(Interest::empty(), |all, (asked, _)| all | *asked);
    if asked.is_empty() { Ok(()) } else { reactor.modify(key, asked, Mode::OneShot) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a function that takes a value on any thread, and a future of that value.
fn oneshot<T>() -> (impl FnOnce(T), impl Future<Output = T>) {
    let shared = Arc::new(Mutex::new((None, None::<Waker>)));
    let asked = Arc::clone(&shared);
    let answer = move |value| {
        let mut shared = lock(&shared);
        shared.0 = Some(value);
        shared.1.take().into_iter().for_each(Waker::wake);
    };
    let answered = poll_fn(move |context| {
        let mut asked = lock(&asked);
        asked.1 = Some(context.waker().clone());
        asked.0.take().map_or(Poll::Pending, Poll::Ready)
    });
    (answer, answered)
}

/// Runs a blocking function on a new thread.
pub(crate) fn in_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<impl Future<Output = T>> {
    let (answer, answered) = oneshot();
    thread::Builder::new().spawn(move || answer(work()))?;
    Ok(answered)
}

/// Lets other tasks run.
pub(crate) async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A non-blocking file that tasks wait for. It is registered until it is dropped.
pub(crate) struct Async<S> {
    file: Rc<S>,
    key: Key,
    executor: Executor,
}

impl<S> Deref for Async<S> {
    type Target = S;

    fn deref(&self) -> &S {
        &self.file
    }
}

impl<S> Drop for Async<S> {
    fn drop(&mut self) {
        self.executor.0.reactor.borrow_mut().remove(self.key);
    }
}

impl<S: AsFd + 'static> Async<S> {
    pub(crate) fn new(executor: &Executor, file: S) -> io::Result<Self> {
        let file = Rc::new(file);
        let source = Source(Rc::clone(&file) as Rc<dyn AsFd>);
        let mut reactor = executor.0.reactor.borrow_mut();
        let key = reactor.insert(source, Vec::new(), Interest::empty(), Mode::OneShot)?;
        Ok(Self { file, key, executor: executor.clone() })
    }

    /// Waits until a read may succeed.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await
    }

    /// Waits until a write may succeed.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await
    }

    /// Waits until the task is woken, which may be spurious. The caller tries again.
    async fn ready(&self, interest: Interest) -> io::Result<()> {
        let mut has_waited = false;
        poll_fn(|context| {
            if mem::replace(&mut has_waited, true) {
                return Poll::Ready(Ok(()));
            }
            let mut reactor = self.executor.0.reactor.borrow_mut();
            if let Some((_, waiters)) = reactor.get(self.key) {
                // Another wake may have left this waker.
                waiters.retain(|(asked, waker)| *asked != interest || !waker.will_wake(context.waker()));
                waiters.push((interest, context.waker().clone()));
            }
            arm(&mut reactor, self.key)
                .map_or_else(|error| Poll::Ready(Err(error.into())), |()| Poll::Pending)
        })
        .await
    }
}

impl<S: AsFd + TryRead + TryWrite + 'static> Async<S> {
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.try_read(buffer)? {
                Some(count) => return Ok(count),
                None => self.readable().await?,
            }
        }
    }

    pub(crate) async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.file.try_write(bytes)? {
                Some(count) => bytes = &bytes[count..],
                None => self.writable().await?,
            }
        }
        Ok(())
    }
}
