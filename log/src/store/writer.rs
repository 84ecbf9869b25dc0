//! Appending: batches, syncs, new segments.

use super::error::StoreError;
use super::format::{
    DATA_START, FRAME_BYTES, Header, MAX_BATCH_BYTES, MAX_SEGMENT_BYTES, SegmentDigest, push_record,
};
use super::record::{Committed, Facts, Record};
use super::rows::SegmentRows;
use super::segment::{Index, Segment, path_of};
use super::state::{OpenEnd, Store};
use super::walk::Start;
use crate::disk::{Disk, DiskFile, is_full};
use std::sync::{Arc, PoisonError, RwLock};

/// Most bytes that a record takes beside its own: kind, count, length, and the
/// frame if it is a batch of its own.
const RECORD_OVERHEAD_BYTES: u64 = 32;
/// Positions of one segment are 32 bits in the index; far below that it closes.
const MAX_SEGMENT_POSITIONS: u32 = 1 << 30;

/// A batch that is written and not yet synced.
#[derive(Debug)]
pub(crate) struct Staged<F> {
    file: Arc<F>,
    path: String,
    offset: u32,
    after: Start,
    /// Offset and CRC of each record.
    places: Vec<(u32, u32)>,
}

impl<F: DiskFile> Staged<F> {
    /// Makes the batch durable.
    pub(crate) fn sync(&self) -> Result<(), StoreError> {
        self.file.sync_data().map_err(|source| StoreError::Failed {
            action: "sync",
            path: self.path.clone(),
            source,
        })
    }
}

fn cost(record: &Record<'_>) -> u64 {
    record.bytes.len() as u64 + RECORD_OVERHEAD_BYTES
}

/// How many records at the front make one batch.
fn batch_length(records: &[Record<'_>]) -> usize {
    let mut bytes = 0;
    let fits = |record: &&Record<'_>| {
        bytes += cost(record);
        bytes <= u64::from(MAX_BATCH_BYTES)
    };
    records.iter().take_while(fits).count().max(1)
}

