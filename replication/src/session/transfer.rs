//! What comes in: entries, proofs of forks, statements; and what is sent for them.

use std::collections::{BTreeMap, BTreeSet};

use synlog_log::fork::ForkProof;
use synlog_log::identity::Certificate;
use synlog_log::ids::{EntityId, FeedKey, TopicId};
use synlog_log::limits::CERTIFICATE_MAX;
use synlog_log::run::RunView;
use synlog_log::wire::Reader;

use super::outbox::{WINDOW_BYTES, front};
use super::terms::{Breach, Context, Event, Fault};
use super::{Outcome, Session, height};
use crate::engine::Notice;
use crate::message::{LIST_MAX, Message, PIECES_MAX, Short};
use crate::repo::{Repo, Taken};
use crate::row::{Advance, Row};

/// Runs and proofs of topics that are not shared: some are on their way when a topic is
/// dropped.
const UNASKED_MAX: u32 = 4_096;

/// What a run says of itself, before it is looked at further.
struct Front {
    feed: FeedKey,
    first: u64,
    count: u64,
    /// Whose device the author is, as its certificate says.
    claimed: Option<EntityId>,
    /// Whether it begins its topic.
    begins: bool,
}

impl Front {
    fn of(run: &[u8]) -> Option<Self> {
        let (mut feed, first, count) = front(run)?;
        let mut claimed = None;
        if first == 0 {
            let mut reader = Reader::new(run);
            reader.take(64).ok()?;
            reader.varint().ok()?;
            let certificate = reader.bytes(CERTIFICATE_MAX).ok()?;
            let certificate = Certificate::decode(certificate).ok();
            claimed = certificate.map(|it| it.certify.statement.entity);
        }
        let begins = feed.topic == TopicId::ZERO;
        if begins {
            // the topic of a run that begins one is the id of its first entry
            feed = RunView::decode(run).ok()?.feed;
        }
        Some(Self {
            feed,
            first,
            count,
            claimed,
            begins,
        })
    }
}

impl Session {
    /// Runs have come.
    pub(super) fn take_runs<R: Repo>(
        &mut self,
        left: u64,
        runs: Vec<Vec<u8>>,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        self.left_there = left;
        self.taken_bytes += runs.iter().map(|run| run.len() as u64).sum::<u64>();
        let mut accepted = Vec::with_capacity(runs.len());
        let mut known: BTreeMap<FeedKey, bool> = BTreeMap::new();
        let mut own = None;
        for run in runs {
            let Front {
                feed,
                first,
                count,
                claimed,
                begins,
            } = Front::of(&run).ok_or(Breach::RefusedRun)?;
            if !self.scope.contains(&feed.topic) {
                self.count_unasked()?;
                continue;
            }
            let mut takes = self.takes(&feed, claimed, begins, cx);
            if !takes && !accepted.is_empty() {
                // what came before it may say whom the topic answers for
                self.store(std::mem::take(&mut accepted), own, cx, out)?;
                takes = self.takes(&feed, claimed, begins, cx);
            }
            if !takes {
                continue;
            }
            let ends = first.saturating_add(count);
            let here = ends <= height(cx.frontier, &feed);
            *known.entry(feed).or_insert(true) &= here;
            if feed.author == cx.repo.device() {
                own = Some(feed);
            }
            accepted.push(run);
        }
        self.store(accepted, own, cx, out)?;
        self.prune(known, out);
        if self.taken_bytes - self.credited_bytes >= WINDOW_BYTES / 4 {
            self.credited_bytes = self.taken_bytes;
            self.send(Message::Credit(self.taken_bytes), out);
        }
        Ok(())
    }

    fn store<R: Repo>(
        &mut self,
        runs: Vec<Vec<u8>>,
        own: Option<FeedKey>,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        if runs.is_empty() {
            return Ok(());
        }
        let now_ms = cx.now.utc_ms;
        let taken = cx.repo.take_in(self.peer.node, runs, now_ms);
        let taken = taken.map_err(Fault::Repo)?;
        if taken.own_from_outside > 0
            && let Some(feed) = own
        {
            out.push(Event::Notice(Notice::OwnFromOutside { feed }));
        }
        self.took(taken, cx, out)
    }

