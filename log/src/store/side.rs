//! Reading the index of a segment out of its side file.
//!
//! Only header and preamble are kept in memory (see `side_format.rs`); a page
//! is checked when it is read.

use super::format::{FORMAT_VERSION, array_at, u32_at, u64_at};
use super::idtable::TableKey;
use super::rows::{LocalFeed, Row, RowSpan, SegmentRows, What};
use super::side_format::{
    FEED_ROW, HEADER_BYTES, HOLE_BIT, ID_ROW, MAGIC, OTHER_BIT, PAGE_BYTES, RECORD_ROW, RUN_ROW,
    Reflects,
};
use super::walk::Start;
use crate::disk::DiskFile;
use crate::ids::{DeviceId, FeedKey, TopicId};
use std::io;

/// Why a side file did not answer.
#[derive(Debug)]
pub(crate) enum SideError {
    /// It is not what was written, or is of another segment: make it again.
    Damaged,
    /// The disk failed.
    Io(io::Error),
}

impl From<io::Error> for SideError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[derive(Debug, Clone, Copy)]
struct Table {
    rows: usize,
    row_bytes: usize,
    first_page: usize,
}

impl Table {
    fn per_page(&self) -> usize {
        PAGE_BYTES / self.row_bytes
    }

    fn pages(&self) -> usize {
        self.rows.div_ceil(self.per_page())
    }

    /// Rows in the page that is the `n`th of this table.
    fn rows_in(&self, n: usize) -> usize {
        self.per_page().min(self.rows - n * self.per_page())
    }
}

/// An open side file.
#[derive(Debug)]
pub(crate) struct Side<F> {
    file: F,
    pub(crate) reflects: Reflects,
    ids: Table,
    records: Table,
    runs: Table,
    feeds: Table,
    longest_run: u32,
    /// How many records are holes.
    pub(crate) holes: u32,
    pages_at: u64,
    page_crcs: Vec<u32>,
    id_fences: Vec<[u8; 8]>,
    record_fences: Vec<u32>,
    run_fences: Vec<(u32, u32)>,
    filter: Vec<u8>,
}

fn read_exactly<F: DiskFile>(file: &F, offset: u64, bytes: usize) -> Result<Vec<u8>, SideError> {
    let mut buffer = vec![0; bytes];
    if file.read_at(offset, &mut buffer)? < bytes {
        return Err(SideError::Damaged);
    }
    Ok(buffer)
}

impl<F: DiskFile> Side<F> {
    /// Opens a side file, reading header and preamble.
    pub(crate) fn open(file: F) -> Result<Self, SideError> {
        let file_bytes = file.size()?;
        let header = read_exactly(&file, 0, HEADER_BYTES)?;
        if &header[..8] != MAGIC
            || crc32c::crc32c(&header[..120]) != u32_at(&header, 120)
            || u32_at(&header, 8) != FORMAT_VERSION
        {
            return Err(SideError::Damaged);
        }
        let count = |n: usize| u32_at(&header, 88 + 4 * n) as usize;
        let mut first_page = 0;
        let mut table = |rows, row_bytes| {
            let table = Table {
                rows,
                row_bytes,
                first_page,
            };
            first_page += table.pages();
            table
        };
        let ids = table(count(0), ID_ROW);
        let records = table(count(1), RECORD_ROW);
        let runs = table(count(2), RUN_ROW);
        let feeds = table(count(3), FEED_ROW);
        let preamble_bytes =
            4 * first_page + 8 * ids.pages() + 4 * records.pages() + 8 * runs.pages() + count(5);
        let pages_at = (HEADER_BYTES + preamble_bytes).next_multiple_of(PAGE_BYTES) as u64;
        // The counts must explain the file's length before they are believed.
        if pages_at + (first_page * PAGE_BYTES) as u64 != file_bytes {
            return Err(SideError::Damaged);
        }
        let preamble = read_exactly(&file, HEADER_BYTES as u64, preamble_bytes)?;
        if crc32c::crc32c(&preamble) != u32_at(&header, 116) {
            return Err(SideError::Damaged);
        }
        let mut rest = &preamble[..];
        let mut take = |bytes: usize| {
            let (taken, after) = rest.split_at(bytes);
            rest = after;
            taken
        };
        let words = |bytes: &[u8]| bytes.chunks(4).map(|w| u32_at(w, 0)).collect::<Vec<_>>();
        let page_crcs = words(take(4 * first_page));
        let id_fences = take(8 * ids.pages())
            .chunks(8)
            .map(|f| array_at(f, 0))
            .collect();
        let record_fences = words(take(4 * records.pages()));
        let run_fences = take(8 * runs.pages())
            .chunks(8)
            .map(|f| (u32_at(f, 0), u32_at(f, 4)))
            .collect();
        let filter = take(count(5)).to_vec();
        Ok(Self {
            file,
            reflects: Reflects {
                number: u32_at(&header, 12),
                uuid: array_at(&header, 16),
                first: u64_at(&header, 32),
                end: Start {
                    offset: u32_at(&header, 44),
                    next: u32_at(&header, 40),
                    crc: u32_at(&header, 52),
                },
                last_batch: u32_at(&header, 48),
                digest: array_at(&header, 56),
            },
            ids,
            records,
            runs,
            feeds,
            longest_run: count(4) as u32,
            holes: count(6) as u32,
            pages_at,
            page_crcs,
            id_fences,
            record_fences,
            run_fences,
            filter,
        })
    }

