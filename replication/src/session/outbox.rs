//! What is yet to be sent: feeds, in the order in which their entries arrived here, and
//! single pieces. Bounded by what the receiver has taken in.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use synlog_log::ids::{EntryId, FeedKey, TopicId};
use synlog_log::limits::{RUN_BYTES_MAX, RUN_ENTRIES_MAX};
use synlog_log::run::{RunView, RunWriter};
use synlog_log::wire::Reader;

use super::terms::Context;
use crate::message::{Message, PIECES_MAX};
use crate::repo::Repo;

/// Bytes of runs that may be on their way, or at the receiver and not yet stored.
pub(super) const WINDOW_BYTES: u64 = 1024 * 1024;
/// Bytes that may wait at this side's link.
const LINK_BYTES_MAX: usize = 512 * 1024;
/// Bytes of runs in one message, where they are small.
const MESSAGE_BYTES: usize = 64 * 1024;
/// Bytes of runs that are read ahead, of all feeds.
const AHEAD_BYTES_MAX: usize = 512 * 1024;
/// Bytes that one feed reads ahead.
const READ_BYTES: usize = 32 * 1024;
/// Entries that a peer has asked for by id and not been sent: it asks for some hundreds, and
/// for more when it has them.
const ASKED_MAX: usize = 8_192;
/// A run that is smaller is sent together with its neighbours under one signature.
const JOINED_BYTES_MAX: usize = 4 * 1024;

/// Runs are joined where their clocks are no further apart. Whoever takes one in puts all of
/// it aside while any of it is from the future: what was written before a clock was wrong
/// must not wait with what was written after.
const JOINED_GAP_MAX_MS: u64 = 24 * 3_600_000;

/// Feed, first seq and number of entries of a run, without decoding it. The feed of a
/// run that begins with a genesis has no topic yet.
pub(super) fn front(bytes: &[u8]) -> Option<(FeedKey, u64, u64)> {
    let mut reader = Reader::new(bytes);
    let author = synlog_log::ids::DeviceId(reader.array().ok()?);
    let topic = TopicId(reader.array().ok()?);
    let first = reader.varint().ok()?;
    if first == 0 {
        reader
            .bytes(synlog_log::limits::CERTIFICATE_MAX)
            .ok()
            .map(drop)?;
    } else {
        reader.take(32).ok().map(drop)?;
    }
    let count = reader.length(RUN_ENTRIES_MAX).ok()? as u64;
    Some((FeedKey { author, topic }, first, count))
}

/// Runs of a feed that were read and not sent, with their positions.
type Ahead = VecDeque<(u64, Vec<u8>)>;

