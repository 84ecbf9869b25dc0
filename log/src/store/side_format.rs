//! The index of a segment in a file: sorted tables in checksummed pages.
//!
//! ```text
//! index/00000001.idx                                   (integers little-endian)
//!
//! header, 124 bytes
//!    0 magic "SYNLOGIX" 8 │   8 version 4        │  12 segment number 4
//!   16 store uuid 16      │  32 first position 8 │  40 positions 4
//!   44 offset behind the last batch 4 │ 48 offset of the last batch 4
//!   52 CRC of the last batch 4        │ 56 segment digest up to there 32
//!   88 rows of the tables: ids 4, records 4, runs 4, feeds 4
//!  104 longest run 4 │ 108 filter bytes 4 │ 112 holes among the records 4
//!  116 CRC of the preamble 4 │ 120 CRC of bytes 0..120
//! preamble: CRC per page 4 │ first id per page of ids 8 │ first position per
//!           page of records 4 │ (feed, delta) per page of runs 8 │ filter
//! pages of 4096 bytes, from the next multiple of 4096 on
//!   ids      id 32, position 4                    sorted
//!   records  position 4, offset + kind bits 4, CRC of the record 4
//!   runs     feed 4, seq − base 4, record row 4   sorted
//!   feeds    author 32, topic 32, base 8          sorted
//! ```
//!
//! The file is derived: one that does not fit its segment is made again.

use super::filter;
use super::format::{FORMAT_VERSION, array_at};
use super::rows::{SegmentRows, What};
use super::walk::Start;

pub(crate) const MAGIC: &[u8; 8] = b"SYNLOGIX";
pub(crate) const HEADER_BYTES: usize = 124;
pub(crate) const PAGE_BYTES: usize = 4096;
pub(crate) const ID_ROW: usize = 36;
pub(crate) const RECORD_ROW: usize = 12;
pub(crate) const RUN_ROW: usize = 12;
pub(crate) const FEED_ROW: usize = 72;
/// Kind bits of a record row's offset; segments are below 2³⁰ bytes.
pub(crate) const HOLE_BIT: u32 = 1 << 31;
pub(crate) const OTHER_BIT: u32 = 1 << 30;

/// What a side file says that it reflects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reflects {
    pub(crate) number: u32,
    pub(crate) uuid: [u8; 16],
    pub(crate) first: u64,
    /// Behind the last batch: offset, position, CRC.
    pub(crate) end: Start,
    pub(crate) last_batch: u32,
    pub(crate) digest: [u8; 32],
}