    /// Sends receipts for feeds that the peer brought on.
    pub fn confirm<R: Repo>(
        &mut self,
        feeds: &BTreeSet<FeedKey>,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        for feed in feeds {
            // what waited may have gone on too, also in topics that the peer must not know of
            let theirs = self.scope.contains(&feed.topic)
                && cx.repo.access(&feed.topic, &self.peer).may_fetch();
            let head = cx.frontier.row(feed).and_then(|row| row.head);
            if let Some(head) = head.filter(|_| theirs && feed.author != cx.repo.device()) {
                let receipt = cx.repo.receipt(feed, &head, cx.now.utc_ms);
                if let Some(receipt) = receipt.map_err(Fault::Repo)? {
                    self.outbox.push(Message::Receipt(receipt));
                }
            }
        }
        self.go_on(cx, out)
    }

    /// What was pushed and is here already need only be announced, in both directions.
    fn prune(&mut self, known: BTreeMap<FeedKey, bool>, out: &mut Vec<Event>) {
        let Some(meeting) = self.meeting.filter(|_| self.live) else {
            return;
        };
        let known = known.into_iter().filter(|(_, known)| *known);
        let feeds: Vec<FeedKey> = known.map(|(feed, _)| feed).collect();
        for chunk in feeds.chunks(LIST_MAX) {
            let shorts = chunk.iter().map(|feed| meeting.feed(feed)).collect();
            self.send(Message::Prune(shorts), out);
        }
        out.extend(feeds.into_iter().map(Event::Pruned));
    }

    fn count_unasked(&mut self) -> Result<(), Breach> {
        self.unasked += 1;
        if self.unasked > UNASKED_MAX {
            return Err(Breach::Flood);
        }
        Ok(())
    }

    fn took<R: Repo>(
        &mut self,
        taken: Taken,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        if taken.fresh_entries > 0 {
            self.fruitless = 0;
        }
        self.note_missing(taken.missing);
        self.advanced(&taken.advanced, cx, out)?;
        for feed in taken.forks {
            let row = cx.frontier.row(&feed);
            let seq = row.and_then(|row| row.forked_at).unwrap_or_default();
            out.push(Event::Notice(Notice::Forked { feed, seq }));
        }
        if !taken.refused.is_empty() {
            return Err(Breach::RefusedRun.into());
        }
        Ok(())
    }

    /// Rows that went on by what the peer sent.
    fn advanced<R: Repo>(
        &mut self,
        rows: &[Row],
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let mut advances = Vec::with_capacity(rows.len());
        for row in rows {
            let before = cx.frontier.row(&row.feed);
            let from = before.map_or(0, |before| before.height);
            cx.frontier.put(row);
            self.outbox
                .grown(&row.feed, row.height.saturating_sub(from));
            if row.forked_at.is_some() && row.forked_at != before.and_then(|row| row.forked_at) {
                // who sent a branch may not know of the other
                self.prove(&row.feed, cx)?;
            }
            advances.push(Advance { row: *row, from });
        }
        if !advances.is_empty() {
            out.push(Event::Stored(advances));
        }
        Ok(())
    }

    /// Sends the proof that a feed is forked, once.
    pub(super) fn prove<R: Repo>(
        &mut self,
        feed: &FeedKey,
        cx: &mut Context<'_, R>,
    ) -> Outcome<R::Error> {
        let row = cx.frontier.row(feed);
        let Some(seq) = row.and_then(|row| row.forked_at) else {
            return Ok(());
        };
        if self.scope.contains(&feed.topic)
            && cx.repo.access(&feed.topic, &self.peer).may_fetch()
            && self.proven.insert((*feed, seq))
            && let Some(proof) = cx.repo.fork_proof(feed).map_err(Fault::Repo)?
        {
            self.outbox.push_last(Message::Proof(proof));
        }
        Ok(())
    }

    /// The proof of a fork has come.
    pub(super) fn take_proof<R: Repo>(
        &mut self,
        proof: &[u8],
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let decoded = ForkProof::decode(proof).map_err(|_| Breach::Malformed)?;
        let feed = decoded.sides[0].path.first().map(|header| header.feed());
        let feed = feed.ok_or(Breach::Malformed)?;
        if !self.scope.contains(&feed.topic) {
            return Ok(self.count_unasked()?);
        }
        if !self.takes(&feed, None, false, cx) {
            return Ok(());
        }
        let Some(row) = cx.repo.take_in_proof(proof).map_err(Fault::Repo)? else {
            return Ok(());
        };
        // the peer has it
        let seq = row.forked_at.unwrap_or_default();
        self.proven.insert((row.feed, seq));
        self.fruitless = 0;
        self.advanced(&[row], cx, out)?;
        out.push(Event::Notice(Notice::Forked {
            feed: row.feed,
            seq,
        }));
        Ok(())
    }

