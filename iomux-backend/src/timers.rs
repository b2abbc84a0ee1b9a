//! Timers without I/O: a heap, in which a timer that moves to a later time keeps its node until the old time.

use crate::error::Error;
use std::fmt;
use std::time::Instant;

/// A set of timers, each with a value, for deadlines that do not belong to a source of a reactor.
///
/// `Timers` makes no system call and starts no thread. A loop waits until [`next_deadline`](Self::next_deadline), and
/// then takes the expired timers with [`pop_expired`](Self::pop_expired). For the deadline of a source, use
/// [`Reactor::set_deadline`](crate::Reactor::set_deadline).
///
/// Moving a timer to a later time takes constant time, some nanoseconds. The timer stores the new deadline, and the heap
/// checks it when the old deadline has passed. Inserting, removing and moving to an earlier time take logarithmic time.
///
/// # Examples
/// ```
/// use iomux::{Slots, Timeout};
/// use iomux_backend::Timers;
/// use std::time::{Duration, Instant};
///
/// let mut timers = Timers::new();
/// let begin = Instant::now();
/// let retry = timers.insert(begin + Duration::from_millis(1), "retry");
/// timers.insert(begin + Duration::from_millis(2), "report");
/// let removed = timers.insert(begin + Duration::from_millis(3), "give up");
/// timers.remove(removed);
/// timers.reset(retry, begin + Duration::from_millis(4));
///
/// let mut slots = Slots::with_capacity(8);
/// let mut expired = Vec::new();
/// while let Some(deadline) = timers.next_deadline() {
///     slots.wait(deadline)?;
///     let now = Instant::now();
///     while let Some((_key, value)) = timers.pop_expired(now) {
///         expired.push(value);
///     }
/// }
/// assert_eq!(expired, ["report", "retry"]);
/// # Ok::<(), iomux::Error>(())
/// ```
#[derive(Clone)]
pub struct Timers<T> {
    /// A heap: no node has an earlier time than its parent.
    heap: Vec<Node>,
    places: Vec<Place<T>>,
    /// The first place of the list of empty places.
    empty: Option<u32>,
    /// The generation of the next timer. It makes keys unique.
    generation: u64,
}

/// The key of a timer, from [`Timers::insert`]. A key is never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerKey {
    place: u32,
    generation: u64,
}

#[derive(Clone, Copy)]
struct Node {
    /// Not later than the deadline of the timer. Moving the timer to later does not change it.
    time: Instant,
    place: u32,
}

#[derive(Clone)]
enum Place<T> {
    Empty { next: Option<u32> },
    Timer(Timer<T>),
}

#[derive(Clone)]
struct Timer<T> {
    deadline: Instant,
    generation: u64,
    /// The index of the timer's node in the heap.
    node: usize,
    value: T,
}

/// The number of children of a heap node. With four instead of two, a move up or down visits half as many timers. A
/// visit costs more than a comparison.
const CHILDREN: usize = 4;

impl<T> Place<T> {
    fn timer(&self) -> Option<&Timer<T>> {
        match self {
            Self::Timer(timer) => Some(timer),
            Self::Empty { .. } => None,
        }
    }

    fn timer_mut(&mut self) -> Option<&mut Timer<T>> {
        match self {
            Self::Timer(timer) => Some(timer),
            Self::Empty { .. } => None,
        }
    }
}

impl<T> Timers<T> {
    /// Creates an empty set, without an allocation.
    #[must_use]
    pub const fn new() -> Self {
        Self { heap: Vec::new(), places: Vec::new(), empty: None, generation: 0 }
    }

