//! Values in the order of keys: those under keys of their own, and those in blocks.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::ops::Bound;

use synlog_log::ids::TopicId;

use super::packed::{self, Packed, Pair};
use super::{Mark, Store, Stored, check};
use crate::error::ViewsError;

type Item = Result<(Vec<u8>, Stored), ViewsError>;

impl Store {
    /// All from one key to before another, in the order of keys. Both begin with the
    /// same letter and, but for indexes, the same topic.
    pub(crate) fn range<'a>(
        &'a self,
        from: Vec<u8>,
        to: Option<Vec<u8>>,
    ) -> impl Iterator<Item = Item> + use<'a> {
        let blocks: Vec<Blocks<'a>> = self
            .holders(&from)
            .map(|(topic, packed)| Blocks {
                store: self,
                topic,
                packed,
                next: packed.block_of(&from),
                from: from.clone(),
                to: to.clone(),
                held: Vec::new(),
            })
            .collect();
        let end = to.map_or(Bound::Unbounded, Bound::Excluded);
        // sled panics on ranges that end before they begin
        let range = match &end {
            Bound::Excluded(to) if *to <= from => {
                (Bound::Included(from.clone()), Bound::Excluded(from))
            }
            _ => (Bound::Included(from), end),
        };
        let lone = self.tree.range::<Vec<u8>, _>(range).map(|item| {
            let (key, value) = item?;
            let (mark, payload) = check(&key, &value)?;
            Ok((key.to_vec(), (mark, payload.to_vec())))
        });
        Merge {
            lone: lone.peekable(),
            blocks,
        }
    }
}

/// The values of a topic's blocks in a range.
struct Blocks<'a> {
    store: &'a Store,
    topic: &'a TopicId,
    packed: &'a Packed,
    /// The block that is read next.
    next: usize,
    from: Vec<u8>,
    to: Option<Vec<u8>>,
    /// What is read and not given out yet, the last one first.
    held: Vec<Pair>,
}

impl Blocks<'_> {
    /// Reads on until there is a value, or nothing is left.
    fn fill(&mut self) -> Result<(), ViewsError> {
        while self.held.is_empty() {
            let Some(first) = self.packed.firsts.get(self.next) else {
                return Ok(());
            };
            if self.to.as_ref().is_some_and(|to| first >= to) {
                return Ok(());
            }
            self.next += 1;
            let block = self.store.block(self.topic, first)?;
            let gone = match self.packed.is_whole() {
                true => BTreeSet::new(),
                false => self.gone_from(first)?,
            };
            self.held = packed::left_of(&block, &self.from, self.to.as_deref(), &gone)?;
        }
        Ok(())
    }

    /// Which keys of the block with this first key are gone.
    fn gone_from(&self, first: &[u8]) -> Result<BTreeSet<Vec<u8>>, ViewsError> {
        let end = match self.packed.firsts.get(self.next) {
            Some(next) => Some(packed::gone_key(self.topic, next)),
            None => super::keys::after(&packed::gone_key(self.topic, &[])),
        };
        let start = Bound::Included(packed::gone_key(self.topic, first));
        let end = end.map_or(Bound::Unbounded, Bound::Excluded);
        let mut gone = BTreeSet::new();
        for item in self.store.tree.range::<Vec<u8>, _>((start, end)) {
            let (key, _) = item?;
            gone.extend(packed::parts(&key).map(|(_, key)| key.to_vec()));
        }
        Ok(gone)
    }

    fn key(&self) -> Option<&Vec<u8>> {
        self.held.last().map(|(key, _)| key)
    }
}

struct Merge<'a, I: Iterator<Item = Item>> {
    lone: Peekable<I>,
    blocks: Vec<Blocks<'a>>,
}

impl<I: Iterator<Item = Item>> Merge<'_, I> {
    fn packed(&mut self, number: usize) -> Option<Item> {
        let (key, payload) = self.blocks[number].held.pop()?;
        Some(Ok((key, (Mark::NONE, payload))))
    }
}

impl<I: Iterator<Item = Item>> Iterator for Merge<'_, I> {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        for blocks in &mut self.blocks {
            if let Err(error) = blocks.fill() {
                return Some(Err(error));
            }
        }
        let with_key = self.blocks.iter().enumerate();
        let with_key = with_key.filter_map(|(number, it)| Some((it.key()?, number)));
        let Some((key, number)) = with_key.min() else {
            return self.lone.next();
        };
        // a value under a key of its own hides the one in a block
        let (lone, hides) = match self.lone.peek() {
            None => (false, false),
            Some(Err(_)) => (true, false),
            Some(Ok((lone, _))) => (lone <= key, lone == key),
        };
        if hides {
            self.blocks[number].held.pop();
        }
        match lone {
            true => self.lone.next(),
            false => self.packed(number),
        }
    }
}
