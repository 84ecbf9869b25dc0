//! Opening the segment that was being written: its end, torn or damaged.

use super::error::StoreError;
use super::format::{DATA_START, FRAME_BYTES, SegmentDigest};
use super::guard::GuardReason;
use super::opening::Opening;
use super::recovery::{CutTail, failed};
use super::rows::SegmentRows;
use super::segment::{Index, Indexing, Segment, digest_up_to};
use super::side::Side;
use super::state::OpenEnd;
use super::upkeep::save_file;
use super::walk::{BadTail, Gap, Start, Walk};
use crate::disk::{Disk, DiskFile};
use std::sync::RwLock;

/// What became of the last segment.
pub(crate) enum Last<F> {
    /// It is written on.
    Open(Segment<F>, Box<OpenEnd>),
    /// It is damaged and gets a successor; with its digest.
    Closed(Segment<F>, [u8; 32]),
}

impl<D: Disk> Opening<'_, D> {
    /// The last segment, which was being written.
    pub(crate) fn last(
        &mut self,
        mut segment: Segment<D::File>,
        side: Option<Side<D::File>>,
        header_damaged: bool,
    ) -> Result<Last<D::File>, StoreError> {
        let bytes = segment.bytes()?;
        let key = segment.frame_key();
        let (rows, digest, start, mut last_batch) = self.resume(&segment, side.as_ref(), &bytes);
        let older = side.map(|side| Index::Side(Box::new(side)));
        let mut indexing = Indexing {
            bytes: &bytes,
            key,
            decoder: self.decoder,
            deep: false,
            known: &|range| {
                let known = older.as_ref().map(|index| index.ids_in(range));
                known.and_then(Result::ok).unwrap_or_default()
            },
            limit: u32::MAX,
            rows,
            digest,
            refused: Vec::new(),
        };
        let walk = indexing.run(start);
        self.report.scanned_bytes += u64::from(walk.end.offset - start.offset);
        let end = segment.header.first + u64::from(walk.end.next);
        if let Some(batch) = walk.batches.last() {
            last_batch = batch.offset;
        }
        let ahead = self.watermark.position > end;
        if ahead {
            // Acknowledged bytes are damaged: they stay where they are.
            self.trip(GuardReason::WatermarkAhead);
            let positions = self.watermark.position - segment.header.first;
            indexing.fill(u32::try_from(positions).unwrap_or(u32::MAX), &walk);
        } else {
            if self.diverged(&segment, &walk, start) || self.watermark.segment > segment.number() {
                self.trip(GuardReason::WatermarkAhead);
            }
            let above =
                |gap: &&Gap| segment.header.first + u64::from(gap.next) > self.watermark.position;
            if self.has_own && walk.gaps.iter().any(|gap| above(&gap)) {
                self.trip(GuardReason::BadTail);
            }
            if let Some(tail) = walk.tail {
                self.cut(&segment, &bytes, tail)?;
            }
        }
        let damaged = header_damaged || ahead || indexing.rows.holes().next().is_some();
        let (rows, digest) = (indexing.rows, indexing.digest);
        // HEAD names a segment only when its header and name are durable.
        if end > self.watermark.position || segment.number() != self.watermark.segment {
            self.settle(&segment, &bytes, &walk)?;
        }
        let rows_end = rows.end();
        segment.end = segment.header.first + u64::from(rows_end);
        let unchanged = start.offset == walk.end.offset && older.is_some() && !damaged;
        segment.index = RwLock::new(Index::Rows {
            rows: Box::new(rows),
            saved: unchanged,
        });
        if damaged {
            return Ok(Last::Closed(segment, digest.value()));
        }
        let allocated = segment
            .file
            .size()
            .map_err(|error| segment.read_error(error))?;
        let open = OpenEnd {
            at: walk.end,
            last_batch,
            digest,
            allocated,
        };
        Ok(Last::Open(segment, Box::new(open)))
    }

    /// Rows to go on from: those that a side file holds, if it fits.
    fn resume(
        &mut self,
        segment: &Segment<D::File>,
        side: Option<&Side<D::File>>,
        bytes: &[u8],
    ) -> (SegmentRows, SegmentDigest, Start, u32) {
        let header = &segment.header;
        let fitting = side.and_then(|side| {
            let reflects = &side.reflects;
            let frame = segment.frame_key().open(bytes, reflects.last_batch)?;
            let end = reflects.last_batch + FRAME_BYTES + frame.body_bytes;
            if frame.crc != reflects.end.crc || end != reflects.end.offset {
                return None;
            }
            let rows = side.load(self.table_key).ok()?;
            let index = Index::<D::File>::Rows {
                rows: Box::new(rows),
                saved: true,
            };
            let digest = digest_up_to(header, &index, reflects.end.next).ok()?;
            match index {
                Index::Rows { rows, .. } if digest.value() == reflects.digest => {
                    Some((*rows, digest, reflects.end, reflects.last_batch))
                }
                _ => None,
            }
        });
        fitting.unwrap_or_else(|| {
            let start = Start {
                offset: DATA_START,
                next: 0,
                crc: header.crc(),
            };
            let rows = SegmentRows::new(self.table_key, DATA_START);
            (rows, SegmentDigest::new(header), start, 0)
        })
    }

    /// Whether the batch that ends at the watermark is another than HEAD says:
    /// then the segments are of another history.
    fn diverged(&self, segment: &Segment<D::File>, walk: &Walk, start: Start) -> bool {
        let watermark = &self.watermark;
        if watermark.segment != segment.number() || watermark.offset < start.offset {
            return false;
        }
        if watermark.offset == start.offset {
            return start.crc != watermark.crc;
        }
        let inside = |gap: &Gap| (gap.start..=gap.end).contains(&watermark.offset);
        let there = walk
            .batches
            .iter()
            .any(|batch| batch.end == watermark.offset && batch.crc == watermark.crc);
        !there && !walk.gaps.iter().any(inside)
    }

    /// Cuts a bad tail off, keeping a copy.
    fn cut(
        &mut self,
        segment: &Segment<D::File>,
        bytes: &[u8],
        tail: BadTail,
    ) -> Result<(), StoreError> {
        if self.has_own && !tail.torn {
            self.trip(GuardReason::BadTail);
        }
        let kept = &bytes[tail.start as usize..tail.end as usize];
        let name = format!(
            "{:08}-{}-{}.tail",
            segment.number(),
            tail.start,
            self.generation
        );
        let saved = save_file(self.disk, "aside", &name, kept)?;
        if !saved && !tail.torn {
            return Err(StoreError::Full {
                needed_bytes: kept.len() as u64,
                source: std::io::ErrorKind::StorageFull.into(),
            });
        }
        let path = segment.path();
        segment
            .file
            .set_size(u64::from(tail.start))
            .map_err(failed("cut", &path))?;
        segment.file.sync_all().map_err(failed("sync", &path))?;
        self.report.cut_tail = Some(CutTail {
            segment: segment.number(),
            offset: tail.start,
            bytes: tail.end - tail.start,
            torn: tail.torn,
            aside: saved.then(|| format!("aside/{name}")),
        });
        Ok(())
    }

    /// Writes and syncs again what may be in the page cache only: after a failed
    /// sync the header or the last batch can look written without being on the
    /// disk.
    fn settle(
        &self,
        segment: &Segment<D::File>,
        bytes: &[u8],
        walk: &Walk,
    ) -> Result<(), StoreError> {
        let path = segment.path();
        if let Some(batch) = walk.batches.last() {
            let again = &bytes[batch.offset as usize..batch.end as usize];
            segment
                .file
                .write_at(u64::from(batch.offset), again)
                .map_err(failed("write", &path))?;
        }
        segment
            .file
            .write_at(0, &segment.header.encode_twice())
            .map_err(failed("write", &path))?;
        segment.file.sync_all().map_err(failed("sync", &path))?;
        self.disk
            .sync_dir("segments")
            .map_err(failed("sync the directory of", &path))
    }
}
