//! HEAD, derived files, guard, closing.

use super::checkpoint::{self, FEEDS_NAME, Mark};
use super::error::StoreError;
use super::guard::GuardReason;
use super::head::{MAX_OWN_FEEDS, Watermark};
use super::missing::MISSING_NAME;
use super::segment::{Index, reflects};
use super::side::Side;
use super::side_format;
use super::state::{Checkpointed, Store};
use crate::disk::{Disk, DiskFile, is_full};
use crate::ids::{DeviceId, FeedKey};
use std::sync::PoisonError;

/// The feed table is saved again when so many times its length came in since:
/// then saving costs at most a quarter of what the log itself costs.
const CHECKPOINT_FACTOR: u64 = 4;

pub(crate) fn side_name(number: u32) -> String {
    format!("{number:08}.idx")
}

impl<D: Disk> Store<D> {
    /// To be called when nothing is going on, about a second after the last
    /// commit: makes the watermark in HEAD durable.
    pub fn idle(&mut self) -> Result<(), StoreError> {
        self.running()?;
        self.sync_head()?;
        for at in 0..self.segments.len() - 1 {
            self.save_side(at)?;
        }
        self.save_missing()
    }

    /// Remembers that this device wrote an entry. Call it when the entry is
    /// committed; it reaches HEAD with the next [`Store::idle`], segment end or
    /// [`Store::close`], the first own entry at once.
    pub fn mark_own(&mut self, feed: FeedKey, seq: u64) -> Result<(), StoreError> {
        self.running()?;
        let height = self.feeds.get(&feed).map_or(0, |f| {
            let others = f.others.iter().map(|b| b.height).max().unwrap_or(0);
            f.first.height.max(others)
        });
        if seq >= height {
            return Err(StoreError::NotStored { seq });
        }
        let own = &self.head.state.own;
        if own.len() >= MAX_OWN_FEEDS && !own.contains_key(&feed) {
            return Err(StoreError::Unstorable("more than a million own feeds"));
        }
        let first = own.is_empty();
        let own = self.head.state.own.entry(feed).or_insert(seq);
        *own = seq.max(*own);
        self.head.dirty = true;
        // Whether there are own feeds at all decides what damage means.
        if first { self.sync_head() } else { Ok(()) }
    }

    /// Trips the guard, durably: own entries were seen that are not here.
    pub fn trip_guard(&mut self, reason: GuardReason) -> Result<(), StoreError> {
        self.running()?;
        if self.head.state.guard.is_none() {
            self.head.state.guard = Some(reason);
            self.head.dirty = true;
        }
        self.sync_head()
    }

    /// Clears the guard after the device key was replaced: only feeds of
    /// `device` count as own from now on.
    pub fn clear_guard(&mut self, device: DeviceId) -> Result<(), StoreError> {
        self.running()?;
        self.head.state.own.retain(|feed, _| feed.author == device);
        self.head.state.guard = None;
        self.head.dirty = true;
        self.sync_head()
    }

