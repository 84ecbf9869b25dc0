//! Opening the segments: which are whole, where the log ends, what was torn.

use super::error::StoreError;
use super::format::{DATA_START, FRAME_BYTES, FrameKey, Header, SegmentDigest, u32_at};
use super::guard::GuardReason;
use super::head::Watermark;
use super::record::Decoder;
use super::recovery::{CutTail, OpenReport, failed, unreadable};
use super::rows::SegmentRows;
use super::segment::{Index, Indexing, Segment, digest_up_to, path_of, whole_file};
use super::side::Side;
use super::state::{OpenEnd, Options};
use super::upkeep::save_file;
use super::walk::{BadTail, Gap, Start, Walk, used_bytes};
use super::writer::new_segment;
use crate::disk::{Disk, DiskFile};
use std::sync::{Arc, RwLock};

/// The segments, the last one open, and where it ends.
pub(crate) type Segments<F> = (Vec<Segment<F>>, OpenEnd);

/// What opening works on.
pub(crate) struct Opening<'a, D: Disk> {
    pub(crate) disk: &'a D,
    pub(crate) decoder: &'a dyn Decoder,
    pub(crate) uuid: [u8; 16],
    pub(crate) table_key: u64,
    pub(crate) watermark: Watermark,
    pub(crate) has_own: bool,
    /// Makes names of files kept aside unique.
    pub(crate) generation: u64,
    pub(crate) report: OpenReport,
    pub(crate) guard: Option<GuardReason>,
    pub(crate) lost: Vec<(u64, u64)>,
}

/// A segment file before it is understood.
pub(crate) struct Found<F> {
    pub(crate) number: u32,
    pub(crate) file: Arc<F>,
    pub(crate) header: Option<Header>,
    pub(crate) both_headers_good: bool,
    pub(crate) side: Option<Side<F>>,
}

