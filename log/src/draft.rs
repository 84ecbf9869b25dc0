//! Writing: entries of one's own feed, gathered into a run and signed.

use crate::admission::Tip;
use crate::hash::Context;
use crate::header::{Fields, Header};
use crate::ids::{DeviceId, EntryId, FeedKey, TopicId};
use crate::keys::SecretKey;
use crate::limits::{AHEAD_MAX_MS, DEPS_MAX, PAYLOAD_MAX};
use crate::payload::payload_hash;
use crate::refusal::Refusal;
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
    /// The payload can't be sealed.
    #[error("the event can't be sealed: {0}")]
    Unsealed(Refusal),
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
}

/// Where the next entry stands, before its payload is there.
struct Place {
    seq: u64,
    skiplink: Option<EntryId>,
    hlc: u64,
    deps: Vec<u8>,
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
        let place = self.place(now_ms, deps)?;
        self.put(place, payload)
    }

    /// As [`Draft::add`], with a payload that is sealed for the place where it will stand:
    /// `seal` gets the front of the header, the author and the seq.
    pub fn add_sealed(
        &mut self,
        now_ms: u64,
        deps: &[(EntryId, u64)],
        seal: impl FnOnce(&[u8], &DeviceId, u64) -> Result<Vec<u8>, Refusal>,
    ) -> Result<EntryId, DraftError> {
        let place = self.place(now_ms, deps)?;
        let fields = self.fields(&place, &[0; 32], 0);
        let header = Header::decode(&fields).map_err(DraftError::Unsealed)?;
        let payload = seal(&header.encode_front(), &self.author, place.seq);
        self.put(place, &payload.map_err(DraftError::Unsealed)?)
    }

    fn place(&self, now_ms: u64, deps: &[(EntryId, u64)]) -> Result<Place, DraftError> {
        if deps.len() > DEPS_MAX {
            return Err(DraftError::TooManyDeps);
        }
        let above = deps
            .iter()
            .map(|(_, hlc)| *hlc)
            .chain(self.tip.as_ref().map(|tip| tip.hlc));
        let hlc = next_hlc(now_ms, above)?;
        let mut ids: Vec<EntryId> = deps.iter().map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(Place {
            seq: self.tip.as_ref().map_or(0, |tip| tip.seq + 1),
            skiplink: self.tip.as_ref().and_then(Tip::next_skiplink),
            hlc,
            deps: ids.iter().flat_map(|id| id.0).collect(),
        })
    }

    fn fields(&self, place: &Place, payload_hash: &[u8; 32], payload_len: u32) -> Vec<u8> {
        let mut header = Vec::with_capacity(256);
        let fields = Fields {
            author: &self.author,
            topic: &self.topic,
            seq: place.seq,
            backlink: self.tip.as_ref().map(|tip| &tip.id),
            skiplink: place.skiplink.as_ref(),
            hlc: place.hlc,
            deps: &place.deps,
            payload_hash,
            payload_len,
            certificate: (place.seq == 0).then_some(&self.certificate),
        };
        fields.encode(&mut header);
        header
    }

    fn put(&mut self, place: Place, payload: &[u8]) -> Result<EntryId, DraftError> {
        if payload.len() > PAYLOAD_MAX {
            return Err(DraftError::PayloadTooLarge);
        }
        if !self.writer.has_room(payload.len()) {
            return Err(DraftError::RunFull);
        }
        let header = self.fields(&place, &payload_hash(payload), payload.len() as u32);
        debug_assert!(Header::decode(&header).is_ok());
        let id = EntryId(Context::Entry.hash(&header));
        let hlc = place.hlc;
        self.writer.push(
            place.skiplink.as_ref(),
            hlc,
            &place.deps,
            &PayloadForm::Whole(payload),
        );
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
