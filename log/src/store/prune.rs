//! Rewriting segments without bytes that may be erased.
//!
//! Ids and positions stay; only bytes of records change. A segment is written
//! again beside the old one and takes its place by a rename, so that after a
//! crash either is there, whole. Its side file then fits or is made again.

use super::error::StoreError;
use super::format::{
    DATA_START, FRAME_BYTES, KIND_RUN, MAX_SEGMENT_BYTES, RawRecord, parse_body, push_record,
    segment_name,
};
use super::rows::SegmentRows;
use super::segment::{Index, Segment, path_of};
use super::state::Store;
use super::walk::{Start, walk};
use crate::disk::{Disk, DiskFile, is_full};
use std::sync::{Arc, PoisonError, RwLock};

/// What pruning did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PruneReport {
    /// Segments that were written again.
    pub segments: u32,
    /// Records that changed.
    pub records: u64,
    /// Bytes that became free.
    pub freed_bytes: u64,
    /// Records that were kept because the change would have altered their ids.
    pub refused: u64,
    /// Damaged ranges of positions, which nobody could look into: `(first, end)`.
    pub damaged: Vec<(u64, u64)>,
}

/// A segment's new bytes.
struct Rewritten {
    bytes: Vec<u8>,
    records: u64,
    refused: u64,
    damaged: Vec<(u64, u64)>,
}

/// Says for (kind, position, bytes) of a record what it shall be instead.
pub(crate) type Rewrite<'a> = dyn FnMut(u8, u64, &[u8]) -> Option<Vec<u8>> + 'a;

