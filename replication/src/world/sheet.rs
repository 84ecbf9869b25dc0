//! A store that has rows and nothing behind them: entries are made up when they are
//! asked for. What sessions say about millions of feeds can be measured on it.

use std::collections::BTreeMap;
use std::convert::Infallible;

use synlog_log::ids::{DeviceId, EntityId, EntryId, FeedKey, TopicId};
use synlog_log::wire::{Reader, Writer};

use crate::peer::{NodeId, Peer};
use crate::repo::{Access, Epoch, Post, Repo, Taken};
use crate::row::{Advance, Row};
use crate::world::pair::Pair;

/// Bytes of a made-up entry.
const ENTRY_BYTES: usize = 300;

/// A feed's last advance and where its entries arrived: (first seq, position).
#[derive(Debug, Clone, Default)]
struct Line {
    height: u64,
    advanced: u64,
    arrivals: Vec<(u64, u64)>,
}

/// The store.
#[derive(Debug, Clone)]
pub struct Sheet {
    epoch: Epoch,
    topics: BTreeMap<TopicId, BTreeMap<DeviceId, Line>>,
    advanced: BTreeMap<u64, FeedKey>,
    end: u64,
    /// Entries that came although they were here.
    pub known_entries: u64,
}

/// A feed by number, in a topic by number.
pub fn feed(topic: u64, author: u64) -> FeedKey {
    let hash = |kind: u8, number: u64| {
        let mut bytes = vec![kind];
        bytes.extend_from_slice(&number.to_le_bytes());
        *blake3::hash(&bytes).as_bytes()
    };
    FeedKey {
        author: DeviceId(hash(1, author)),
        topic: TopicId(hash(0, topic)),
    }
}

fn entry_of(feed: &FeedKey, seq: u64) -> EntryId {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&feed.author.0).update(&feed.topic.0);
    EntryId(*hasher.update(&seq.to_le_bytes()).finalize().as_bytes())
}

impl Sheet {
    /// Without rows.
    pub fn new(epoch: u8) -> Self {
        Self {
            epoch: Epoch([epoch; 16]),
            topics: BTreeMap::new(),
            advanced: BTreeMap::new(),
            end: 0,
            known_entries: 0,
        }
    }

    /// Another history: as after a wiped disk that was filled again.
    pub fn set_epoch(&mut self, epoch: u8) {
        self.epoch = Epoch([epoch; 16]);
    }

    /// So many entries more in a feed.
    pub fn write(&mut self, feed: FeedKey, entries: u64) {
        let line = self.topics.entry(feed.topic).or_default();
        let line = line.entry(feed.author).or_default();
        if line.height > 0 {
            self.advanced.remove(&line.advanced);
        }
        line.arrivals.push((line.height, self.end));
        line.height += entries;
        line.advanced = self.end;
        self.advanced.insert(self.end, feed);
        self.end += entries;
    }

    /// All rows.
    pub fn all(&self) -> Vec<Row> {
        let topics = self.topics.keys();
        topics.flat_map(|topic| self.rows_of(topic)).collect()
    }

    fn rows_of(&self, topic: &TopicId) -> Vec<Row> {
        let lines = self.topics.get(topic).into_iter().flatten();
        lines
            .map(|(author, line)| row(*topic, *author, line.height))
            .collect()
    }

    fn line(&self, feed: &FeedKey) -> Option<&Line> {
        self.topics.get(&feed.topic)?.get(&feed.author)
    }

    fn take_run(&mut self, run: &[u8], taken: &mut Taken) -> Option<()> {
        let mut reader = Reader::new(run);
        let author = DeviceId(reader.array().ok()?);
        let topic = TopicId(reader.array().ok()?);
        let first = reader.varint().ok()?;
        let skipped = if first == 0 { 1 } else { 32 };
        reader.take(skipped).ok()?;
        let count = reader.varint().ok()?;
        let feed = FeedKey { author, topic };
        let height = self.line(&feed).map_or(0, |line| line.height);
        let fresh = (first + count).saturating_sub(height).min(count);
        taken.known_entries += count - fresh;
        if first > height {
            taken
                .missing
                .push((topic, entry_of(&feed, first.saturating_sub(1))));
        } else if fresh > 0 {
            self.write(feed, fresh);
            taken.fresh_entries += fresh;
            taken.advanced.retain(|row| row.feed != feed);
            taken.advanced.push(row(topic, author, height + fresh));
        }
        Some(())
    }
}

fn row(topic: TopicId, author: DeviceId, height: u64) -> Row {
    let feed = FeedKey { author, topic };
    Row {
        feed,
        height,
        head: height.checked_sub(1).map(|seq| entry_of(&feed, seq)),
        forked_at: None,
    }
}

impl Pair<Sheet> {
    /// Two stores with the same feeds, spread over topics.
    pub fn alike(feeds: u64, topics: u64) -> Self {
        let mut one = Sheet::new(1);
        for number in 0..feeds {
            one.write(feed(number % topics, number), 1 + number % 3);
        }
        let mut other = one.clone();
        other.set_epoch(2);
        Self::new(one, other)
    }

