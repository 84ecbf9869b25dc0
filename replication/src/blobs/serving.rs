//! What peers ask of this node: whether it has a blob, and pieces of it.

use std::collections::{BTreeSet, VecDeque};

use synlog_log::ids::{BlobHash, TopicId};

use super::exchange::{Around, Exchange, WORD_COST};
use super::{BlobKey, BlobWord, Naming, Reason, Span};
use crate::peer::LinkId;
use crate::repo::{Access, Repo};

/// Pieces that a peer may have asked for and not been sent. Twice what a peer of ours asks
/// for at once.
const QUEUE_MAX: usize = 16;
/// Blobs that one who keeps a topic is told of when it comes.
const OFFERS_MAX: usize = 1_024;

/// What a peer asked for.
#[derive(Debug, Default)]
pub(super) struct Asker {
    /// Blobs that it will be told of when they are here.
    pub waits: BTreeSet<BlobKey>,
    /// Pieces that it is yet to be sent.
    pub queue: VecDeque<(BlobKey, Span)>,
    /// What it was told of unasked.
    pub told: BTreeSet<BlobKey>,
}

impl Exchange {
    /// A peer wants a blob.
    pub(super) fn asked<R: Repo>(
        &mut self,
        link: LinkId,
        key: BlobKey,
        hops: u8,
        cx: &mut Around<'_, R>,
    ) -> Result<(), R::Error> {
        let access = cx.access(link, &key.0);
        let said_size = match cx.repo.blob_naming(&key)? {
            _ if !access.may_fetch() => None,
            Naming::Unknown => None,
            // who can't tell looks for members only
            Naming::Unreadable => (access == Access::Member).then_some(None),
            Naming::Named { size } => Some(size),
        };
        let Some(said_size) = said_size else {
            cx.waste(link, WORD_COST);
            cx.say(link, key, BlobWord::Refuse(Reason::Lacking));
            return Ok(());
        };
        let here = cx.repo.blob_size(&key.1)?;
        if let Some(size) = here.filter(|_| self.may_serve(link, &key, cx)) {
            cx.say(link, key, BlobWord::Have { size });
            return Ok(());
        }
        let forwards = self.limits.forwards;
        let asker = self.askers.entry(link).or_default();
        if asker.waits.len() >= forwards && !asker.waits.contains(&key) {
            cx.say(link, key, BlobWord::Refuse(Reason::Busy));
            return Ok(());
        }
        if self.wishes.contains_key(&key) {
            asker.waits.insert(key);
            return Ok(());
        }
        let mut others = cx.reach.links(&key.0);
        others.retain(|other| *other != link);
        let small = said_size.is_none_or(|size| size <= self.limits.blob_bytes);
        if hops == 0 || others.is_empty() || !small || self.wishes.len() >= self.limits.wishes {
            cx.say(link, key, BlobWord::Refuse(Reason::Lacking));
            return Ok(());
        }
        asker.waits.insert(key);
        self.begin(key, said_size, false, hops - 1, cx)?;
        self.ask(key, cx);
        Ok(())
    }

    /// Whether a blob leaves over a link: only within a topic that both share, to who may
    /// have that topic, and only if the topic names it.
    fn may_serve<R: Repo>(&self, link: LinkId, key: &BlobKey, cx: &Around<'_, R>) -> bool {
        let named = matches!(cx.repo.blob_naming(key), Ok(Naming::Named { .. }));
        named && cx.access(link, &key.0).may_fetch() && cx.reach.links(&key.0).contains(&link)
    }

    /// A peer wants a piece.
    pub(super) fn queue<R: Repo>(
        &mut self,
        link: LinkId,
        key: BlobKey,
        span: Span,
        cx: &mut Around<'_, R>,
    ) -> Result<(), R::Error> {
        let size = cx.repo.blob_size(&key.1)?;
        let fits = size.is_some_and(|size| span.fits(size));
        let asker = self.askers.entry(link).or_default();
        let full = asker.queue.len() >= QUEUE_MAX;
        if full || !fits || !self.may_serve(link, &key, cx) {
            cx.waste(link, WORD_COST);
            cx.say(link, key, BlobWord::Refuse(Reason::Lacking));
            return Ok(());
        }
        if let Some(asker) = self.askers.get_mut(&link) {
            asker.queue.push_back((key, span));
        }
        Ok(())
    }

