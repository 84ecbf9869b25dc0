//! All blobs that a node looks for, and what peers ask of it.

use std::collections::{BTreeMap, BTreeSet};

use synlog_log::ids::{BlobHash, TopicId};

use super::serving::Asker;
use super::wish::{Read, Wish};
use super::{BlobKey, BlobLimits, BlobWord, HOPS_MAX, Kept, Naming, Piece, Reason};
use crate::peer::{LinkId, Peer};
use crate::repo::{Access, Repo};

/// What a piece that proves wrong costs: a peer that sends several is left.
const LIE_COST: u64 = 256;
/// What a piece costs that nobody asked for, or not any more.
const UNASKED_COST: u64 = 16;
/// What a word costs that means nothing here.
pub(super) const WORD_COST: u64 = 1;

/// The links, as far as blobs concern them.
pub trait Reach {
    /// Who is at the other end.
    fn peer(&self, link: LinkId) -> Option<Peer>;

    /// Links on which both sides share a topic, in this meeting, and speak of blobs.
    fn links(&self, topic: &TopicId) -> Vec<LinkId>;

    /// The topics that are shared over a link.
    fn topics(&self, link: LinkId) -> Vec<TopicId>;
}

/// What the exchange looks at, and where it says what it wants.
pub struct Around<'a, R: Repo> {
    /// The store.
    pub repo: &'a mut R,
    /// The links.
    pub reach: &'a dyn Reach,
    /// Monotonic milliseconds.
    pub now_ms: u64,
    /// What is to be done.
    pub said: &'a mut Vec<Said>,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// Say this to a peer.
    Word {
        /// Over which link.
        link: LinkId,
        /// Of which blob.
        key: BlobKey,
        /// What.
        word: BlobWord,
    },
    /// All of a blob is here.
    Whole {
        /// Which.
        key: BlobKey,
        /// Its size, bytes.
        size: u64,
    },
    /// A peer made work for nothing.
    Waste {
        /// Over which link.
        link: LinkId,
        /// How much.
        amount: u64,
    },
}

/// How far the search for a blob is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WishState {
    /// The blob.
    pub key: BlobKey,
    /// Whether it is wanted here, not only for a peer.
    pub own: bool,
    /// Its size, as far as it is known, bytes.
    pub size: Option<u64>,
    /// Groups that are here, and all.
    pub groups: (u32, u32),
    /// Peers that have it.
    pub sources: usize,
    /// Whether there is no room for it.
    pub no_room: bool,
}

/// The blobs that a node looks for, and what peers wait for.
#[derive(Default)]
pub struct Exchange {
    pub(super) limits: BlobLimits,
    pub(super) wishes: BTreeMap<BlobKey, Wish>,
    pub(super) askers: BTreeMap<LinkId, Asker>,
}

impl<R: Repo> Around<'_, R> {
    pub(super) fn say(&mut self, link: LinkId, key: BlobKey, word: BlobWord) {
        self.said.push(Said::Word { link, key, word });
    }

    pub(super) fn waste(&mut self, link: LinkId, amount: u64) {
        self.said.push(Said::Waste { link, amount });
    }

    /// What a peer may have of a topic that is shared with it.
    pub(super) fn access(&self, link: LinkId, topic: &TopicId) -> Access {
        let peer = self.reach.peer(link);
        peer.map_or(Access::Nothing, |peer| self.repo.access(topic, &peer))
    }
}

impl Exchange {
    /// Nothing is looked for.
    pub fn new(limits: BlobLimits) -> Self {
        Self {
            limits,
            ..Self::default()
        }
    }

