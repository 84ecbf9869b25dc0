//! Which blobs entries name: read from the entries as they arrive, whatever app they are of.

use std::collections::HashMap;

use synlog_log::blob::{BlobRef, may_name, named};
use synlog_log::ids::{BlobHash, TopicId};
use synlog_log::payload::Payload;
use synlog_log::run::{EntryView, PayloadForm, RunView};
use synlog_log::store::StoreError;
use synlog_log::topic::Visibility;
use synlog_replication::blobs::{BlobKey, Naming};
use synlog_replication::policy::Interests;

use crate::blobs::Name;
use crate::blobs::table::Line;
use crate::clock::now_ms;
use crate::failure::Failure;
use crate::ledger::read;
use crate::node::Node;
use crate::pipeline::is_run;
use crate::privacy::opening::opened_part;

/// Records that are read at a time: orders are loaded in between.
const PAGE: usize = 256;
/// Bytes of a blob that is fetched without anybody asking: a picture, not a film.
pub const FETCHED_MAX: u64 = 1024 * 1024;

/// Newly named blobs that wait to be looked at; who fetches them looks at what is missing
/// now and then all the same.
const FRESH_MAX: usize = 65_536;

/// Arrivals without any names after which it is written down that they were looked through.
const UPTO_STEP: u64 = 8_192;

/// Topics that were met while looking, and whether each is private.
type Seen = HashMap<TopicId, bool>;

/// What an entry turned out to name.
enum Found {
    Names(Vec<BlobRef>),
    /// It is sealed, and closed to this node for now.
    Closed,
}

impl Node {
    /// Reads what arrived since the last time. What is newly named is kept in
    /// [`Blobs::fresh`](crate::blobs::Blobs) for whoever fetches.
    pub fn look_for_blobs(&mut self) -> Result<(), Failure> {
        let (store, end) = (self.store.uuid(), self.store.end());
        let blobs = self.blobs()?;
        if blobs.table.cursor.0 != store || blobs.table.cursor.1 > end {
            blobs.table.begin(store);
        }
        let mut at = blobs.table.cursor.1;
        if at == end {
            return Ok(());
        }
        let mut seen = Seen::new();
        while at < end {
            let records: Vec<_> = self.store.scan(at).take(PAGE).collect();
            if records.is_empty() {
                break;
            }
            let mut lines = Vec::new();
            for record in records {
                let record = match record {
                    Ok(record) => record,
                    Err(StoreError::Missing { end, .. }) => {
                        at = end;
                        continue;
                    }
                    Err(error) => return Err(error.into()),
                };
                at = record.first_position + u64::from(record.positions);
                if is_run(record.kind)
                    && self.may_name_blobs(&record.bytes, &mut seen)
                    && let Ok(run) = RunView::decode(&record.bytes)
                {
                    self.look_in_run(&run, record.first_position, &mut seen, &mut lines)?;
                }
            }
            // a key may have come with these
            let private = seen.iter().filter(|(_, is_private)| **is_private);
            for topic in private.map(|(topic, _)| *topic).collect::<Vec<TopicId>>() {
                self.look_again(&topic, &mut lines)?;
            }
            let fresh: Vec<BlobKey> = lines.iter().filter_map(key_of).collect();
            let blobs = self.blobs()?;
            blobs.table.cursor.1 = at;
            // where nothing was found, a restart may look again
            if !lines.is_empty() || at.saturating_sub(blobs.noted) >= UPTO_STEP {
                blobs.noted = at;
                let store = synlog_log::ids::hex(&store);
                lines.push(Line::Upto {
                    store,
                    position: at,
                });
                blobs.say(lines)?;
            }
            if blobs.fresh.len() < FRESH_MAX {
                blobs.fresh.extend(fresh);
            }
        }
        Ok(())
    }

    /// Whether a run is worth decoding: most name nothing.
    fn may_name_blobs(&self, run: &[u8], seen: &mut Seen) -> bool {
        let feed = RunView::feed_of(run);
        feed.is_ok_and(|feed| self.is_private_seen(&feed.topic, seen)) || may_name(run)
    }

    fn is_private_seen(&self, topic: &TopicId, seen: &mut Seen) -> bool {
        *seen.entry(*topic).or_insert_with(|| {
            let genesis = self.genesis(topic);
            genesis.is_none_or(|it| it.visibility != Visibility::Public)
        })
    }

