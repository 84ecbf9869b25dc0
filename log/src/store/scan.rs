//! Reading the log from a position on.

use super::error::StoreError;
use super::record::StoredRecord;
use super::rows::{RowSpan, What};
use super::segment::Segment;
use super::state::Store;
use crate::disk::Disk;

/// Read at once: large enough that a disk is read sequentially.
const WINDOW_BYTES: usize = 1 << 20;

/// Records in order of position. A range that is missing comes as
/// [`StoreError::Missing`], once, and the scan goes on behind it; any other
/// error ends it.
pub struct Scan<'a, D: Disk> {
    store: &'a Store<D>,
    position: u64,
    /// Rows ahead, reversed, of the segment with this number.
    rows: Vec<RowSpan>,
    segment: Option<usize>,
    window: Vec<u8>,
    window_start: u32,
    ended: bool,
}

impl<D: Disk> Store<D> {
    /// The records from a position on. If it lies inside a run, the first
    /// record is that run, and `index_in_run` says where in it.
    pub fn scan(&self, from: u64) -> Scan<'_, D> {
        Scan {
            store: self,
            position: from,
            rows: Vec::new(),
            segment: None,
            window: Vec::new(),
            window_start: 0,
            ended: false,
        }
    }
}

impl<D: Disk> Iterator for Scan<'_, D> {
    type Item = Result<StoredRecord, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended || self.position >= self.store.end() {
            return None;
        }
        let result = self.store.running().and_then(|()| self.record());
        match &result {
            Ok(record) => {
                self.position = record.first_position + u64::from(record.positions);
            }
            Err(StoreError::Missing { end, .. }) => self.position = self.position.max(*end),
            Err(_) => self.ended = true,
        }
        Some(result)
    }
}

impl<D: Disk> Scan<'_, D> {
    fn record(&mut self) -> Result<StoredRecord, StoreError> {
        let store = self.store;
        if let Some((first, end)) = store.quarantined(self.position) {
            self.segment = None;
            return Err(StoreError::Missing { first, end });
        }
        let at = store
            .segments
            .partition_point(|s| s.header.first <= self.position);
        let missing = |position| StoreError::Missing {
            first: position,
            end: position + 1,
        };
        let at = at.checked_sub(1).ok_or(missing(self.position))?;
        let segment = &store.segments[at];
        if self.position >= segment.end {
            let end = store.segments.get(at + 1).map(|next| next.header.first);
            return Err(StoreError::Missing {
                first: self.position,
                end: end.unwrap_or(self.position + 1),
            });
        }
        let relative = (self.position - segment.header.first) as u32;
        let span = self.row(at, segment, relative)?;
        if span.row.what == What::Hole {
            return Err(StoreError::Missing {
                first: segment.header.first + u64::from(span.row.first),
                end: segment.header.first + u64::from(span.next),
            });
        }
        let bytes = self.bytes(segment, &span)?;
        let mut record = store.checked(segment, &span, bytes)?;
        record.index_in_run = (self.position - record.first_position) as u32;
        Ok(record)
    }

    /// The row that holds a position: the next of those ahead, or looked up.
    fn row(
        &mut self,
        at: usize,
        segment: &Segment<D::File>,
        relative: u32,
    ) -> Result<RowSpan, StoreError> {
        if self.segment != Some(at) {
            self.segment = Some(at);
            self.rows.clear();
            self.window.clear();
        }
        while self.rows.last().is_some_and(|span| span.next <= relative) {
            self.rows.pop();
        }
        if self.rows.is_empty() {
            // Looked up anew each time: the index may have been made again, and
            // then its rows are others.
            self.rows = self.store.ask(segment, |index| {
                Ok(match index.row_of(relative)? {
                    Some(row) => index.rows_from(row)?,
                    None => Vec::new(),
                })
            })?;
            self.rows.reverse();
        }
        self.rows.last().copied().ok_or(StoreError::Missing {
            first: self.position,
            end: self.position + 1,
        })
    }

    /// Bytes that start with a row's record.
    fn bytes(&mut self, segment: &Segment<D::File>, span: &RowSpan) -> Result<&[u8], StoreError> {
        let start = span.row.offset;
        let length = span.offset_limit.saturating_sub(start) as usize;
        let inside = start >= self.window_start
            && (start - self.window_start) as usize + length <= self.window.len();
        if !inside {
            // As far as the rows ahead reach (the last of them is the first here).
            let ahead = self.rows.first().map_or(0, |last| last.offset_limit);
            let ahead = ahead.saturating_sub(start) as usize;
            self.window = segment.bytes_at(start, length.max(ahead.min(WINDOW_BYTES)))?;
            self.window_start = start;
        }
        let from = ((start - self.window_start) as usize).min(self.window.len());
        let to = (from + length).min(self.window.len());
        Ok(&self.window[from..to])
    }
}