impl<D: Disk> Opening<'_, D> {
    fn trip(&mut self, reason: GuardReason) {
        self.guard = self.guard.or(Some(reason));
    }

    pub(crate) fn segments(
        &mut self,
        files: Vec<Found<D::File>>,
        options: &Options,
    ) -> Result<Segments<D::File>, StoreError> {
        let mut segments: Vec<Segment<D::File>> = Vec::new();
        let mut end = 0;
        let mut previous = [0; 32];
        let mut next_number = 1;
        let firsts: Vec<(u32, Option<u64>)> = files
            .iter()
            .map(|found| (found.number, found.header.as_ref().map(|h| h.first)))
            .collect();
        let count = files.len();
        for (at, found) in files.into_iter().enumerate() {
            next_number = found.number + 1;
            if !found.both_headers_good {
                self.report.damaged_headers.push(found.number);
            }
            let side = found.side.filter(|side| {
                side.reflects.number == found.number
                    && side.reflects.uuid == self.uuid
                    && found
                        .header
                        .as_ref()
                        .is_none_or(|h| h.first == side.reflects.first)
            });
            let header_damaged = found.header.is_none();
            let known = match found.header {
                Some(header) => Some(header),
                None => self.guess(&found.file, found.number, side.as_ref(), end, previous)?,
            };
            let Some(header) = known else {
                // Which positions it holds cannot be told: those that nothing
                // else holds are missing, and its bytes stay.
                if at + 1 == count && self.never_written(&found.file, found.number, end)? {
                    next_number = found.number;
                } else if self.has_own {
                    self.trip(GuardReason::BadTail);
                }
                continue;
            };
            if header.first > end {
                self.lost.push((end, header.first));
            }
            let mut segment = Segment {
                end: header.first,
                header,
                file: found.file,
                index: RwLock::new(Index::Rows {
                    rows: Box::new(SegmentRows::new(self.table_key, DATA_START)),
                    saved: false,
                }),
            };
            if at + 1 < count {
                let next_first = firsts
                    .get(at + 1)
                    .filter(|next| next.0 == found.number + 1)
                    .and_then(|next| next.1)
                    .filter(|first| *first >= segment.header.first);
                previous = self.closed(&mut segment, side, next_first)?;
                end = segment.end;
                segments.push(segment);
                continue;
            }
            match self.last(segment, side, header_damaged)? {
                Last::Open(segment, open) => {
                    segments.push(segment);
                    return Ok((segments, *open));
                }
                Last::Closed(segment, digest) => {
                    end = segment.end;
                    previous = digest;
                    segments.push(segment);
                }
            }
        }
        // There is no segment to write on: none at all, or the last is damaged.
        if self.watermark.position > end {
            self.lost.push((end, self.watermark.position));
            end = self.watermark.position;
            self.trip(GuardReason::WatermarkAhead);
        }
        let header = Header {
            number: next_number.max(match self.watermark.position {
                0 => 1,
                _ => self.watermark.segment.saturating_add(1),
            }),
            uuid: self.uuid,
            first: end,
            previous,
        };
        let size = if options.preallocate {
            u64::from(options.segment_bytes.max(DATA_START))
        } else {
            u64::from(DATA_START)
        };
        let file = new_segment(self.disk, &header, size)?;
        let open = OpenEnd {
            at: Start {
                offset: DATA_START,
                next: 0,
                crc: header.crc(),
            },
            last_batch: 0,
            digest: SegmentDigest::new(&header),
            allocated: size,
        };
        segments.push(Segment {
            end,
            header,
            file: Arc::new(file),
            index: RwLock::new(Index::Rows {
                rows: Box::new(SegmentRows::new(self.table_key, DATA_START)),
                saved: false,
            }),
        });
        Ok((segments, open))
    }

    /// The header of a segment of which both copies are damaged: from its side
    /// file, or as the segment before it has it be, if the first batch says the same.
    fn guess(
        &self,
        file: &Arc<D::File>,
        number: u32,
        side: Option<&Side<D::File>>,
        end: u64,
        previous: [u8; 32],
    ) -> Result<Option<Header>, StoreError> {
        let header = |first| Header {
            number,
            uuid: self.uuid,
            first,
            previous,
        };
        if let Some(side) = side {
            return Ok(Some(header(side.reflects.first)));
        }
        let bytes = whole_file(file.as_ref()).map_err(unreadable(&path_of(number)))?;
        let next = header(end);
        let frame = FrameKey::new(&self.uuid, number).open(&bytes, DATA_START);
        let follows = frame.is_some_and(|f| f.first == 0 && f.previous == next.crc());
        Ok(follows.then_some(next))
    }

    /// Whether a crash hit while the last segment was created. Then nothing in
    /// it was ever acknowledged, and it is removed.
    fn never_written(
        &mut self,
        file: &Arc<D::File>,
        number: u32,
        end: u64,
    ) -> Result<bool, StoreError> {
        let path = path_of(number);
        let bytes = whole_file(file.as_ref()).map_err(unreadable(&path))?;
        let written = used_bytes(&bytes) > DATA_START as usize;
        if written || self.watermark.segment >= number || self.watermark.position > end {
            return Ok(false);
        }
        self.disk.remove(&path).map_err(failed("remove", &path))?;
        self.report.damaged_headers.pop();
        Ok(true)
    }

    /// A segment that has a successor: its side file, if it fits, else its bytes.
    /// Returns its digest.
    fn closed(
        &mut self,
        segment: &mut Segment<D::File>,
        side: Option<Side<D::File>>,
        next_first: Option<u64>,
    ) -> Result<[u8; 32], StoreError> {
        // The side file may be of a time before the segment was full: only the
        // successor's header says where it ends.
        let fits = match (&side, next_first) {
            (Some(side), Some(next_first)) => self.side_fits(segment, side, next_first)?,
            _ => false,
        };
        let older = side.map(|side| Index::Side(Box::new(side)));
        if fits && let Some(Index::Side(side)) = older {
            segment.end = segment.header.first + u64::from(side.reflects.end.next);
            let digest = side.reflects.digest;
            segment.index = RwLock::new(Index::Side(side));
            return Ok(digest);
        }
        let positions =
            next_first.map(|next| u32::try_from(next - segment.header.first).unwrap_or(u32::MAX));
        let bytes = segment.bytes()?;
        let indexed = segment.indexed(
            self.decoder,
            self.table_key,
            older.as_ref(),
            positions,
            &bytes,
            false,
        )?;
        self.report.rebuilt_indexes += 1;
        self.report.scanned_bytes += u64::from(indexed.rows.end_offset);
        segment.end = segment.header.first + u64::from(indexed.rows.end());
        segment.index = RwLock::new(Index::Rows {
            rows: Box::new(indexed.rows),
            saved: false,
        });
        Ok(indexed.digest.value())
    }

    /// Whether a side file tells of the segment as it is: its last batch lies
    /// where the file says, and its end is where the next segment begins.
    fn side_fits(
        &self,
        segment: &Segment<D::File>,
        side: &Side<D::File>,
        next_first: u64,
    ) -> Result<bool, StoreError> {
        let reflects = &side.reflects;
        let end = segment.header.first + u64::from(reflects.end.next);
        if next_first != end || reflects.last_batch == 0 {
            return Ok(false);
        }
        let frame = segment.bytes_at(reflects.last_batch, 16)?;
        let size = segment
            .file
            .size()
            .map_err(|error| segment.read_error(error))?;
        Ok(frame.len() == 16
            && u32_at(&frame, 12) == reflects.end.crc
            && size >= u64::from(reflects.end.offset))
    }

    /// The last segment, which was being written.
    fn last(
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

/// What became of the last segment.
enum Last<F> {
    /// It is written on.
    Open(Segment<F>, Box<OpenEnd>),
    /// It is damaged and gets a successor; with its digest.
    Closed(Segment<F>, [u8; 32]),
}