    fn look_in_run(
        &mut self,
        run: &RunView<'_>,
        first_position: u64,
        seen: &mut Seen,
        lines: &mut Vec<Line>,
    ) -> Result<(), Failure> {
        let is_private = self.is_private_seen(&run.feed.topic, seen);
        for (index, entry) in run.entries.iter().enumerate() {
            match self.names_in(run, entry, is_private)? {
                Found::Names(references) => self.note_names(run, entry, references, lines)?,
                Found::Closed => lines.push(Line::Closed {
                    topic: run.feed.topic.to_string(),
                    position: first_position + index as u64,
                    on: true,
                }),
            }
        }
        Ok(())
    }

    fn names_in(
        &mut self,
        run: &RunView<'_>,
        entry: &EntryView<'_>,
        is_private: bool,
    ) -> Result<Found, Failure> {
        if is_private {
            let order = match self.order(&run.feed.topic) {
                Ok(order) => order,
                Err(Failure::NoTopic(_)) => return Ok(Found::Names(Vec::new())),
                Err(failure) => return Err(failure),
            };
            if order.is_sealed(&entry.id) {
                let part = opened_part(order, run, entry);
                return Ok(part.map_or(Found::Closed, |part| Found::Names(in_part(&part))));
            }
        }
        Ok(Found::Names(match &entry.payload {
            PayloadForm::Whole(bytes) if may_name(bytes) => {
                Payload::split(bytes).map_or(Vec::new(), |payload| in_payload(&payload))
            }
            PayloadForm::Erased { part, .. } => in_part(part),
            PayloadForm::Whole(_) => Vec::new(),
        }))
    }

    fn note_names(
        &mut self,
        run: &RunView<'_>,
        entry: &EntryView<'_>,
        references: Vec<BlobRef>,
        lines: &mut Vec<Line>,
    ) -> Result<(), Failure> {
        if references.is_empty() {
            return Ok(());
        }
        let Some(author) = self.author_of(&run.feed)? else {
            return Ok(());
        };
        let own = self.entity;
        for reference in references {
            let key = (run.feed.topic, reference.hash);
            let known = self.blobs()?.table.names.get(&key);
            // what one's own entry names stays so
            if known.is_some_and(|known| known.author == own && author != own) {
                continue;
            }
            let name = Name {
                size: reference.size,
                media_type: reference.media_type,
                entry: entry.id,
                author,
            };
            lines.push(Line::name(&key, &name));
        }
        Ok(())
    }

    /// Tries sealed entries again that were closed.
    fn look_again(&mut self, topic: &TopicId, lines: &mut Vec<Line>) -> Result<(), Failure> {
        let closed = self.blobs()?.table.closed.get(topic);
        let closed: Vec<u64> = closed.into_iter().flatten().copied().collect();
        if closed.is_empty() {
            return Ok(());
        }
        let own = self.entity;
        // who only keeps the topic never gets a key
        if self.order(topic)?.policy().role(&own).is_none() {
            return Ok(());
        }
        for position in closed {
            let Some(record) = read(&self.store, position)? else {
                continue;
            };
            let index = record.index_in_run as usize;
            self.open_again(topic, position, &record.bytes, index, lines)?;
        }
        Ok(())
    }

    fn open_again(
        &mut self,
        topic: &TopicId,
        position: u64,
        record: &[u8],
        index: usize,
        lines: &mut Vec<Line>,
    ) -> Result<(), Failure> {
        let Ok(run) = RunView::decode(record) else {
            return Ok(());
        };
        let Some(entry) = run.entries.get(index).cloned() else {
            return Ok(());
        };
        if let Found::Names(references) = self.names_in(&run, &entry, true)? {
            self.note_names(&run, &entry, references, lines)?;
            lines.push(Line::Closed {
                topic: topic.to_string(),
                position,
                on: false,
            });
        }
        Ok(())
    }

    /// How a topic stands to a blob.
    pub(crate) fn naming_of(&mut self, key: &BlobKey) -> Result<Naming, Failure> {
        self.look_for_blobs()?;
        if let Some(size) = self.blobs()?.table.size_in(key) {
            return Ok(Naming::Named { size: Some(size) });
        }
        Ok(match self.only_keeps(&key.0)? {
            true => Naming::Unreadable,
            false => Naming::Unknown,
        })
    }

