//! How much may go on at once, in all and for each asker.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// A bounded number of places, of which each asker takes a bounded share.
#[derive(Debug)]
pub struct Places<K: Hash + Eq + Copy> {
    all_max: usize,
    each_max: usize,
    taken: Arc<Mutex<Taken<K>>>,
}

#[derive(Debug)]
struct Taken<K> {
    all: usize,
    each: HashMap<K, usize>,
}

/// A place that is taken until this is dropped.
#[derive(Debug)]
pub struct Place<K: Hash + Eq + Copy> {
    taken: Arc<Mutex<Taken<K>>>,
    asker: K,
}

impl<K: Hash + Eq + Copy> Places<K> {
    /// So many in all, and so many for each.
    pub fn new(all_max: usize, each_max: usize) -> Self {
        Self {
            all_max,
            each_max,
            taken: Arc::new(Mutex::new(Taken {
                all: 0,
                each: HashMap::new(),
            })),
        }
    }

    /// Takes a place, if there is one.
    pub fn take(&self, asker: K) -> Option<Place<K>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.each.get(&asker).copied().unwrap_or(0);
        if taken.all >= self.all_max || own >= self.each_max {
            return None;
        }
        taken.all += 1;
        taken.each.insert(asker, own + 1);
        let taken = Arc::clone(&self.taken);
        Some(Place { taken, asker })
    }

    /// How many are taken.
    pub fn len(&self) -> usize {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all
    }

    /// Whether none is taken.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Hash + Eq + Copy> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all -= 1;
        if let Some(own) = taken.each.get_mut(&self.asker) {
            *own -= 1;
            if *own == 0 {
                taken.each.remove(&self.asker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let places = Places::new(3, 2);
        let first = (places.take(1), places.take(1));
        assert!(first.0.is_some() && first.1.is_some());
        assert!(places.take(1).is_none());
        let other = places.take(2);
        assert!(other.is_some());
        assert!(places.take(3).is_none());
        drop(first);
        assert_eq!(places.len(), 1);
        assert!(places.take(3).is_some());
        drop(other);
        assert!(places.is_empty());
        assert!(places.taken.lock().expect("whole").each.is_empty());
    }
}
