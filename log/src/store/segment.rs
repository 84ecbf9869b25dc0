//! A segment: its file, its place in the log, its index.

use super::error::StoreError;
use super::format::{FrameKey, Header, MAX_SEGMENT_BYTES, SegmentDigest, parse_body, segment_name};
use super::idtable::TableKey;
use super::record::Decoder;
use super::rows::{RowSpan, SegmentRows, What};
use super::side::{Side, SideError};
use super::side_format::Reflects;
use super::walk::{Start, Walk, walk};
use crate::disk::DiskFile;
use crate::ids::FeedKey;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Where to find what in a segment.
#[derive(Debug)]
pub(crate) enum Index<F> {
    /// In memory. `saved` where the side file says the same.
    Rows { rows: Box<SegmentRows>, saved: bool },
    /// In the side file.
    Side(Box<Side<F>>),
}

impl<F: DiskFile> Index<F> {
    pub(crate) fn locate(&self, id: &[u8; 32]) -> Result<Vec<u32>, SideError> {
        match self {
            Self::Rows { rows, .. } => Ok(rows.locate(id)),
            Self::Side(side) => side.locate(id),
        }
    }

    pub(crate) fn at_seq(&self, key: &FeedKey, seq: u64) -> Result<Vec<u32>, SideError> {
        match self {
            Self::Rows { rows, .. } => Ok(rows.at_seq(key, seq)),
            Self::Side(side) => side.at_seq(key, seq),
        }
    }

    pub(crate) fn row_of(&self, position: u32) -> Result<Option<usize>, SideError> {
        match self {
            Self::Rows { rows, .. } => Ok(rows.row_of(position)),
            Self::Side(side) => side.row_of(position),
        }
    }

    /// Some rows from a row on; none behind the last.
    pub(crate) fn rows_from(&self, row: usize) -> Result<Vec<RowSpan>, SideError> {
        const CHUNK: usize = 256;
        match self {
            Self::Rows { rows, .. } => {
                let end = rows.rows.len().min(row.saturating_add(CHUNK));
                Ok((row..end).map(|row| rows.span(row)).collect())
            }
            Self::Side(side) => side.rows_from(row),
        }
    }

    /// The row that holds a position.
    pub(crate) fn span_of(&self, position: u32) -> Result<Option<RowSpan>, SideError> {
        match self {
            Self::Rows { rows, .. } => Ok(rows.row_of(position).map(|row| rows.span(row))),
            Self::Side(side) => match side.row_of(position)? {
                Some(row) => Ok(side.rows_from(row)?.first().copied()),
                None => Ok(None),
            },
        }
    }

    pub(crate) fn row_count(&self) -> usize {
        match self {
            Self::Rows { rows, .. } => rows.rows.len(),
            Self::Side(side) => side.row_count(),
        }
    }

    /// Ids of the positions in a range, where known.
    pub(crate) fn ids_in(
        &self,
        range: std::ops::Range<u32>,
    ) -> Result<BTreeMap<u32, [u8; 32]>, SideError> {
        let mut found = BTreeMap::new();
        match self {
            Self::Rows { rows, .. } => {
                let end = range.end.min(rows.end());
                for position in range.start..end {
                    let id = rows.ids[position as usize];
                    if id != [0; 32] {
                        found.insert(position, id);
                    }
                }
            }
            Self::Side(side) => side.all_ids(&mut |id, position| {
                if range.contains(&position) {
                    found.insert(position, id);
                }
            })?,
        }
        Ok(found)
    }

    /// Ranges of positions without a readable record.
    pub(crate) fn holes(&self) -> Result<Vec<(u32, u32)>, SideError> {
        match self {
            Self::Rows { rows, .. } => Ok(rows.holes().collect()),
            Self::Side(side) if side.holes == 0 => Ok(Vec::new()),
            Self::Side(_) => {
                let mut holes = Vec::new();
                let mut row = 0;
                while row < self.row_count() {
                    let spans = self.rows_from(row)?;
                    row += spans.len().max(1);
                    let gaps = spans.iter().filter(|s| s.row.what == What::Hole);
                    holes.extend(gaps.map(|s| (s.row.first, s.next)));
                }
                Ok(holes)
            }
        }
    }
}

/// A segment of the log. The last one of a store is open for writing.
#[derive(Debug)]
pub(crate) struct Segment<F> {
    /// As it is, or as it must have been where the bytes are damaged.
    pub(crate) header: Header,
    /// Position behind the last.
    pub(crate) end: u64,
    pub(crate) file: Arc<F>,
    pub(crate) index: RwLock<Index<F>>,
}

/// Everything that a segment's bytes say.
#[derive(Debug)]
pub(crate) struct Indexed {
    pub(crate) rows: SegmentRows,
    pub(crate) digest: SegmentDigest,
    pub(crate) walk: Walk,
    /// Records whose checksum is right but which the decoder refuses.
    pub(crate) refused: Vec<Refused>,
}

