//! Finding and reading records.

use super::error::StoreError;
use super::feeds::Relation;
use super::format::parse_record;
use super::missing::MissingRange;
use super::record::{RunFacts, StoredRecord};
use super::rows::{RowSpan, What};
use super::segment::{Index, Segment};
use super::side::SideError;
use super::state::Store;
use crate::disk::Disk;
use crate::ids::{EntryId, FeedKey};
use std::sync::PoisonError;

impl<D: Disk> Store<D> {
    /// Whether a readable record with this id is stored.
    pub fn contains(&self, id: &EntryId) -> Result<bool, StoreError> {
        Ok(self.locate(id)?.is_some())
    }

    /// The lowest position at which a readable record with this id is stored.
    pub fn locate(&self, id: &EntryId) -> Result<Option<u64>, StoreError> {
        self.running()?;
        let mut found = None;
        self.positions_of(&id.0, &mut |position| {
            let healthy = self.quarantined(position).is_none();
            if healthy {
                found = Some(position);
            }
            !healthy
        })?;
        Ok(found)
    }

    /// Positions of a sequence number of a feed, ascending: several where the
    /// feed is forked, or an entry was stored twice.
    pub fn at_seq(&self, feed: &FeedKey, seq: u64) -> Result<Vec<u64>, StoreError> {
        self.running()?;
        let mut positions = self.positions_at(feed, seq)?;
        positions.retain(|position| self.quarantined(*position).is_none());
        Ok(positions)
    }

    /// The record at a position. `None` behind the end; an error where it is
    /// damaged, and then its positions count as missing from now on.
    pub fn read(&self, position: u64) -> Result<Option<StoredRecord>, StoreError> {
        self.running()?;
        if position >= self.end() {
            return Ok(None);
        }
        if let Some((first, end)) = self.quarantined(position) {
            return Err(StoreError::Missing { first, end });
        }
        let Some(segment) = self.segment_of(position) else {
            return Err(StoreError::Missing {
                first: position,
                end: position + 1,
            });
        };
        let relative = (position - segment.header.first) as u32;
        let span = self.ask(segment, |index| index.span_of(relative))?;
        let Some(span) = span else {
            return Err(StoreError::Missing {
                first: position,
                end: position + 1,
            });
        };
        let length = span.offset_limit.saturating_sub(span.row.offset) as usize;
        let bytes = segment.bytes_at(span.row.offset, length)?;
        let mut record = self.checked(segment, &span, &bytes)?;
        record.index_in_run = (position - record.first_position) as u32;
        Ok(Some(record))
    }

    /// The record of a row out of bytes that start with it, checked against the
    /// checksum that the index keeps.
    pub(crate) fn checked(
        &self,
        segment: &Segment<D::File>,
        span: &RowSpan,
        bytes: &[u8],
    ) -> Result<StoredRecord, StoreError> {
        let first = segment.header.first + u64::from(span.row.first);
        let end = segment.header.first + u64::from(span.next);
        let whole = parse_record(bytes).filter(|raw| {
            span.row.what != What::Hole
                && raw.count == span.next - span.row.first
                && crc32c::crc32c(&bytes[..raw.encoded_bytes as usize]) == span.row.crc
        });
        match whole {
            Some(raw) => Ok(StoredRecord {
                kind: raw.kind,
                bytes: raw.bytes.to_vec(),
                first_position: first,
                positions: raw.count,
                index_in_run: 0,
            }),
            None => {
                self.quarantine(first, end);
                Err(StoreError::Missing { first, end })
            }
        }
    }

    /// Ranges of positions that are damaged or lost, with what is known of them.
    pub fn missing(&self) -> Result<Vec<MissingRange>, StoreError> {
        self.running()?;
        self.note_holes()?;
        let ranges = self.missing_ranges();
        let mut missing = Vec::with_capacity(ranges.len());
        for (first, end) in ranges {
            let mut ids = Vec::new();
            for segment in &self.segments {
                let base = segment.header.first;
                if segment.end > first && base < end {
                    let from = first.saturating_sub(base) as u32;
                    let to = (end.min(segment.end) - base) as u32;
                    let known = self.ask(segment, |index| index.ids_in(from..to))?;
                    ids.extend(known.into_iter().map(|(p, id)| (base + u64::from(p), id)));
                }
            }
            let mut healed = ids.len() as u64 == end - first;
            for (_, id) in &ids {
                healed = healed && self.contains(&EntryId(*id))?;
            }
            missing.push(MissingRange {
                first,
                end,
                ids,
                healed,
            });
        }
        Ok(missing)
    }

    pub(crate) fn missing_ranges(&self) -> Vec<(u64, u64)> {
        let quarantine = self
            .quarantine
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        quarantine.ranges().to_vec()
    }

    /// Enters what the indexes show as holes among the missing positions.
    pub(crate) fn note_holes(&self) -> Result<(), StoreError> {
        for segment in &self.segments {
            for (first, next) in self.ask(segment, Index::holes)? {
                let base = segment.header.first;
                self.quarantine(base + u64::from(first), base + u64::from(next));
            }
        }
        Ok(())
    }

    pub(crate) fn ask<T>(
        &self,
        segment: &Segment<D::File>,
        ask: impl Fn(&Index<D::File>) -> Result<T, SideError>,
    ) -> Result<T, StoreError> {
        segment.ask(self.decoder.as_ref(), self.table_key, ask)
    }

    /// Tells all positions with an id, readable or not, until `more` says no.
    fn positions_of(
        &self,
        id: &[u8; 32],
        more: &mut dyn FnMut(u64) -> bool,
    ) -> Result<(), StoreError> {
        let open = self.segments.len() - 1;
        for at in self.filters.candidates(id).chain(std::iter::once(open)) {
            let segment = &self.segments[at];
            let mut found = self.ask(segment, |index| index.locate(id))?;
            found.sort_unstable();
            for position in found {
                if !more(segment.header.first + u64::from(position)) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// All positions of a sequence number, readable or not, ascending.
    pub(crate) fn positions_at(&self, feed: &FeedKey, seq: u64) -> Result<Vec<u64>, StoreError> {
        let mut positions = Vec::new();
        let Some(known) = self.feeds.get(feed) else {
            return Ok(positions);
        };
        for extent in known.extents() {
            if !(extent.from..extent.to).contains(&seq) {
                continue;
            }
            if let Some(segment) = self.segment_numbered(extent.segment) {
                let found = self.ask(segment, |index| index.at_seq(feed, seq))?;
                let base = segment.header.first;
                positions.extend(found.into_iter().map(|p| base + u64::from(p)));
            }
        }
        positions.sort_unstable();
        Ok(positions)
    }

    /// How a run relates to what is stored below a position.
    pub(crate) fn relation(&self, facts: &RunFacts, below: u64) -> Result<Relation, StoreError> {
        let known = |id: &EntryId| {
            let mut positions = Vec::new();
            self.positions_of(&id.0, &mut |position| {
                positions.push(position);
                true
            })?;
            positions.retain(|position| *position < below);
            Ok::<_, StoreError>(positions)
        };
        if let Some(last) = facts.ids.last()
            && !known(last)?.is_empty()
        {
            return Ok(Relation::Known);
        }
        for (seq, id) in (facts.first_seq..).zip(&facts.ids) {
            let mut there = self.positions_at(&facts.feed, seq)?;
            there.retain(|position| *position < below);
            if there.is_empty() {
                continue;
            }
            let same = known(id)?;
            if there.iter().any(|position| !same.contains(position)) {
                return Ok(Relation::Fork(seq));
            }
        }
        Ok(Relation::Fills)
    }
}
