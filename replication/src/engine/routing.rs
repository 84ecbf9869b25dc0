//! What comes in by one link goes out by the others.

use std::collections::{BTreeMap, BTreeSet};

use synlog_log::ids::{FeedKey, TopicId};

use crate::engine::terms::{PeerTerms, arrival_of, author_standing, charge_of};
use crate::engine::{Engine, Notice, Now, Output, TELL_MS};
use crate::peer::LinkId;
use crate::policy::{Act, Standing, authorise};
use crate::repo::Repo;
use crate::row::Advance;
use crate::schedule::Cost;
use crate::session::{Breach, Context, Event, Fault, Session, Spread};

impl Engine {
    /// Lets a session act, and keeps what it says for [`Engine::settle`].
    pub(super) fn with_session<R: Repo>(
        &mut self,
        link: LinkId,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
        act: impl FnOnce(
            &mut Session,
            &mut Context<'_, R>,
            &mut Vec<Event>,
        ) -> Result<(), Fault<R::Error>>,
    ) -> Result<(), R::Error> {
        let Some(line) = self.lines.get_mut(&link) else {
            return Ok(());
        };
        let terms = PeerTerms {
            own: self.own,
            interests: &self.interests,
            circle: &self.circle,
            quotas: &self.quotas,
            standing: line.standing,
            now_ms: now.monotonic_ms,
        };
        let mut context = Context {
            repo,
            frontier: &mut self.frontier,
            terms: &terms,
            now,
        };
        let mut events = Vec::new();
        let acted = act(&mut line.session, &mut context, &mut events);
        self.said
            .extend(events.into_iter().map(|event| (link, event)));
        match acted {
            Ok(()) => Ok(()),
            Err(Fault::Repo(error)) => Err(error),
            Err(Fault::Breach(breach)) => {
                self.breach(link, breach, now, out);
                Ok(())
            }
        }
    }

    /// Acts on what sessions said, and on what they say to that, until all is quiet.
    pub(super) fn settle<R: Repo>(
        &mut self,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        let mut topics = BTreeSet::new();
        while let Some((link, event)) = self.said.pop_front() {
            match event {
                Event::Send(bytes) => self.send(link, bytes, now, out),
                Event::Stored(advances) => {
                    if self.begins_topic(&advances) {
                        // who may have it shows only now
                        self.policy_changed(now, repo, out)?;
                    }
                    topics.extend(advances.iter().map(|it| it.row.feed.topic));
                    self.count(link, &advances, now, repo);
                    self.brought(link, &advances, now);
                    self.spread(Some(link), &advances, now, repo, out)?;
                }
                Event::Statements(of) => {
                    let others = self.lines.keys().filter(|it| **it != link);
                    for other in others.copied().collect::<Vec<_>>() {
                        self.with_session(other, now, repo, out, |session, context, events| {
                            session.statements(&of, context, events)
                        })?;
                    }
                }
                Event::Pruned(feed) => self.trees.prune(feed, link),
                Event::Grafted(feed) => self.trees.graft(&feed, link),
                Event::Blob { key, word } => {
                    self.heard_of_blob(link, key, word, now, repo, out)?;
                }
                Event::Synced => {
                    self.blobs_met(link, now, repo, out)?;
                    self.hand_letters(link, now, repo, out)?;
                    if let Some(line) = self.lines.get(&link) {
                        let shared = line.session.progress().topics;
                        let node = line.peer.node;
                        self.scheduler.shared(&node, shared, now.monotonic_ms);
                    }
                    out.push(Output::Synced { link });
                }
                Event::Notice(notice) => {
                    if let Notice::ClockOffset { node, offset_ms } = notice {
                        let standing = self.lines.get(&link).map(|line| line.standing);
                        let trusted = standing.is_some_and(|it| it >= Standing::Pinned);
                        self.clock.heard(node, trusted, offset_ms);
                        if offset_ms.unsigned_abs() <= CLOCK_NOTICE_MS {
                            continue;
                        }
                    }
                    out.push(Output::Notice(notice));
                }
            }
        }
        out.extend(topics.into_iter().map(|topic| Output::Advanced { topic }));
        Ok(())
    }

    /// Whether all that is here of a topic came just now.
    fn begins_topic(&self, advances: &[Advance]) -> bool {
        let mut fresh: BTreeMap<TopicId, usize> = BTreeMap::new();
        for advance in advances.iter().filter(|it| it.from == 0) {
            *fresh.entry(advance.row.feed.topic).or_default() += 1;
        }
        fresh
            .iter()
            .any(|(topic, feeds)| self.frontier.count(topic) <= *feeds)
    }