    /// Whether a topic is private and this node is none of those who read it.
    pub(super) fn only_keeps(&mut self, topic: &TopicId) -> Result<bool, Failure> {
        let genesis = self.genesis(topic);
        if genesis.is_none_or(|genesis| genesis.visibility != Visibility::Private) {
            return Ok(false);
        }
        let own = self.entity;
        Ok(self.order(topic)?.policy().role(&own).is_none())
    }

    /// Of some named blobs those that are fetched without anybody asking: small pictures
    /// that somebody names whom the topic answers for, or who is followed here, and what is
    /// pinned.
    pub fn blobs_to_fetch(
        &mut self,
        keys: &[BlobKey],
        interests: &Interests,
    ) -> Result<Vec<(BlobKey, u64)>, Failure> {
        let mut wanted = Vec::new();
        for key in keys {
            let blobs = self.blobs()?;
            let Some(name) = blobs.table.names.get(key).cloned() else {
                continue;
            };
            if blobs.files.whole().contains_key(&key.1) {
                continue;
            }
            let pinned = blobs.table.pins.contains(&key.1);
            let media_type = name.media_type.as_deref().unwrap_or_default();
            let picture = media_type.starts_with("image/") && name.size <= FETCHED_MAX;
            let left = interests.left.contains(&key.0) || interests.blocked.contains(&name.author);
            if left || !(pinned || picture) {
                continue;
            }
            let known = pinned
                || name.author == self.entity
                || interests.follows.contains_key(&name.author)
                || self.is_of_topic(&key.0, &name)?;
            if known {
                wanted.push((*key, name.size));
            }
        }
        Ok(wanted)
    }

    fn is_of_topic(&mut self, topic: &TopicId, name: &Name) -> Result<bool, Failure> {
        let policy = self.order(topic)?.policy();
        let member = policy.members.contains_key(&name.author);
        Ok(member || (policy.private && policy.role(&name.author).is_some()))
    }

    /// Named blobs that are missing here and fit without anything going for them.
    pub fn missing_blobs(&mut self) -> Result<Vec<BlobKey>, Failure> {
        self.look_for_blobs()?;
        let standing = self.blob_standing(now_ms())?;
        let blobs = self.blobs()?;
        let mut stored = blobs.stored(&standing);
        let mut missing = Vec::new();
        for (key, name) in &blobs.table.names {
            let here = blobs.files.whole().contains_key(&key.1);
            if here || !blobs.quota.has_room(&stored, &key.0, name.size) {
                continue;
            }
            stored.push(super::quota::Stored {
                hash: key.1,
                size: name.size,
                topics: [key.0].into(),
                stays: true,
                used_ms: 0,
            });
            missing.push(*key);
        }
        Ok(missing)
    }

    /// The one blob that is known here whose hash begins with some hex digits.
    pub fn find_blob(&mut self, front: &str) -> Result<BlobHash, Failure> {
        if let Ok(hash) = front.parse() {
            return Ok(hash);
        }
        self.look_for_blobs()?;
        let table = &self.blobs()?.table;
        let named = table.names.keys().chain(table.held.keys());
        let mut known: Vec<BlobHash> = named.map(|key| key.1).collect();
        known.extend(self.blobs()?.files.whole().keys());
        known.sort_unstable();
        known.dedup();
        known.retain(|hash| hash.to_string().starts_with(&front.to_lowercase()));
        crate::entries::one_of("blob", front, &known, |hash| hash.to_string())
    }
}

fn in_part(part: &[u8]) -> Vec<BlobRef> {
    match Payload::split_erased(part) {
        Ok(payload) if may_name(part) => in_payload(&payload),
        _ => Vec::new(),
    }
}

fn in_payload(payload: &Payload<'_>) -> Vec<BlobRef> {
    let event = payload.check();
    event.map_or(Vec::new(), |event| named(&event.body))
}

fn key_of(line: &Line) -> Option<BlobKey> {
    match line {
        Line::Name { topic, blob, .. } => Some((topic.parse().ok()?, blob.parse().ok()?)),
        _ => None,
    }
}
