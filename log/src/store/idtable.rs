//! A hash table in memory from ids to the positions of one segment.
//!
//! Slots hold positions only; the ids are compared where they lie anyway, in
//! position order. That is a quarter of what a map with keys takes.

/// Keys the table: a stranger can grind ids, but not without knowing this.
pub(crate) type TableKey = u64;

/// Positions by id. Several positions may have the same id.
#[derive(Debug, Clone)]
pub(crate) struct IdTable {
    key: TableKey,
    /// Position + 1; 0 is free. A power of two long, at most ¾ full.
    slots: Vec<u32>,
    used: usize,
}

impl IdTable {
    pub(crate) fn new(key: TableKey) -> Self {
        Self {
            key,
            slots: vec![0; 64],
            used: 0,
        }
    }

    fn start(&self, id: &[u8; 32]) -> usize {
        let mut first = [0; 8];
        first.copy_from_slice(&id[..8]);
        let mixed = (u64::from_le_bytes(first) ^ self.key).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ (mixed >> 32)) as usize & (self.slots.len() - 1)
    }

    /// Adds the id of a position.
    pub(crate) fn insert(&mut self, position: u32, ids: &[[u8; 32]]) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            let old = std::mem::take(&mut self.slots);
            self.slots = vec![0; old.len() * 2];
            for slot in old.into_iter().filter(|slot| *slot != 0) {
                self.place(slot, ids);
            }
        }
        self.used += 1;
        self.place(position + 1, ids);
    }

    fn place(&mut self, value: u32, ids: &[[u8; 32]]) {
        let mask = self.slots.len() - 1;
        let mut at = self.start(&ids[value as usize - 1]);
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        self.slots[at] = value;
    }

    /// All positions with an id, in no order.
    pub(crate) fn find(&self, id: &[u8; 32], ids: &[[u8; 32]]) -> Vec<u32> {
        let mut found = Vec::new();
        let mask = self.slots.len() - 1;
        let mut at = self.start(id);
        while self.slots[at] != 0 {
            let position = self.slots[at] - 1;
            if ids[position as usize] == *id {
                found.push(position);
            }
            at = (at + 1) & mask;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_found_at_all_its_positions() {
        let mut table = IdTable::new(7);
        let mut ids: Vec<[u8; 32]> = Vec::new();
        for n in 0..5000u32 {
            ids.push(*blake3::hash(&(n / 2).to_le_bytes()).as_bytes());
            table.insert(n, &ids);
        }
        for n in 0..2500u32 {
            let mut found = table.find(blake3::hash(&n.to_le_bytes()).as_bytes(), &ids);
            found.sort_unstable();
            assert_eq!(found, [2 * n, 2 * n + 1]);
        }
        assert!(table.find(&[9; 32], &ids).is_empty());
    }
}
