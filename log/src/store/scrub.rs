//! Checking every byte of the store against what it should be.

use super::checkpoint::{self, FEEDS_NAME};
use super::error::StoreError;
use super::format::{Header, HeaderRead};
use super::missing::{MISSING_NAME, Quarantine};
use super::recovery::read_derived;
use super::rows::What;
use super::segment::{Index, Indexed, Segment};
use super::side::Side;
use super::state::Store;
use super::upkeep::side_name;
use crate::disk::Disk;
use std::sync::PoisonError;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// A copy of the header of a segment is damaged, or both.
    Header {
        /// The segment.
        segment: u32,
    },
    /// Bytes of a segment are damaged, and positions missing with them.
    Batch {
        /// The segment.
        segment: u32,
        /// Where the damage begins in the file.
        offset: u32,
        /// First position that is missing.
        first: u64,
        /// Position behind the last that is missing.
        end: u64,
    },
    /// A record whose checksum is right is refused by the decoder.
    Record {
        /// First position of the record.
        first: u64,
        /// Position behind its last.
        end: u64,
        /// What the decoder says.
        why: String,
    },
    /// There are bytes behind the last batch.
    Tail {
        /// The segment.
        segment: u32,
        /// Where they begin in the file.
        offset: u32,
    },
    /// No file holds these positions.
    Absent {
        /// First position.
        first: u64,
        /// Position behind the last.
        end: u64,
    },
    /// The ids of a segment are not those that its successor vouches for.
    Digest {
        /// The segment.
        segment: u32,
    },
    /// A derived file is damaged or does not fit the segments;
    /// [`Store::rebuild`] makes it again.
    Derived {
        /// The file, relative to the store.
        path: String,
    },
    /// Slots of HEAD are damaged.
    Head {
        /// How many of the two.
        slots: u32,
    },
}

/// What a scrub found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ScrubReport {
    /// Bytes of segments that were read.
    pub bytes: u64,
    /// Positions that were checked and found good.
    pub good_positions: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

