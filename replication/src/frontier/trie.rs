//! A Merkle trie over 32-byte keys, path-compressed: a set of keys has one shape.
//!
//! The hash of one item is its own; the hash of several is over the hashes of the two
//! parts into which the first bit that differs divides them. Hashes are computed when
//! asked for, so that a feed that goes on a thousand times between two questions costs
//! one path of hashes and not a thousand.

use synlog_log::hash::Context;

/// A hash of a part of the trie; zero for no part.
pub type Digest = [u8; 32];

/// What a trie holds.
pub(super) trait Item {
    /// What all items of one trie share and their hashes are over.
    type Of;
    /// Its key.
    fn key(&self) -> &[u8; 32];
    /// Its hash.
    fn digest(&self, of: &Self::Of) -> Digest;
    /// For how many rows it stands.
    fn rows(&self) -> u32;
}

/// An item or an inner node, by its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part(u32);

const ITEM: u32 = 1 << 31;

impl Part {
    fn item(index: usize) -> Self {
        Self(index as u32 | ITEM)
    }

    fn node(index: usize) -> Self {
        Self(index as u32)
    }

    fn as_item(self) -> Option<usize> {
        (self.0 & ITEM != 0).then_some((self.0 & !ITEM) as usize)
    }
}

#[derive(Debug, Clone)]
struct Node {
    digest: Digest,
    parts: [Part; 2],
    rows: u32,
    /// The first bit in which its items differ.
    bit: u16,
    /// Whether something below changed since `digest` was computed.
    stale: bool,
}

/// The trie.
#[derive(Debug, Clone)]
pub(super) struct Trie<I> {
    root: Option<Part>,
    items: Vec<I>,
    nodes: Vec<Node>,
}

impl<I> Default for Trie<I> {
    fn default() -> Self {
        Self {
            root: None,
            items: Vec::new(),
            nodes: Vec::new(),
        }
    }
}

/// A bit of some bytes, the highest of the first byte first.
#[inline]
pub(super) fn bit_of(bytes: &[u8], bit: usize) -> usize {
    usize::from(bytes[bit / 8] >> (7 - bit % 8) & 1)
}

/// The first bit in which two keys differ.
fn first_difference(one: &[u8; 32], other: &[u8; 32]) -> Option<usize> {
    let at = one.iter().zip(other).position(|(a, b)| a != b)?;
    Some(at * 8 + (one[at] ^ other[at]).leading_zeros() as usize)
}

/// The hash of two parts together.
pub fn join(left: &Digest, right: &Digest) -> Digest {
    Context::Rows.hash_parts(&[left, right])
}

impl<I: Item> Trie<I> {
    /// A trie of items whose keys ascend and differ.
    pub(super) fn of_sorted(items: Vec<I>) -> Self {
        let mut trie = Self {
            root: None,
            nodes: Vec::with_capacity(items.len().saturating_sub(1)),
            items,
        };
        if !trie.items.is_empty() {
            trie.root = Some(trie.build(0, trie.items.len()));
        }
        trie
    }

    fn build(&mut self, from: usize, to: usize) -> Part {
        if to - from == 1 {
            return Part::item(from);
        }
        let (first, last) = (self.items[from].key(), self.items[to - 1].key());
        // keys ascend: the first and the last differ first
        let bit = first_difference(first, last).unwrap_or(255);
        let zeros = self.items[from..to].partition_point(|item| bit_of(item.key(), bit) == 0);
        let zeros = zeros.clamp(1, to - from - 1);
        let left = self.build(from, from + zeros);
        let right = self.build(from + zeros, to);
        self.push_node(bit, [left, right])
    }

    fn push_node(&mut self, bit: usize, parts: [Part; 2]) -> Part {
        self.nodes.push(Node {
            digest: [0; 32],
            rows: self.rows(parts[0]).saturating_add(self.rows(parts[1])),
            parts,
            bit: bit as u16,
            stale: true,
        });
        Part::node(self.nodes.len() - 1)
    }

    /// How many items it holds.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether it holds none.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// All of it.
    pub(super) fn root(&self) -> Option<Part> {
        self.root
    }

    /// For how many rows a part stands.
    pub(super) fn rows(&self, part: Part) -> u32 {
        match part.as_item() {
            Some(item) => self.items[item].rows(),
            None => self.nodes[part.0 as usize].rows,
        }
    }

    /// The item that a part is, if it is one.
    pub(super) fn item(&self, part: Part) -> Option<&I> {
        part.as_item().map(|item| &self.items[item])
    }

    /// The first bit in which the items of a part differ, and its halves; `None` for one item.
    pub(super) fn halves(&self, part: Part) -> Option<(usize, [Part; 2])> {
        if part.as_item().is_some() {
            return None;
        }
        let node = &self.nodes[part.0 as usize];
        Some((usize::from(node.bit), node.parts))
    }

    /// Some item of a part: all agree with it up to the bit where they differ.
    pub(super) fn sample(&self, mut part: Part) -> &I {
        loop {
            match part.as_item() {
                Some(item) => return &self.items[item],
                None => part = self.nodes[part.0 as usize].parts[0],
            }
        }
    }