/// The bytes of a side file.
pub(crate) fn encode(rows: &SegmentRows, reflects: &Reflects, filter_bytes: usize) -> Vec<u8> {
    let ids = sorted_ids(rows);
    let filter = segment_filter(rows, filter_bytes);

    let mut order: Vec<u32> = (0..rows.feeds.len() as u32).collect();
    order.sort_unstable_by_key(|n| rows.feeds[*n as usize]);
    let mut renumbered = vec![0u32; order.len()];
    for (new, old) in order.iter().enumerate() {
        renumbered[*old as usize] = new as u32;
    }
    let mut runs: Vec<(u32, u32, u32)> = rows
        .runs
        .iter()
        .map(|(feed, delta, row)| (renumbered[*feed as usize], *delta, *row))
        .collect();
    runs.sort_unstable();

    let mut pages = Pages::default();
    for (id, position) in &ids {
        pages.row(ID_ROW, |out| {
            out.extend_from_slice(id);
            out.extend_from_slice(&position.to_le_bytes());
        });
    }
    pages.end_table();
    for row in &rows.rows {
        let bits = match row.what {
            What::Run => 0,
            What::Other => OTHER_BIT,
            What::Hole => HOLE_BIT,
        };
        pages.row(RECORD_ROW, |out| {
            out.extend_from_slice(&row.first.to_le_bytes());
            out.extend_from_slice(&(row.offset | bits).to_le_bytes());
            out.extend_from_slice(&row.crc.to_le_bytes());
        });
    }
    pages.end_table();
    for (feed, delta, row) in &runs {
        pages.row(RUN_ROW, |out| {
            for word in [feed, delta, row] {
                out.extend_from_slice(&word.to_le_bytes());
            }
        });
    }
    pages.end_table();
    for old in &order {
        let feed = &rows.feeds[*old as usize];
        pages.row(FEED_ROW, |out| {
            out.extend_from_slice(&feed.key.author.0);
            out.extend_from_slice(&feed.key.topic.0);
            out.extend_from_slice(&feed.base.to_le_bytes());
        });
    }
    pages.end_table();

    let mut preamble = Vec::new();
    for page in pages.0.chunks(PAGE_BYTES) {
        preamble.extend_from_slice(&crc32c::crc32c(page).to_le_bytes());
    }
    for (id, _) in ids.iter().step_by(PAGE_BYTES / ID_ROW) {
        preamble.extend_from_slice(&id[..8]);
    }
    for row in rows.rows.iter().step_by(PAGE_BYTES / RECORD_ROW) {
        preamble.extend_from_slice(&row.first.to_le_bytes());
    }
    for (feed, delta, _) in runs.iter().step_by(PAGE_BYTES / RUN_ROW) {
        preamble.extend_from_slice(&feed.to_le_bytes());
        preamble.extend_from_slice(&delta.to_le_bytes());
    }
    preamble.extend_from_slice(&filter);

    let mut out = Vec::with_capacity(HEADER_BYTES + preamble.len() + PAGE_BYTES + pages.0.len());
    out.extend_from_slice(MAGIC);
    for word in [FORMAT_VERSION, reflects.number] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(&reflects.uuid);
    out.extend_from_slice(&reflects.first.to_le_bytes());
    for word in [
        rows.end(),
        reflects.end.offset,
        reflects.last_batch,
        reflects.end.crc,
    ] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    out.extend_from_slice(&reflects.digest);
    for count in [
        ids.len(),
        rows.rows.len(),
        runs.len(),
        order.len(),
        rows.longest_run as usize,
        filter.len(),
        rows.holes().count(),
    ] {
        out.extend_from_slice(&(count as u32).to_le_bytes());
    }
    out.extend_from_slice(&crc32c::crc32c(&preamble).to_le_bytes());
    let crc = crc32c::crc32c(&out);
    out.extend_from_slice(&crc.to_le_bytes());
    out.extend_from_slice(&preamble);
    out.resize(out.len().next_multiple_of(PAGE_BYTES), 0);
    out.extend_from_slice(&pages.0);
    out
}

/// Known ids with their positions, sorted.
fn sorted_ids(rows: &SegmentRows) -> Vec<([u8; 32], u32)> {
    // By the first eight bytes, as numbers: that is all but always enough.
    let known = rows.ids.iter().zip(0..).filter(|(id, _)| **id != [0; 32]);
    let prefix = |id: &[u8; 32]| u64::from_be_bytes(array_at(id, 0));
    let mut order: Vec<(u64, u32)> = known.map(|(id, n)| (prefix(id), n)).collect();
    order.sort_unstable();
    let with_id = |(_, n): &(u64, u32)| (rows.ids[*n as usize], *n);
    let mut ids: Vec<([u8; 32], u32)> = order.iter().map(with_id).collect();
    let mut start = 0;
    for same in order.chunk_by(|a, b| a.0 == b.0) {
        ids[start..start + same.len()].sort_unstable();
        start += same.len();
    }
    ids
}

/// The filter of a segment.
pub(crate) fn segment_filter(rows: &SegmentRows, filter_bytes: usize) -> Vec<u8> {
    let mut filter = vec![0; filter_bytes];
    for id in rows.ids.iter().filter(|id| **id != [0; 32]) {
        filter::insert(&mut filter, id);
    }
    filter
}

/// Pages under construction; a row never crosses the border of two.
#[derive(Default)]
struct Pages(Vec<u8>);

impl Pages {
    fn row(&mut self, row_bytes: usize, write: impl FnOnce(&mut Vec<u8>)) {
        if self.0.len() % PAGE_BYTES + row_bytes > PAGE_BYTES {
            self.end_table();
        }
        write(&mut self.0);
    }

    fn end_table(&mut self) {
        self.0.resize(self.0.len().next_multiple_of(PAGE_BYTES), 0);
    }
}
