//! Making derived files again from the segments.

use super::checkpoint::{self, FEEDS_NAME};
use super::error::StoreError;
use super::feeds::FeedTable;
use super::filter::Filters;
use super::format::KIND_RUN;
use super::missing::Quarantine;
use super::recovery::read_derived;
use super::segment::{Index, digest_up_to};
use super::side::SideError;
use super::side_format::segment_filter;
use super::state::{Checkpointed, Store};
use crate::disk::Disk;
use std::sync::PoisonError;

impl<D: Disk> Store<D> {
    /// Drops all derived files and makes them again from the segments.
    /// `progress` gets bytes done and bytes in all.
    pub fn rebuild(&mut self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), StoreError> {
        self.running()?;
        let total = self.segment_bytes()?;
        let mut done = 0;
        let filter_bytes = self.filter_bytes();
        let absent = self.absent_ranges();
        let mut quarantine = Quarantine::default();
        for (first, end) in absent {
            quarantine.insert(first, end);
        }
        quarantine.unsaved = true;
        for at in 0..self.segments.len() {
            let is_open = at + 1 == self.segments.len();
            let segment = &mut self.segments[at];
            // What the old index knows of damaged records is not in the segment.
            let old = std::mem::replace(
                segment
                    .index
                    .get_mut()
                    .unwrap_or_else(PoisonError::into_inner),
                Index::Rows {
                    rows: Box::new(super::rows::SegmentRows::new(0, 0)),
                    saved: true,
                },
            );
            let indexed = segment.indexed_closed(self.decoder.as_ref(), self.table_key, Some(&old));
            let index = segment
                .index
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner);
            let indexed = match indexed {
                Ok(indexed) => indexed,
                Err(error) => {
                    *index = old;
                    return Err(error);
                }
            };
            done += u64::from(indexed.rows.end_offset);
            let base = segment.header.first;
            for (first, next) in indexed.rows.holes() {
                quarantine.insert(base + u64::from(first), base + u64::from(next));
            }
            if is_open {
                self.open.digest = indexed.digest;
                *index = Index::Rows {
                    rows: Box::new(indexed.rows),
                    saved: false,
                };
            } else {
                let reflects = super::segment::reflects(
                    &segment.header,
                    &indexed.rows,
                    indexed.walk.end,
                    indexed.walk.batches.last().map_or(0, |b| b.offset),
                    indexed.digest.value(),
                );
                let bytes = super::side_format::encode(&indexed.rows, &reflects, filter_bytes);
                *index = Index::Rows {
                    rows: Box::new(indexed.rows),
                    saved: false,
                };
                self.put_side(at, &bytes)?;
            }
            progress(done, total);
        }
        *self
            .quarantine
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner) = quarantine;
        self.feeds = FeedTable::default();
        self.replay_feeds(0)?;
        let mark = self.mark();
        self.save_feeds(mark)?;
        self.save_missing()
    }

    /// Makes the filters in memory from the indexes of the closed segments.
    pub(crate) fn fill_filters(&mut self) {
        let filter_bytes = self.filter_bytes();
        self.filters = Filters::new(filter_bytes);
        let closed = self.segments.len() - 1;
        for segment in &mut self.segments[..closed] {
            let index = segment
                .index
                .get_mut()
                .unwrap_or_else(PoisonError::into_inner);
            let filter = match index {
                Index::Side(side) => side.take_filter(),
                Index::Rows { rows, .. } => segment_filter(rows, filter_bytes),
            };
            self.filters.push(&filter);
        }
    }

    /// Positions between segments of which no file is there.
    pub(crate) fn absent_ranges(&self) -> Vec<(u64, u64)> {
        let mut ranges = Vec::new();
        let mut end = 0;
        for segment in &self.segments {
            if segment.header.first > end {
                ranges.push((end, segment.header.first));
            }
            end = segment.end;
        }
        ranges
    }

    /// The feed table: from its file as far as that fits, the rest from the log.
    pub(crate) fn restore_feeds(&mut self) -> Result<(), StoreError> {
        let saved = read_derived(&self.disk, FEEDS_NAME)?;
        let bytes = saved.as_ref().map_or(0, |bytes| bytes.len() as u64);
        let saved = saved.and_then(|bytes| checkpoint::decode(&bytes, &self.uuid()));
        let mut from = 0;
        if let Some((table, mark)) = saved
            && self.fits(&mark)?
        {
            self.feeds = table;
            self.checkpointed = Checkpointed {
                mark: Some(mark),
                bytes,
                since_bytes: 0,
            };
            from = mark.position;
        }
        let read = self.replay_feeds(from)?;
        self.checkpointed.since_bytes = read;
        // Reading much at every opening would be a pity.
        if read > u64::from(self.options.segment_bytes) {
            let mark = self.mark();
            self.save_feeds(mark)?;
        }
        Ok(())
    }

    /// Whether the log up to a mark is what the mark was made of.
    fn fits(&self, mark: &checkpoint::Mark) -> Result<bool, StoreError> {
        let Some(segment) = self.segment_numbered(mark.segment) else {
            return Ok(false);
        };
        let base = segment.header.first;
        if mark.position < base || mark.position > segment.end || mark.missing != self.missing_crc()
        {
            return Ok(false);
        }
        let end = (mark.position - base) as u32;
        let digest = self.ask(segment, |index| match index {
            Index::Side(side) if side.reflects.end.next == end => Ok(side.reflects.digest),
            _ => {
                let digest = digest_up_to(&segment.header, index, end)?;
                Ok::<_, SideError>(digest.value())
            }
        })?;
        Ok(digest == mark.digest)
    }

    /// Takes the runs from a position on into the feed table. Returns how many
    /// bytes they were.
    pub(crate) fn replay_feeds(&mut self, from: u64) -> Result<u64, StoreError> {
        let mut table = std::mem::take(&mut self.feeds);
        let mut bytes = 0;
        let mut position = from;
        while position < self.end() {
            let mut unclear = None;
            for record in self.scan(position) {
                let record = match record {
                    Ok(record) => record,
                    Err(StoreError::Missing { end, .. }) => {
                        position = position.max(end);
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                bytes += record.bytes.len() as u64;
                position = record.first_position + u64::from(record.positions);
                if record.kind != KIND_RUN {
                    continue;
                }
                // A checksum was right: what the decoder refuses now was
                // refused when the index was made, and is a hole.
                let Ok(facts) = self.decoder.run_facts(&record.bytes) else {
                    continue;
                };
                let Some(segment) = self.segment_of(record.first_position) else {
                    continue;
                };
                if !table.push(&facts, segment.number()) {
                    unclear = Some((facts, segment.number(), record.first_position));
                    break;
                }
            }
            // Rare: a fork, or a run stored twice. The look-up needs the table.
            let Some((facts, segment, below)) = unclear else {
                break;
            };
            self.feeds = table;
            let relation = self.relation(&facts, below)?;
            table = std::mem::take(&mut self.feeds);
            table.push_related(&facts, segment, relation);
        }
        self.feeds = table;
        Ok(bytes)
    }
}
