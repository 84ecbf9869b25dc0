//! Opening the segments: which are whole, where the log ends, what was torn.

use super::error::StoreError;
use super::format::{DATA_START, FrameKey, Header, MAX_SEGMENT_BYTES, SegmentDigest, u32_at};
use super::guard::GuardReason;
use super::head::Watermark;
use super::record::Decoder;
use super::recovery::{OpenReport, failed, unreadable};
use super::rows::SegmentRows;
use super::segment::{Index, Segment, path_of, whole_file};
use super::side::Side;
use super::state::{OpenEnd, Options};
use super::tail::Last;
use super::walk::{Start, used_bytes};
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
    pub(crate) fn trip(&mut self, reason: GuardReason) {
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
            self.trim(segment, side.reflects.end.offset)?;
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

    /// Gives back the space behind a closed segment that a crash left preallocated.
    fn trim(&self, segment: &Segment<D::File>, end: u32) -> Result<(), StoreError> {
        let size = segment
            .file
            .size()
            .map_err(|error| segment.read_error(error))?;
        let behind = usize::try_from(size.saturating_sub(u64::from(end))).unwrap_or(usize::MAX);
        let behind = behind.min(MAX_SEGMENT_BYTES as usize);
        if behind > 0 && used_bytes(&segment.bytes_at(end, behind)?) == 0 {
            segment
                .file
                .set_size(u64::from(end))
                .map_err(failed("trim", &segment.path()))?;
        }
        Ok(())
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
}