impl<D: Disk> Store<D> {
    /// Reads all and checks it: every byte of every segment, all records
    /// deeply, derived files, HEAD. Damaged positions count as missing from now
    /// on. `progress` gets bytes done and bytes in all.
    pub fn scrub(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<ScrubReport, StoreError> {
        self.running()?;
        let mut report = ScrubReport::default();
        let total = self.segment_bytes()?;
        for (first, end) in self.absent_ranges() {
            report.findings.push(Finding::Absent { first, end });
        }
        for (at, segment) in self.segments.iter().enumerate() {
            let is_open = at + 1 == self.segments.len();
            let bytes = segment.bytes()?;
            let indexed = {
                let index = segment.index.read().unwrap_or_else(PoisonError::into_inner);
                segment.indexed(
                    self.decoder.as_ref(),
                    self.table_key,
                    Some(&index),
                    Some(segment.positions()),
                    &bytes,
                    true,
                )?
            };
            let headers = Header::decode_twice(&bytes);
            if headers != (HeaderRead::Good(segment.header.clone()), true) {
                report.findings.push(Finding::Header {
                    segment: segment.number(),
                });
            }
            self.damage(segment, &indexed, &mut report);
            let next = self.segments.get(at + 1);
            if let Some(next) = next
                && next.number() == segment.number() + 1
                && indexed.rows.holes().next().is_none()
                && next.header.previous != indexed.digest.value()
            {
                report.findings.push(Finding::Digest {
                    segment: segment.number(),
                });
            }
            self.compare(segment, &indexed, is_open, &mut report)?;
            report.bytes += u64::from(indexed.rows.end_offset);
            progress(report.bytes, total);
        }
        self.scrub_small_files(&mut report)?;
        Ok(report)
    }

    /// Reports what is damaged in a segment, and quarantines it.
    fn damage(&self, segment: &Segment<D::File>, indexed: &Indexed, report: &mut ScrubReport) {
        let base = segment.header.first;
        for row in 0..indexed.rows.rows.len() {
            let span = indexed.rows.span(row);
            let (first, end) = (
                base + u64::from(span.row.first),
                base + u64::from(span.next),
            );
            if span.row.what != What::Hole {
                report.good_positions += end - first;
                continue;
            }
            self.quarantine(first, end);
            let refused = indexed.refused.iter().find(|r| r.first == span.row.first);
            report.findings.push(match refused {
                Some(refused) => Finding::Record {
                    first,
                    end,
                    why: refused.why.clone(),
                },
                None => Finding::Batch {
                    segment: segment.number(),
                    offset: span.row.offset,
                    first,
                    end,
                },
            });
        }
        if let Some(tail) = indexed.walk.tail
            && indexed.walk.end.next == segment.positions()
        {
            report.findings.push(Finding::Tail {
                segment: segment.number(),
                offset: tail.start,
            });
        }
    }

    /// Compares the index in use and its file with what the bytes say.
    fn compare(
        &self,
        segment: &Segment<D::File>,
        indexed: &Indexed,
        is_open: bool,
        report: &mut ScrubReport,
    ) -> Result<(), StoreError> {
        let path = format!("index/{}", side_name(segment.number()));
        let same = {
            let index = segment.index.read().unwrap_or_else(PoisonError::into_inner);
            same_where_good(&index, indexed)
        };
        let file_good = is_open || {
            match self.disk.open(&path) {
                Ok(file) => Side::open(file).is_ok_and(|side| side.check().is_ok()),
                // It is only in memory yet: the disk was full, or it was lost.
                Err(_) => false,
            }
        };
        if !same || !file_good {
            report.findings.push(Finding::Derived { path });
        }
        Ok(())
    }

    fn scrub_small_files(&self, report: &mut ScrubReport) -> Result<(), StoreError> {
        let slots = self.head.damaged_slots()?;
        if slots > 0 {
            report.findings.push(Finding::Head { slots });
        }
        let uuid = self.uuid();
        let feeds_good = |bytes: Vec<u8>| checkpoint::decode(&bytes, &uuid).is_some();
        if !read_derived(&self.disk, FEEDS_NAME)?.is_none_or(feeds_good) {
            report.findings.push(Finding::Derived {
                path: format!("index/{FEEDS_NAME}"),
            });
        }
        let missing_good = |bytes: Vec<u8>| Quarantine::decode(&bytes, &uuid).is_some();
        if !read_derived(&self.disk, MISSING_NAME)?.is_none_or(missing_good) {
            report.findings.push(Finding::Derived {
                path: format!("index/{MISSING_NAME}"),
            });
        }
        Ok(())
    }
}

/// Whether an index says what the bytes say, as far as they are good.
fn same_where_good<F: crate::disk::DiskFile>(index: &Index<F>, indexed: &Indexed) -> bool {
    let fresh = &indexed.rows;
    let Ok(ids) = index.ids_in(0..fresh.end()) else {
        return false;
    };
    for row in 0..fresh.rows.len() {
        let span = fresh.span(row);
        if span.row.what == What::Hole {
            continue;
        }
        let Ok(Some(there)) = index.span_of(span.row.first) else {
            return false;
        };
        let hole = there.row.what == What::Hole;
        if !hole && (there.row != span.row || there.next != span.next) {
            return false;
        }
        let same = |position: u32| ids.get(&position) == Some(&fresh.ids[position as usize]);
        if !hole && !(span.row.first..span.next).all(same) {
            return false;
        }
    }
    fresh.runs.iter().all(|(feed, delta, row)| {
        let feed = &fresh.feeds[*feed as usize];
        let first = fresh.rows[*row as usize].first;
        index
            .at_seq(&feed.key, feed.base + u64::from(*delta))
            .is_ok_and(|positions| positions.contains(&first))
    })
}