    pub(super) fn send(&mut self, link: LinkId, bytes: Vec<u8>, now: Now, out: &mut Vec<Output>) {
        let Some(line) = self.lines.get(&link) else {
            return;
        };
        let (node, standing) = (line.peer.node, line.standing);
        let cost = bytes.len() as u64;
        let now_ms = now.monotonic_ms;
        if self
            .costs
            .take(node, standing, Cost::BytesServed, cost, now_ms)
        {
            out.push(Output::Send { link, bytes });
        } else {
            self.close(link, "enough for now", now, out);
        }
    }

    pub(super) fn message<R: Repo>(
        &mut self,
        link: LinkId,
        bytes: &[u8],
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        let Some(line) = self.lines.get(&link) else {
            return Ok(());
        };
        let (node, standing) = (line.peer.node, line.standing);
        let cost = bytes.len() as u64;
        let now_ms = now.monotonic_ms;
        let contact = self.scheduler.contacts().get(&node);
        let giver = contact.map_or(standing, |contact| contact.as_giver(standing));
        if !self.costs.take(node, giver, Cost::BytesTaken, cost, now_ms) {
            self.close(link, "enough for now", now, out);
            return Ok(());
        }
        self.with_session(link, now, repo, out, |session, context, events| {
            session.handle(bytes, context, events)
        })
    }

    /// A peer broke the protocol: it is left, and left alone for a while.
    fn breach(&mut self, link: LinkId, breach: Breach, now: Now, out: &mut Vec<Output>) {
        let Some(line) = self.lines.get_mut(&link) else {
            return;
        };
        let node = line.peer.node;
        line.session.forget();
        let random = self.random.number();
        self.scheduler.misbehaved(node, now.monotonic_ms, random);
        let why = breach.name();
        self.close(link, why, now, out);
        out.push(Output::Notice(Notice::Misbehaved { node, why }));
    }

    /// Counts what was stored against who answers for it.
    fn count<R: Repo>(&mut self, link: LinkId, advances: &[Advance], now: Now, repo: &R) {
        let Some(line) = self.lines.get(&link) else {
            return;
        };
        let now_ms = now.monotonic_ms;
        for advance in advances {
            let feed = advance.row.feed;
            let author = repo.author(&feed);
            let member = author.is_some_and(|it| repo.is_member(&feed.topic, &it));
            let arrival = arrival_of(feed, author, member);
            let standing = author_standing(&arrival, &self.own, &self.interests, &self.circle);
            if standing >= Standing::Followed {
                continue;
            }
            if advance.from == 0 {
                let charge = charge_of(&arrival, &self.circle, line.peer.node);
                self.quotas.count_feed(charge, now_ms);
            }
            let entries = advance.row.height.saturating_sub(advance.from);
            self.quotas.count_entries(feed, now_ms, entries);
        }
    }

    /// Tells the other links of what was stored: by sending it along the feed's tree to
    /// those who may be sent it unasked, by a word a little later to the rest.
    fn spread<R: Repo>(
        &mut self,
        from: Option<LinkId>,
        advances: &[Advance],
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        let links: Vec<(LinkId, bool)> = self
            .lines
            .iter()
            .map(|(link, line)| {
                let sent = authorise(self.interests.mode, line.standing, Act::Publish).may();
                (*link, sent)
            })
            .collect();
        for (link, sent) in links {
            if Some(link) == from {
                self.with_session(link, now, repo, out, |session, context, events| {
                    session.stored(advances, Spread::Known, context, events)
                })?;
                continue;
            }
            let trees = &self.trees;
            let eager = |it: &&Advance| sent && trees.is_eager(&it.row.feed, link);
            let (push, announce): (Vec<&Advance>, Vec<&Advance>) = advances.iter().partition(eager);
            for advance in announce {
                let untold = self.untold.entry(link).or_default();
                let from = untold.entry(advance.row.feed).or_insert(advance.from);
                *from = advance.from.min(*from);
                let at_ms = now.monotonic_ms + TELL_MS;
                self.tells_at_ms.get_or_insert(at_ms);
            }
            if !push.is_empty() {
                let push: Vec<Advance> = push.into_iter().copied().collect();
                self.with_session(link, now, repo, out, |session, context, events| {
                    session.stored(&push, Spread::Push, context, events)
                })?;
            }
        }
        Ok(())
    }

