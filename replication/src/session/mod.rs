//! One meeting of two nodes over one link (`spec/13-sync.md`).
//!
//! Both greet; both come to know which topics they share, by what they remember or by
//! matching; both send what the other lacks, by its cursor or by comparing rows; then
//! both say the fingerprint of all that they share, and where it differs they compare
//! again. From then on what is stored here is sent on as it comes.
//!
//! Messages other than greeting, credit and check *count*: a check says how many it
//! takes into account, so that nobody mistakes what is on its way for a difference.

mod blobs;
mod checks;
mod comparison;
mod letters;
mod live;
mod matching;
mod meeting;
mod memory;
mod outbox;
mod requests;
mod terms;
#[cfg(test)]
mod tests;
mod transfer;

pub use meeting::Meeting;
pub use memory::PeerMemory;
pub use terms::{Arrival, Breach, Context, Event, Fault, Progress, Setup, Spread, Terms};

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use synlog_log::ids::{EntryId, FeedKey, TopicId};

use crate::engine::Notice;
use crate::frontier::{Frontier, Scope};
use crate::message::{FEATURE_BLOBS, FEATURE_LETTERS, Hello, Message, Short, VERSION};
use crate::peer::{LinkId, Peer};
use crate::repo::{Epoch, Repo};
use meeting::Question;
use outbox::Outbox;

/// Comparisons in a row of which nothing may come: each side may change in between, but
/// not for ever.
const FRUITLESS_MAX: u32 = 24;
/// Rounds of one comparison: at 16 parts a round this is deeper than any trie.
const ROUNDS_MAX: u32 = 64;
/// Feeds whose eight bytes are remembered, so that the peer may ask for them.
const NAMED_MAX: usize = 1 << 16;
/// Bytes of answers that a peer leaves unread.
const UNREAD_MAX: usize = 16 * 1024 * 1024;

/// Bounds of a session.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries that are pushed to a peer that comes back; where there are more they are
    /// announced, for somebody else may have sent them meanwhile.
    pub pushed_entries: u64,
    /// Entries that are asked for by id at once.
    pub asked_entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            pushed_entries: 4_096,
            asked_entries: 256,
        }
    }
}

/// One meeting with a peer.
pub struct Session {
    link: LinkId,
    peer: Peer,
    dialed: bool,
    limits: Limits,
    random: [u8; 32],
    /// What was remembered when it began, and what will be.
    memory: Option<PeerMemory>,
    /// Topics of the memory that are still shared, and what was said of them.
    remembered: BTreeSet<TopicId>,
    tag: Option<[u8; 16]>,
    meeting: Option<Meeting>,
    peer_epoch: Option<Epoch>,
    scope: Scope,
    /// What this side would share, by its eight bytes.
    offered: BTreeMap<Short, TopicId>,
    /// Topics that were sent and not answered yet.
    asked: VecDeque<Vec<Short>>,
    outbox: Outbox,
    named: BTreeMap<Short, FeedKey>,
    named_order: VecDeque<Short>,
    questions: Vec<Question>,
    /// Whether the last part of a comparison is still to come.
    comparing: bool,
    rounds: u32,
    fruitless: u32,
    /// Both fingerprints when a comparison began last.
    compared: Option<(Short, Short)>,
    counted_sent: u64,
    counted_seen: u64,
    requests_sent: u64,
    requests_answered: u64,
    requests_seen: u64,
    requests_reported: u64,
    /// Ancestors that are missing here, and those that were asked for in vain or are.
    missing: BTreeMap<EntryId, TopicId>,
    asked_for: BTreeSet<EntryId>,
    taken_bytes: u64,
    credited_bytes: u64,
    /// Entries that the peer says it is yet to send.
    left_there: u64,
    /// Feeds that were announced and not asked for.
    announced: BTreeSet<Short>,
    proven: BTreeSet<(FeedKey, u64)>,
    statements_sent: BTreeSet<Short>,
    statements_compared: Option<(Short, Short)>,
    /// Whether something happened since the last check that was sent.
    dirty: bool,
    synced: bool,
    /// Whether all that lay behind has been compared once: what comes now is sent on at once.
    live: bool,
    /// Whether the topics that are shared now have been compared.
    compared_once: bool,
    /// Whether the peer's last check was not what this side has.
    differs: bool,
    /// What was here when it was last compared.
    compared_here: Option<Short>,
    /// Whether policy turned something away since.
    declined: bool,
    /// What was sent because a comparison found it lacking there, and how far.
    given: BTreeMap<FeedKey, u64>,
    unasked: u32,
    /// Whether the peer was told to whom this node belongs.
    introduced: bool,
    /// Whether the peer understands words about blobs.
    speaks_of_blobs: bool,
    /// Whether the peer takes letters of first contact, and what passed of them.
    takes_letters: bool,
    letters_sent: BTreeSet<[u8; 32]>,
    letters_seen: u32,
}

