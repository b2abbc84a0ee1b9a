//! The wakers of an epoll: a list that only grows, and that every thread reads without a lock.
//!
//! A lock would not do: a fork(2) while another thread holds it would leave the child a lock that no thread unlocks.

use crate::error::Error;
use crate::event::{Events, Token};
use crate::memory::check_room_for;
use crate::waker::{Waker, WakerSource};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};
use std::os::fd::{AsFd, AsRawFd, RawFd};

/// How many wakers are searched for among the events as they are, before these are sorted: so many wakers cost no more
/// than their number.
const UNSORTED_SEARCHES: usize = 8;

/// A list of nodes that are added at its front and freed with it.
#[derive(Debug)]
pub(super) struct Wakers {
    /// Null, or a node of `Box::into_raw`, which stays until this is dropped.
    first: AtomicPtr<Node>,
}

#[derive(Debug)]
struct Node {
    token: AtomicUsize,
    source: WakerSource,
    /// Whether a thread is giving the source to a new waker.
    is_claimed: AtomicBool,
    /// As `Wakers::first`, and never changed once the node is in the list.
    next: *mut Node,
}

impl Wakers {
    pub(super) const fn new() -> Self {
        Self { first: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Returns an error if there is no memory for one more.
    pub(super) fn check_room() -> Result<(), Error> {
        check_room_for::<Node>()
    }

    /// Adds a source. There must have been [room](Self::check_room) for it.
    pub(super) fn push(&self, token: Token, source: WakerSource) {
        let (token, is_claimed) = (AtomicUsize::new(token.0), AtomicBool::new(false));
        let node = Box::into_raw(Box::new(Node { token, source, is_claimed, next: ptr::null_mut() }));
        let add = |first| {
            // SAFETY: no other thread knows the node yet.
            unsafe { (*node).next = first };
            Some(node)
        };
        // Release: a thread that finds the node finds what is in it.
        let _ = self.first.fetch_update(Ordering::Release, Ordering::Relaxed, add);
    }

    /// Gives a source whose wakers were all dropped to a new waker, after `modify` has registered its fd with the
    /// new token. Returns `None` if there is no such source.
    pub(super) fn reuse(
        &self,
        token: Token,
        modify: impl Fn(RawFd) -> Result<(), Error>,
    ) -> Option<Result<Waker, Error>> {
        let mut next = self.first.load(Ordering::Acquire);
        // SAFETY: null, or a node of this list, which lives as long as the list that is borrowed here.
        while let Some(node) = unsafe { next.as_ref() } {
            if node.source.is_orphaned() && !node.is_claimed.swap(true, Ordering::Acquire) {
                let reused = node.source.is_orphaned().then(|| {
                    // By the edge it was never read, and a modify would report it again.
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

    /// Notes the wakes among `events`, so that the next wake writes again.
    #[inline]
    pub(super) fn note(&self, events: &mut Events) {
        let first = self.first.load(Ordering::Acquire);
        // SAFETY: null, or a node of this list, which lives as long as the list that is borrowed here.
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
            // An idle waker costs no look at the events. A source with the same token costs the next wake a write
            // that was not needed, and no more.
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
            // SAFETY: null, or the node that was first when this one was added; the list frees both together.
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
            // SAFETY: a node of `push`, and nothing borrows the list any more.
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
    fn what_threads_push_at_once_is_all_in_the_list() {
        const THREADS: usize = 2;
        const EACH: usize = 64;
        for _ in 0..500 {
            let (wakers, ready) = (Wakers::new(), AtomicUsize::new(0));
            let push = |number: usize| {
                let sources: Vec<_> = (0..EACH).map(|_| WakerSource::new().unwrap()).collect();
                // Together: from a barrier they would come one after the other.
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