    /// Closes the store: gives back preallocated space and saves what makes
    /// the next opening fast.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.running()?;
        let trimmed = self.trim();
        self.stop_on(trimmed)?;
        let last = self.last();
        let synced = last.file.sync_all().map_err(|source| StoreError::Failed {
            action: "sync",
            path: last.path(),
            source,
        });
        self.stop_on(synced)?;
        for at in 0..self.segments.len() {
            self.save_side(at)?;
        }
        let mark = self.mark();
        if self.checkpointed.mark != Some(mark) {
            self.save_feeds(mark)?;
        }
        self.save_missing()?;
        self.sync_head()
    }

    /// Brings HEAD up to the end of the log and syncs it, where it differs.
    pub(crate) fn sync_head(&mut self) -> Result<(), StoreError> {
        let watermark = Watermark {
            position: self.end(),
            segment: self.last().number(),
            offset: self.open.at.offset,
            crc: self.open.at.crc,
        };
        if self.head.state.watermark != watermark {
            self.head.state.watermark = watermark;
            self.head.dirty = true;
        }
        if self.head.dirty {
            let synced = self.head.sync(&self.disk);
            self.stop_on(synced)?;
        }
        Ok(())
    }

    /// What the feed table reflects now.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            position: self.end(),
            segment: self.last().number(),
            digest: self.open.digest.value(),
            missing: self.missing_crc(),
        }
    }

    /// Checksum of the missing positions.
    pub(crate) fn missing_crc(&self) -> u32 {
        let quarantine = self
            .quarantine
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        quarantine.crc()
    }

    pub(crate) fn save_feeds_if_due(&mut self, mark: Mark) -> Result<(), StoreError> {
        let since = self.checkpointed.since_bytes;
        if since < CHECKPOINT_FACTOR * self.checkpointed.bytes {
            return Ok(());
        }
        self.save_feeds(mark)
    }

    pub(crate) fn save_feeds(&mut self, mark: Mark) -> Result<(), StoreError> {
        let bytes = checkpoint::encode(&self.feeds, &self.uuid(), &mark);
        if self.save("index", FEEDS_NAME, &bytes)? {
            self.checkpointed = Checkpointed {
                mark: Some(mark),
                bytes: bytes.len() as u64,
                since_bytes: 0,
            };
        }
        Ok(())
    }

    pub(crate) fn save_missing(&mut self) -> Result<(), StoreError> {
        let uuid = self.uuid();
        let bytes = {
            let quarantine = self
                .quarantine
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            quarantine.unsaved.then(|| quarantine.encode(&uuid))
        };
        if let Some(bytes) = bytes
            && self.save("index", MISSING_NAME, &bytes)?
        {
            let mut quarantine = self
                .quarantine
                .write()
                .unwrap_or_else(PoisonError::into_inner);
            quarantine.unsaved = false;
        }
        Ok(())
    }

    /// The filter of the open segment.
    pub(crate) fn open_filter(&self) -> Vec<u8> {
        let index = self
            .last()
            .index
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        match &*index {
            Index::Rows { rows, .. } => side_format::segment_filter(rows, self.filter_bytes()),
            // Never so; a filter of no length lets all pass.
            Index::Side(_) => Vec::new(),
        }
    }

    /// The side file of the open segment as far as it is written, with a filter
    /// of so many bytes.
    pub(crate) fn encode_open_side(&self, filter_bytes: usize) -> Option<Vec<u8>> {
        let last = self.last();
        let index = last.index.read().unwrap_or_else(PoisonError::into_inner);
        let Index::Rows { rows, .. } = &*index else {
            return None;
        };
        let reflects = reflects(
            &last.header,
            rows,
            self.open.at,
            self.open.last_batch,
            self.open.digest.value(),
        );
        Some(side_format::encode(rows, &reflects, filter_bytes))
    }

    /// Saves the index of a segment where it is only in memory. A closed
    /// segment's index is then used from the file.
    pub(crate) fn save_side(&mut self, at: usize) -> Result<(), StoreError> {
        let is_open = at + 1 == self.segments.len();
        let index = self.segments[at]
            .index
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let saved = match index {
            Index::Rows { saved, .. } => is_open && *saved,
            Index::Side(_) => true,
        };
        if saved {
            return Ok(());
        }
        if is_open {
            // It is closed with another one: a filter would be of no use.
            return match self.encode_open_side(0) {
                Some(bytes) => self.put_side(at, &bytes),
                None => Ok(()),
            };
        }
        self.save_side_again(at)
    }

    /// Saves the index of a closed segment out of the segment itself.
    fn save_side_again(&mut self, at: usize) -> Result<(), StoreError> {
        let segment = &self.segments[at];
        let indexed = {
            let index = segment.index.read().unwrap_or_else(PoisonError::into_inner);
            segment.indexed_closed(self.decoder.as_ref(), self.table_key, Some(&index))?
        };
        let reflects = reflects(
            &segment.header,
            &indexed.rows,
            indexed.walk.end,
            indexed.walk.batches.last().map_or(0, |batch| batch.offset),
            indexed.digest.value(),
        );
        let bytes = side_format::encode(&indexed.rows, &reflects, self.filter_bytes());
        self.put_side(at, &bytes)
    }

    pub(crate) fn put_side(&mut self, at: usize, bytes: &[u8]) -> Result<(), StoreError> {
        let is_open = at + 1 == self.segments.len();
        let name = side_name(self.segments[at].number());
        if !self.save("index", &name, bytes)? {
            return Ok(());
        }
        // The open segment's rows are still needed in memory, a closed one's
        // only if the file that was just written cannot be opened.
        let opened = if is_open {
            None
        } else {
            self.disk
                .open(&format!("index/{name}"))
                .ok()
                .and_then(|file| Side::open(file).ok())
        };
        let opened = opened.map(|mut side| {
            side.take_filter();
            side
        });
        let index = self.segments[at]
            .index
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        match (opened, index) {
            (Some(side), index) => *index = Index::Side(Box::new(side)),
            (None, Index::Rows { saved, .. }) => *saved = true,
            (None, Index::Side(_)) => {}
        }
        Ok(())
    }

    /// Writes a derived file in place of the old one. False where the disk is
    /// full: the file is then left as it was.
    pub(crate) fn save(&self, dir: &str, name: &str, bytes: &[u8]) -> Result<bool, StoreError> {
        let result = save_file(&self.disk, dir, name, bytes);
        self.stop_on(result)
    }
}

pub(crate) fn save_file<D: Disk>(
    disk: &D,
    dir: &str,
    name: &str,
    bytes: &[u8],
) -> Result<bool, StoreError> {
    let path = format!("{dir}/{name}");
    let temporary = format!("{path}.tmp");
    let _ = disk.remove(&temporary);
    let write = || {
        let file = disk.create(&temporary)?;
        file.allocate(0, bytes.len() as u64)?;
        file.write_at(0, bytes)?;
        file.sync_data()?;
        disk.rename(&temporary, &path)?;
        disk.sync_dir(dir)
    };
    match write() {
        Ok(()) => Ok(true),
        Err(error) if is_full(&error) => {
            let _ = disk.remove(&temporary);
            Ok(false)
        }
        Err(source) => Err(StoreError::Failed {
            action: "save",
            path,
            source,
        }),
    }
}