impl<D: Disk> Store<D> {
    /// Stores records; they are durable when this returns. More than 1 MiB goes
    /// in several batches, each synced on its own.
    pub fn commit(&mut self, records: &[Record<'_>]) -> Result<Committed, StoreError> {
        self.running()?;
        self.accept(records)?;
        let first = self.end();
        let mut rest = records;
        while !rest.is_empty() {
            // Space for as much as a segment takes is reserved at once, so that
            // a full disk shows before the first batch is written.
            let mut bytes = 0;
            let room = u64::from(self.options.segment_bytes);
            let piece = rest.iter().take_while(|record| {
                bytes += cost(record);
                bytes <= room
            });
            let (mut piece, after) = rest.split_at(piece.count().max(1));
            rest = after;
            self.make_room(piece)?;
            while !piece.is_empty() {
                let (batch, after) = piece.split_at(batch_length(piece));
                piece = after;
                let staged = self.stage(batch)?;
                let synced = staged.sync();
                self.stop_on(synced)?;
                self.take_in(&staged, batch)?;
            }
        }
        Ok(Committed {
            first,
            end: self.end(),
        })
    }

    /// Reserves disk space so that a commit of records of so many bytes in all
    /// cannot meet a full disk. Ask before signing.
    pub fn reserve(&mut self, bytes: u64) -> Result<(), StoreError> {
        self.running()?;
        // A quarter more covers what surrounds records of 128 bytes and up;
        // entries are larger, and this much extra is no loss.
        let result = self.ensure_room(bytes + bytes / 4 + 2 * RECORD_OVERHEAD_BYTES, 0);
        self.stop_on(result)
    }

    pub(crate) fn accept(&self, records: &[Record<'_>]) -> Result<(), StoreError> {
        match records.iter().find_map(Record::objection) {
            Some(objection) => Err(StoreError::Unstorable(objection)),
            None => Ok(()),
        }
    }

    /// Makes room for some records in the open segment.
    pub(crate) fn make_room(&mut self, records: &[Record<'_>]) -> Result<(), StoreError> {
        let bytes = records.iter().map(cost).sum();
        let positions = records.iter().map(|r| u64::from(r.positions())).sum();
        let result = self.ensure_room(bytes, positions);
        self.stop_on(result)
    }

    fn ensure_room(&mut self, bytes: u64, positions: u64) -> Result<(), StoreError> {
        let needed = u64::from(self.open.at.offset) + bytes;
        let wanted = u64::from(self.options.segment_bytes).min(MAX_SEGMENT_BYTES);
        let full = needed > wanted.max(self.open.allocated)
            || needed > MAX_SEGMENT_BYTES
            || u64::from(self.open.at.next) + positions > u64::from(MAX_SEGMENT_POSITIONS);
        if full && self.open.at.next > 0 {
            let least = u64::from(DATA_START) + bytes;
            return self.roll(if self.options.preallocate {
                least.max(wanted)
            } else {
                least
            });
        }
        if needed > self.open.allocated {
            let size = if self.options.preallocate {
                needed.max(wanted)
            } else {
                needed
            };
            self.allocate(size)?;
        }
        Ok(())
    }

    fn allocate(&mut self, size: u64) -> Result<(), StoreError> {
        let last = self.last();
        let from = self.open.allocated;
        last.file
            .allocate(from, size - from)
            .map_err(|source| allocation_error(source, last.path(), size - from))?;
        self.open.allocated = size;
        Ok(())
    }

    /// Writes one batch behind the last. It counts only when it was synced and
    /// taken in.
    pub(crate) fn stage(&mut self, records: &[Record<'_>]) -> Result<Staged<D::File>, StoreError> {
        if std::mem::replace(&mut self.in_flight, true) {
            // Somebody gave up on a written batch: its bytes are in the way.
            self.poisoned
                .store(true, std::sync::atomic::Ordering::Release);
            return Err(StoreError::Poisoned);
        }
        let at = self.open.at;
        let room: u64 = records.iter().map(cost).sum();
        let mut batch = Vec::with_capacity(room as usize + FRAME_BYTES as usize);
        batch.resize(FRAME_BYTES as usize, 0);
        let mut places = Vec::with_capacity(records.len());
        let mut next = at.next;
        for record in records {
            let start = batch.len();
            push_record(&mut batch, record.kind, record.positions(), record.bytes);
            let crc = crc32c::crc32c(&batch[start..]);
            places.push((at.offset + start as u32, crc));
            next += record.positions();
        }
        let last = self.last();
        let crc = last
            .frame_key()
            .seal(&mut batch, at.offset, at.next, at.crc);
        let path = last.path();
        let written = last
            .file
            .write_at(u64::from(at.offset), &batch)
            .map_err(|source| StoreError::Failed {
                action: "write",
                path: path.clone(),
                source,
            });
        let file = Arc::clone(&last.file);
        self.stop_on(written)?;
        Ok(Staged {
            file,
            path,
            offset: at.offset,
            after: Start {
                offset: at.offset + batch.len() as u32,
                next,
                crc,
            },
            places,
        })
    }

    /// Takes a synced batch into the index.
    pub(crate) fn take_in(
        &mut self,
        staged: &Staged<D::File>,
        records: &[Record<'_>],
    ) -> Result<(), StoreError> {
        for (record, (offset, crc)) in records.iter().zip(&staged.places) {
            self.take_in_record(record, *offset, *crc)?;
        }
        self.open.at = staged.after;
        self.open.last_batch = staged.offset;
        self.open.allocated = self.open.allocated.max(u64::from(staged.after.offset));
        let next = u64::from(staged.after.next);
        let last = self.last_mut();
        last.end = last.header.first + next;
        let index = last.index.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Index::Rows { rows, saved } = index {
            rows.end_offset = staged.after.offset;
            *saved = false;
        }
        self.in_flight = false;
        Ok(())
    }

    fn take_in_record(
        &mut self,
        record: &Record<'_>,
        offset: u32,
        crc: u32,
    ) -> Result<(), StoreError> {
        let number = self.last().number();
        if let Facts::Run(facts) = record.facts
            && !self.feeds.push(facts, number)
        {
            let below = self.last().end;
            let relation = self.relation(facts, below)?;
            self.feeds.push_related(facts, number, relation);
        }
        let Some(last) = self.segments.last_mut() else {
            return Err(StoreError::Poisoned);
        };
        last.end += u64::from(record.positions());
        let index = last.index.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Index::Rows { rows, .. } = index else {
            // The open segment's index is always in memory.
            return Err(StoreError::Poisoned);
        };
        let first = rows.end();
        match record.facts {
            Facts::Run(facts) => rows.push_run(offset, crc, facts),
            Facts::Other(id) => rows.push_other(offset, crc, &id),
        }
        let is_run = matches!(record.facts, Facts::Run(_));
        let ids = &rows.ids[first as usize..];
        self.open.digest.push(u64::from(first), is_run, ids);
        Ok(())
    }

    /// Closes the open segment and starts the next, with so many bytes reserved.
    pub(crate) fn roll(&mut self, size: u64) -> Result<(), StoreError> {
        let header = Header {
            number: self.last().number() + 1,
            uuid: self.uuid(),
            first: self.end(),
            previous: self.open.digest.value(),
        };
        let file = new_segment(&self.disk, &header, size)?;
        // From here on the new segment exists: the old one is closed, whatever
        // becomes of its side file.
        let trimmed = self.trim();
        self.stop_on(trimmed)?;
        let closed = self.segments.len() - 1;
        self.checkpointed.since_bytes += u64::from(self.open.at.offset);
        let filter = self.open_filter();
        self.filters.push(&filter);
        let side = self.encode_open_side(filter.len());
        let mark = self.mark();
        let rows = SegmentRows::new(self.table_key, DATA_START);
        self.open = OpenEnd {
            at: Start {
                offset: DATA_START,
                next: 0,
                crc: header.crc(),
            },
            last_batch: 0,
            digest: SegmentDigest::new(&header),
            allocated: size,
        };
        self.segments.push(Segment {
            end: header.first,
            header,
            file: Arc::new(file),
            index: RwLock::new(Index::Rows {
                rows: Box::new(rows),
                saved: false,
            }),
        });
        if let Some(side) = side {
            self.put_side(closed, &side)?;
        }
        self.sync_head()?;
        self.save_feeds_if_due(mark)
    }

    /// Gives back what was preallocated behind the last batch.
    pub(crate) fn trim(&mut self) -> Result<(), StoreError> {
        let size = u64::from(self.open.at.offset);
        if self.open.allocated > size {
            let last = self.last();
            last.file
                .set_size(size)
                .map_err(|source| StoreError::Failed {
                    action: "trim",
                    path: last.path(),
                    source,
                })?;
            self.open.allocated = size;
        }
        Ok(())
    }
}

fn allocation_error(source: std::io::Error, path: String, needed_bytes: u64) -> StoreError {
    if is_full(&source) {
        StoreError::Full {
            needed_bytes,
            source,
        }
    } else {
        StoreError::Failed {
            action: "allocate",
            path,
            source,
        }
    }
}

/// Creates a segment file: header and name are durable when this returns.
pub(crate) fn new_segment<D: Disk>(
    disk: &D,
    header: &Header,
    size: u64,
) -> Result<D::File, StoreError> {
    let path = path_of(header.number);
    let failed = |action| {
        let path = path.clone();
        move |source: std::io::Error| {
            if is_full(&source) {
                StoreError::Full {
                    needed_bytes: size,
                    source,
                }
            } else {
                StoreError::Failed {
                    action,
                    path,
                    source,
                }
            }
        }
    };
    let file = disk.create(&path).map_err(failed("create"))?;
    let reserved = file
        .allocate(0, size)
        .and_then(|()| file.write_at(0, &header.encode_twice()));
    if let Err(source) = reserved {
        // Nothing counts yet: without the file all is as before. It must not
        // come back after a crash and claim positions that were given since.
        let error = failed("write the header of")(source);
        let gone = disk
            .remove(&path)
            .and_then(|()| disk.sync_dir("segments"))
            .map_err(|source| StoreError::Failed {
                action: "remove",
                path: path.clone(),
                source,
            });
        gone?;
        return Err(error);
    }
    file.sync_all().map_err(failed("sync"))?;
    disk.sync_dir("segments")
        .map_err(failed("sync the directory of"))?;
    Ok(file)
}
