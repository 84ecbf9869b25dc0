//! The index of one segment in memory: the open one, or one whose side file
//! is missing.

use super::idtable::{IdTable, TableKey};
use super::record::RunFacts;
use crate::ids::FeedKey;
use std::collections::{BTreeMap, BTreeSet};

/// Where a record lies. Positions are relative to the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) first: u32,
    pub(crate) offset: u32,
    /// CRC32C of the record with its prefix; 0 for a hole.
    pub(crate) crc: u32,
    pub(crate) what: What,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    Run,
    Other,
    /// Positions without a readable record.
    Hole,
}

/// A row with what follows from the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowSpan {
    pub(crate) row: Row,
    /// Position behind it.
    pub(crate) next: u32,
    /// The record ends at or before this offset.
    pub(crate) offset_limit: u32,
}

/// A feed as one segment numbers it. `base` + delta = sequence number; a feed
/// whose numbers differ by more than 32 bits has several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LocalFeed {
    pub(crate) key: FeedKey,
    pub(crate) base: u64,
}

/// Index of one segment.
#[derive(Debug, Clone)]
pub(crate) struct SegmentRows {
    pub(crate) rows: Vec<Row>,
    /// Ids in position order; zero where unknown.
    pub(crate) ids: Vec<[u8; 32]>,
    pub(crate) feeds: Vec<LocalFeed>,
    /// (feed, first sequence number − base, row).
    pub(crate) runs: BTreeSet<(u32, u32, u32)>,
    pub(crate) longest_run: u32,
    /// Behind the last byte that the rows speak of.
    pub(crate) end_offset: u32,
    numbers: BTreeMap<FeedKey, u32>,
    table: IdTable,
}

impl SegmentRows {
    pub(crate) fn new(key: TableKey, header_bytes: u32) -> Self {
        Self {
            rows: Vec::new(),
            ids: Vec::new(),
            feeds: Vec::new(),
            runs: BTreeSet::new(),
            longest_run: 0,
            end_offset: header_bytes,
            numbers: BTreeMap::new(),
            table: IdTable::new(key),
        }
    }

    /// Position behind the last.
    pub(crate) fn end(&self) -> u32 {
        self.ids.len() as u32
    }

    pub(crate) fn push_ids<'a>(&mut self, ids: impl Iterator<Item = &'a [u8; 32]>) {
        for id in ids {
            self.ids.push(*id);
            if *id != [0; 32] {
                self.table.insert(self.ids.len() as u32 - 1, &self.ids);
            }
        }
    }

    /// Adds a run at an offset.
    pub(crate) fn push_run(&mut self, offset: u32, crc: u32, facts: &RunFacts) {
        let row = self.rows.len() as u32;
        self.rows.push(Row {
            first: self.end(),
            offset,
            crc,
            what: What::Run,
        });
        let (feed, delta) = self.local_feed(facts.feed, facts.first_seq);
        self.runs.insert((feed, delta, row));
        self.longest_run = self.longest_run.max(facts.ids.len() as u32);
        self.push_ids(facts.ids.iter().map(|id| &id.0));
    }

    /// Adds a record of another kind.
    pub(crate) fn push_other(&mut self, offset: u32, crc: u32, id: &[u8; 32]) {
        self.rows.push(Row {
            first: self.end(),
            offset,
            crc,
            what: What::Other,
        });
        self.push_ids(std::iter::once(id));
    }

    /// Adds a hole of so many positions; `ids` where an older index knows them.
    pub(crate) fn push_hole(&mut self, offset: u32, positions: u32, ids: &BTreeMap<u32, [u8; 32]>) {
        if positions == 0 {
            return;
        }
        let first = self.end();
        self.rows.push(Row {
            first,
            offset,
            crc: 0,
            what: What::Hole,
        });
        for position in first..first + positions {
            let id = ids.get(&position).copied().unwrap_or_default();
            self.push_ids(std::iter::once(&id));
        }
    }

    /// Adds a feed as an index in a file numbers it.
    pub(crate) fn add_feed(&mut self, feed: LocalFeed) {
        self.numbers.insert(feed.key, self.feeds.len() as u32);
        self.feeds.push(feed);
    }

    fn local_feed(&mut self, key: FeedKey, seq: u64) -> (u32, u32) {
        if let Some(number) = self.numbers.get(&key) {
            let base = self.feeds[*number as usize].base;
            if let Some(Ok(delta)) = seq.checked_sub(base).map(u32::try_from) {
                return (*number, delta);
            }
        }
        let number = self.feeds.len() as u32;
        self.add_feed(LocalFeed { key, base: seq });
        (number, 0)
    }

    /// Positions with an id.
    pub(crate) fn locate(&self, id: &[u8; 32]) -> Vec<u32> {
        self.table.find(id, &self.ids)
    }

    /// Positions with a sequence number of a feed.
    pub(crate) fn at_seq(&self, key: &FeedKey, seq: u64) -> Vec<u32> {
        let mut found = Vec::new();
        // A feed has one number but for jumps of 2³²: look at all.
        let numbers: Vec<u32> = match self.numbers.get(key) {
            None => return found,
            Some(last) => (0..=*last)
                .rev()
                .take(if self.has_jumps() { usize::MAX } else { 1 })
                .filter(|n| self.feeds[*n as usize].key == *key)
                .collect(),
        };
        for number in numbers {
            let Some(Ok(delta)) = seq
                .checked_sub(self.feeds[number as usize].base)
                .map(u32::try_from)
            else {
                continue;
            };
            let from = delta.saturating_sub(self.longest_run.saturating_sub(1));
            for (_, start, row) in self
                .runs
                .range((number, from, 0)..=(number, delta, u32::MAX))
            {
                let span = self.span(*row as usize);
                if u64::from(*start) + u64::from(span.next - span.row.first) > u64::from(delta) {
                    found.push(span.row.first + (delta - start));
                }
            }
        }
        found
    }

    fn has_jumps(&self) -> bool {
        self.numbers.len() != self.feeds.len()
    }

    /// A row with its ends.
    pub(crate) fn span(&self, row: usize) -> RowSpan {
        let next = self.rows.get(row + 1);
        RowSpan {
            row: self.rows[row],
            next: next.map_or(self.end(), |n| n.first),
            offset_limit: next.map_or(self.end_offset, |n| n.offset),
        }
    }

    /// Number of the row that holds a position.
    pub(crate) fn row_of(&self, position: u32) -> Option<usize> {
        if position >= self.end() {
            return None;
        }
        self.rows
            .partition_point(|row| row.first <= position)
            .checked_sub(1)
    }

    /// Ranges of positions without a readable record.
    pub(crate) fn holes(&self) -> impl Iterator<Item = (u32, u32)> {
        let spans = (0..self.rows.len()).map(|row| self.span(row));
        spans
            .filter(|span| span.row.what == What::Hole)
            .map(|span| (span.row.first, span.next))
    }
}
