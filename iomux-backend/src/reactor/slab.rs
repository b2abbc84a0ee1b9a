//! A slab: values in numbered places. Each value that reuses a place gets another key.

use super::key::Key;
use crate::error::Error;
use std::mem;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};

/// How many blocks of generations the slabs have taken. It is an atomic, since fork(2) could leave a lock locked in the child.
static BLOCKS: AtomicUsize = AtomicUsize::new(0);

/// The number of generations per block. With this size, the atomic is rarely used, and 32 bits suffice for the blocks.
const BLOCK: u64 = 1 << 20;

/// The number of places per chunk.
const CHUNK: usize = 64;

#[derive(Debug)]
pub(super) struct Slab<V> {
    places: Vec<Place<V>>,
    /// How many places of each chunk are occupied, so that an iteration skips empty chunks.
    occupied: Vec<u8>,
    /// The empty place that the next value gets.
    empty: Option<usize>,
    len: usize,
    /// The generations of the next values, unique among all slabs. At one per nanosecond they last for 584 years.
    generations: Range<u64>,
}

#[derive(Debug)]
enum Place<V> {
    Empty { next: Option<usize> },
    Occupied { generation: u64, value: V },
}

impl<V> Place<V> {
    #[inline]
    fn value_of(&mut self, key: Key) -> Option<&mut V> {
        match self {
            Self::Occupied { generation, value } if *generation == key.generation => Some(value),
            _ => None,
        }
    }
}

impl<V> Slab<V> {
    pub(super) fn new() -> Self {
        Self { places: Vec::new(), occupied: Vec::new(), empty: None, len: 0, generations: 0..0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns a generation above those of all values, and at most that of the next value.
    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.generations.start
    }

    /// Returns the number of places.
    pub(super) fn places(&self) -> usize {
        self.places.len()
    }

    /// Returns `true` if there is an empty place.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.empty.is_some()
    }

    /// Adds an empty place.
    pub(super) fn grow(&mut self) -> Result<(), Error> {
        let place = self.places.len();
        // Users of a slab store places, and numbers of places, in 32 bits.
        if place >= u32::MAX as usize - 1 {
            return Err(Error::OutOfMemory);
        }
        let reserved = self.places.try_reserve(1).and_then(|()| self.occupied.try_reserve(1));
        reserved.map_err(|_| Error::OutOfMemory)?;
        self.places.push(Place::Empty { next: self.empty });
        self.occupied.resize(self.places.len().div_ceil(CHUNK), 0);
        self.empty = Some(place);
        Ok(())
    }

    /// Returns a key for the next value, and never the same again. If there is no empty place, nothing will be found under it.
    #[inline]
    pub(super) fn next_key(&mut self) -> Key {
        Key { place: self.empty.unwrap_or(self.places.len()), generation: self.next_generation() }
    }

    /// Inserts a value under the last key that [`next_key`](Self::next_key) has returned.
    ///
    /// # Panics
    /// Panics if there is no empty place.
    #[inline]
    pub(super) fn insert(&mut self, key: Key, value: V) {
        let Key { place, generation } = key;
        let empty = &mut self.places[place];
        let Place::Empty { next } = *empty else { unreachable!("it is the empty place") };
        *empty = Place::Occupied { generation, value };
        self.empty = next;
        self.occupied[place / CHUNK] += 1;
        self.len += 1;
    }

    #[inline]
    fn next_generation(&mut self) -> u64 {
        if self.generations.is_empty() {
            let block = BLOCKS.fetch_add(1, Ordering::Relaxed) as u64;
            self.generations = block * BLOCK..(block + 1) * BLOCK;
        }
        self.generations.start += 1;
        self.generations.start - 1
    }

    #[inline]
    pub(super) fn remove(&mut self, key: Key) -> Option<V> {
        let place = self.places.get_mut(key.place)?;
        place.value_of(key)?;
        let Place::Occupied { value, .. } = mem::replace(place, Place::Empty { next: self.empty }) else {
            return None;
        };
        self.empty = Some(key.place);
        self.occupied[key.place / CHUNK] -= 1;
        self.len -= 1;
        Some(value)
    }

    #[inline]
    pub(super) fn get(&self, key: Key) -> Option<&V> {
        self.at(key.place).filter(|(found, _)| *found == key).map(|(_, value)| value)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, key: Key) -> Option<&mut V> {
        self.places.get_mut(key.place)?.value_of(key)
    }

