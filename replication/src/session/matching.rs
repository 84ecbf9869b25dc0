//! Which topics two nodes share. A side learns only of topics that it knows already:
//! it is shown hashes that it can't read otherwise.

use synlog_log::ids::TopicId;

use super::terms::{Breach, Context, Event, Fault};
use super::{Outcome, Session};
use crate::message::{Message, Short, TOPICS_MAX};
use crate::repo::Repo;

impl Session {
    /// Whether a topic may be shared with the peer, as of now. One that is not here may be
    /// had of anybody; of one that is here the peer learns nothing unless it may have it,
    /// wanted or not: also what is compared tells of members and how much they write.
    pub(super) fn may_share<R: Repo>(&self, cx: &Context<'_, R>, topic: &TopicId) -> bool {
        if cx.frontier.count(topic) == 0 && cx.terms.wanted(&self.peer).contains(topic) {
            return true;
        }
        let held = cx.repo.access(topic, &self.peer).may_fetch();
        held && (cx.terms.shares(&self.peer, topic) || cx.terms.wanted(&self.peer).contains(topic))
    }

    /// Whether the peer may have a topic that it might not have when topics were last
    /// offered, or the other way round.
    pub(super) fn access_moved<R: Repo>(&self, topic: &TopicId, cx: &Context<'_, R>) -> bool {
        let Some(meeting) = self.meeting else {
            return false;
        };
        self.offered.contains_key(&meeting.topic(topic)) != self.may_share(cx, topic)
    }

    /// Finds out what this side would share.
    pub(super) fn offer<R: Repo>(&mut self, cx: &Context<'_, R>) {
        let Some(meeting) = self.meeting else {
            return;
        };
        let held = cx.repo.topics().into_iter().filter(|topic| {
            cx.repo.access(topic, &self.peer).may_fetch() && cx.terms.shares(&self.peer, topic)
        });
        let wanted = cx.terms.wanted(&self.peer).into_iter().filter(|topic| {
            cx.frontier.count(topic) == 0 || cx.repo.access(topic, &self.peer).may_fetch()
        });
        let all = held.chain(wanted);
        self.offered = all.map(|topic| (meeting.topic(&topic), topic)).collect();
    }

    /// Names what this side would share and the other has not been told.
    pub(super) fn announce_topics<R: Repo>(
        &mut self,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) {
        let told = |topic: &TopicId| {
            let before = self.memory.as_ref();
            self.scope.contains(topic)
                || before.is_some_and(|memory| memory.unmatched.contains(topic))
        };
        let fresh = self.offered.iter().filter(|(_, topic)| !told(topic));
        let fresh: Vec<Short> = fresh.map(|(short, _)| *short).collect();
        self.ask_topics(fresh, cx, out);
    }

    fn ask_topics<R: Repo>(
        &mut self,
        fresh: Vec<Short>,
        _cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) {
        for chunk in fresh.chunks(TOPICS_MAX) {
            self.asked.push_back(chunk.to_vec());
            let added = chunk.to_vec();
            self.send(
                Message::Topics {
                    added,
                    dropped: Vec::new(),
                },
                out,
            );
        }
    }

    /// The peer names topics.
    pub(super) fn match_topics<R: Repo>(
        &mut self,
        added: &[Short],
        dropped: &[Short],
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) {
        let Some(meeting) = self.meeting else {
            return;
        };
        if !dropped.is_empty() {
            let gone = self.scope.topics().iter();
            let gone = gone.filter(|topic| dropped.binary_search(&meeting.topic(topic)).is_ok());
            for topic in gone.copied().collect::<Vec<_>>() {
                self.scope.remove(&topic);
                self.outbox.drop_topic(&topic);
            }
            self.scope_changed();
        }
        if added.is_empty() {
            return;
        }
        let mut matched = Vec::with_capacity(added.len());
        for short in added {
            let topic = self.offered.get(short).copied();
            let topic = topic.filter(|topic| self.may_share(cx, topic));
            matched.push(topic.is_some());
            if let Some(topic) = topic {
                self.scope.insert(topic);
                self.scope_changed();
            }
        }
        self.send(Message::Matched(matched), out);
    }

    /// Other topics are shared than before: they are to be compared.
    fn scope_changed(&mut self) {
        self.synced = false;
        self.live = false;
        self.compared_once = false;
        self.given.clear();
    }

    /// The peer says which of the named topics it shares.
    pub(super) fn matched<R: Repo>(
        &mut self,
        matched: &[bool],
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let asked = self.asked.pop_front().ok_or(Breach::OutOfTurn)?;
        if asked.len() != matched.len() {
            return Err(Breach::OutOfTurn.into());
        }
        for (short, shared) in asked.iter().zip(matched) {
            let topic = self.offered.get(short).filter(|_| *shared).copied();
            if let Some(topic) = topic
                && self.may_share(cx, &topic)
            {
                self.scope.insert(topic);
                self.scope_changed();
            }
        }
        self.introduce(cx)?;
        // the first time there is nothing that a check could be expected to match
        if self.dialed && self.asked.is_empty() && self.memory.is_none() && !self.comparing {
            self.compare(cx, out)?;
        }
        Ok(())
    }

    /// What this node wants or allows has changed.
    pub fn policy_changed<R: Repo>(
        &mut self,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Result<(), Fault<R::Error>> {
        let Some(meeting) = self.meeting else {
            return Ok(());
        };
        let before = std::mem::take(&mut self.offered);
        self.offer(cx);
        let gone = self.scope.topics().iter();
        let gone = gone.filter(|topic| !self.offered.contains_key(&meeting.topic(topic)));
        let gone: Vec<TopicId> = gone.copied().collect();
        let mut dropped: Vec<Short> = gone.iter().map(|topic| meeting.topic(topic)).collect();
        dropped.sort_unstable();
        for topic in &gone {
            self.scope.remove(topic);
            self.outbox.drop_topic(topic);
        }
        for chunk in dropped.chunks(TOPICS_MAX) {
            let dropped = chunk.to_vec();
            let added = Vec::new();
            self.send(Message::Topics { added, dropped }, out);
            self.scope_changed();
        }
        let fresh = self
            .offered
            .iter()
            .filter(|(short, topic)| !before.contains_key(*short) && !self.scope.contains(topic));
        let fresh: Vec<Short> = fresh.map(|(short, _)| *short).collect();
        // who was called waits with its first words until the caller has named all
        if self.dialed || self.memory.is_some() || self.counted_seen > 0 {
            self.ask_topics(fresh, cx, out);
        }
        self.go_on(cx, out)
    }
}