    /// Links that are yet to be sent pieces.
    pub fn waiting_links(&self) -> Vec<LinkId> {
        let waiting = self.askers.iter().filter(|(_, it)| !it.queue.is_empty());
        waiting.map(|(link, _)| *link).collect()
    }

    /// The next piece for a link that has room for one.
    pub fn next_piece<R: Repo>(
        &mut self,
        link: LinkId,
        cx: &mut Around<'_, R>,
    ) -> Result<Option<(BlobKey, BlobWord)>, R::Error> {
        let asker = self.askers.get_mut(&link);
        let Some((key, span)) = asker.and_then(|asker| asker.queue.pop_front()) else {
            return Ok(None);
        };
        // asked again: who was removed meanwhile gets nothing
        let piece = match self.may_serve(link, &key, cx) {
            true => cx.repo.blob_piece(&key.1, span)?,
            false => None,
        };
        let word = match piece {
            Some(bytes) => BlobWord::Piece { span, bytes },
            None => {
                if let Some(asker) = self.askers.get_mut(&link) {
                    asker.queue.retain(|(other, _)| *other != key);
                }
                BlobWord::Refuse(Reason::Lacking)
            }
        };
        Ok(Some((key, word)))
    }

    /// Answers those who wait for a blob.
    pub(super) fn answer_waiting<R: Repo>(
        &mut self,
        key: BlobKey,
        word: BlobWord,
        cx: &mut Around<'_, R>,
    ) {
        for (link, asker) in &mut self.askers {
            if asker.waits.remove(&key) {
                cx.say(*link, key, word.clone());
            }
        }
    }

    /// Tells those who wait for a blob, in whatever topic, that it is here.
    pub(super) fn tell_waiting<R: Repo>(
        &mut self,
        hash: &BlobHash,
        size: u64,
        cx: &mut Around<'_, R>,
    ) {
        let waits = self.askers.iter().flat_map(|(link, asker)| {
            let of_blob = asker.waits.iter().filter(|key| key.1 == *hash);
            of_blob.map(|key| (*link, *key))
        });
        let waits: Vec<(LinkId, BlobKey)> = waits.collect();
        for (link, key) in waits {
            if let Some(asker) = self.askers.get_mut(&link) {
                asker.waits.remove(&key);
            }
            let word = match self.may_serve(link, &key, cx) {
                true => BlobWord::Have { size },
                false => BlobWord::Refuse(Reason::Lacking),
            };
            cx.say(link, key, word);
        }
    }

    /// Offers a blob to those who keep its topic without reading it.
    pub(super) fn tell_keepers<R: Repo>(
        &mut self,
        key: BlobKey,
        size: u64,
        cx: &mut Around<'_, R>,
    ) {
        for link in cx.reach.links(&key.0) {
            let keeps = cx.access(link, &key.0) == Access::Keeper;
            if keeps && self.askers.entry(link).or_default().told.insert(key) {
                cx.say(link, key, BlobWord::Have { size });
            }
        }
    }

    /// Offers what is here of a topic to one who keeps it.
    pub(super) fn offer_to_keeper<R: Repo>(
        &mut self,
        link: LinkId,
        topic: &TopicId,
        cx: &mut Around<'_, R>,
    ) -> Result<(), R::Error> {
        if cx.access(link, topic) != Access::Keeper {
            return Ok(());
        }
        for (hash, size) in cx.repo.blobs_of(topic, OFFERS_MAX)? {
            let key = (*topic, hash);
            if self.askers.entry(link).or_default().told.insert(key) {
                cx.say(link, key, BlobWord::Have { size });
            }
        }
        Ok(())
    }
}