/// A record that the decoder refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) first: u32,
    pub(crate) next: u32,
    pub(crate) why: String,
}

impl<F: DiskFile> Segment<F> {
    pub(crate) fn number(&self) -> u32 {
        self.header.number
    }

    pub(crate) fn path(&self) -> String {
        path_of(self.header.number)
    }

    pub(crate) fn frame_key(&self) -> FrameKey {
        FrameKey::new(&self.header.uuid, self.header.number)
    }

    pub(crate) fn read_error(&self, source: std::io::Error) -> StoreError {
        StoreError::Read {
            path: self.path(),
            source,
        }
    }

    /// All bytes of the file (bounded: a file that grew by damage is cut off).
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, StoreError> {
        whole_file(self.file.as_ref()).map_err(|error| self.read_error(error))
    }

    /// Some bytes; fewer where the file ends.
    pub(crate) fn bytes_at(&self, offset: u32, length: usize) -> Result<Vec<u8>, StoreError> {
        let mut bytes = vec![0; length];
        let read = self
            .file
            .read_at(u64::from(offset), &mut bytes)
            .map_err(|error| self.read_error(error))?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Asks the index. A damaged side file is replaced by an index in memory,
    /// made from the segment.
    pub(crate) fn ask<T>(
        &self,
        decoder: &dyn Decoder,
        key: TableKey,
        ask: impl Fn(&Index<F>) -> Result<T, SideError>,
    ) -> Result<T, StoreError> {
        let first = {
            let index = self.index.read().unwrap_or_else(PoisonError::into_inner);
            ask(&index)
        };
        match first {
            Ok(answer) => return Ok(answer),
            Err(SideError::Io(error)) => return Err(self.side_error(error)),
            Err(SideError::Damaged) => {}
        }
        let rows = Box::new(self.indexed_closed(decoder, key, None)?.rows);
        let mut index = self.index.write().unwrap_or_else(PoisonError::into_inner);
        *index = Index::Rows { rows, saved: false };
        ask(&index).map_err(|error| match error {
            SideError::Io(error) => self.side_error(error),
            SideError::Damaged => self.side_error(std::io::ErrorKind::InvalidData.into()),
        })
    }

    fn side_error(&self, source: std::io::Error) -> StoreError {
        StoreError::Read {
            path: format!("index/{:08}.idx", self.header.number),
            source,
        }
    }

    /// Like [`Segment::indexed`] for a segment whose end is known.
    pub(crate) fn indexed_closed(
        &self,
        decoder: &dyn Decoder,
        key: TableKey,
        older: Option<&Index<F>>,
    ) -> Result<Indexed, StoreError> {
        let bytes = self.bytes()?;
        self.indexed(decoder, key, older, Some(self.positions()), &bytes, false)
    }

    /// Number of positions.
    pub(crate) fn positions(&self) -> u32 {
        u32::try_from(self.end - self.header.first).unwrap_or(u32::MAX)
    }

    /// Makes the index out of all bytes of the segment. What is damaged keeps
    /// the ids that an older index knows. `positions` is how many there must
    /// be; `deep` has the decoder check signatures, too.
    pub(crate) fn indexed(
        &self,
        decoder: &dyn Decoder,
        key: TableKey,
        older: Option<&Index<F>>,
        positions: Option<u32>,
        bytes: &[u8],
        deep: bool,
    ) -> Result<Indexed, StoreError> {
        let mut indexing = Indexing {
            bytes,
            deep,
            key: self.frame_key(),
            decoder,
            // An older index that cannot be read knows nothing.
            known: &|range| {
                older
                    .and_then(|index| index.ids_in(range).ok())
                    .unwrap_or_default()
            },
            limit: positions.unwrap_or(u32::MAX),
            rows: SegmentRows::new(key, super::format::DATA_START),
            digest: SegmentDigest::new(&self.header),
            refused: Vec::new(),
        };
        let walk = indexing.run(Start {
            offset: super::format::DATA_START,
            next: 0,
            crc: self.header.crc(),
        });
        if let Some(positions) = positions {
            indexing.fill(positions, &walk);
        }
        Ok(Indexed {
            rows: indexing.rows,
            digest: indexing.digest,
            walk,
            refused: indexing.refused,
        })
    }
}

/// Makes the index from bytes.
pub(crate) struct Indexing<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) key: FrameKey,
    pub(crate) decoder: &'a dyn Decoder,
    /// Check records deeply.
    pub(crate) deep: bool,
    /// Ids that are known from elsewhere, by range of positions.
    pub(crate) known: &'a dyn Fn(std::ops::Range<u32>) -> BTreeMap<u32, [u8; 32]>,
    /// Positions that the segment has at most.
    pub(crate) limit: u32,
    pub(crate) rows: SegmentRows,
    pub(crate) digest: SegmentDigest,
    pub(crate) refused: Vec<Refused>,
}

