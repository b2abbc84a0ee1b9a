//! Timers without I/O: a heap of times, in which a timer that is moved to later keeps its place until it comes up.

use crate::error::Error;
use std::fmt;
use std::time::Instant;

/// A set of timers, each with a value: for everything in a program that is timed and is not a source of a reactor.
///
/// It makes no system call and starts nothing by itself. A loop waits until [`next_deadline`](Self::next_deadline), and
/// then takes what has expired with [`pop_expired`](Self::pop_expired).
///
/// Moving a timer to later takes constant time, some nanoseconds: the new time is noted, and looked at once the
/// old one has come up. Inserting, removing and moving to earlier take logarithmic time.
///
/// A source's own deadline is [`Reactor::set_deadline`](crate::Reactor::set_deadline).
///
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
/// timers.reset(retry, begin + Duration::from_millis(4)); // there was an answer meanwhile
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
    /// A heap: no time is before that of its parent.
    heap: Vec<Node>,
    places: Vec<Place<T>>,
    /// The place that is taken next, of those that are empty.
    empty: Option<u32>,
    /// Of the next timer: no key is used twice.
    generation: u64,
}

/// The name of a timer in its [`Timers`], from [`insert`](Timers::insert). It is never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TimerKey {
    place: u32,
    generation: u64,
}

#[derive(Clone, Copy)]
struct Node {
    /// Not after the deadline of its timer: a timer that is moved to later leaves this as it is.
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
    /// The index of its node in the heap.
    node: usize,
    value: T,
}

/// How many children a node of the heap has: with four a move up or down visits half as many timers as with two, and to
/// visit a timer costs more than to compare.
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
    /// Creates an empty set. It allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { heap: Vec::new(), places: Vec::new(), empty: None, generation: 0 }
    }

    /// Reserves memory for `additional` timers more, which are then inserted without an allocation.
    ///
    /// # Errors
    /// Returns [`Error::OutOfMemory`] if there is no memory for them. Nothing has changed then.
    pub fn try_reserve(&mut self, additional: usize) -> Result<(), Error> {
        let needed = self.len().checked_add(additional).ok_or(Error::OutOfMemory)?;
        if u32::try_from(needed).is_err() {
            return Err(Error::OutOfMemory);
        }
        self.heap.try_reserve(additional).map_err(|_| Error::OutOfMemory)?;
        let places = needed.saturating_sub(self.places.len());
        self.places.try_reserve(places).map_err(|_| Error::OutOfMemory)
    }

    /// Inserts a timer that expires at `deadline`, and returns its key. A time that has passed expires immediately.
    ///
    /// # Panics
    /// Panics if there are 2^32 timers already. Without memory for one more it ends as [`Vec::push`] does;
    /// [`try_reserve`](Self::try_reserve) returns an error instead.
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

    /// Moves a timer to another time, and returns `true` if there is one under `key`.
    ///
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

    /// Removes a timer, and returns its value. `None` if there is none under `key`.
    #[doc(alias = "cancel")]
    pub fn remove(&mut self, key: TimerKey) -> Option<T> {
        let node = self.timer(key)?.node;
        self.take(node)
    }

    /// Returns a time until which nothing expires, or `None` if there is no timer.
    ///
    /// It is early where a timer was moved to later, and never late: a loop that wakes up then finds nothing expired,
    /// and is given the right time.
    #[must_use]
    #[inline]
    pub fn next_deadline(&self) -> Option<Instant> {
        self.heap.first().map(|node| node.time)
    }

    /// Takes the timer whose deadline passed first, if one has passed by `now`.
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
            // It was moved to later meanwhile.
            self.heap[0].time = deadline;
            self.move_down(0);
        }
    }

    /// Returns the value of a timer, and its deadline. `None` if there is none under `key`.
    #[must_use]
    pub fn get(&self, key: TimerKey) -> Option<(Instant, &T)> {
        self.timer(key).map(|timer| (timer.deadline, &timer.value))
    }

    /// Returns the value of a timer, to be changed. `None` if there is none under `key`.
    #[must_use]
    pub fn get_mut(&mut self, key: TimerKey) -> Option<&mut T> {
        self.timer_mut(key).map(|timer| &mut timer.value)
    }

    /// Returns the number of timers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Returns `true` if there is no timer.
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

    /// Takes the timer at `node` out of the heap and out of its place.
    fn take(&mut self, node: usize) -> Option<T> {
        let Node { place, .. } = self.heap.swap_remove(node);
        if node < self.heap.len() {
            // What was last may belong above or below here.
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

    /// Moves a node up to where its parent is not later.
    fn move_up(&mut self, node: usize) {
        let mut node = node;
        while node > 0 && self.heap[node].time < self.heap[(node - 1) / CHILDREN].time {
            self.heap.swap(node, (node - 1) / CHILDREN);
            self.note(node);
            node = (node - 1) / CHILDREN;
        }
        self.note(node);
    }

    /// Moves a node down to where its children are not earlier.
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

    /// Notes with a timer where its node is.
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

    /// The numbers of a linear congruence: the same in every run.
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
    fn a_million_operations_agree_with_a_sorted_list() {
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
                    // To later as a rule, as an idle timeout is.
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
    fn a_key_is_not_used_again() {
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
    fn what_was_reserved_is_inserted_without_an_allocation() {
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