impl<D: Disk> Store<D> {
    /// Offers every record to `rewrite`, which returns its new bytes or `None`
    /// to leave it. Ids must stay the same. The open segment is closed first.
    /// `progress` gets bytes done and bytes in all.
    pub fn prune(
        &mut self,
        rewrite: &mut Rewrite<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<PruneReport, StoreError> {
        self.running()?;
        if self.open.at.next > 0 {
            let size = self.options.segment_bytes.max(DATA_START);
            let rolled = self.roll(u64::from(if self.options.preallocate {
                size
            } else {
                DATA_START
            }));
            self.stop_on(rolled)?;
        }
        // The watermark must lie in the open segment: checksums of the others
        // are about to change.
        self.sync_head()?;
        let total = self.segment_bytes()?;
        let (mut done, mut report) = (0, PruneReport::default());
        for at in 0..self.segments.len() - 1 {
            let bytes = self.segments[at].bytes()?;
            let rewritten = self.rewritten(&self.segments[at], &bytes, rewrite);
            report.refused += rewritten.refused;
            report.damaged.extend_from_slice(&rewritten.damaged);
            if rewritten.records > 0 && rewritten.bytes.len() as u64 <= MAX_SEGMENT_BYTES {
                let replaced = self.replace(at, &rewritten.bytes);
                self.stop_on(replaced)?;
                self.save_side(at)?;
                report.segments += 1;
                report.records += rewritten.records;
                report.freed_bytes += bytes.len().saturating_sub(rewritten.bytes.len()) as u64;
            }
            done += bytes.len() as u64;
            progress(done, total);
        }
        Ok(report)
    }

    fn rewritten(
        &self,
        segment: &Segment<D::File>,
        bytes: &[u8],
        rewrite: &mut Rewrite<'_>,
    ) -> Rewritten {
        let key = segment.frame_key();
        let start = Start {
            offset: DATA_START,
            next: 0,
            crc: segment.header.crc(),
        };
        let walk = walk(bytes, &key, start, segment.positions());
        let base = segment.header.first;
        let mut new = Rewritten {
            // A damaged header is known from its copy or its neighbours.
            bytes: segment.header.encode_twice(),
            records: 0,
            refused: 0,
            damaged: Vec::new(),
        };
        let mut crc = start.crc;
        for batch in &walk.batches {
            if let Some(gap) = walk.gaps.iter().find(|gap| gap.end == batch.offset) {
                // Kept as it is: it may yet be of use to somebody.
                new.bytes
                    .extend_from_slice(&bytes[gap.start as usize..gap.end as usize]);
                new.damaged
                    .push((base + u64::from(gap.first), base + u64::from(gap.next)));
            }
            let offset = new.bytes.len() as u32;
            let mut out = vec![0; FRAME_BYTES as usize];
            let body = &bytes[(batch.offset + FRAME_BYTES) as usize..batch.end as usize];
            let mut position = base + u64::from(batch.first);
            for record in parse_body(body).unwrap_or_default() {
                let changed = rewrite(record.kind, position, record.bytes);
                let accepted = changed.filter(|changed| {
                    let same = self.same_ids(&record, changed);
                    new.refused += u64::from(!same);
                    same && changed != record.bytes
                });
                new.records += u64::from(accepted.is_some());
                let kept = accepted.as_deref().unwrap_or(record.bytes);
                push_record(&mut out, record.kind, record.count, kept);
                position += u64::from(record.count);
            }
            crc = key.seal(&mut out, offset, batch.first, crc);
            new.bytes.extend_from_slice(&out);
        }
        if walk.end.next < segment.positions() {
            let end = walk.tail.map_or(walk.end.offset, |tail| tail.end);
            let kept = bytes.get(walk.end.offset as usize..end as usize);
            new.bytes.extend_from_slice(kept.unwrap_or_default());
            new.damaged
                .push((base + u64::from(walk.end.next), segment.end));
        }
        new
    }

    /// Whether a record's new bytes have the ids of the old.
    fn same_ids(&self, old: &RawRecord<'_>, new: &[u8]) -> bool {
        if new.len() > super::format::MAX_RECORD_BYTES as usize {
            return false;
        }
        if old.kind == KIND_RUN {
            let facts = |bytes| self.decoder.run_facts(bytes);
            matches!((facts(old.bytes), facts(new)), (Ok(a), Ok(b)) if a == b)
        } else {
            let id = |bytes| self.decoder.record_id(old.kind, bytes);
            matches!((id(old.bytes), id(new)), (Ok(a), Ok(b)) if a == b)
        }
    }

    /// Puts new bytes in place of a closed segment.
    fn replace(&mut self, at: usize, bytes: &[u8]) -> Result<(), StoreError> {
        let number = self.segments[at].number();
        let path = path_of(number);
        let temporary = format!("segments/{}.tmp", segment_name(number));
        let _ = self.disk.remove(&temporary);
        let disk = &self.disk;
        let write = || {
            let file = disk.create(&temporary)?;
            file.allocate(0, bytes.len() as u64)?;
            file.write_at(0, bytes)?;
            file.sync_all()?;
            disk.rename(&temporary, &path)?;
            disk.sync_dir("segments")?;
            Ok(file)
        };
        let file = match write() {
            Ok(file) => file,
            Err(source) if is_full(&source) => {
                let _ = disk.remove(&temporary);
                return Err(StoreError::Full {
                    needed_bytes: bytes.len() as u64,
                    source,
                });
            }
            Err(source) => {
                return Err(StoreError::Failed {
                    action: "rewrite",
                    path,
                    source,
                });
            }
        };
        let segment = &mut self.segments[at];
        segment.file = Arc::new(file);
        let old = std::mem::replace(
            &mut segment.index,
            RwLock::new(Index::Rows {
                rows: Box::new(SegmentRows::new(self.table_key, DATA_START)),
                saved: true,
            }),
        );
        let old = old.into_inner().unwrap_or_else(PoisonError::into_inner);
        let indexed = segment.indexed_closed(self.decoder.as_ref(), self.table_key, Some(&old))?;
        segment.index = RwLock::new(Index::Rows {
            rows: Box::new(indexed.rows),
            saved: false,
        });
        Ok(())
    }
}