impl Indexing<'_> {
    /// Walks from a start on and takes in what is valid.
    pub(crate) fn run(&mut self, start: Start) -> Walk {
        let walk = walk(self.bytes, &self.key, start, self.limit);
        for batch in &walk.batches {
            if let Some(gap) = walk.gaps.iter().find(|gap| gap.end == batch.offset) {
                self.hole(gap.start, gap.next);
            }
            let body_start = (batch.offset + super::format::FRAME_BYTES) as usize;
            let body = &self.bytes[body_start..batch.end as usize];
            let mut offset = body_start as u32;
            for record in parse_body(body).unwrap_or_default() {
                let end = offset + record.encoded_bytes;
                let crc = crc32c::crc32c(&self.bytes[offset as usize..end as usize]);
                self.record(offset, crc, &record);
                offset = end;
            }
            self.rows.end_offset = batch.end;
        }
        walk
    }

    fn record(&mut self, offset: u32, crc: u32, record: &super::format::RawRecord<'_>) {
        let first = u64::from(self.rows.end());
        let checked = if self.deep {
            self.decoder.check(record.kind, record.bytes)
        } else {
            Ok(())
        };
        let refused = if let Err(why) = checked {
            why
        } else if record.kind == super::format::KIND_RUN {
            match self.decoder.run_facts(record.bytes) {
                Ok(facts) if facts.ids.len() == record.count as usize => {
                    let ids: Vec<[u8; 32]> = facts.ids.iter().map(|id| id.0).collect();
                    self.digest.push(first, true, &ids);
                    self.rows.push_run(offset, crc, &facts);
                    return;
                }
                Ok(_) => "another number of entries than stored".to_owned(),
                Err(why) => why,
            }
        } else {
            match self.decoder.record_id(record.kind, record.bytes) {
                Ok(id) => {
                    self.digest.push(first, false, &[id]);
                    self.rows.push_other(offset, crc, &id);
                    return;
                }
                Err(why) => why,
            }
        };
        let next = self.rows.end() + record.count;
        self.refused.push(Refused {
            first: first as u32,
            next,
            why: refused,
        });
        self.hole(offset, next);
    }

    /// A hole up to a position.
    fn hole(&mut self, offset: u32, next: u32) {
        let first = self.rows.end();
        if next > first {
            let known = (self.known)(first..next);
            self.rows.push_hole(offset, next - first, &known);
        }
    }

    /// A hole at the end, up to where the next segment starts.
    pub(crate) fn fill(&mut self, positions: u32, walk: &Walk) {
        if self.rows.end() < positions {
            self.hole(walk.end.offset, positions);
            self.rows.end_offset = walk.tail.map_or(walk.end.offset, |tail| tail.end);
        }
    }
}

/// The digest of a segment up to a position, out of its index.
pub(crate) fn digest_up_to<F: DiskFile>(
    header: &Header,
    index: &Index<F>,
    end: u32,
) -> Result<SegmentDigest, SideError> {
    let mut digest = SegmentDigest::new(header);
    let known = index.ids_in(0..end)?;
    let mut row = 0;
    let mut ids = Vec::new();
    while row < index.row_count() {
        let spans = index.rows_from(row)?;
        row += spans.len().max(1);
        for span in spans {
            if span.next > end {
                return Ok(digest);
            }
            if span.row.what != What::Hole {
                ids.clear();
                ids.extend(known.range(span.row.first..span.next).map(|(_, id)| *id));
                digest.push(u64::from(span.row.first), span.row.what == What::Run, &ids);
            }
        }
    }
    Ok(digest)
}

/// What a side file of an indexed segment reflects.
pub(crate) fn reflects(
    header: &Header,
    rows: &SegmentRows,
    walk_end: Start,
    last_batch: u32,
    digest: [u8; 32],
) -> Reflects {
    Reflects {
        number: header.number,
        uuid: header.uuid,
        first: header.first,
        end: Start {
            offset: rows.end_offset,
            next: rows.end(),
            crc: walk_end.crc,
        },
        last_batch,
        digest,
    }
}

pub(crate) fn path_of(number: u32) -> String {
    format!("segments/{}", segment_name(number))
}

/// All bytes of a segment file.
pub(crate) fn whole_file<F: DiskFile>(file: &F) -> std::io::Result<Vec<u8>> {
    let size = file.size()?.min(MAX_SEGMENT_BYTES);
    let mut bytes = vec![0; size as usize];
    let read = file.read_at(0, &mut bytes)?;
    bytes.truncate(read);
    Ok(bytes)
}