    /// Statements have come.
    pub(super) fn take_statements<R: Repo>(
        &mut self,
        statements: &[Vec<u8>],
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let Some(meeting) = self.meeting else {
            return Ok(());
        };
        if self.scope.topics().is_empty() {
            for statement in statements {
                cx.repo.meet(statement).map_err(Fault::Repo)?;
            }
            return Ok(());
        }
        let mut news = false;
        for statement in statements {
            self.statements_sent.insert(meeting.statement(statement));
            let taken = cx.repo.take_in_statement(statement);
            news |= taken.map_err(Fault::Repo)?;
        }
        if !news {
            return Ok(());
        }
        let mut changed = Vec::new();
        for topic in self.scope.topics() {
            let statements = cx.repo.statements(topic).map_err(Fault::Repo)?;
            if cx.frontier.put_statements(*topic, &statements) {
                changed.push(*topic);
            }
        }
        if !changed.is_empty() {
            out.push(Event::Statements(changed));
        }
        Ok(())
    }

    /// Statements of some topics are new here.
    pub fn statements<R: Repo>(
        &mut self,
        topics: &[TopicId],
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        // what is compared has changed, whatever there is to send
        self.dirty = true;
        let shared: Vec<&TopicId> = topics.iter().filter(|topic| self.shares(topic)).collect();
        self.send_statements(shared.into_iter().copied().collect(), cx)?;
        self.go_on(cx, out)
    }

    /// Tells the node that was called to whom this one belongs, where no topic is shared:
    /// who is to be invited into a private topic must be known before. With a topic the
    /// statements that concern it go along.
    pub(super) fn introduce<R: Repo>(&mut self, cx: &Context<'_, R>) -> Outcome<R::Error> {
        let is_alone = self.asked.is_empty() && self.scope.topics().is_empty();
        if !self.dialed || !is_alone || std::mem::replace(&mut self.introduced, true) {
            return Ok(());
        }
        let own = cx.repo.own_statements().map_err(Fault::Repo)?;
        for chunk in own.chunks(PIECES_MAX) {
            self.outbox.push(Message::Statements(chunk.to_vec()));
        }
        Ok(())
    }

    fn send_statements<R: Repo>(
        &mut self,
        topics: BTreeSet<TopicId>,
        cx: &mut Context<'_, R>,
    ) -> Outcome<R::Error> {
        let Some(meeting) = self.meeting else {
            return Ok(());
        };
        let mut fresh = Vec::new();
        let allowed = |topic: &&TopicId| cx.repo.access(topic, &self.peer).may_fetch();
        for topic in topics.iter().filter(allowed).collect::<Vec<_>>() {
            let statements = cx.repo.statements(topic).map_err(Fault::Repo)?;
            for statement in statements {
                if self.statements_sent.insert(meeting.statement(&statement)) {
                    fresh.push(statement);
                }
            }
        }
        for chunk in fresh.chunks(PIECES_MAX) {
            self.outbox.push(Message::Statements(chunk.to_vec()));
        }
        Ok(())
    }

    /// Where statements differ both say what they have, once for each difference.
    pub(super) fn compare_statements<R: Repo>(
        &mut self,
        ours: Short,
        theirs: Short,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let (Some(meeting), true) = (self.meeting, ours != theirs) else {
            return Ok(());
        };
        if self.statements_compared == Some((ours, theirs)) {
            return Ok(());
        }
        self.statements_compared = Some((ours, theirs));
        let mut known = BTreeSet::new();
        for topic in self.scope.topics() {
            let statements = cx.repo.statements(topic).map_err(Fault::Repo)?;
            known.extend(statements.iter().map(|it| meeting.statement(it)));
        }
        let known = known.into_iter().take(LIST_MAX).collect();
        self.send(Message::Known(known), out);
        Ok(())
    }

    /// The peer says which statements it has: it is sent the others.
    pub(super) fn serve_statements<R: Repo>(
        &mut self,
        known: &[Short],
        cx: &mut Context<'_, R>,
    ) -> Outcome<R::Error> {
        self.statements_sent = known.iter().copied().collect();
        self.send_statements(self.scope.topics().clone(), cx)
    }
}
