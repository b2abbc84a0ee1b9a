//! Work for a reactor, from other threads.

use super::Reactor;
use super::error::SubmitError;
use super::key::Key;
use crate::waker::Waker;
use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
pub struct Handle<S, T, M>(Arc<Shared<S, T, M>>);

struct Shared<S, T, M> {
    /// `None` once the reactor is gone.
    tasks: Mutex<Option<VecDeque<Task<S, T, M>>>>,
    waker: Waker,
}

impl<S, T, M> Shared<S, T, M> {
    fn lock(&self) -> MutexGuard<'_, Option<VecDeque<Task<S, T, M>>>> {
        // No task runs under the lock, so nothing can have been left half done.
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S, T, M> Handle<S, T, M> {
    /// Has `task` run by the reactor's thread, in the wait that is under way or the next one, after what
    /// was submitted before. That wait goes on afterwards: it is not ended by it.
    ///
    /// A task that panics unwinds out of that wait; those after it run in the next one. Tasks that have
    /// not run when the reactor is dropped are dropped.
    ///
    /// # Errors
    /// [`SubmitError`], which hands `task` back, when the reactor is gone.
    pub fn submit<F>(&self, task: F) -> Result<(), SubmitError<F>>
    where
        F: FnOnce(&mut Reactor<S, T, M>) + Send + 'static,
    {
        match &mut *self.0.lock() {
            Some(tasks) => tasks.push_back(Box::new(task)),
            None => return Err(SubmitError(task)),
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

    /// Opens it, for the first handle.
    pub(super) fn open(&mut self, key: Key, waker: Waker) -> Handle<S, T, M> {
        let shared = Arc::new(Shared { tasks: Mutex::new(Some(VecDeque::new())), waker });
        self.0 = Some(Open { key, shared: Arc::clone(&shared) });
        Handle(shared)
    }

    pub(super) fn handle(&self) -> Option<Handle<S, T, M>> {
        self.0.as_ref().map(|open| Handle(Arc::clone(&open.shared)))
    }

    pub(super) fn key(&self) -> Option<Key> {
        self.0.as_ref().map(|open| open.key)
    }

    /// The number of tasks that wait.
    pub(super) fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |open| open.shared.lock().as_ref().map_or(0, VecDeque::len))
    }

    pub(super) fn pop(&mut self) -> Option<Task<S, T, M>> {
        self.0.as_ref()?.shared.lock().as_mut()?.pop_front()
    }
}

/// A task may hold a handle, so nothing but this breaks the circle.
///
/// By having a `Drop`, it also has the compiler see to it that a source that borrows its fd is alive
/// when the reactor is dropped.
impl<S, T, M> Drop for Inbox<S, T, M> {
    fn drop(&mut self) {
        if let Some(open) = &self.0 {
            let tasks = open.shared.lock().take();
            // Not under the lock: a task that is dropped may drop what submits.
            drop(tasks);
        }
    }
}
