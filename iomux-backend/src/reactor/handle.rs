//! Tasks for a reactor from other threads.

use super::Reactor;
use super::error::SubmitError;
use super::key::Key;
use crate::Native;
use crate::error::Error;
use crate::memory::check_room_for;
use crate::waker::Waker;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The capacity for tasks that an inbox keeps after it was larger.
const KEPT: usize = 1024;

/// The maximum of `Queue::reports`.
const MOST_REPORTS: u8 = 2;

/// A submitted task.
type Task<S, T, M> = Box<dyn FnOnce(&mut Reactor<S, T, M>) + Send>;

/// A handle to a [`Reactor`], through which other threads submit tasks.
///
/// [`Reactor::handle`] creates it. A handle is `Send`, even if the sources are not. After the reactor was dropped,
/// [`submit`](Self::submit) fails, and a handle keeps an fd open. After fork(2), only one of the two processes may use the
/// handles of a reactor. The other one creates a new reactor with new handles.
///
/// # Examples
/// ```
/// use iomux_backend::{Interest, Mode, Reactor, Timeout};
/// use std::os::unix::net::UnixStream;
/// use std::thread;
///
/// let mut reactor = Reactor::new()?;
/// let handle = reactor.handle()?;
/// let worker = thread::spawn(move || {
///     let (ours, theirs) = UnixStream::pair().unwrap();
///     let submitted = handle.submit(|reactor| {
///         reactor.insert(ours, "from a thread", Interest::WRITABLE, Mode::Level).unwrap();
///     });
///     assert!(submitted.is_ok(), "the reactor is there");
///     theirs
/// });
/// reactor.wait(Timeout::Infinite)?;
/// let ready = reactor.next_ready().unwrap();
/// assert_eq!(reactor.get(ready.key()).map(|(_, state)| *state), Some("from a thread"));
/// # worker.join().unwrap();
/// # std::io::Result::Ok(())
/// ```
pub struct Handle<S, T = (), M = Native<'static>>(Arc<Shared<S, T, M>>);

struct Shared<S, T, M> {
    /// `None` after the reactor was dropped.
    queue: Mutex<Option<Queue<S, T, M>>>,
    /// Whether the queue has tasks. It changes under the lock, and a wait reads it without. A task that the wait does not see
    /// yet wakes it.
    has_tasks: AtomicBool,
    waker: Waker,
}

struct Queue<S, T, M> {
    tasks: VecDeque<Task<S, T, M>>,
    /// Whether a task is running. A wait inside it runs no tasks.
    is_running: bool,
    /// How many events of the waker may still come. Wakes are coalesced and made under the lock, so there are at most two: one
    /// that was under way when the task was submitted, and the task's own.
    reports: u8,
}

impl<S, T, M> Queue<S, T, M> {
    fn new() -> Self {
        Self { tasks: VecDeque::new(), is_running: false, reports: 0 }
    }
}

impl<S, T, M> Shared<S, T, M> {
    fn lock(&self) -> MutexGuard<'_, Option<Queue<S, T, M>>> {
        // No task runs under the lock, so a panic can't have left the queue inconsistent.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes the reactor if there are tasks: a wait that did not run them may have taken their wake.
    fn wake_for_tasks(&self) {
        let mut queue = self.lock();
        if let Some(queue) = queue.as_mut().filter(|queue| !queue.tasks.is_empty()) {
            queue.reports = MOST_REPORTS;
            self.waker.wake();
        }
    }
}

