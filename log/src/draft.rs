//! Writing: entries of one's own feed, gathered into a run and signed.

use crate::admission::Tip;
use crate::hash::Context;
use crate::header::{Fields, Header};
use crate::ids::{DeviceId, EntryId, FeedKey, TopicId};
use crate::keys::SecretKey;
use crate::limits::{AHEAD_MAX_MS, DEPS_MAX, PAYLOAD_MAX};
use crate::payload::payload_hash;
use crate::run::{PayloadForm, RunWriter};

/// Why an entry can't be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// The feed or what it cites is ahead of the clock.
    #[error(
        "the feed's last entry claims {ahead_ms} ms more than this clock shows; a feed that ran ahead is not written again"
    )]
    AheadOfClock {
        /// By how many milliseconds.
        ahead_ms: u64,
    },
    /// More is cited than an entry can hold.
    #[error("an entry cites at most {DEPS_MAX} others")]
    TooManyDeps,
    /// The payload is too large.
    #[error("a payload has at most {PAYLOAD_MAX} bytes; larger things are blobs")]
    PayloadTooLarge,
    /// The run is full: sign it and begin the next.
    #[error("the run is full")]
    RunFull,
}

/// The clock of a next entry: as late as the wall clock, and above all that it builds on.
pub fn next_hlc(now_ms: u64, above: impl Iterator<Item = u64>) -> Result<u64, DraftError> {
    let hlc = above
        .map(|hlc| hlc.saturating_add(1))
        .fold(now_ms << 16, u64::max);
    let ahead_ms = (hlc >> 16).saturating_sub(now_ms);
    if ahead_ms > AHEAD_MAX_MS {
        Err(DraftError::AheadOfClock { ahead_ms })
    } else {
        Ok(hlc)
    }
}

/// Entries of one feed that are being written.
pub struct Draft {
    key: SecretKey,
    author: DeviceId,
    topic: TopicId,
    certificate: Vec<u8>,
    tip: Option<Tip>,
    writer: RunWriter,
    header: Vec<u8>,
}

impl Draft {
    /// A new feed in a topic, or a new topic where `topic` is zero.
    pub fn first(key: &SecretKey, topic: TopicId, certificate: Vec<u8>) -> Self {
        let author = DeviceId(key.public());
        let writer = RunWriter::first(&author, &topic, &certificate);
        Self {
            key: key.clone(),
            author,
            topic,
            certificate,
            tip: None,
            writer,
            header: Vec::new(),
        }
    }

    /// Goes on with a feed.
    pub fn after(key: &SecretKey, topic: TopicId, tip: Tip) -> Self {
        let author = DeviceId(key.public());
        let writer = RunWriter::after(&FeedKey { author, topic }, tip.seq + 1, &tip.id);
        Self {
            key: key.clone(),
            author,
            topic,
            certificate: Vec::new(),
            tip: Some(tip),
            writer,
            header: Vec::new(),
        }
    }

    /// The last entry so far.
    pub fn tip(&self) -> Option<&Tip> {
        self.tip.as_ref()
    }

    /// How many entries were added.
    pub fn len(&self) -> usize {
        self.writer.len()
    }

    /// Whether none was added.
    pub fn is_empty(&self) -> bool {
        self.writer.is_empty()
    }

    /// Adds an entry that cites others, given with their clocks. Gives its id.
    pub fn add(
        &mut self,
        now_ms: u64,
        deps: &[(EntryId, u64)],
        payload: &[u8],
    ) -> Result<EntryId, DraftError> {
        if deps.len() > DEPS_MAX {
            return Err(DraftError::TooManyDeps);
        }
        if payload.len() > PAYLOAD_MAX {
            return Err(DraftError::PayloadTooLarge);
        }
        if !self.writer.has_room(payload.len()) {
            return Err(DraftError::RunFull);
        }
        let above = deps
            .iter()
            .map(|(_, hlc)| *hlc)
            .chain(self.tip.as_ref().map(|tip| tip.hlc));
        let hlc = next_hlc(now_ms, above)?;
        let mut ids: Vec<EntryId> = deps.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        let deps: Vec<u8> = ids.iter().flat_map(|id| id.0).collect();
        let seq = self.tip.as_ref().map_or(0, |tip| tip.seq + 1);
        let skiplink = self.tip.as_ref().and_then(Tip::next_skiplink);
        self.header.clear();
        let fields = Fields {
            author: &self.author,
            topic: &self.topic,
            seq,
            backlink: self.tip.as_ref().map(|tip| &tip.id),
            skiplink: skiplink.as_ref(),
            hlc,
            deps: &deps,
            payload_hash: &payload_hash(payload),
            payload_len: payload.len() as u32,
            certificate: (seq == 0).then_some(&self.certificate),
        };
        fields.encode(&mut self.header);
        debug_assert!(Header::decode(&self.header).is_ok());
        let id = EntryId(Context::Entry.hash(&self.header));
        self.writer
            .push(skiplink.as_ref(), hlc, &deps, &PayloadForm::Whole(payload));
        match &mut self.tip {
            Some(tip) => tip.push(id, hlc),
            None => {
                self.tip = Some(Tip::first(id, hlc));
                if self.topic == TopicId::ZERO {
                    self.topic = TopicId(id.0);
                }
            }
        }
        Ok(id)
    }

    /// Signs what was added. `None` if nothing was.
    pub fn sign(self) -> Option<(Vec<u8>, Tip)> {
        let tip = self.tip.filter(|_| !self.writer.is_empty())?;
        let signature = self.key.sign(&tip.id.0);
        Some((self.writer.finish(Some(&signature)), tip))
    }
}