    /// Tells links of what went on, as it stands by now.
    pub(super) fn tell<R: Repo>(
        &mut self,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        self.tells_at_ms = None;
        for (link, feeds) in std::mem::take(&mut self.untold) {
            let advance = |(feed, from): (FeedKey, u64)| {
                let row = self.frontier.row(&feed)?;
                Some(Advance { row, from })
            };
            let advances: Vec<Advance> = feeds.into_iter().filter_map(advance).collect();
            self.with_session(link, now, repo, out, |session, context, events| {
                session.stored(&advances, Spread::Announce, context, events)
            })?;
        }
        Ok(())
    }

    /// Entries were stored by this node itself.
    pub(super) fn stored<R: Repo>(
        &mut self,
        feeds: &[FeedKey],
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        let mut advances = Vec::new();
        let mut new_topics = false;
        for feed in feeds {
            let Some(row) = repo.row(feed)? else {
                continue;
            };
            if self.frontier.count(&feed.topic) == 0 {
                new_topics = true;
                let statements = repo.statements(&feed.topic)?;
                self.frontier.put_statements(feed.topic, &statements);
            }
            let before = self.frontier.row(feed);
            self.frontier.put(&row);
            if before != Some(row) {
                let from = before.map_or(0, |before| before.height.min(row.height));
                advances.push(Advance { row, from });
            }
        }
        if new_topics {
            self.policy_changed(now, repo, out)?;
        }
        self.spread(None, &advances, now, repo, out)
    }

    /// Looks after sessions, and takes in what the clock kept waiting.
    pub(super) fn tick<R: Repo>(
        &mut self,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        let taken = repo.take_in(self.node, Vec::new(), now.utc_ms)?;
        if !taken.advanced.is_empty() {
            let feeds: Vec<FeedKey> = taken.advanced.iter().map(|row| row.feed).collect();
            let topics: BTreeSet<TopicId> = feeds.iter().map(|feed| feed.topic).collect();
            self.stored(&feeds, now, repo, out)?;
            out.extend(topics.into_iter().map(|topic| Output::Advanced { topic }));
        }
        let changed = self.refresh_statements(repo)?;
        for link in self.lines.keys().copied().collect::<Vec<_>>() {
            self.with_session(link, now, repo, out, |session, context, events| {
                if !changed.is_empty() {
                    session.statements(&changed, context, events)?;
                }
                session.tick(context, events)
            })?;
        }
        self.tick_blobs(now, repo, out)
    }

    /// Looks whose statements concern the topics in which something was written: new feeds and
    /// members bring theirs. Gives the topics of which there are others than before.
    fn refresh_statements<R: Repo>(&mut self, repo: &R) -> Result<Vec<TopicId>, R::Error> {
        let mut changed = Vec::new();
        for topic in self.frontier.take_changed() {
            if self
                .frontier
                .put_statements(topic, &repo.statements(&topic)?)
            {
                changed.push(topic);
            }
        }
        Ok(changed)
    }

    /// What this node wants or allows has changed.
    pub(super) fn policy_changed<R: Repo>(
        &mut self,
        now: Now,
        repo: &mut R,
        out: &mut Vec<Output>,
    ) -> Result<(), R::Error> {
        for link in self.lines.keys().copied().collect::<Vec<_>>() {
            let Some(line) = self.lines.get(&link) else {
                continue;
            };
            let (peer, dialed) = (line.peer, line.dialed);
            let standing = self.standing(&peer, repo);
            self.scheduler
                .set_standing(peer.node, standing, now.monotonic_ms);
            let act = if dialed { Act::Dial } else { Act::Connect };
            if !authorise(self.interests.mode, standing, act).may() {
                self.close(link, "not for you", now, out);
                continue;
            }
            if let Some(line) = self.lines.get_mut(&link) {
                line.standing = standing;
            }
            self.with_session(link, now, repo, out, |session, context, events| {
                session.policy_changed(context, events)
            })?;
        }
        let pinned: Vec<_> = self.interests.pinned.iter().copied().collect();
        for node in pinned {
            let standing = Standing::Pinned;
            self.scheduler
                .set_standing(node, standing, now.monotonic_ms);
        }
        Ok(())
    }
}

/// Clocks that differ by less are as right as clocks are.
const CLOCK_NOTICE_MS: u64 = 5_000;
