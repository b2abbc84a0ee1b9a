//! Work for a reactor, from other threads.

use super::Reactor;
use super::error::SubmitError;
use super::key::Key;
use crate::Native;
use crate::error::Error;
use crate::memory::check_room_for;
use crate::waker::Waker;
use std::collections::VecDeque;
use std::fmt;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The room for tasks that an inbox keeps after more.
const KEPT: usize = 1024;

/// The most that `Queue::reports` can be.
const MOST_REPORTS: u8 = 2;

/// What is submitted.
type Task<S, T, M> = Box<dyn FnOnce(&mut Reactor<S, T, M>) + Send>;

/// The far end of a [`Reactor`], for other threads, whatever its sources are: from
/// [`Reactor::handle`].
///
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
///
/// A handle that is kept for longer than the reactor keeps an fd open, and [`submit`](Self::submit) fails.
/// After fork(2) only one of the two processes may use the reactor's handles: make new ones, of a new
/// reactor, in the other.
pub struct Handle<S, T = (), M = Native<'static>>(Arc<Shared<S, T, M>>);

struct Shared<S, T, M> {
    /// `None` once the reactor is gone.
    queue: Mutex<Option<Queue<S, T, M>>>,
    waker: Waker,
}

struct Queue<S, T, M> {
    tasks: VecDeque<Task<S, T, M>>,
    /// Whether a task is running, which may wait itself: that wait runs none.
    is_running: bool,
    /// How many reports of wakes may still come. Wakes are joined, so two at most: one that was on its way when a task was
    /// submitted, and its own.
    reports: u8,
}

impl<S, T, M> Queue<S, T, M> {
    fn new() -> Self {
        Self { tasks: VecDeque::new(), is_running: false, reports: 0 }
    }
}

impl<S, T, M> Shared<S, T, M> {
    fn lock(&self) -> MutexGuard<'_, Option<Queue<S, T, M>>> {
        // No task runs under the lock, so nothing can have been left half done.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes for the tasks that are there, if any: their wake may have been taken by a wait that did not run them.
    fn wake_for_tasks(&self) {
        let mut queue = self.lock();
        if let Some(queue) = queue.as_mut().filter(|queue| !queue.tasks.is_empty()) {
            queue.reports = MOST_REPORTS;
            self.waker.wake();
        }
    }
}

