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

/// The number of the task that [`Executor::run`] is given.
const MAIN: u64 = 0;

/// Runs tasks on the thread that made it. A clone is the same executor.
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

/// What wakers have of the executor, in whatever thread they are.
struct Queue {
    woken: Mutex<Vec<Arc<Task>>>,
    owner: ThreadId,
    reactor: iomux_backend::Waker,
}

struct Task {
    number: u64,
    is_queued: AtomicBool,
    /// Weak, since the queue has the tasks that are woken.
    queue: Weak<Queue>,
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if self.is_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let Some(queue) = self.queue.upgrade() else { return };
        lock(&queue.woken).push(self);
        // The executor's own thread looks at the queue before it waits.
        if thread::current().id() != queue.owner {
            queue.reactor.wake();
        }
    }
}

/// The file that a reactor has registered: shared with the tasks that use it.
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
        let (_key, waker) = reactor.waker()?; // its event does nothing but end the wait
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

    /// Waits until `time` at least.
    pub(crate) async fn sleep_until(&self, time: Instant) {
        let mut timer = None;
        poll_fn(|context| {
            let mut timers = self.0.timers.borrow_mut();
            // It is still there if the task was woken for another reason.
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

    /// Runs `main` to its end, and the tasks for as long.
    pub(crate) fn run<T>(&self, main: impl Future<Output = T>) -> Result<T, Error> {
        let mut main = pin!(main);
        self.task(MAIN).wake();
        loop {
            // A task that is woken meanwhile runs after the events, so that no task starves the others.
            let woken = mem::take(&mut *lock(&self.0.queue.woken));
            for task in woken {
                // First, so that a wake while it runs counts.
                task.is_queued.store(false, Ordering::Release);
                let (number, waker) = (task.number, Waker::from(task));
                let mut context = Context::from_waker(&waker);
                if number != MAIN {
                    self.go_on(number, &mut context);
                } else if let Poll::Ready(answer) = main.as_mut().poll(&mut context) {
                    // They have the executor, and it has them.
                    let unfinished = mem::take(&mut *self.0.tasks.borrow_mut());
                    drop(unfinished);
                    return Ok(answer);
                }
            }
            self.wait()?;
        }
    }

    fn go_on(&self, number: u64, context: &mut Context<'_>) {
        // Not there while it runs: it may start others.
        let Some(mut future) = self.0.tasks.borrow_mut().remove(&number) else { return };
        if future.as_mut().poll(context).is_pending() {
            self.0.tasks.borrow_mut().insert(number, future);
        }
    }

    /// Waits for an event, a timer or a wake, and puts the tasks that these are for into the queue.
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
            arm(&mut reactor, key)?; // for those that wait for something else
        }
        let now = Instant::now();
        while let Some((_, waker)) = timers.pop_expired(now) {
            waker.wake();
        }
        Ok(())
    }
}

/// Asks a source for what its waiters want, once.
fn arm(reactor: &mut Reactor<Source, Waiters>, key: Key) -> Result<(), Error> {
    let Some((_, waiters)) = reactor.get(key) else { return Ok(()) };
    let asked = waiters.iter().fold(Interest::empty(), |all, (asked, _)| all | *asked);
    if asked.is_empty() { Ok(()) } else { reactor.modify(key, asked, Mode::OneShot) }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What gives an answer, from any thread if it may be sent there, and what waits for it.
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

/// Does what blocks in a thread of its own.
pub(crate) fn in_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<impl Future<Output = T>> {
    let (answer, answered) = oneshot();
    thread::Builder::new().spawn(move || answer(work()))?;
    Ok(answered)
}

/// Lets the others have a turn.
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

/// A file that tasks wait for. It is non-blocking, and registered for as long as it is here.
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

    /// Waits until it may be worth to read again.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        self.ready(Interest::READABLE).await
    }

    /// Waits until it may be worth to write again.
    pub(crate) async fn writable(&self) -> io::Result<()> {
        self.ready(Interest::WRITABLE).await
    }

    /// Waits once, until woken: by the event, or for another reason, so the file is to be asked again.
    async fn ready(&self, interest: Interest) -> io::Result<()> {
        let mut has_waited = false;
        poll_fn(|context| {
            if mem::replace(&mut has_waited, true) {
                return Poll::Ready(Ok(()));
            }
            let mut reactor = self.executor.0.reactor.borrow_mut();
            if let Some((_, waiters)) = reactor.get(self.key) {
                // One that another wake has left here.
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