    /// Returns the values of two different keys.
    pub(super) fn get_pair_mut(&mut self, first: Key, second: Key) -> Option<(&mut V, &mut V)> {
        if first.place > second.place {
            return self.get_pair_mut(second, first).map(|(second, first)| (first, second));
        }
        let (before, from) = self.places.split_at_mut_checked(second.place)?;
        Some((before.get_mut(first.place)?.value_of(first)?, from.first_mut()?.value_of(second)?))
    }

    /// Returns the value in a place, with its key.
    #[inline]
    pub(super) fn at(&self, place: usize) -> Option<(Key, &V)> {
        match self.places.get(place)? {
            Place::Occupied { generation, value } => Some((Key { place, generation: *generation }, value)),
            Place::Empty { .. } => None,
        }
    }

    /// Returns the value in a place mutably.
    #[inline]
    pub(super) fn at_mut(&mut self, place: usize) -> Option<&mut V> {
        match self.places.get_mut(place)? {
            Place::Occupied { value, .. } => Some(value),
            Place::Empty { .. } => None,
        }
    }

    /// Returns the first key at `place` or after it, to continue an iteration during which values are removed.
    pub(super) fn first_from(&self, place: usize) -> Option<Key> {
        let mut place = place;
        while place < self.places.len() {
            if self.occupied[place / CHUNK] == 0 {
                place = (place / CHUNK + 1) * CHUNK;
            } else if let Some((key, _)) = self.at(place) {
                return Some(key);
            } else {
                place += 1;
            }
        }
        None
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Key, &V)> {
        let keys = std::iter::successors(self.first_from(0), |key| self.first_from(key.place + 1));
        keys.filter_map(|key| self.at(key.place))
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut V)> {
        let chunks = self.places.chunks_mut(CHUNK).zip(&self.occupied).enumerate();
        let chunks = chunks.filter(|(_, (_, occupied))| **occupied > 0);
        let places = chunks.flat_map(|(chunk, (places, _))| (chunk * CHUNK..).zip(places));
        places.filter_map(|(place, found)| match found {
            Place::Occupied { generation, value } => Some((Key { place, generation: *generation }, value)),
            Place::Empty { .. } => None,
        })
    }