/// What is yet to be sent.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Each feed with the next seq and its position.
    feeds: BTreeMap<FeedKey, (u64, u64)>,
    order: BTreeSet<(u64, FeedKey)>,
    ahead: BTreeMap<FeedKey, Ahead>,
    ahead_bytes: usize,
    /// Messages that are not runs of a feed from somewhere on.
    pieces: VecDeque<Message>,
    /// Those that mean nothing to a peer that has not the feeds: proofs of forks.
    last: VecDeque<Message>,
    /// Bytes of both.
    piece_bytes: usize,
    /// Entries that were asked for by id, in order, each once. They are read when there is
    /// room to send them: forty bytes ask for up to a megabyte.
    asked: VecDeque<(TopicId, EntryId)>,
    asked_ids: BTreeSet<EntryId>,
    /// Entries of feeds that are yet to be sent.
    left: u64,
    /// Bytes of runs that were sent, and of those the receiver has taken in.
    sent: u64,
    credited: u64,
    /// Bytes that have not left this side.
    link: usize,
    /// Topics whose statements were sent.
    introduced: BTreeSet<TopicId>,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.feeds.is_empty()
            && self.pieces.is_empty()
            && self.last.is_empty()
            && self.asked.is_empty()
    }

    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Bytes that wait here for the peer to read: what has not left this side, and what was
    /// made ready for it.
    pub(super) fn held_bytes(&self) -> usize {
        let asked = self.asked.len() * 2 * size_of::<(TopicId, EntryId)>();
        self.link + self.piece_bytes + self.ahead_bytes + asked
    }

    pub(super) fn written(&mut self, bytes: usize) {
        self.link += bytes;
    }

    pub(super) fn gone(&mut self, bytes: usize) {
        self.link = self.link.saturating_sub(bytes);
    }

    /// The receiver has taken in so much; false where it never got that.
    pub(super) fn credit(&mut self, total: u64) -> bool {
        let right = total >= self.credited && total <= self.sent;
        self.credited = self.credited.max(total.min(self.sent));
        right
    }

    pub(super) fn push(&mut self, piece: Message) {
        self.piece_bytes += weight(&piece);
        self.pieces.push_back(piece);
    }

    /// Behind all feeds.
    pub(super) fn push_last(&mut self, piece: Message) {
        self.piece_bytes += weight(&piece);
        self.last.push_back(piece);
    }

    fn pop(&mut self) -> Option<Message> {
        let piece = self.pieces.pop_front()?;
        self.piece_bytes -= weight(&piece);
        Some(piece)
    }

    fn pop_last(&mut self) -> Option<Message> {
        let piece = self.last.pop_front()?;
        self.piece_bytes -= weight(&piece);
        Some(piece)
    }

    /// An entry is to be sent, with the run that it is in; false where too many wait already.
    pub(super) fn ask(&mut self, topic: TopicId, id: EntryId) -> bool {
        if self.asked.len() >= ASKED_MAX {
            return false;
        }
        if self.asked_ids.insert(id) {
            self.asked.push_back((topic, id));
        }
        true
    }

    /// The next runs that were asked for by an entry of theirs, about a message of them.
    fn next_asked<R: Repo>(
        &mut self,
        cx: &Context<'_, R>,
        allowed: &dyn Fn(&Context<'_, R>, &TopicId) -> bool,
    ) -> Result<Option<Message>, R::Error> {
        let (mut runs, mut bytes) = (Vec::new(), 0);
        while bytes < MESSAGE_BYTES
            && runs.len() < PIECES_MAX
            && let Some((topic, id)) = self.asked.pop_front()
        {
            self.asked_ids.remove(&id);
            if allowed(cx, &topic)
                && let Some(run) = cx.repo.run_with(&topic, &id)?
            {
                bytes += run.len();
                runs.push(run);
            }
        }
        Ok((!runs.is_empty()).then_some(Message::Runs { left: 0, runs }))
    }

    /// A feed is to be sent from a seq on.
    pub(super) fn add<R: Repo>(
        &mut self,
        feed: FeedKey,
        from: u64,
        cx: &Context<'_, R>,
    ) -> Result<(), R::Error> {
        let height = cx.frontier.row(&feed).map_or(0, |row| row.height);
        if from >= height {
            return Ok(());
        }
        match self.feeds.get(&feed) {
            // what is on its way covers it
            Some((next, _)) if *next <= from => return Ok(()),
            Some(_) => self.remove(&feed, height),
            None => {}
        }
        if let Some(position) = cx.repo.place(&feed, from)? {
            self.feeds.insert(feed, (from, position));
            self.order.insert((position, feed));
            self.left += height - from;
        }
        Ok(())
    }

    /// More of a feed is here now: what is left to send grows with it.
    pub(super) fn grown(&mut self, feed: &FeedKey, entries: u64) {
        if self.feeds.contains_key(feed) {
            self.left += entries;
        }
    }

    fn remove(&mut self, feed: &FeedKey, height: u64) {
        if let Some((next, position)) = self.feeds.remove(feed) {
            self.order.remove(&(position, *feed));
            self.left = self.left.saturating_sub(height.saturating_sub(next));
        }
        if let Some(ahead) = self.ahead.remove(feed) {
            self.ahead_bytes -= ahead.iter().map(|(_, run)| run.len()).sum::<usize>();
        }
        if self.feeds.is_empty() {
            self.left = 0;
        }
    }

    /// Forgets the feeds of a topic.
    pub(super) fn drop_topic(&mut self, topic: &TopicId) {
        let of_topic = self.feeds.keys().filter(|feed| feed.topic == *topic);
        for feed in of_topic.copied().collect::<Vec<_>>() {
            self.remove(&feed, 0);
        }
    }

    fn has_room(&self) -> bool {
        self.link < LINK_BYTES_MAX && self.sent - self.credited < WINDOW_BYTES
    }

    /// The next message that may be sent now. `allowed` is asked for each feed again.
    pub(super) fn next<R: Repo>(
        &mut self,
        cx: &mut Context<'_, R>,
        allowed: &dyn Fn(&Context<'_, R>, &TopicId) -> bool,
    ) -> Result<Option<Message>, R::Error> {
        if !self.has_room() {
            return Ok(None);
        }
        if let Some(piece) = self.pop() {
            return Ok(Some(self.count(piece)));
        }
        if let Some(asked) = self.next_asked(cx, allowed)? {
            return Ok(Some(self.count(asked)));
        }
        let mut runs = Group {
            now_ms: cx.now.utc_ms,
            ..Group::default()
        };
        while let Some((_, feed)) = self.order.first().copied() {
            if !allowed(cx, &feed.topic) {
                self.remove(&feed, 0);
                continue;
            }
            if self.begins_topic(&feed) {
                let statements = cx.repo.statements(&feed.topic)?;
                self.introduced.insert(feed.topic);
                for chunk in statements.chunks(PIECES_MAX) {
                    self.push(Message::Statements(chunk.to_vec()));
                }
                if !self.pieces.is_empty() {
                    break;
                }
            }
            if runs.bytes >= MESSAGE_BYTES || !self.take(feed, &mut runs, cx)? {
                break;
            }
        }
        if runs.is_empty() {
            let mut piece = self.pop();
            if piece.is_none() && self.feeds.is_empty() {
                piece = self.pop_last();
            }
            return Ok(piece.map(|piece| self.count(piece)));
        }
        let runs = runs.finish();
        Ok(Some(self.count(Message::Runs { left: 0, runs })))
    }

    fn begins_topic(&self, feed: &FeedKey) -> bool {
        let from = self.feeds.get(feed).map(|(from, _)| *from);
        from == Some(0) && !self.introduced.contains(&feed.topic)
    }

    fn count(&mut self, mut message: Message) -> Message {
        if let Message::Runs { left, runs } = &mut message {
            *left = self.left;
            self.sent += runs.iter().map(|run| run.len() as u64).sum::<u64>();
        }
        message
    }

    /// Takes the next run of a feed; whether there was room for it.
    fn take<R: Repo>(
        &mut self,
        feed: FeedKey,
        runs: &mut Group,
        cx: &Context<'_, R>,
    ) -> Result<bool, R::Error> {
        let height = cx.frontier.row(&feed).map_or(0, |row| row.height);
        let Some((from, position)) = self.feeds.get(&feed).copied() else {
            return Ok(true);
        };
        if !self.ahead.contains_key(&feed) {
            let max_bytes = if self.ahead_bytes < AHEAD_BYTES_MAX {
                READ_BYTES
            } else {
                1
            };
            let read = cx.repo.runs(&feed, from, max_bytes)?;
            self.ahead_bytes += read.iter().map(|(_, run)| run.len()).sum::<usize>();
            self.ahead.insert(feed, read.into());
        }
        let ahead = self.ahead.entry(feed).or_default();
        let Some((_, run)) = ahead.pop_front() else {
            self.remove(&feed, height);
            return Ok(true);
        };
        if !runs.fits(&run) {
            ahead.push_front((position, run));
            return Ok(false);
        }
        self.ahead_bytes -= run.len();
        let next_read = ahead.front().map(|(position, _)| *position);
        if next_read.is_none() {
            self.ahead.remove(&feed);
        }
        let next = front(&run).map_or(height, |(_, first, count)| first + count);
        let entries = next.min(height).saturating_sub(from);
        self.order.remove(&(position, feed));
        self.left = self.left.saturating_sub(entries);
        // where a feed is forked, what lies between two runs of another may be something that
        // is only sent when it is asked for
        let apart = runs.next_position != Some(position) && cx.frontier.has_forks(&feed.topic);
        if apart {
            runs.join();
        }
        runs.next_position = Some(position.saturating_add(next.saturating_sub(from)));
        runs.push(feed, run);
        let place = match next_read {
            _ if next >= height || next <= from => None,
            Some(position) => Some(position),
            None => cx.repo.place(&feed, next)?,
        };
        match place {
            Some(position) => {
                self.feeds.insert(feed, (next, position));
                self.order.insert((position, feed));
            }
            None => self.remove(&feed, next),
        }
        Ok(true)
    }
}

/// Bytes that a message which waits takes, nearly.
fn weight(piece: &Message) -> usize {
    let parts = match piece {
        Message::Runs { runs, .. } => runs,
        Message::Statements(statements) => statements,
        Message::Proof(bytes) | Message::Receipt(bytes) | Message::Letter(bytes) => {
            return size_of::<Message>() + bytes.len();
        }
        _ => return size_of::<Message>(),
    };
    size_of::<Message>()
        + parts
            .iter()
            .map(|it| size_of::<Vec<u8>>() + it.len())
            .sum::<usize>()
}

/// Runs of one message; neighbours of one feed that are small are joined.
#[derive(Default)]
struct Group {
    /// What this side's clock says.
    now_ms: u64,
    done: Vec<Vec<u8>>,
    feed: Option<FeedKey>,
    small: Vec<Vec<u8>>,
    small_bytes: usize,
    bytes: usize,
    /// Arrival position behind the last run.
    next_position: Option<u64>,
}

impl Group {
    fn is_empty(&self) -> bool {
        self.done.is_empty() && self.small.is_empty()
    }

    fn fits(&self, run: &[u8]) -> bool {
        let count = self.done.len() + self.small.len();
        self.is_empty() || (self.bytes + run.len() <= 2 * MESSAGE_BYTES && count < PIECES_MAX)
    }

    fn push(&mut self, feed: FeedKey, run: Vec<u8>) {
        self.bytes += run.len();
        let small = run.len() <= JOINED_BYTES_MAX;
        if self.feed != Some(feed) || !small || self.small.len() >= RUN_ENTRIES_MAX {
            self.join();
        }
        if small {
            self.feed = Some(feed);
            self.small_bytes += run.len();
            self.small.push(run);
        } else {
            self.done.push(run);
        }
    }

    fn join(&mut self) {
        self.feed = None;
        let small = std::mem::take(&mut self.small);
        let bytes = std::mem::take(&mut self.small_bytes);
        match joined(&small, self.now_ms).filter(|_| bytes <= RUN_BYTES_MAX) {
            Some(run) => self.done.push(run),
            None => self.done.extend(small),
        }
    }

    fn finish(mut self) -> Vec<Vec<u8>> {
        self.join();
        self.done
    }
}

/// Runs that follow on each other as one under the last signature, where none of it is from
/// the future, as far as can be told.
fn joined(runs: &[Vec<u8>], now_ms: u64) -> Option<Vec<u8>> {
    if runs.len() < 2 {
        return None;
    }
    let views: Option<Vec<RunView<'_>>> =
        runs.iter().map(|run| RunView::decode(run).ok()).collect();
    let views = views?;
    let follow = views.windows(2).all(|pair| {
        let (before, after) = (pair[0].last(), pair[1].first());
        after.backlink == Some(before.id)
            && pair[0].signature.is_some()
            && (after.hlc >> 16).saturating_sub(before.hlc >> 16) <= JOINED_GAP_MAX_MS
    });
    if views.last()?.last().hlc >> 16 > now_ms {
        return None;
    }
    let entries: usize = views.iter().map(|view| view.entries.len()).sum();
    let signature = views.last()?.signature.filter(|_| follow)?;
    if entries > RUN_ENTRIES_MAX {
        return None;
    }
    let mut writer = RunWriter::like(views.first()?);
    let all = views.iter().flat_map(|view| &view.entries);
    all.for_each(|entry| writer.push_view(entry));
    Some(writer.finish(Some(&signature)))
}
