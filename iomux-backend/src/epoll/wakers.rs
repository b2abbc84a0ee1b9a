//! The wakers of an epoll: a list that only grows, and that threads read without a lock.
//!
//! A lock does not work here. If one thread calls fork(2) while another holds the lock, the child's copy stays locked.

use crate::error::Error;
use crate::event::{Events, Token};
use crate::memory::check_room_for;
use crate::waker::{Waker, WakerSource};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::os::fd::{AsFd, AsRawFd, RawFd};

/// The number of pending wakers that are searched for in the unsorted events. For more of them, the events are sorted,
/// so that the cost stays below wakers times events.
const UNSORTED_SEARCHES: usize = 8;

/// A list of nodes that are added at the front and freed with the list.
#[derive(Debug)]
pub(super) struct Wakers {
    /// Null, or a node of `Box::into_raw`, which lives until the list is dropped.
    first: AtomicPtr<Node>,
}

#[derive(Debug)]
struct Node {
    token: AtomicUsize,
    source: WakerSource,
    /// `true` while a thread gives the source to a new waker.
    is_claimed: AtomicBool,
    /// Like `Wakers::first`, and constant once the node is in the list.
    next: *mut Node,
}

impl Wakers {
    pub(super) const fn new() -> Self {
        Self { first: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Returns [`Error::OutOfMemory`] if there is no memory for another node.
    pub(super) fn check_room() -> Result<(), Error> {
        check_room_for::<Node>()
    }

    /// Adds a source. Call [`check_room`](Self::check_room) first.
    pub(super) fn push(&self, token: Token, source: WakerSource) {
        let (token, is_claimed) = (AtomicUsize::new(token.0), AtomicBool::new(false));
        let node = Box::into_raw(Box::new(Node { token, source, is_claimed, next: ptr::null_mut() }));
        let add = |first| {
            // SAFETY: no other thread has a pointer to the node yet.
            unsafe { (*node).next = first };
            Some(node)
        };
        // Release: a thread that reads the pointer sees the contents of the node.
        let _ = self.first.fetch_update(Ordering::Release, Ordering::Relaxed, add);
    }

    /// Creates a waker of a source whose wakers were all dropped, or returns `None` if there is no such source.
    ///
    /// `modify` changes the token of the source's registration.
    pub(super) fn reuse(
        &self,
        token: Token,
        modify: impl Fn(RawFd) -> Result<(), Error>,
    ) -> Option<Result<Waker, Error>> {
        let mut next = self.first.load(Ordering::Acquire);
        // SAFETY: null, or a node of this list, which is borrowed here and owns its nodes.
        while let Some(node) = unsafe { next.as_ref() } {
            if node.source.is_orphaned() && !node.is_claimed.swap(true, Ordering::Acquire) {
                let reused = node.source.is_orphaned().then(|| {
                    // Edge-triggered, it was never read, so the modify would report the old wakes.
                    node.source.drain();
                    modify(node.source.as_fd().as_raw_fd()).map(|()| {
                        node.token.store(token.0, Ordering::Relaxed);
                        node.source.waker()
                    })
                });
                node.is_claimed.store(false, Ordering::Release);
                if reused.is_some() {
                    return reused;
                }
            }
            next = node.next;
        }
        None
    }

    /// Clears the flags of the wakers that `events` reports, so that the next wake writes again.
    #[inline]
    pub(super) fn note(&self, events: &mut Events) {
        let first = self.first.load(Ordering::Acquire);
        // SAFETY: null, or a node of this list, which is borrowed here and owns its nodes.
        if let Some(first) = unsafe { first.as_ref() } {
            first.note(events);
        }
    }
}

impl Node {
    #[inline(never)]
    fn note(&self, events: &mut Events) {
        let (mut node, mut searches_left) = (self, UNSORTED_SEARCHES);
        loop {
            // An idle waker needs no search. If a source has the same token, the flag is cleared too early, and the
            // next wake makes one needless write.
            if node.source.is_pending() {
                if searches_left == 0 {
                    return node.note_in_sorted(events);
                }
                searches_left -= 1;
                let token = Token(node.token.load(Ordering::Relaxed));
                if events.iter().any(|event| event.token() == token) {
                    node.source.take_note();
                }
            }
            // SAFETY: null, or the node that was first when this one was added, and the list frees all nodes together.
            match unsafe { node.next.as_ref() } {
                Some(next) => node = next,
                None => return,
            }
        }
    }
}

impl Node {
    /// Continues [`note`](Self::note) with the events sorted.
    #[cold]
    fn note_in_sorted(&self, events: &mut Events) {
        events.sort_by_token();
        let mut next = Some(self);
        while let Some(node) = next {
            if node.source.is_pending() && events.has_sorted(Token(node.token.load(Ordering::Relaxed))) {
                node.source.take_note();
            }
            // SAFETY: as in `note`.
            next = unsafe { node.next.as_ref() };
        }
    }
}

impl Drop for Wakers {
    fn drop(&mut self) {
        let mut next = *self.first.get_mut();
        while !next.is_null() {
            // SAFETY: `push` created the node, and the list is no longer borrowed.
            let node = unsafe { Box::from_raw(next) };
            next = node.next;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use core::sync::atomic::AtomicUsize;
    use std::thread;

    #[test]
    fn concurrent_pushes_are_all_kept() {
        const THREADS: usize = 2;
        const EACH: usize = 64;
        for _ in 0..500 {
            let (wakers, ready) = (Wakers::new(), AtomicUsize::new(0));
            let push = |number: usize| {
                let sources: Vec<_> = (0..EACH).map(|_| WakerSource::new().unwrap()).collect();
                // Spinning starts the threads together. A barrier would release them one after the other.
                ready.fetch_add(1, Ordering::AcqRel);
                while ready.load(Ordering::Acquire) < THREADS {
                    thread::yield_now();
                }
                for (index, source) in sources.into_iter().enumerate() {
                    wakers.push(Token(number * EACH + index), source);
                }
            };
            thread::scope(|scope| {
                let push = &push;
                (0..THREADS).for_each(|number| drop(scope.spawn(move || push(number))));
            });
            let mut next = wakers.first.load(Ordering::Acquire);
            // SAFETY: null, or a node of the list.
            let nodes = std::iter::from_fn(|| unsafe { next.as_ref() }.inspect(|node| next = node.next));
            let mut tokens: Vec<usize> = nodes.map(|node| node.token.load(Ordering::Relaxed)).collect();
            tokens.sort_unstable();
            assert!(tokens.into_iter().eq(0..THREADS * EACH));
        }
    }
}
