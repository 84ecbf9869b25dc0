//! What a side asks for, and what it is asked for.

use synlog_log::ids::{EntityId, EntryId, FeedKey, TopicId};

use super::terms::{Arrival, Breach, Context, Event, Fault};
use super::{Outcome, Session, height};
use crate::message::{LIST_MAX, Message, Short, Wish};
use crate::repo::Repo;

/// Entries that are kept in mind as missing.
const MISSING_MAX: usize = 65_536;

impl Session {
    /// Whether entries of a feed are taken from the peer. `claimed` is whose a new feed
    /// says to be; `begins`: what comes is the beginning of the topic.
    pub(super) fn takes<R: Repo>(
        &mut self,
        feed: &FeedKey,
        claimed: Option<EntityId>,
        begins: bool,
        cx: &Context<'_, R>,
    ) -> bool {
        let author = cx.repo.author(feed).or(claimed);
        let peer = self.peer.proven.map(|proven| proven.entity);
        let of_member = |peer: EntityId| cx.repo.is_member(&feed.topic, &peer);
        let arrival = Arrival {
            feed: *feed,
            author,
            is_vouched: (author.is_some() && author == peer)
                || peer.is_some_and(of_member)
                || begins,
            is_member: author.is_some_and(|author| cx.repo.is_member(&feed.topic, &author)),
            is_known: cx.frontier.row(feed).is_some(),
        };
        let takes = cx.terms.takes(&self.peer, &arrival);
        self.declined |= !takes;
        takes
    }

    /// Asks for feeds.
    pub(super) fn want(&mut self, wishes: Vec<Wish>, out: &mut Vec<Event>) {
        for chunk in wishes.chunks(LIST_MAX) {
            self.requests_sent += 1;
            self.send(Message::Want(chunk.to_vec()), out);
        }
    }

    /// The peer asks for feeds.
    pub(super) fn serve<R: Repo>(
        &mut self,
        wishes: &[Wish],
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        self.requests_seen += 1;
        for wish in wishes {
            let named = self.named.get(&wish.feed).copied();
            let Some(feed) = named.filter(|feed| self.scope.contains(&feed.topic)) else {
                continue;
            };
            let Some(row) = cx.frontier.row(&feed) else {
                continue;
            };
            if row.forked_at.is_some() {
                self.prove(&feed, cx)?;
            }
            if self.announced.remove(&wish.feed) && self.live {
                out.push(Event::Grafted(feed));
            }
            if wish.from >= row.height {
                continue;
            }
            let before = match wish.from {
                0 => None,
                from => cx.repo.id_at(&feed, from - 1).map_err(Fault::Repo)?,
            };
            let meeting = self.meeting;
            let head = before.and_then(|before| meeting.map(|meeting| meeting.entry(&before)));
            if wish.from == 0 || head == Some(wish.head) {
                self.outbox.add(feed, wish.from, cx).map_err(Fault::Repo)?;
            } else {
                self.send_trail(&feed, cx, out)?;
            }
        }
        Ok(())
    }

    /// Shows the way of a feed here, for the branches part somewhere.
    pub(super) fn send_trail<R: Repo>(
        &mut self,
        feed: &FeedKey,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let Some(meeting) = self.meeting else {
            return Ok(());
        };
        let (height, mut step, mut marks) = (height(cx.frontier, feed), 1, Vec::new());
        let mut at = height;
        while at > 0 {
            at = at.saturating_sub(step);
            step = step.saturating_mul(2);
            if let Some(id) = cx.repo.id_at(feed, at).map_err(Fault::Repo)? {
                marks.push((at, meeting.entry(&id)));
            }
        }
        let short = meeting.feed(feed);
        self.name(short, *feed);
        self.send(Message::Trail { feed: short, marks }, out);
        Ok(())
    }

    /// The peer shows its way of a feed: what lies behind the last entry of it that is here
    /// is asked for.
    pub(super) fn follow_trail<R: Repo>(
        &mut self,
        short: Short,
        marks: &[(u64, Short)],
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let named = self.named.get(&short).copied();
        let (Some(meeting), Some(feed)) = (self.meeting, named) else {
            return Ok(());
        };
        if !self.takes(&feed, None, false, cx) {
            return Ok(());
        }
        let mut wish = Wish {
            feed: short,
            from: 0,
            head: [0; 8],
        };
        for (seq, mark) in marks {
            let here = cx.repo.id_at(&feed, *seq).map_err(Fault::Repo)?;
            if here.is_some_and(|here| meeting.entry(&here) == *mark) {
                wish.from = seq.saturating_add(1);
                wish.head = *mark;
                break;
            }
        }
        self.want(vec![wish], out);
        Ok(())
    }

    /// Ancestors that the store lacks.
    pub(super) fn note_missing(&mut self, missing: Vec<(TopicId, EntryId)>) {
        for (topic, id) in missing {
            if self.missing.len() < MISSING_MAX && self.scope.contains(&topic) {
                self.missing.insert(id, topic);
            }
        }
    }

    /// Asks for ancestors, once nothing is on its way that might bring them.
    pub(super) fn ask_for_missing<R: Repo>(
        &mut self,
        cx: &Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let Some(meeting) = self.meeting else {
            return Ok(());
        };
        let settled =
            !self.comparing && self.left_there == 0 && self.requests_answered == self.requests_sent;
        if !settled || self.missing.is_empty() {
            return Ok(());
        }
        let mut wanted: Vec<(Short, EntryId)> = Vec::new();
        while let Some((id, topic)) = self.missing.pop_first() {
            // it may have come by another way
            let here = cx.repo.run_with(&topic, &id).map_err(Fault::Repo)?;
            if here.is_none() && !self.asked_for.contains(&id) {
                wanted.push((meeting.topic(&topic), id));
            }
            if wanted.len() >= self.limits.asked_entries.min(LIST_MAX) {
                break;
            }
        }
        if wanted.is_empty() {
            return Ok(());
        }
        if self.asked_for.len() >= MISSING_MAX {
            self.asked_for.clear();
        }
        self.asked_for.extend(wanted.iter().map(|(_, id)| *id));
        self.requests_sent += 1;
        self.send(Message::WantEntries(wanted), out);
        Ok(())
    }

    /// The peer asks for entries.
    pub(super) fn serve_entries<R: Repo>(
        &mut self,
        wanted: &[(Short, EntryId)],
        cx: &mut Context<'_, R>,
    ) -> Outcome<R::Error> {
        self.requests_seen += 1;
        for (short, id) in wanted.iter().take(self.limits.asked_entries) {
            let topic = self.offered.get(short).copied();
            let Some(topic) = topic.filter(|topic| self.scope.contains(topic)) else {
                continue;
            };
            if cx.repo.access(&topic, &self.peer).may_fetch() && !self.outbox.ask(topic, *id) {
                return Err(Breach::NotReading.into());
            }
        }
        Ok(())
    }
}