    /// Writes one entry more in so many feeds on each side, in others on each.
    pub fn change(&mut self, feeds: u64, topics: u64, changed: u64) {
        for (index, side) in self.sides.iter_mut().enumerate() {
            for number in 0..changed {
                let number = (number * 2 + index as u64) * (feeds / (2 * changed + 2));
                let feed = feed(number % topics, number);
                side.repo.write(feed, 1);
                let Ok(row) = side.repo.row(&feed);
                row.iter().for_each(|row| side.frontier.put(row));
            }
        }
    }
}

impl Repo for Sheet {
    type Error = Infallible;

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn end(&self) -> u64 {
        self.end
    }

    fn device(&self) -> DeviceId {
        DeviceId([self.epoch.0[0]; 32])
    }

    fn topics(&self) -> Vec<TopicId> {
        self.topics.keys().copied().collect()
    }

    fn rows(&self, topic: &TopicId) -> Result<Vec<Row>, Infallible> {
        Ok(self.rows_of(topic))
    }

    fn row(&self, feed: &FeedKey) -> Result<Option<Row>, Infallible> {
        let line = self.line(feed);
        Ok(line.map(|line| row(feed.topic, feed.author, line.height)))
    }

    fn advanced_since(
        &self,
        position: u64,
        limit: usize,
    ) -> Result<Vec<(u64, Advance)>, Infallible> {
        let feeds = self.advanced.range(position..).take(limit);
        let advance = |(at, feed): (&u64, &FeedKey)| {
            let line = self.line(feed)?;
            let later = line.arrivals.iter().find(|(_, place)| *place >= position);
            let row = row(feed.topic, feed.author, line.height);
            let from = later.map_or(line.height, |(seq, _)| *seq);
            Some((*at, Advance { row, from }))
        };
        Ok(feeds.filter_map(advance).collect())
    }

    fn place(&self, feed: &FeedKey, seq: u64) -> Result<Option<u64>, Infallible> {
        let line = self.line(feed).filter(|line| seq < line.height);
        let arrival = line.and_then(|line| line.arrivals.iter().rev().find(|(at, _)| *at <= seq));
        Ok(arrival.map(|(first, place)| place + (seq - first)))
    }

    fn id_at(&self, feed: &FeedKey, seq: u64) -> Result<Option<EntryId>, Infallible> {
        let here = self.line(feed).is_some_and(|line| seq < line.height);
        Ok(here.then(|| entry_of(feed, seq)))
    }

    fn runs(
        &self,
        feed: &FeedKey,
        from: u64,
        max_bytes: usize,
    ) -> Result<Vec<(u64, Vec<u8>)>, Infallible> {
        let height = self.line(feed).map_or(0, |line| line.height);
        let (mut seq, mut bytes, mut runs) = (from, 0, Vec::new());
        while seq < height && (runs.is_empty() || bytes < max_bytes) {
            let count = (height - seq).min(16);
            let mut run = [feed.author.0, feed.topic.0].concat();
            run.put_varint(seq);
            if seq == 0 {
                run.push(0);
            } else {
                run.extend_from_slice(&entry_of(feed, seq - 1).0);
            }
            run.put_varint(count);
            run.resize(run.len() + ENTRY_BYTES * count as usize, 0xee);
            bytes += run.len();
            runs.push((self.place(feed, seq)?.unwrap_or_default(), run));
            seq += count;
        }
        Ok(runs)
    }

    fn run_with(&self, _: &TopicId, _: &EntryId) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(None)
    }

    fn take_in(&mut self, _: NodeId, runs: Vec<Vec<u8>>, _: u64) -> Result<Taken, Infallible> {
        let mut taken = Taken::default();
        for run in &runs {
            self.take_run(run, &mut taken);
        }
        self.known_entries += taken.known_entries;
        Ok(taken)
    }

    fn damaged(&self) -> Result<Vec<(TopicId, EntryId)>, Infallible> {
        Ok(Vec::new())
    }

    fn author(&self, _: &FeedKey) -> Option<EntityId> {
        None
    }

    fn is_member(&self, _: &TopicId, _: &EntityId) -> bool {
        false
    }

    fn access(&self, _: &TopicId, _: &Peer) -> Access {
        Access::Public
    }

    fn fork_proof(&self, _: &FeedKey) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(None)
    }

    fn take_in_proof(&mut self, _: &[u8]) -> Result<Option<Row>, Infallible> {
        Ok(None)
    }

    fn statements(&self, _: &TopicId) -> Result<Vec<Vec<u8>>, Infallible> {
        Ok(Vec::new())
    }

    fn own_statements(&self) -> Result<Vec<Vec<u8>>, Infallible> {
        Ok(Vec::new())
    }

    fn meet(&mut self, _: &[u8]) -> Result<(), Infallible> {
        Ok(())
    }

    fn take_in_statement(&mut self, _: &[u8]) -> Result<bool, Infallible> {
        Ok(false)
    }

    fn letters_to(&self, _: &EntityId) -> Result<Vec<Post>, Infallible> {
        Ok(Vec::new())
    }

    fn take_in_letter(
        &mut self,
        _: &Peer,
        _: &[u8],
        _: u64,
    ) -> Result<Option<EntityId>, Infallible> {
        Ok(None)
    }

    fn receipt(&mut self, _: &FeedKey, _: &EntryId, _: u64) -> Result<Option<Vec<u8>>, Infallible> {
        Ok(None)
    }

    fn take_in_receipt(&mut self, _: &[u8]) -> Result<(), Infallible> {
        Ok(())
    }
}
