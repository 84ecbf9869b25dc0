//! The open store and what can be asked of it without touching the disk.

use super::checkpoint::Mark;
use super::error::StoreError;
use super::feeds::{FeedState, FeedTable};
use super::filter::{Filters, filter_bytes};
use super::format::SegmentDigest;
use super::guard::GuardReason;
use super::head::Head;
use super::missing::Quarantine;
use super::record::Decoder;
use super::segment::Segment;
use super::walk::Start;
use crate::disk::{Disk, DiskFile};
use crate::ids::{FeedKey, TopicId};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// How a store is kept.
#[derive(Debug, Clone)]
pub struct Options {
    /// Random id for a store that is created; an existing one keeps its own.
    /// It keys the checksums: never tell it to anyone.
    pub uuid: [u8; 16],
    /// A segment is closed when it has grown to this, in bytes.
    pub segment_bytes: u32,
    /// Reserve the disk space of a whole segment ahead. Syncs are faster, and
    /// a full disk shows before anything is written.
    pub preallocate: bool,
    /// Bits per id of the filter in memory that spares reads for unknown ids,
    /// for entries of 320 bytes.
    pub filter_bits: u32,
}

impl Options {
    /// The usual options, with the uuid for a new store.
    pub fn new(uuid: [u8; 16]) -> Self {
        Self {
            uuid,
            // Large enough that opening a segment costs nothing per entry,
            // small enough to be read whole after a crash.
            segment_bytes: 32 << 20,
            preallocate: true,
            // In one of 1,400 segments a page is read for nothing.
            filter_bits: 16,
        }
    }
}

/// Where the next batch goes.
#[derive(Debug)]
pub(crate) struct OpenEnd {
    pub(crate) at: Start,
    /// Offset of the last batch; 0 where there is none.
    pub(crate) last_batch: u32,
    pub(crate) digest: SegmentDigest,
    /// Length of the file.
    pub(crate) allocated: u64,
}

/// When the feed table was saved last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checkpointed {
    pub(crate) mark: Option<Mark>,
    pub(crate) bytes: u64,
    /// Bytes of closed segments since.
    pub(crate) since_bytes: u64,
}

/// An open segment store. Dropped without [`Store::close`] it is as after a
/// crash: nothing is lost, the next opening takes a little longer.
pub struct Store<D: Disk> {
    pub(crate) disk: D,
    pub(crate) decoder: Arc<dyn Decoder>,
    pub(crate) options: Options,
    pub(crate) head: Head<D::File>,
    /// Ascending; the last one is open. Never empty.
    pub(crate) segments: Vec<Segment<D::File>>,
    pub(crate) open: OpenEnd,
    pub(crate) feeds: FeedTable,
    /// Of the closed segments.
    pub(crate) filters: Filters,
    pub(crate) quarantine: RwLock<Quarantine>,
    pub(crate) checkpointed: Checkpointed,
    pub(crate) poisoned: AtomicBool,
    /// A batch is written and not yet taken in.
    pub(crate) in_flight: bool,
    pub(crate) table_key: u64,
    /// Last, so that the lock is let go when everything else is closed.
    pub(crate) _lock: Held<D::File>,
}

/// The lock of a store, until it is dropped.
pub(crate) struct Held<F: DiskFile>(pub(crate) F);

impl<F: DiskFile> Drop for Held<F> {
    fn drop(&mut self) {
        self.0.unlock();
    }
}

impl<D: Disk> std::fmt::Debug for Store<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("end", &self.end())
            .field("segments", &self.segments.len())
            .field("guard", &self.guard())
            .finish_non_exhaustive()
    }
}

impl<D: Disk> Store<D> {
    /// Position behind the last record: where the next one goes.
    pub fn end(&self) -> u64 {
        self.last().end
    }

    /// The store's secret id.
    pub fn uuid(&self) -> [u8; 16] {
        self.head.state.uuid
    }

    /// Why this device must not write its old feeds, if so.
    pub fn guard(&self) -> Option<GuardReason> {
        self.head.state.guard
    }

    /// Highest own sequence numbers, as told by [`Store::mark_own`].
    pub fn own(&self) -> impl Iterator<Item = (FeedKey, u64)> {
        self.head.state.own.iter().map(|(feed, seq)| (*feed, *seq))
    }

    /// State of a feed.
    pub fn feed(&self, key: &FeedKey) -> Option<FeedState> {
        self.feeds.state(key)
    }

    /// All feeds in order of first arrival.
    pub fn feeds(&self) -> impl Iterator<Item = FeedState> {
        self.feeds.states()
    }

    /// Number of feeds.
    pub fn feed_count(&self) -> usize {
        self.feeds.feeds.len()
    }

    /// Feeds of a topic in order of first arrival.
    pub fn feeds_of(&self, topic: &TopicId) -> Vec<FeedState> {
        self.feeds.of_topic(topic)
    }

    /// All topics that have feeds, sorted.
    pub fn topics(&self) -> Vec<TopicId> {
        self.feeds.topics()
    }

    /// Bytes of the files in use: segments as far as they are written.
    pub fn segment_bytes(&self) -> Result<u64, StoreError> {
        use crate::disk::DiskFile;
        let mut sum = u64::from(self.open.at.offset);
        for segment in &self.segments[..self.segments.len() - 1] {
            sum += segment.file.size().map_err(|e| segment.read_error(e))?;
        }
        Ok(sum)
    }

    pub(crate) fn filter_bytes(&self) -> usize {
        filter_bytes(self.options.segment_bytes, self.options.filter_bits)
    }

    pub(crate) fn last(&self) -> &Segment<D::File> {
        &self.segments[self.segments.len() - 1]
    }

    pub(crate) fn last_mut(&mut self) -> &mut Segment<D::File> {
        let last = self.segments.len() - 1;
        &mut self.segments[last]
    }

    /// The segment that holds a position, if any does.
    pub(crate) fn segment_of(&self, position: u64) -> Option<&Segment<D::File>> {
        let after = self
            .segments
            .partition_point(|s| s.header.first <= position);
        // Segments without positions share their first with the next one.
        let segment = self.segments.get(after.checked_sub(1)?)?;
        (position < segment.end).then_some(segment)
    }

    pub(crate) fn segment_numbered(&self, number: u32) -> Option<&Segment<D::File>> {
        let at = self.segments.binary_search_by_key(&number, Segment::number);
        at.ok().map(|at| &self.segments[at])
    }

    /// Errors where the store has stopped.
    pub(crate) fn running(&self) -> Result<(), StoreError> {
        if self.poisoned.load(Ordering::Acquire) {
            Err(StoreError::Poisoned)
        } else {
            Ok(())
        }
    }

    /// Stops the store where an error says that a write or sync failed.
    pub(crate) fn stop_on<T>(&self, result: Result<T, StoreError>) -> Result<T, StoreError> {
        if matches!(result, Err(StoreError::Failed { .. })) {
            self.poisoned.store(true, Ordering::Release);
        }
        result
    }

    pub(crate) fn quarantined(&self, position: u64) -> Option<(u64, u64)> {
        let quarantine = self
            .quarantine
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        quarantine.range_of(position)
    }

    pub(crate) fn quarantine(&self, first: u64, end: u64) {
        let mut quarantine = self
            .quarantine
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        quarantine.insert(first, end);
    }
}
