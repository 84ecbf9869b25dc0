//! When each feed last went on: what a peer that was here before has to catch up with.

use std::collections::{BTreeMap, HashMap};

use synlog_log::disk::Disk;
use synlog_log::ids::FeedKey;
use synlog_log::run::RunView;
use synlog_log::store::{Store, StoreError};

use crate::failure::Failure;
use crate::pipeline::is_run;

/// The position of each feed's last advance, in order. Made from the store when it is
/// first asked for, and kept up with it.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    by_position: BTreeMap<u64, FeedKey>,
    of_feed: HashMap<FeedKey, u64>,
    upto: u64,
}

impl Arrivals {
    /// Reads what was stored since the last time.
    pub(crate) fn catch_up<D: Disk>(&mut self, store: &Store<D>) -> Result<(), Failure> {
        let end = store.end();
        if self.upto == end {
            return Ok(());
        }
        for record in store.scan(self.upto) {
            let record = match record {
                Ok(record) => record,
                // what is damaged is fetched again, and is an advance then
                Err(StoreError::Missing { .. }) => continue,
                Err(error) => return Err(error.into()),
            };
            if is_run(record.kind)
                && let Ok(feed) = RunView::feed_of(&record.bytes)
            {
                self.note(feed, record.first_position);
            }
        }
        self.upto = end;
        Ok(())
    }

    fn note(&mut self, feed: FeedKey, position: u64) {
        if let Some(before) = self.of_feed.insert(feed, position) {
            self.by_position.remove(&before);
        }
        self.by_position.insert(position, feed);
    }

    /// Feeds that went on at or behind a position, in order of their last advance.
    pub(crate) fn since(&self, position: u64) -> impl Iterator<Item = (u64, FeedKey)> + '_ {
        self.by_position
            .range(position..)
            .map(|(position, feed)| (*position, *feed))
    }
}