impl<S, T, M> Handle<S, T, M> {
    /// Has `task` run by the reactor's thread, in the wait that is under way or the next one, after what
    /// was submitted before. That wait goes on afterwards: it is not ended by it.
    ///
    /// A task that panics unwinds out of that wait; those after it run in the next one. Tasks that have
    /// not run when the reactor is dropped are dropped. A wait inside a task runs no other task.
    ///
    /// A thread that submits faster than the reactor runs is not held back: there is no limit but memory. It takes a
    /// lock and allocates, so it is not for a signal handler; a [`Waker`] is.
    ///
    /// To end a wait that has no end, a task wakes a waker of the reactor: that is an event.
    ///
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
    ///
    /// # Errors
    /// Returns [`SubmitError`], which hands `task` back, if the reactor is gone or there is no memory for the task.
    pub fn submit<F>(&self, task: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce(&mut Reactor<S, T, M>) + Send + 'static,
    {
        self.push(task, |task| task)
    }

    /// Submits `task` as [`submit`](Self::submit), and returns where its result will arrive.
    ///
    /// [`recv`](Receiver::recv) waits for the result; it fails if the task panics, or if the reactor is dropped before it
    /// has run. On the reactor's own thread it would wait forever: use `try_recv` there.
    ///
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
    ///
    /// # Errors
    /// Returns [`SubmitError`], which hands `task` back, if the reactor is gone or there is no memory for the task. (The channel
    /// for the result is std's: without memory for that, the process ends.)
    pub fn submit_with_result<F, R>(&self, task: F) -> Result<Receiver<R>, SubmitError<F>>
    where
        F: FnOnce(&mut Reactor<S, T, M>) -> R + Send + 'static,
        R: Send + 'static,
    {
        let (sender, receiver) = mpsc::channel();
        self.push(task, |task| {
            move |reactor: &mut Reactor<S, T, M>| {
                // The receiver may be gone.
                let _ = sender.send(task(reactor));
            }
        })?;
        Ok(receiver)
    }

    /// Puts what `wrap` makes of a task into the queue, and wakes the reactor.
    fn push<F, W>(&self, task: F, wrap: impl FnOnce(F) -> W) -> Result<(), SubmitError<F>>
    where
        W: FnOnce(&mut Reactor<S, T, M>) + Send + 'static,
    {
        match &mut *self.0.lock() {
            Some(queue) => {
                // The task last: what is checked for must not be taken by the queue.
                if queue.tasks.try_reserve(1).is_err() || check_room_for::<W>().is_err() {
                    return Err(SubmitError { task, is_out_of_memory: true });
                }
                queue.tasks.push_back(Box::new(wrap(task)));
                queue.reports = MOST_REPORTS;
            }
            None => return Err(SubmitError { task, is_out_of_memory: false }),
        }
        self.0.waker.wake();
        Ok(())
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

/// The reactor's end of its handles, if it has any.
pub(super) struct Inbox<S, T, M>(Option<Open<S, T, M>>);

struct Open<S, T, M> {
    /// What a wake of the handles is reported with.
    key: Key,
    shared: Arc<Shared<S, T, M>>,
}

impl<S, T, M> Inbox<S, T, M> {
    pub(super) fn closed() -> Self {
        Self(None)
    }

    /// Returns an error if there is no memory to open it.
    pub(super) fn check_room() -> Result<(), Error> {
        check_room_for::<Shared<S, T, M>>()
    }

    /// Opens it, for the first handle.
    pub(super) fn open(&mut self, key: Key, waker: Waker) -> Handle<S, T, M> {
        let shared = Arc::new(Shared { queue: Mutex::new(Some(Queue::new())), waker });
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

    /// Takes down that a wake was reported. `false` if there was none: it is of what was registered with the
    /// multiplexer before the reactor had it, under the same token.
    pub(super) fn was_woken(&self) -> bool {
        let Some(open) = &self.0 else { return false };
        let mut queue = open.shared.lock();
        let Some(queue) = &mut *queue else { return false };
        let was_woken = queue.reports > 0;
        queue.reports -= u8::from(was_woken);
        was_woken
    }

    /// Returns `true` if there are tasks to run.
    pub(super) fn has_tasks(&self) -> bool {
        let Some(open) = &self.0 else { return false };
        let queue = open.shared.lock();
        queue.as_ref().is_some_and(|queue| !queue.is_running && !queue.tasks.is_empty())
    }

    /// Begins to run the tasks that are there, unless there are none or one is running.
    pub(super) fn turn(&self) -> Option<Turn<S, T, M>> {
        let shared = &self.0.as_ref()?.shared;
        let mut queue = shared.lock();
        let queue = queue.as_mut().filter(|queue| !queue.is_running && !queue.tasks.is_empty())?;
        queue.is_running = true;
        Some(Turn { shared: Arc::clone(shared), left: queue.tasks.len() })
    }

    /// The next task of `turn`, if there is one. Once a task has put another reactor in place, there is none:
    /// that one has its own turn.
    pub(super) fn pop(&mut self, turn: &mut Turn<S, T, M>) -> Option<Task<S, T, M>> {
        let shared = &self.0.as_ref()?.shared;
        if !Arc::ptr_eq(shared, &turn.shared) {
            shared.wake_for_tasks();
            return None;
        }
        turn.left = turn.left.checked_sub(1)?;
        shared.lock().as_mut()?.tasks.pop_front()
    }
}

/// The time while tasks run. It ends when this is dropped, also because one of them has panicked.
///
/// It has the queue itself: a task may have moved the reactor elsewhere.
pub(super) struct Turn<S, T, M> {
    shared: Arc<Shared<S, T, M>>,
    /// How many of the tasks that were there when it began have not been run.
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
            // Their wake may have been taken by a task that waited.
            queue.reports = MOST_REPORTS;
            self.shared.waker.wake();
        }
    }
}

/// A task may hold a handle, so nothing but this breaks the circle.
///
/// By having a `Drop`, it also has the compiler see to it that a source that borrows its fd is alive
/// when the reactor is dropped.
impl<S, T, M> Drop for Inbox<S, T, M> {
    fn drop(&mut self) {
        if let Some(open) = &self.0 {
            let queue = open.shared.lock().take();
            // Not under the lock: a task that is dropped may drop what submits.
            drop(queue);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::waker::WakerSource;

    #[test]
    fn a_burst_leaves_no_memory_behind_and_what_is_usual_keeps_its_own() {
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