impl<S, T, M> Handle<S, T, M> {
    /// Submits `task` to the reactor, which runs it in the current or the next wait.
    ///
    /// The reactor's thread runs tasks in the order of their submission. The wait then resumes. To end an infinite wait, a
    /// task wakes a waker of the reactor.
    ///
    /// A task that panics unwinds out of the wait, and the next wait runs the remaining tasks. A wait inside a task runs no
    /// tasks, and may take the turn of a source that does not fit into the buffer of events: the outer wait can then return 0
    /// when its timeout expires, and the next wait reports the source. Dropping the reactor drops the tasks that have not run.
    ///
    /// Only memory limits the queue, so `submit` does not slow down a thread that submits faster than the reactor runs tasks.
    /// The call takes a lock and allocates. In a signal handler, use a [`Waker`] instead.
    ///
    /// # Errors
    /// Returns [`SubmitError`], which contains `task`, if the reactor was dropped or there is no memory for the task.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Reactor, Timeout};
    /// use std::net::TcpStream;
    /// use std::thread;
    ///
    /// let mut reactor = Reactor::<TcpStream>::new()?;
    /// let (quit, waker) = reactor.waker()?;
    /// let handle = reactor.handle()?;
    /// thread::spawn(move || {
    ///     handle.submit(move |reactor| {
    ///         reactor.retain(|_key, _connection, _state| false);
    ///         waker.wake();
    ///     })
    /// });
    /// 'serving: loop {
    ///     reactor.wait(Timeout::Infinite)?;
    ///     while let Some(ready) = reactor.next_ready() {
    ///         if ready.key() == quit {
    ///             break 'serving;
    ///         }
    ///     }
    /// }
    /// # std::io::Result::Ok(())
    /// ```
    pub fn submit<F>(&self, task: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce(&mut Reactor<S, T, M>) + Send + 'static,
    {
        self.push(task, |task| task)
    }

    /// Submits `task` as [`submit`](Self::submit) does, and returns a channel for its result.
    ///
    /// [`recv`](Receiver::recv) waits for the result. It fails if the task panics, or if the reactor is dropped before it runs
    /// the task. On the reactor's own thread, `recv` would block forever, so use `try_recv` there.
    ///
    /// # Errors
    /// Returns [`SubmitError`], which contains `task`, if the reactor was dropped or there is no memory for the task. Without
    /// memory for the channel, the process aborts, because std allocates the channel.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::{Interest, Mode, Reactor, Timeout};
    /// use std::thread;
    ///
    /// let mut reactor = Reactor::new()?;
    /// let (reader, _writer) = std::io::pipe()?;
    /// reactor.insert(reader, (), Interest::READABLE, Mode::Level)?;
    /// let handle = reactor.handle()?;
    /// let (_, waker) = reactor.waker()?;
    /// let asking = thread::spawn(move || {
    ///     let count = handle.submit_with_result(|reactor| reactor.len()).unwrap().recv();
    ///     waker.wake();
    ///     count
    /// });
    /// reactor.wait(Timeout::Infinite)?;
    /// assert_eq!(asking.join().unwrap(), Ok(1));
    /// # std::io::Result::Ok(())
    /// ```
    pub fn submit_with_result<F, R>(&self, task: F) -> Result<Receiver<R>, SubmitError<F>>
    where
        F: FnOnce(&mut Reactor<S, T, M>) -> R + Send + 'static,
        R: Send + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        self.push(task, |task| {
            move |reactor: &mut Reactor<S, T, M>| {
                // The receiver may have been dropped.
                let _ = sender.send(task(reactor));
            }
        })?;
        Ok(receiver)
    }

    /// Queues the task that `wrap` returns, and wakes the reactor.
    fn push<F, W>(&self, task: F, wrap: impl FnOnce(F) -> W) -> Result<(), SubmitError<F>>
    where
        W: FnOnce(&mut Reactor<S, T, M>) + Send + 'static,
    {
        match &mut *self.0.lock() {
            Some(queue) => {
                // The task last: the queue must not take the memory that was checked for.
                if queue.tasks.try_reserve(1).is_err() || check_room_for::<W>().is_err() {
                    return Err(SubmitError { task, is_out_of_memory: true });
                }
                queue.tasks.push_back(Box::new(wrap(task)));
                self.0.has_tasks.store(true, Ordering::Relaxed);
                queue.reports = MOST_REPORTS;
                // Under the lock: the wakes of other threads would come on top of the most reports.
                self.0.waker.wake();
                Ok(())
            }
            None => Err(SubmitError { task, is_out_of_memory: false }),
        }
    }
}

impl<S, T, M> Clone for Handle<S, T, M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<S, T, M> fmt::Debug for Handle<S, T, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle").finish_non_exhaustive()
    }
}

/// The reactor's end of its handles: open once there is one.
pub(super) struct Inbox<S, T, M>(Option<Open<S, T, M>>);

struct Open<S, T, M> {
    /// The key that wakes of the handles are reported under.
    key: Key,
    shared: Arc<Shared<S, T, M>>,
}

impl<S, T, M> Inbox<S, T, M> {
    pub(super) fn closed() -> Self {
        Self(None)
    }

    /// Returns an error if there is no memory to open the inbox.
    pub(super) fn check_room() -> Result<(), Error> {
        check_room_for::<Shared<S, T, M>>()
    }