    /// Reserves memory for `additional` more timers, so that inserting them does not allocate.
    ///
    /// # Errors
    /// Returns [`Error::OutOfMemory`] if there is no memory for the timers. The set is then unchanged.
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), Error> {
        let needed = self.len().checked_add(additional).ok_or(Error::OutOfMemory)?;
        if u32::try_from(needed).is_err() {
            return Err(Error::OutOfMemory);
        }
        self.heap.try_reserve(additional).map_err(|_| Error::OutOfMemory)?;
        let places = needed.saturating_sub(self.places.len());
        self.places.try_reserve(places).map_err(|_| Error::OutOfMemory)
    }

    /// Inserts a timer that expires at `deadline`, and returns its key.
    ///
    /// A deadline in the past expires immediately. If there is no memory for the timer, the process aborts, as with
    /// [`Vec::push`]. [`try_reserve`](Self::try_reserve) returns an error instead.
    ///
    /// # Panics
    /// Panics if there are 2^32 timers already.
    pub fn insert(&mut self, deadline: Instant, value: T) -> TimerKey {
        let generation = self.generation;
        self.generation += 1;
        let timer = Place::Timer(Timer { deadline, generation, node: self.heap.len(), value });
        let place = match self.empty {
            Some(place) => {
                let empty = std::mem::replace(&mut self.places[place as usize], timer);
                self.empty = if let Place::Empty { next } = empty { next } else { None };
                place
            }
            None => {
                let place = u32::try_from(self.places.len()).expect("fewer than 2^32 timers");
                self.places.push(timer);
                place
            }
        };
        self.heap.push(Node { time: deadline, place });
        self.move_up(self.heap.len() - 1);
        TimerKey { place, generation }
    }

    /// Changes the deadline of a timer, and returns `true` if the timer exists.
    ///
    /// # Examples
    /// ```
    /// use iomux_backend::Timers;
    /// use std::time::{Duration, Instant};
    ///
    /// let (mut timers, now) = (Timers::new(), Instant::now());
    /// let key = timers.insert(now, ());
    /// assert!(timers.reset(key, now + Duration::from_secs(60)));
    /// assert!(timers.pop_expired(now).is_none());
    /// ```
    #[inline]
    pub fn reset(&mut self, key: TimerKey, deadline: Instant) -> bool {
        let Some(timer) = self.timer_mut(key) else { return false };
        timer.deadline = deadline;
        let node = timer.node;
        if deadline < self.heap[node].time {
            self.heap[node].time = deadline;
            self.move_up(node);
        }
        true
    }

    /// Removes a timer, and returns its value, or `None` if the timer does not exist.
    #[doc(alias = "cancel")]
    pub fn remove(&mut self, key: TimerKey) -> Option<T> {
        let node = self.timer(key)?.node;
        self.take(node)
    }

    /// Returns a time until which no timer expires, or `None` if the set is empty.
    ///
    /// The time may be too early after a timer was moved to a later time, and is never too late. A loop that wakes up too
    /// early finds no expired timer, and then gets the right time.
    #[must_use]
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.heap.first().map(|node| node.time)
    }

    /// Removes the timer with the earliest deadline, and returns its key and value, if it has expired by `now`.
    pub fn pop_expired(&mut self, now: Instant) -> Option<(TimerKey, T)> {
        loop {
            let Node { time, place } = *self.heap.first()?;
            if time > now {
                return None;
            }
            let timer = self.places[place as usize].timer()?;
            let (deadline, generation) = (timer.deadline, timer.generation);
            if deadline == time {
                return self.take(0).map(|value| (TimerKey { place, generation }, value));
            }
            // The timer was moved to later.
            self.heap[0].time = deadline;
            self.move_down(0);
        }
    }

    /// Returns the deadline and the value of a timer, or `None` if the timer does not exist.
    #[must_use]
    pub fn get(&self, key: TimerKey) -> Option<(Instant, &T)> {
        self.timer(key).map(|timer| (timer.deadline, &timer.value))
    }

    /// Returns a mutable reference to the value of a timer, or `None` if the timer does not exist.
    #[must_use]
    pub fn get_mut(&mut self, key: TimerKey) -> Option<&mut T> {
        self.timer_mut(key).map(|timer| &mut timer.value)
    }

    /// Returns the number of timers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Returns `true` if the set has no timers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    fn timer(&self, key: TimerKey) -> Option<&Timer<T>> {
        self.places.get(key.place as usize)?.timer().filter(|timer| timer.generation == key.generation)
    }

    #[inline]
    fn timer_mut(&mut self, key: TimerKey) -> Option<&mut Timer<T>> {
        let timer = self.places.get_mut(key.place as usize)?.timer_mut();
        timer.filter(|timer| timer.generation == key.generation)
    }

    /// Removes the timer at `node` from the heap and from its place.
    fn take(&mut self, node: usize) -> Option<T> {
        let Node { place, .. } = self.heap.swap_remove(node);
        if node < self.heap.len() {
            // The node that was last may belong higher or lower.
            self.move_up(node);
            self.move_down(node);
        }
        let empty = Place::Empty { next: self.empty };
        self.empty = Some(place);
        match std::mem::replace(&mut self.places[place as usize], empty) {
            Place::Timer(timer) => Some(timer.value),
            Place::Empty { .. } => None,
        }
    }

    /// Moves a node up until its parent is not later.
    fn move_up(&mut self, node: usize) {
        let mut node = node;
        while node > 0 && self.heap[node].time < self.heap[(node - 1) / CHILDREN].time {
            self.heap.swap(node, (node - 1) / CHILDREN);
            self.note(node);
            node = (node - 1) / CHILDREN;
        }
        self.note(node);
    }

    /// Moves a node down until its children are not earlier.
    fn move_down(&mut self, node: usize) {
        let mut node = node;
        loop {
            let first = CHILDREN * node + 1;
            let children = first..(first + CHILDREN).min(self.heap.len());
            let Some(child) = children.min_by_key(|child| self.heap[*child].time) else { break };
            if self.heap[child].time >= self.heap[node].time {
                break;
            }
            self.heap.swap(node, child);
            self.note(node);
            node = child;
        }
        self.note(node);
    }

    /// Stores the index of a node in its timer.
    fn note(&mut self, node: usize) {
        let place = self.heap[node].place;
        if let Some(timer) = self.places[place as usize].timer_mut() {
            timer.node = node;
        }
    }
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Timers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut timers = f.debug_struct("Timers");
        timers.field("len", &self.len()).field("next_deadline", &self.next_deadline()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::time::Duration;

    /// Returns a linear congruential generator, which yields the same numbers in every run.
    fn numbers(seed: u64) -> impl FnMut(u64) -> u64 {
        let mut state = seed;
        move |below| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        }
    }

    /// Returns one of the timers, with its value and deadline.
    fn one_of(keys: &BTreeMap<u64, (TimerKey, u64)>, number: u64) -> Option<(u64, (TimerKey, u64))> {
        let found = keys.range(number..).next().or_else(|| keys.iter().next());
        found.map(|(value, timer)| (*value, *timer))
    }

    #[test]
    fn operations_agree_with_sorted_list() {
        let begin = Instant::now();
        let at = |ms: u64| begin + Duration::from_millis(ms);
        let (mut timers, mut number, mut now) = (Timers::new(), numbers(1), 0);
        // The deadline of each timer by its value, and the values in the order of their deadlines.
        let (mut list, mut keys) = (BTreeMap::new(), BTreeMap::new());
        for value in 0..1_000_000 {
            match (number(8), one_of(&keys, number(value + 1))) {
                (0..=2, _) | (_, None) => {
                    let deadline = now + number(1000);
                    keys.insert(value, (timers.insert(at(deadline), value), deadline));
                    list.insert((deadline, value), ());
                }
                (3..=5, Some((value, (key, deadline)))) => {
                    // Mostly to later, like an idle timeout.
                    let later = if number(4) == 0 { now + number(500) } else { deadline + number(300) };
                    assert!(timers.reset(key, at(later)));
                    keys.insert(value, (key, later));
                    list.remove(&(deadline, value));
                    list.insert((later, value), ());
                }
                (6, Some((value, (key, deadline)))) => {
                    assert_eq!(timers.get(key), Some((at(deadline), &value)));
                    assert_eq!(timers.remove(key), Some(value));
                    assert_eq!((timers.remove(key), timers.reset(key, begin)), (None, false));
                    keys.remove(&value);
                    list.remove(&(deadline, value));
                }
                _ => {
                    now += number(8);
                    let first = list.keys().next().map(|(deadline, _)| at(*deadline));
                    assert!(
                        timers.next_deadline() <= first && timers.next_deadline().is_some(),
                        "never late"
                    );
                    while let Some((key, value)) = timers.pop_expired(at(now)) {
                        let (&(deadline, _), ()) = list.iter().next().unwrap();
                        assert!(deadline <= now);
                        assert_eq!(keys.remove(&value), Some((key, deadline)), "the earliest one");
                        list.remove(&(deadline, value));
                    }
                    assert!(
                        list.keys().next().is_none_or(|(deadline, _)| *deadline > now),
                        "all that expired"
                    );
                }
            }
            assert_eq!(timers.len(), list.len());
        }
        assert!(keys.len() > 100, "there was something to agree about: {}", keys.len());
    }

    #[test]
    fn keys_are_not_reused() {
        let now = Instant::now();
        let mut timers = Timers::new();
        let old = timers.insert(now, 'a');
        assert_eq!(timers.pop_expired(now), Some((old, 'a')));
        let new = timers.insert(now, 'b');
        assert_eq!((old.place, timers.get_mut(old)), (new.place, None));
        assert_eq!(timers.remove(old), None);
        assert_eq!(timers.get_mut(new), Some(&mut 'b'));
    }

    #[test]
    fn reserved_inserts_do_not_allocate() {
        let now = Instant::now();
        let mut timers = Timers::new();
        let first = timers.insert(now, 0);
        timers.remove(first);
        timers.try_reserve(100).unwrap();
        let capacity = (timers.heap.capacity(), timers.places.capacity());
        for value in 0..100 {
            timers.insert(now, value);
        }
        assert_eq!((timers.heap.capacity(), timers.places.capacity()), capacity);
        assert_eq!(timers.try_reserve(usize::MAX), Err(Error::OutOfMemory));
        assert_eq!(timers.try_reserve(u32::MAX as usize), Err(Error::OutOfMemory));
    }
}