/// What handling something gives.
type Outcome<E> = Result<(), Fault<E>>;

impl Session {
    /// A session that has said nothing yet.
    pub fn new(setup: Setup) -> Self {
        Self {
            link: setup.link,
            peer: setup.peer,
            dialed: setup.dialed,
            limits: setup.limits,
            random: setup.random,
            memory: setup.memory,
            remembered: BTreeSet::new(),
            tag: None,
            meeting: None,
            peer_epoch: None,
            scope: Scope::default(),
            offered: BTreeMap::new(),
            asked: VecDeque::new(),
            outbox: Outbox::default(),
            named: BTreeMap::new(),
            named_order: VecDeque::new(),
            questions: Vec::new(),
            comparing: false,
            rounds: 0,
            fruitless: 0,
            compared: None,
            counted_sent: 0,
            counted_seen: 0,
            requests_sent: 0,
            requests_answered: 0,
            requests_seen: 0,
            requests_reported: 0,
            missing: BTreeMap::new(),
            asked_for: BTreeSet::new(),
            taken_bytes: 0,
            credited_bytes: 0,
            left_there: 0,
            announced: BTreeSet::new(),
            proven: BTreeSet::new(),
            statements_sent: BTreeSet::new(),
            statements_compared: None,
            dirty: true,
            synced: false,
            live: false,
            compared_once: false,
            differs: false,
            compared_here: None,
            declined: false,
            given: BTreeMap::new(),
            unasked: 0,
            introduced: false,
            speaks_of_blobs: false,
            takes_letters: false,
            letters_sent: BTreeSet::new(),
            letters_seen: 0,
        }
    }

    /// Its link.
    pub fn link(&self) -> LinkId {
        self.link
    }

    /// Who is at the other end.
    pub fn peer(&self) -> &Peer {
        &self.peer
    }

    /// Whether both share a topic.
    pub fn shares(&self, topic: &TopicId) -> bool {
        self.scope.contains(topic)
    }

    /// The topics that both share.
    pub fn topics(&self) -> &BTreeSet<TopicId> {
        self.scope.topics()
    }

    /// What to remember of the peer; `None` while nothing was found to be the same.
    pub fn memory(&self) -> Option<PeerMemory> {
        self.memory.clone()
    }

    /// Nothing of the peer is to be remembered: it broke the protocol.
    pub fn forget(&mut self) {
        self.memory = None;
    }

    /// How far it is.
    pub fn progress(&self) -> Progress {
        Progress {
            to_send_entries: self.outbox.left(),
            to_receive_entries: self.left_there,
            topics: self.scope.topics().len(),
            held_bytes: self.outbox.held_bytes(),
            synced: self.synced && self.asked.is_empty(),
            waiting: self.meeting.is_none()
                || !self.asked.is_empty()
                || self.comparing
                || self.requests_answered < self.requests_sent,
        }
    }

    /// Greets.
    pub fn start<R: Repo>(
        &mut self,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let mut cursor = None;
        if let Some(memory) = &self.memory {
            let shared = memory.shared.iter();
            self.remembered = shared
                .filter(|topic| self.may_share(cx, topic))
                .copied()
                .collect();
            let meeting = Meeting::of_key(memory.key);
            self.tag = Some(meeting.tag(self.remembered.iter()));
            cursor = Some(memory.cursor);
        }
        let hello = Hello {
            version: VERSION,
            random: self.random,
            epoch: cx.repo.epoch(),
            cursor,
            tag: self.tag,
            clock_ms: cx.now.utc_ms,
            features: FEATURE_BLOBS | FEATURE_LETTERS,
        };
        self.send(Message::Hello(hello), out);
        Ok(())
    }