    /// Frees memory without moving a value to another place.
    pub(super) fn shrink_to_fit(&mut self) {
        let places = self.places.iter().rposition(|place| matches!(place, Place::Occupied { .. }));
        self.places.truncate(places.map_or(0, |last| last + 1));
        self.places.shrink_to_fit();
        self.occupied.truncate(self.places.len().div_ceil(CHUNK));
        self.occupied.shrink_to_fit();
        self.empty = None;
        for (place, found) in self.places.iter_mut().enumerate().rev() {
            if let Place::Empty { next } = found {
                *next = self.empty.replace(place);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes room for a value, and inserts it.
    fn insert<V>(slab: &mut Slab<V>, value: V) -> Key {
        if !slab.has_room() {
            slab.grow().unwrap();
        }
        let key = slab.next_key();
        slab.insert(key, value);
        key
    }

    #[test]
    fn the_last_empty_place_is_reused_first() {
        let mut slab = Slab::new();
        let keys: Vec<_> = (0..4).map(|value| insert(&mut slab, value)).collect();
        assert_eq!(slab.remove(keys[1]), Some(1));
        assert_eq!(slab.remove(keys[2]), Some(2));
        assert_eq!(insert(&mut slab, 5).place, 2);
        assert_eq!(insert(&mut slab, 6).place, 1);
        assert_eq!(insert(&mut slab, 7).place, 4);
        assert_eq!(slab.iter().map(|(_, value)| *value).collect::<Vec<_>>(), [0, 6, 5, 3, 7]);
        assert_eq!(slab.iter_mut().count(), slab.len());
    }

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut slab = Slab::new();
        let old = insert(&mut slab, 'a');
        assert_eq!(slab.remove(old), Some('a'));
        assert_eq!(slab.remove(old), None);
        let new = insert(&mut slab, 'b');
        assert_eq!(new.place, old.place);
        assert_eq!(slab.get(old), None);
        assert_eq!(slab.get_mut(old), None);
        assert_eq!(slab.remove(old), None);
        assert_eq!(slab.get(new), Some(&'b'));
        assert_eq!(slab.len(), 1);
    }

    #[test]
    fn a_key_of_another_slab_finds_nothing() {
        let (mut first, mut second) = (Slab::new(), Slab::new());
        let keys = [insert(&mut first, 1), insert(&mut second, 2)];
        assert_eq!(keys[0].place, keys[1].place);
        assert_eq!((first.get(keys[1]), second.get(keys[0])), (None, None));
        // Each uses up its block, and takes another.
        for _ in 0..2 {
            first.generations.start = first.generations.end;
            second.generations.start = second.generations.end;
            let (one, two) = (insert(&mut first, 3), insert(&mut second, 4));
            assert!(one.generation > keys[0].generation && two.generation > keys[1].generation);
            assert_ne!(one, two);
        }
    }

    #[test]
    fn insert_with_room_allocates_nothing() {
        let mut slab = Slab::new();
        for value in 0..100 {
            slab.grow().unwrap();
            assert!(slab.has_room());
            let (key, capacity) = (slab.next_key(), slab.places.capacity());
            slab.insert(key, value);
            assert_eq!((slab.places.capacity(), slab.get(key)), (capacity, Some(&value)));
            assert!(!slab.has_room());
        }
    }

    #[test]
    fn a_pair_needs_two_different_keys() {
        let mut slab = Slab::new();
        let keys: Vec<_> = (0..4).map(|value| insert(&mut slab, value)).collect();
        assert_eq!(slab.get_pair_mut(keys[0], keys[2]), Some((&mut 0, &mut 2)));
        assert_eq!(slab.get_pair_mut(keys[3], keys[1]), Some((&mut 3, &mut 1)));
        assert_eq!(slab.get_pair_mut(keys[1], keys[1]), None);
        slab.remove(keys[3]);
        slab.remove(keys[0]);
        insert(&mut slab, 5);
        for gone in [keys[0], keys[3], Key { place: 4, ..keys[3] }, Key { place: 5, ..keys[3] }] {
            assert_eq!(slab.get_pair_mut(gone, keys[1]), None);
            assert_eq!(slab.get_pair_mut(keys[1], gone), None);
        }
    }

    #[test]
    fn iteration_continues_after_a_removal() {
        let mut slab = Slab::new();
        let keys: Vec<_> = (0..3).map(|value| insert(&mut slab, value)).collect();
        slab.remove(keys[0]);
        slab.remove(keys[1]);
        assert_eq!(slab.first_from(0), Some(keys[2]));
        assert_eq!(slab.first_from(3), None);
    }

    #[test]
    fn iterators_agree_with_a_model() {
        let (mut slab, mut expected) = (Slab::new(), std::collections::BTreeMap::new());
        let mut number = 1_u64;
        for round in 0..4_000 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // More come than go, then more go than come.
            if (number >> 62 == 0) != (round < 1_000) {
                let key = insert(&mut slab, round);
                expected.insert(key.place, (key, round));
            } else if let Some((_, (key, value))) = expected.pop_last() {
                assert_eq!(slab.remove(key), Some(value));
            }
            if number >> 56 == 0 {
                slab.shrink_to_fit();
                let last = expected.last_key_value().map_or(0, |(place, _)| place + 1);
                assert_eq!(slab.places.len(), last);
            }
            assert!(slab.iter().map(|(key, value)| (key, *value)).eq(expected.values().copied()));
            assert!(slab.iter_mut().map(|(key, value)| (key, *value)).eq(expected.values().copied()));
        }
    }

    #[test]
    fn iteration_skips_empty_chunks() {
        let mut slab = Slab::new();
        let keys: Vec<_> = (0..100 * CHUNK).map(|value| insert(&mut slab, value)).collect();
        let last = keys[keys.len() - 1];
        keys.iter().filter(|key| **key != last).for_each(|key| assert!(slab.remove(*key).is_some()));
        // Poisoned: an iteration that does not skip an empty chunk would find these.
        slab.places[..99 * CHUNK].fill_with(|| Place::Occupied { generation: 0, value: 0 });
        assert!(slab.iter().map(|(key, _)| key).eq([last]));
        assert!(slab.iter_mut().map(|(key, _)| key).eq([last]));
        assert_eq!(slab.first_from(0), Some(last));
    }

    #[test]
    fn the_generation_is_above_all_values() {
        let mut slab = Slab::new();
        let before = insert(&mut slab, ());
        let now = slab.generation();
        slab.remove(before);
        let after = insert(&mut slab, ());
        assert!(before.generation < now && after.generation >= now);
        assert_eq!(before.place, after.place);
    }
}
