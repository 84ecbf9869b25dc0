//! Looking after the store: checking it, making indexes again, dropping what was erased.

use std::collections::{BTreeSet, HashMap};

use synlog_log::ids::{EntryId, TopicId};
use synlog_log::payload::Payload;
use synlog_log::run::{PayloadForm, RunView};
use synlog_log::store::{PruneReport, ScrubReport};

use crate::failure::Failure;
use crate::node::Node;
use crate::pipeline::{erase_in, is_run};

impl Node {
    /// Reads and checks every byte. `progress` gets bytes done and in all.
    pub fn scrub(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<ScrubReport, Failure> {
        Ok(self.store.scrub(progress)?)
    }

    /// Makes all indexes again from the segments.
    pub fn rebuild(&mut self, progress: &mut dyn FnMut(u64, u64)) -> Result<(), Failure> {
        self.orders.clear();
        self.skims.clear();
        self.authors.borrow_mut().clear();
        self.remembered.borrow_mut().clear();
        Ok(self.store.rebuild(progress)?)
    }

    /// Drops from the disk the erasable parts for which a tombstone counts or whose
    /// time is over. Ids, signatures and orders stay as they are.
    pub fn prune(
        &mut self,
        now_ms: u64,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<PruneReport, Failure> {
        let mut erased: HashMap<TopicId, BTreeSet<EntryId>> = HashMap::new();
        for topic in self.store.topics() {
            match self.order(&topic) {
                Ok(order) => {
                    erased.insert(topic, order.erased().into_iter().collect());
                }
                Err(Failure::NoTopic(_)) => {}
                Err(failure) => return Err(failure),
            }
        }
        let mut rewrite = |kind: u8, _: u64, bytes: &[u8]| -> Option<Vec<u8>> {
            let run = RunView::decode(bytes).ok().filter(|_| is_run(kind))?;
            let of_topic = erased.get(&run.feed.topic);
            let drops = run.entries.iter().filter(|entry| {
                let tombstone = of_topic.is_some_and(|erased| erased.contains(&entry.id));
                has_erasable(&entry.payload, now_ms, tombstone)
            });
            let ids: Vec<EntryId> = drops.map(|entry| entry.id).collect();
            (!ids.is_empty()).then(|| erase_in(&run, &ids))
        };
        Ok(self.store.prune(&mut rewrite, progress)?)
    }
}

/// Whether a payload still has an erasable part that is to be dropped.
fn has_erasable(payload: &PayloadForm<'_>, now_ms: u64, tombstone: bool) -> bool {
    let PayloadForm::Whole(bytes) = payload else {
        return false;
    };
    let erasable = Payload::split(bytes)
        .ok()
        .and_then(|payload| payload.erasable);
    erasable.is_some_and(|part| tombstone || (part.expires_ms > 0 && part.expires_ms <= now_ms))
}
