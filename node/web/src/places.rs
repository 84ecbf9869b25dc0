//! How much may go on at once, in all and for each who asks.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

/// A bounded number of places, of which each asker has a bounded share.
pub(crate) struct Places<K: Hash + Eq + Clone> {
    of_all: usize,
    of_one: usize,
    taken: Arc<Mutex<Taken<K>>>,
}

struct Taken<K> {
    count: usize,
    by_asker: HashMap<K, usize>,
}

/// A place; it is free when this is dropped.
pub(crate) struct Place<K: Hash + Eq + Clone> {
    taken: Arc<Mutex<Taken<K>>>,
    asker: K,
}

impl<K: Hash + Eq + Clone> Places<K> {
    /// So many in all, and so many for each.
    pub(crate) fn new(of_all: usize, of_one: usize) -> Self {
        Self {
            of_all,
            of_one,
            taken: Arc::new(Mutex::new(Taken {
                count: 0,
                by_asker: HashMap::new(),
            })),
        }
    }

    /// Takes one, if there is one.
    pub(crate) fn take(&self, asker: K) -> Option<Place<K>> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let own = taken.by_asker.get(&asker).copied().unwrap_or(0);
        if taken.count >= self.of_all || own >= self.of_one {
            return None;
        }
        taken.count += 1;
        taken.by_asker.insert(asker.clone(), own + 1);
        let taken = Arc::clone(&self.taken);
        Some(Place { taken, asker })
    }
}

impl<K: Hash + Eq + Clone> Drop for Place<K> {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.count -= 1;
        if let Some(own) = taken.by_asker.get_mut(&self.asker) {
            *own -= 1;
            if *own == 0 {
                taken.by_asker.remove(&self.asker);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let places = Places::new(3, 2);
        let first = places.take("one").unwrap();
        let _second = places.take("one").unwrap();
        assert!(places.take("one").is_none());
        let _third = places.take("two").unwrap();
        assert!(places.take("two").is_none());
        drop(first);
        assert!(places.take("two").is_some());
        assert_eq!(places.taken.lock().unwrap().count, 2);
    }
}