    /// What is looked for.
    pub fn wishes(&self) -> impl Iterator<Item = WishState> + '_ {
        self.wishes.iter().map(|(key, wish)| {
            let groups = wish.groups.as_ref();
            WishState {
                key: *key,
                own: wish.own,
                size: wish.size.or(wish.said_size),
                groups: groups.map_or((0, 0), |groups| (groups.held(), groups.count())),
                sources: wish.sources.len(),
                no_room: wish.no_room,
            }
        })
    }

    /// A blob is wanted here. `said_size` is what an entry says of it.
    pub fn want<R: Repo>(
        &mut self,
        key: BlobKey,
        said_size: Option<u64>,
        cx: &mut Around<'_, R>,
    ) -> Result<(), R::Error> {
        if said_size.is_some_and(|size| size > self.limits.blob_bytes)
            || cx.repo.blob_size(&key.1)?.is_some()
        {
            return Ok(());
        }
        if let Some(wish) = self.wishes.get_mut(&key) {
            wish.own = true;
            wish.no_room = false;
            wish.hops = HOPS_MAX;
        } else {
            if self.wishes.len() >= self.limits.wishes {
                return Ok(());
            }
            self.begin(key, said_size, true, HOPS_MAX, cx)?;
        }
        self.ask(key, cx);
        self.read_on(key, cx)
    }

    /// A blob is not wanted here any more.
    pub fn forget(&mut self, key: &BlobKey) {
        self.wishes.remove(key);
    }

    pub(super) fn begin<R: Repo>(
        &mut self,
        key: BlobKey,
        said_size: Option<u64>,
        own: bool,
        hops: u8,
        cx: &mut Around<'_, R>,
    ) -> Result<(), R::Error> {
        let mut wish = Wish {
            own,
            since_ms: cx.now_ms,
            hops,
            said_size,
            ..Wish::default()
        };
        wish.resume(cx.repo.blob_partial(&key.1)?);
        self.wishes.insert(key, wish);
        Ok(())
    }

    /// Asks those who share the topic and were not asked, or so long ago that they may have
    /// it by now.
    pub(super) fn ask<R: Repo>(&mut self, key: BlobKey, cx: &mut Around<'_, R>) {
        let Some(wish) = self.wishes.get_mut(&key) else {
            return;
        };
        for link in cx.reach.links(&key.0) {
            let again = |since: &u64, after_ms: u64| since.saturating_add(after_ms) > cx.now_ms;
            let refused = wish.refused.get(&link);
            let asked = wish.asked.get(&link);
            let waits = match (refused, asked) {
                (Some(since), _) => again(since, self.limits.again_ms),
                (None, Some(since)) => again(since, self.limits.forward_ms),
                (None, None) => false,
            };
            let asker = self.askers.get(&link);
            // who waits for it here can't have it
            let asks = !wish.own && asker.is_some_and(|asker| asker.waits.contains(&key));
            let liar = cx
                .reach
                .peer(link)
                .is_none_or(|it| wish.liars.contains(&it.node));
            if waits || asks || liar || wish.sources.contains_key(&link) {
                continue;
            }
            wish.refused.remove(&link);
            wish.asked.insert(link, cx.now_ms);
            let hops = wish.hops;
            cx.said.push(Said::Word {
                link,
                key,
                word: BlobWord::Want { hops },
            });
        }
    }

    /// Asks for pieces of a blob, as many as may be on their way.
    fn read_on<R: Repo>(&mut self, key: BlobKey, cx: &mut Around<'_, R>) -> Result<(), R::Error> {
        let links: Vec<LinkId> = match self.wishes.get(&key) {
            Some(wish) => wish.sources.keys().copied().collect(),
            None => return Ok(()),
        };
        for link in links {
            let mut open: usize = self.wishes.values().map(|it| it.reads_of(link)).sum();
            let Some(wish) = self.wishes.get_mut(&key) else {
                return Ok(());
            };
            while open < self.limits.reads
                && let Some(span) = wish.next_read(link)
            {
                let size = wish.size.unwrap_or(0);
                // asked once: looking through all that is here for each piece would be slow
                wish.has_room = wish.has_room || cx.repo.blob_room(&key, size)?;
                wish.no_room = !wish.has_room;
                if wish.no_room {
                    self.give_up(key, cx);
                    return Ok(());
                }
                open += 1;
                let at_ms = cx.now_ms;
                wish.reads.push(Read { link, span, at_ms });
                cx.say(link, key, BlobWord::Read(span));
            }
        }
        Ok(())
    }

    /// There is no room: what is wanted here waits for some, what a peer wants does not.
    fn give_up<R: Repo>(&mut self, key: BlobKey, cx: &mut Around<'_, R>) {
        match self.wishes.get_mut(&key) {
            Some(wish) if wish.own => {
                for link in std::mem::take(&mut wish.sources).into_keys() {
                    wish.refused.insert(link, cx.now_ms);
                }
                wish.reads.clear();
            }
            _ => {
                self.wishes.remove(&key);
            }
        }
        self.answer_waiting(key, BlobWord::Refuse(Reason::Lacking), cx);
    }

    /// A peer says something of a blob of a topic that is shared with it.
    pub fn heard<R: Repo>(
        &mut self,
        link: LinkId,
        key: BlobKey,
        word: BlobWord,
        cx: &mut Around<'_, R>,
    ) -> Result<(), R::Error> {
        match word {
            BlobWord::Want { hops } => self.asked(link, key, hops, cx),
            BlobWord::Read(span) => self.queue(link, key, span, cx),
            BlobWord::Have { size } => self.offered(link, key, size, cx),
            BlobWord::Piece { span, bytes } => {
                let Some(wish) = self.wishes.get_mut(&key) else {
                    cx.waste(link, UNASKED_COST);
                    return Ok(());
                };
                let size = wish.size.unwrap_or(0);
                if !wish.answered(link, span) {
                    cx.waste(link, UNASKED_COST);
                    return Ok(());
                }
                match Piece::check(&key.1, size, span, &bytes) {
                    Ok(piece) => self.take(key, &piece, cx),
                    Err(_) => {
                        self.lied(link, key, cx);
                        self.read_all(link, cx)
                    }
                }
            }
            BlobWord::Refuse(_) => {
                if let Some(wish) = self.wishes.get_mut(&key) {
                    wish.drop_source(link);
                    wish.refused.insert(link, cx.now_ms);
                    if !wish.own && wish.is_hopeless() {
                        self.wishes.remove(&key);
                        self.answer_waiting(key, BlobWord::Refuse(Reason::Lacking), cx);
                    }
                }
                self.read_on(key, cx)
            }
        }
    }

    /// A peer has a blob.
    fn offered<R: Repo>(
        &mut self,
        link: LinkId,
        key: BlobKey,
        size: u64,
        cx: &mut Around<'_, R>,
    ) -> Result<(), R::Error> {
        if !self.wishes.contains_key(&key) {
            // who only keeps a topic holds what members offer it
            let holds = cx.repo.blob_naming(&key)? == Naming::Unreadable
                && cx.access(link, &key.0) == Access::Member
                && self.wishes.len() < self.limits.wishes
                && cx.repo.blob_size(&key.1)?.is_none();
            if !holds {
                cx.waste(link, WORD_COST);
                return Ok(());
            }
            self.begin(key, None, true, 0, cx)?;
        }
        let liar = cx.reach.peer(link).map(|peer| peer.node);
        let Some(wish) = self.wishes.get_mut(&key) else {
            return Ok(());
        };
        if liar.is_none_or(|node| wish.liars.contains(&node)) {
            return Ok(());
        }
        let known = wish.size.filter(|_| wish.proven).or(wish.said_size);
        if size > self.limits.blob_bytes || known.is_some_and(|known| known != size) {
            self.lied(link, key, cx);
            return Ok(());
        }
        wish.refused.remove(&link);
        wish.sources.insert(link, size);
        self.read_on(key, cx)
    }

    /// A peer sent something wrong: it is asked no more for this blob.
    fn lied<R: Repo>(&mut self, link: LinkId, key: BlobKey, cx: &mut Around<'_, R>) {
        let node = cx.reach.peer(link).map(|peer| peer.node);
        if let Some(wish) = self.wishes.get_mut(&key) {
            wish.drop_source(link);
            wish.refused.insert(link, cx.now_ms);
            wish.liars.extend(node);
        }
        cx.waste(link, LIE_COST);
    }

    /// A piece came that is right.
    fn take<R: Repo>(
        &mut self,
        key: BlobKey,
        piece: &Piece,
        cx: &mut Around<'_, R>,
    ) -> Result<(), R::Error> {
        if let Some(wish) = self.wishes.get_mut(&key) {
            wish.proven |= piece.proves_size();
            if let Some(groups) = &mut wish.groups {
                groups.put(piece.span());
            }
        }
        match cx.repo.blob_take(&key, piece)? {
            Kept::Part => self.read_on(key, cx),
            Kept::Whole => self.whole(&key.1, cx),
            Kept::NoRoom => {
                if let Some(wish) = self.wishes.get_mut(&key) {
                    wish.no_room = true;
                    wish.has_room = false;
                }
                self.give_up(key, cx);
                Ok(())
            }
        }
    }

    /// A blob is here as a whole, from peers or by a command: those who wait are told.
    pub fn whole<R: Repo>(
        &mut self,
        hash: &BlobHash,
        cx: &mut Around<'_, R>,
    ) -> Result<(), R::Error> {
        let Some(size) = cx.repo.blob_size(hash)? else {
            return Ok(());
        };
        let keys = self.wishes.keys().filter(|key| key.1 == *hash);
        let freed: Vec<BlobKey> = keys.copied().collect();
        let mut links = BTreeSet::new();
        for key in freed {
            if let Some(wish) = self.wishes.remove(&key) {
                links.extend(wish.sources.into_keys());
            }
            cx.said.push(Said::Whole { key, size });
        }
        self.tell_waiting(hash, size, cx);
        for topic in cx.repo.blob_topics(hash)? {
            self.tell_keepers((topic, *hash), size, cx);
        }
        links
            .into_iter()
            .try_for_each(|link| self.read_all(link, cx))
    }

    /// There is room on a link: asks it for pieces of whatever it has.
    fn read_all<R: Repo>(&mut self, link: LinkId, cx: &mut Around<'_, R>) -> Result<(), R::Error> {
        let of_link = self.wishes.iter().filter(|(_, wish)| {
            wish.sources.contains_key(&link) || (wish.reads.is_empty() && !wish.sources.is_empty())
        });
        let mut keys: Vec<(bool, BlobKey)> = of_link.map(|(key, wish)| (!wish.own, *key)).collect();
        // what is wanted here goes before what others want
        keys.sort_unstable();
        keys.into_iter()
            .try_for_each(|(_, key)| self.read_on(key, cx))
    }

    /// A link shares topics, or more of them than before.
    pub fn met<R: Repo>(&mut self, link: LinkId, cx: &mut Around<'_, R>) -> Result<(), R::Error> {
        let topics = cx.reach.topics(link);
        for topic in &topics {
            let none = BlobHash([0; 32]);
            let last = BlobHash([0xff; 32]);
            let of_topic = self.wishes.range((*topic, none)..=(*topic, last));
            let keys: Vec<BlobKey> = of_topic.map(|(key, _)| *key).collect();
            keys.into_iter().for_each(|key| self.ask(key, cx));
            self.offer_to_keeper(link, topic, cx)?;
        }
        Ok(())
    }

    /// A link is gone.
    pub fn closed(&mut self, link: LinkId) {
        self.askers.remove(&link);
        self.wishes.values_mut().for_each(|wish| wish.closed(link));
    }

    /// Time has passed.
    pub fn tick<R: Repo>(&mut self, cx: &mut Around<'_, R>) -> Result<(), R::Error> {
        let keys: Vec<BlobKey> = self.wishes.keys().copied().collect();
        for key in keys {
            let Some(wish) = self.wishes.get_mut(&key) else {
                continue;
            };
            let patience_ms = self.limits.patience_ms;
            let late = |read: &&Read| read.at_ms.saturating_add(patience_ms) <= cx.now_ms;
            let late: Vec<LinkId> = wish.reads.iter().filter(late).map(|it| it.link).collect();
            for link in late {
                wish.drop_source(link);
                wish.refused.insert(link, cx.now_ms);
            }
            let age_ms = cx.now_ms.saturating_sub(wish.since_ms);
            if !wish.own && age_ms >= self.limits.forward_ms && wish.reads.is_empty() {
                self.wishes.remove(&key);
                self.answer_waiting(key, BlobWord::Refuse(Reason::Lacking), cx);
                continue;
            }
            self.ask(key, cx);
            self.read_on(key, cx)?;
        }
        Ok(())
    }
}
