//! The wakers of an epoll: a list that only grows, and that every thread reads without a lock.
//!
//! A lock would not do: a fork(2) while another thread holds it would leave the child a lock that nobody unlocks.

use crate::event::{Events, Token};
use crate::waker::WakerSource;
use core::ptr;
use core::sync::atomic::{AtomicPtr, Ordering};

/// A list of nodes that are added at its front and freed with it.
#[derive(Debug)]
pub(super) struct Wakers {
    /// Null, or a node of `Box::into_raw`, which stays until this is dropped.
    first: AtomicPtr<Node>,
}

#[derive(Debug)]
struct Node {
    token: Token,
    source: WakerSource,
    /// As `Wakers::first`, and never changed once the node is in the list.
    next: *mut Node,
}

impl Wakers {
    pub(super) const fn new() -> Self {
        Self { first: AtomicPtr::new(ptr::null_mut()) }
    }

    pub(super) fn push(&self, token: Token, source: WakerSource) {
        let node = Box::into_raw(Box::new(Node { token, source, next: ptr::null_mut() }));
        let add = |first| {
            // SAFETY: no other thread knows the node yet.
            unsafe { (*node).next = first };
            Some(node)
        };
        // Release: a thread that finds the node finds what is in it.
        let _ = self.first.fetch_update(Ordering::Release, Ordering::Relaxed, add);
    }

    /// Notes the wakes among `events`, so that the next wake writes again.
    #[inline]
    pub(super) fn note(&self, events: &Events) {
        let first = self.first.load(Ordering::Acquire);
        // SAFETY: null, or a node of this list, which lives as long as the list that is borrowed here.
        if let Some(first) = unsafe { first.as_ref() } {
            first.note(events);
        }
    }
}

impl Node {
    #[inline(never)]
    fn note(&self, events: &Events) {
        let mut node = self;
        loop {
            // An idle waker costs no look at the events. A source with the same token costs the next wake a write
            // that was not needed, and no more.
            if node.source.is_pending() && events.iter().any(|event| event.token() == node.token) {
                node.source.take_note();
            }
            // SAFETY: null, or the node that was first when this one was added; the list frees both together.
            match unsafe { node.next.as_ref() } {
                Some(next) => node = next,
                None => return,
            }
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
            let mut tokens: Vec<usize> = nodes.map(|node| node.token.0).collect();
            tokens.sort_unstable();
            assert!(tokens.into_iter().eq(0..THREADS * EACH));
        }
    }
}