    /// Takes in a message of the peer.
    pub fn handle<R: Repo>(
        &mut self,
        bytes: &[u8],
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let message = Message::decode(bytes).map_err(|_| Breach::Malformed)?;
        if self.outbox.held_bytes() > UNREAD_MAX {
            return Err(Breach::NotReading.into());
        }
        if counts(&message) {
            self.counted_seen += 1;
            self.dirty = true;
        }
        let greeted = self.meeting.is_some();
        match message {
            Message::Hello(_) if greeted => return Err(Breach::OutOfTurn.into()),
            Message::Hello(hello) => self.greeted(&hello, cx, out)?,
            _ if !greeted => return Err(Breach::OutOfTurn.into()),
            Message::Topics { added, dropped } => self.match_topics(&added, &dropped, cx, out),
            Message::Matched(matched) => self.matched(&matched, cx, out)?,
            Message::Reconcile(parts) => self.reconcile(parts, cx, out)?,
            Message::Runs { left, runs } => self.take_runs(left, runs, cx, out)?,
            Message::Heads(heads) => self.take_heads(&heads, cx, out)?,
            Message::Want(wishes) => self.serve(&wishes, cx, out)?,
            Message::WantEntries(wanted) => self.serve_entries(&wanted, cx)?,
            Message::Trail { feed, marks } => self.follow_trail(feed, &marks, cx, out)?,
            Message::Proof(proof) => self.take_proof(&proof, cx, out)?,
            Message::Statements(statements) => self.take_statements(&statements, cx, out)?,
            Message::Known(known) => self.serve_statements(&known, cx)?,
            Message::Receipt(receipt) => {
                cx.repo.take_in_receipt(&receipt).map_err(Fault::Repo)?;
            }
            Message::Credit(total) => {
                if !self.outbox.credit(total) {
                    return Err(Breach::OutOfTurn.into());
                }
            }
            Message::Check(check) => self.checked(&check, cx, out)?,
            Message::Prune(feeds) => {
                let named = feeds.iter().filter_map(|short| self.named.get(short));
                out.extend(named.map(|feed| Event::Pruned(*feed)));
            }
            Message::Blob(blob) => out.extend(self.word_about(blob)),
            Message::Letter(letter) => self.take_letter(&letter, cx, out)?,
        }
        self.go_on(cx, out)
    }

    /// So many bytes have left this side.
    pub fn sent<R: Repo>(
        &mut self,
        bytes: usize,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        self.outbox.gone(bytes);
        self.go_on(cx, out)
    }

    /// Time has passed: what was pushed is held against the fingerprint now and then.
    pub fn tick<R: Repo>(
        &mut self,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        self.compare_again(cx, out)?;
        if self.dirty && self.quiet() {
            self.send_check(cx, out);
        }
        self.go_on(cx, out)
    }

    fn greeted<R: Repo>(
        &mut self,
        hello: &Hello,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        if hello.version != VERSION {
            return Err(Breach::Version.into());
        }
        let (caller, called) = if self.dialed {
            (&self.random, &hello.random)
        } else {
            (&hello.random, &self.random)
        };
        let meeting = Meeting::new(caller, called);
        self.meeting = Some(meeting);
        self.speaks_of_blobs = hello.features & FEATURE_BLOBS != 0;
        self.takes_letters = hello.features & FEATURE_LETTERS != 0;
        self.peer_epoch = Some(hello.epoch);
        // the engine says whether that is worth a word: it needs those that agree, too
        let offset = i128::from(hello.clock_ms) - i128::from(cx.now.utc_ms);
        out.push(Event::Notice(Notice::ClockOffset {
            node: self.peer.node,
            offset_ms: i64::try_from(offset).unwrap_or(i64::MAX),
        }));
        self.offer(cx);
        if self.tag.is_some() && self.tag == hello.tag {
            self.scope = Scope::of(std::mem::take(&mut self.remembered));
            self.push_since(hello.cursor, cx, out)?;
            self.announce_topics(cx, out);
        } else {
            self.memory = None;
            if self.dialed {
                self.announce_topics(cx, out);
            }
        }
        self.introduce(cx)
    }

    /// Sends a message at once.
    fn send(&mut self, message: Message, out: &mut Vec<Event>) {
        if counts(&message) {
            self.counted_sent += 1;
            self.dirty = true;
        }
        let bytes = message.encode();
        self.outbox.written(bytes.len());
        out.push(Event::Send(bytes));
    }

    /// Names a feed to the peer, so that it may ask for it.
    fn name(&mut self, short: Short, feed: FeedKey) {
        if self.named.insert(short, feed).is_none() {
            self.named_order.push_back(short);
            if self.named_order.len() > NAMED_MAX
                && let Some(oldest) = self.named_order.pop_front()
            {
                self.named.remove(&oldest);
                self.announced.remove(&oldest);
            }
        }
    }
}

/// Whether a message is one that checks count.
fn counts(message: &Message) -> bool {
    !matches!(
        message,
        Message::Hello(_) | Message::Credit(_) | Message::Check(_) | Message::Blob(_)
    )
}

/// The height that a feed has here.
fn height(frontier: &Frontier, feed: &FeedKey) -> u64 {
    frontier.row(feed).map_or(0, |row| row.height)
}