    /// The filter, which is needed only once.
    pub(crate) fn take_filter(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.filter)
    }

    fn page(&self, table: &Table, n: usize) -> Result<Vec<u8>, SideError> {
        let page = table.first_page + n;
        let offset = self.pages_at + (page * PAGE_BYTES) as u64;
        let bytes = read_exactly(&self.file, offset, PAGE_BYTES)?;
        if self.page_crcs.get(page) != Some(&crc32c::crc32c(&bytes)) {
            return Err(SideError::Damaged);
        }
        Ok(bytes)
    }

    /// Positions with an id.
    pub(crate) fn locate(&self, id: &[u8; 32]) -> Result<Vec<u32>, SideError> {
        let mut found = Vec::new();
        let fence: [u8; 8] = array_at(id, 0);
        let start = self.id_fences.partition_point(|f| *f < fence);
        for n in start.saturating_sub(1)..self.ids.pages() {
            if self.id_fences[n] > fence {
                break;
            }
            let page = self.page(&self.ids, n)?;
            let rows = self.ids.rows_in(n);
            let from = partition(rows, |row| page[row * ID_ROW..row * ID_ROW + 32] < id[..]);
            for row in from..rows {
                let at = row * ID_ROW;
                if page[at..at + 32] != id[..] {
                    return Ok(found);
                }
                found.push(u32_at(&page, at + 32));
            }
        }
        Ok(found)
    }

    /// All ids with their positions, in the order of ids.
    pub(crate) fn all_ids(&self, each: &mut dyn FnMut([u8; 32], u32)) -> Result<(), SideError> {
        for n in 0..self.ids.pages() {
            let page = self.page(&self.ids, n)?;
            for row in page.chunks(ID_ROW).take(self.ids.rows_in(n)) {
                each(array_at(row, 0), u32_at(row, 32));
            }
        }
        Ok(())
    }

    /// Number of rows of records.
    pub(crate) fn row_count(&self) -> usize {
        self.records.rows
    }

    fn row_in(page: &[u8], row: usize) -> Row {
        let at = row * RECORD_ROW;
        let bits = u32_at(page, at + 4);
        Row {
            first: u32_at(page, at),
            offset: bits & !(HOLE_BIT | OTHER_BIT),
            crc: u32_at(page, at + 8),
            what: match bits & (HOLE_BIT | OTHER_BIT) {
                0 => What::Run,
                OTHER_BIT => What::Other,
                _ => What::Hole,
            },
        }
    }

    /// Rows of the page that holds a row, from that row on; with their ends.
    pub(crate) fn rows_from(&self, row: usize) -> Result<Vec<RowSpan>, SideError> {
        if row >= self.records.rows {
            return Ok(Vec::new());
        }
        let per_page = self.records.per_page();
        let n = row / per_page;
        let page = self.page(&self.records, n)?;
        let count = self.records.rows_in(n);
        let mut rows: Vec<Row> = (row % per_page..count)
            .map(|row| Self::row_in(&page, row))
            .collect();
        let (next, offset_limit) = if n + 1 < self.records.pages() {
            let following = Self::row_in(&self.page(&self.records, n + 1)?, 0);
            (following.first, following.offset)
        } else {
            (self.reflects.end.next, self.reflects.end.offset)
        };
        let mut spans = Vec::with_capacity(rows.len());
        let mut after = (next, offset_limit);
        while let Some(row) = rows.pop() {
            spans.push(RowSpan {
                row,
                next: after.0,
                offset_limit: after.1,
            });
            after = (row.first, row.offset);
        }
        spans.reverse();
        Ok(spans)
    }

    /// Number of the row that holds a position.
    pub(crate) fn row_of(&self, position: u32) -> Result<Option<usize>, SideError> {
        if position >= self.reflects.end.next {
            return Ok(None);
        }
        let n = self.record_fences.partition_point(|f| *f <= position);
        let Some(n) = n.checked_sub(1) else {
            return Ok(None);
        };
        let page = self.page(&self.records, n)?;
        let rows = self.records.rows_in(n);
        let row = partition(rows, |row| u32_at(&page, row * RECORD_ROW) <= position);
        Ok(row
            .checked_sub(1)
            .map(|row| n * self.records.per_page() + row))
    }

    fn feed_row(&self, number: usize) -> Result<LocalFeed, SideError> {
        let n = number / self.feeds.per_page();
        let page = self.page(&self.feeds, n)?;
        let at = number % self.feeds.per_page() * FEED_ROW;
        Ok(LocalFeed {
            key: FeedKey {
                author: DeviceId(array_at(&page, at)),
                topic: TopicId(array_at(&page, at + 32)),
            },
            base: u64_at(&page, at + 64),
        })
    }

    /// Positions with a sequence number of a feed.
    pub(crate) fn at_seq(&self, key: &FeedKey, seq: u64) -> Result<Vec<u32>, SideError> {
        let mut found = Vec::new();
        let (mut low, mut high) = (0, self.feeds.rows);
        while low < high {
            let middle = (low + high) / 2;
            if self.feed_row(middle)?.key < *key {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        for number in low..self.feeds.rows {
            let feed = self.feed_row(number)?;
            if feed.key != *key {
                break;
            }
            if let Some(Ok(delta)) = seq.checked_sub(feed.base).map(u32::try_from) {
                self.at_delta(number as u32, delta, &mut found)?;
            }
        }
        Ok(found)
    }

    fn at_delta(&self, feed: u32, delta: u32, found: &mut Vec<u32>) -> Result<(), SideError> {
        let from = (
            feed,
            delta.saturating_sub(self.longest_run.saturating_sub(1)),
        );
        let start = self.run_fences.partition_point(|f| *f < from);
        for n in start.saturating_sub(1)..self.runs.pages() {
            if self.run_fences[n] > (feed, delta) {
                break;
            }
            let page = self.page(&self.runs, n)?;
            for run in page.chunks(RUN_ROW).take(self.runs.rows_in(n)) {
                let at = (u32_at(run, 0), u32_at(run, 4));
                if at < from {
                    continue;
                }
                if at > (feed, delta) {
                    return Ok(());
                }
                let rows = self.rows_from(u32_at(run, 8) as usize)?;
                let span = rows.first().ok_or(SideError::Damaged)?;
                let length = span.next.saturating_sub(span.row.first);
                if u64::from(at.1) + u64::from(length) > u64::from(delta) {
                    found.push(span.row.first + (delta - at.1));
                }
            }
        }
        Ok(())
    }

    /// Loads everything into memory, to be written on.
    pub(crate) fn load(&self, key: TableKey) -> Result<SegmentRows, SideError> {
        let mut rows = SegmentRows::new(key, self.reflects.end.offset);
        let mut ids = vec![[0; 32]; self.reflects.end.next as usize];
        let mut outside = false;
        self.all_ids(&mut |id, position| match ids.get_mut(position as usize) {
            Some(slot) => *slot = id,
            None => outside = true,
        })?;
        rows.push_ids(ids.iter());
        while rows.rows.len() < self.records.rows {
            let spans = self.rows_from(rows.rows.len())?;
            rows.rows.extend(spans.iter().map(|span| span.row));
        }
        for number in 0..self.feeds.rows {
            rows.add_feed(self.feed_row(number)?);
        }
        for n in 0..self.runs.pages() {
            let page = self.page(&self.runs, n)?;
            for run in page.chunks(RUN_ROW).take(self.runs.rows_in(n)) {
                let run = (u32_at(run, 0), u32_at(run, 4), u32_at(run, 8));
                outside |= run.0 as usize >= self.feeds.rows || run.2 as usize >= rows.rows.len();
                rows.runs.insert(run);
            }
        }
        rows.longest_run = self.longest_run;
        if outside {
            Err(SideError::Damaged)
        } else {
            Ok(rows)
        }
    }

    /// Reads and checks every page, and that the tables are sorted.
    pub(crate) fn check(&self) -> Result<(), SideError> {
        let mut last = None;
        let mut sorted = true;
        self.all_ids(&mut |id, position| {
            sorted &= last.is_none_or(|l| l < (id, position));
            last = Some((id, position));
        })?;
        let mut first = None;
        for n in 0..self.records.pages() {
            for span in self.rows_from(n * self.records.per_page())? {
                sorted &= first.is_none_or(|f| f < span.row.first);
                first = Some(span.row.first);
            }
        }
        for table in [&self.runs, &self.feeds] {
            for n in 0..table.pages() {
                self.page(table, n)?;
            }
        }
        if sorted {
            Ok(())
        } else {
            Err(SideError::Damaged)
        }
    }
}

/// The number of rows at the front for which `before` holds.
fn partition(rows: usize, before: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (0, rows);
    while low < high {
        let middle = (low + high) / 2;
        if before(middle) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