    /// The item with a key.
    pub(super) fn get(&self, key: &[u8; 32]) -> Option<&I> {
        let mut part = self.root?;
        loop {
            match part.as_item() {
                Some(item) => {
                    let item = &self.items[item];
                    return (item.key() == key).then_some(item);
                }
                None => {
                    let node = &self.nodes[part.0 as usize];
                    part = node.parts[bit_of(key, usize::from(node.bit))];
                }
            }
        }
    }

    /// The part under a prefix of so many bits; `None` where nothing is.
    pub(super) fn under(&self, prefix: &[u8; 32], bits: usize) -> Option<Part> {
        let mut part = self.root?;
        while let Some((bit, halves)) = self.halves(part) {
            if bit >= bits {
                break;
            }
            part = halves[bit_of(prefix, bit)];
        }
        let key = self.sample(part).key();
        let agrees = first_difference(key, prefix).is_none_or(|bit| bit >= bits);
        agrees.then_some(part)
    }

    /// Puts an item in the place of the one with its key, or beside the others.
    pub(super) fn put(&mut self, item: I) {
        let Some(root) = self.root else {
            self.items.push(item);
            self.root = Some(Part::item(self.items.len() - 1));
            return;
        };
        let mut part = root;
        while let Some((bit, halves)) = self.halves(part) {
            part = halves[bit_of(item.key(), bit)];
        }
        let nearest = part.as_item().unwrap_or_default();
        match first_difference(self.items[nearest].key(), item.key()) {
            None => self.replace(root, nearest, item),
            Some(bit) => self.insert(root, bit, item),
        }
    }

    fn replace(&mut self, root: Part, index: usize, item: I) {
        let (before, after) = (self.items[index].rows(), item.rows());
        self.walk(root, item.key(), 256, |node| {
            node.rows = node.rows - before + after;
        });
        self.items[index] = item;
    }

    fn insert(&mut self, root: Part, bit: usize, item: I) {
        let rows = item.rows();
        let side = bit_of(item.key(), bit);
        let above = self.walk(root, item.key(), bit, |node| node.rows += rows);
        let key = *item.key();
        self.items.push(item);
        let new = Part::item(self.items.len() - 1);
        let below = match above {
            None => root,
            Some(node) => {
                let node = &self.nodes[node];
                node.parts[bit_of(&key, usize::from(node.bit))]
            }
        };
        let parts = if side == 0 {
            [new, below]
        } else {
            [below, new]
        };
        let inner = self.push_node(bit, parts);
        match above {
            None => self.root = Some(inner),
            Some(node) => {
                let node = &mut self.nodes[node];
                node.parts[bit_of(&key, usize::from(node.bit))] = inner;
            }
        }
    }

    /// Goes down towards a key through nodes that divide above a bit; the last of them.
    fn walk(
        &mut self,
        root: Part,
        key: &[u8; 32],
        bit: usize,
        change: impl Fn(&mut Node),
    ) -> Option<usize> {
        let (mut part, mut last) = (root, None);
        while part.as_item().is_none() {
            let index = part.0 as usize;
            let node = &mut self.nodes[index];
            if usize::from(node.bit) >= bit {
                break;
            }
            change(node);
            node.stale = true;
            last = Some(index);
            part = node.parts[bit_of(key, usize::from(node.bit))];
        }
        last
    }

    /// Computes the hashes that changes have made stale.
    pub(super) fn settle(&mut self, of: &I::Of) {
        if let Some(root) = self.root {
            self.settle_part(root, of);
        }
    }

    fn settle_part(&mut self, part: Part, of: &I::Of) -> Digest {
        if let Some(item) = part.as_item() {
            return self.items[item].digest(of);
        }
        let index = part.0 as usize;
        if self.nodes[index].stale {
            let [left, right] = self.nodes[index].parts;
            let digest = join(&self.settle_part(left, of), &self.settle_part(right, of));
            let node = &mut self.nodes[index];
            node.digest = digest;
            node.stale = false;
        }
        self.nodes[index].digest
    }

    /// The hash of a part. The trie must be settled.
    pub(super) fn digest(&self, part: Part, of: &I::Of) -> Digest {
        match part.as_item() {
            Some(item) => self.items[item].digest(of),
            None => {
                let node = &self.nodes[part.0 as usize];
                debug_assert!(!node.stale, "settled before it is asked");
                node.digest
            }
        }
    }

    /// All items of a part, in order of their keys.
    pub(super) fn each<'a>(&'a self, part: Part, visit: &mut dyn FnMut(&'a I)) {
        match part.as_item() {
            Some(item) => visit(&self.items[item]),
            None => {
                let [left, right] = self.nodes[part.0 as usize].parts;
                self.each(left, visit);
                self.each(right, visit);
            }
        }
    }

    /// Bytes that it takes in memory.
    pub(super) fn memory(&self) -> usize {
        self.items.capacity() * size_of::<I>() + self.nodes.capacity() * size_of::<Node>()
    }
}