    /// Opens the inbox, for the first handle.
    pub(super) fn open(&mut self, key: Key, waker: Waker) -> Handle<S, T, M> {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Some(Queue::new())),
            has_tasks: AtomicBool::new(false),
            waker,
        });
        self.0 = Some(Open { key, shared: Arc::clone(&shared) });
        Handle(shared)
    }

    pub(super) fn handle(&self) -> Option<Handle<S, T, M>> {
        self.0.as_ref().map(|open| Handle(Arc::clone(&open.shared)))
    }

    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    #[inline]
    pub(super) fn key(&self) -> Option<Key> {
        self.0.as_ref().map(|open| open.key)
    }

    /// Notes that a wake was reported, and returns `true` if one was expected.
    ///
    /// An unexpected one belongs to a registration with the same token from before the reactor had the multiplexer.
    pub(super) fn was_woken(&self) -> bool {
        let Some(open) = &self.0 else { return false };
        let mut queue = open.shared.lock();
        let Some(queue) = &mut *queue else { return false };
        let was_woken = queue.reports > 0;
        queue.reports -= u8::from(was_woken);
        was_woken
    }

    /// Returns `true` if there are tasks. They can't be run yet if one is running.
    #[inline]
    pub(super) fn has_tasks(&self) -> bool {
        self.0.as_ref().is_some_and(|open| open.shared.has_tasks.load(Ordering::Relaxed))
    }

    /// Begins to run the queued tasks, unless there are none or one is running.
    pub(super) fn turn(&self) -> Option<Turn<S, T, M>> {
        let shared = &self.0.as_ref()?.shared;
        let mut queue = shared.lock();
        let queue = queue.as_mut().filter(|queue| !queue.is_running && !queue.tasks.is_empty())?;
        queue.is_running = true;
        Some(Turn { shared: Arc::clone(shared), left: queue.tasks.len() })
    }

    /// Takes the next task of `turn`. There is none after a task has replaced the reactor, which has a turn of its own.
    pub(super) fn pop(&mut self, turn: &mut Turn<S, T, M>) -> Option<Task<S, T, M>> {
        let shared = &self.0.as_ref()?.shared;
        if !Arc::ptr_eq(shared, &turn.shared) {
            shared.wake_for_tasks();
            return None;
        }
        turn.left = turn.left.checked_sub(1)?;
        let mut queue = shared.lock();
        let tasks = &mut queue.as_mut()?.tasks;
        let task = tasks.pop_front();
        shared.has_tasks.store(!tasks.is_empty(), Ordering::Relaxed);
        task
    }
}

/// The time while tasks run. It ends when this value is dropped, also by a panic of a task.
///
/// It holds the queue itself, since a task may move the reactor elsewhere.
pub(super) struct Turn<S, T, M> {
    shared: Arc<Shared<S, T, M>>,
    /// How many of the tasks that were queued at its begin have not run.
    left: usize,
}

impl<S, T, M> Drop for Turn<S, T, M> {
    fn drop(&mut self) {
        let mut queue = self.shared.lock();
        let Some(queue) = &mut *queue else { return };
        queue.is_running = false;
        if queue.tasks.is_empty() {
            queue.tasks.shrink_to(KEPT);
        } else {
            // A task that waited may have taken their wake.
            queue.reports = MOST_REPORTS;
            self.shared.waker.wake();
        }
    }
}

/// Breaks the circle of a task that holds a handle.
///
/// The `Drop` also makes the compiler check that the fd of a source that borrows it is still open when the reactor is
/// dropped.
impl<S, T, M> Drop for Inbox<S, T, M> {
    fn drop(&mut self) {
        if let Some(open) = &self.0 {
            let queue = open.shared.lock().take();
            // Not under the lock: dropping a task may drop a value that submits another.
            drop(queue);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::waker::WakerSource;

    #[test]
    fn a_burst_of_tasks_is_freed() {
        let source = WakerSource::new().unwrap();
        let mut inbox = Inbox::<(), (), ()>::closed();
        let handle = inbox.open(Key { place: 0, generation: 0 }, source.waker());
        let mut room_after = |tasks: usize| {
            (0..tasks).for_each(|_| handle.submit(|_| {}).unwrap());
            let mut turn = inbox.turn().unwrap();
            while inbox.pop(&mut turn).is_some() {}
            drop(turn);
            handle.0.lock().as_ref().map(|queue| queue.tasks.capacity())
        };
        let usual = room_after(600);
        assert!(usual >= Some(600) && usual <= Some(KEPT));
        assert_eq!(room_after(1), usual);
        assert_eq!(room_after(600), usual);
        assert_eq!(room_after(100 * KEPT), Some(KEPT));
    }
}
