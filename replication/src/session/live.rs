//! What is stored here goes on to the peer: at once, or by its name.

use std::collections::BTreeSet;

use synlog_log::ids::TopicId;

use super::terms::{Context, Event, Fault, Spread};
use super::{Outcome, Session};
use crate::message::{Head, LIST_MAX, Message, RowLine, Wish};
use crate::repo::{Epoch, Repo};
use crate::row::{Advance, Row};

/// Rows that are read at once.
const PAGE: usize = 4_096;

impl Session {
    /// Entries were stored here, from elsewhere or (as [`Spread::Known`]) from this peer.
    /// The frontier has the rows already.
    pub fn stored<R: Repo>(
        &mut self,
        rows: &[Advance],
        spread: Spread,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        // what was stored may say who is a member from now on
        let topics: BTreeSet<TopicId> = rows.iter().map(|it| it.row.feed.topic).collect();
        if topics.iter().any(|topic| self.access_moved(topic, cx)) {
            self.policy_changed(cx, out)?;
        }
        let mut announced = Vec::new();
        for advance in rows {
            let row = &advance.row;
            if !self.scope.contains(&row.feed.topic) {
                continue;
            }
            self.dirty = true;
            if spread == Spread::Known {
                continue;
            }
            if row.forked_at.is_some() {
                self.prove(&row.feed, cx)?;
            }
            self.outbox
                .grown(&row.feed, row.height.saturating_sub(advance.from));
            // who may lack what lies before is told the name
            if spread == Spread::Push && self.live {
                let from = advance.from;
                if let Some(meeting) = self.meeting {
                    // the peer may say that it had it
                    self.name(meeting.feed(&row.feed), row.feed);
                }
                self.outbox.add(row.feed, from, cx).map_err(Fault::Repo)?;
            } else if row.height > advance.from {
                announced.push(*row);
            }
        }
        self.announce(&announced, cx, out);
        self.go_on(cx, out)
    }

    fn announce<R: Repo>(&mut self, rows: &[Row], cx: &Context<'_, R>, out: &mut Vec<Event>) {
        let Some(meeting) = self.meeting else {
            return;
        };
        let allowed = |row: &&Row| cx.repo.access(&row.feed.topic, &self.peer).may_fetch();
        let rows: Vec<Row> = rows.iter().filter(allowed).copied().collect();
        for chunk in rows.chunks(LIST_MAX) {
            let mut heads = Vec::with_capacity(chunk.len());
            for row in chunk {
                let line = meeting.line(row);
                self.name(line.feed, row.feed);
                self.announced.insert(line.feed);
                heads.push(Head {
                    topic: meeting.topic(&row.feed.topic),
                    author: row.feed.author,
                    line: RowLine {
                        feed: [0; 8],
                        ..line
                    },
                });
            }
            self.send(Message::Heads(heads), out);
        }
    }

    /// Feeds of the peer went on.
    pub(super) fn take_heads<R: Repo>(
        &mut self,
        heads: &[Head],
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let Some(meeting) = self.meeting else {
            return Ok(());
        };
        let mut wishes = Vec::new();
        for head in heads {
            let topic = self.offered.get(&head.topic).copied();
            let Some(topic) = topic.filter(|topic| self.scope.contains(topic)) else {
                continue;
            };
            let feed = synlog_log::ids::FeedKey {
                author: head.author,
                topic,
            };
            // whose it is shows when it comes
            let known = cx.frontier.row(&feed).is_some();
            if known && !self.takes(&feed, None, false, cx) {
                continue;
            }
            let (theirs, ours) = (&head.line, cx.frontier.row(&feed));
            let height = ours.map_or(0, |row| row.height);
            let short = meeting.feed(&feed);
            if theirs.height > height {
                let head = ours.map_or([0; 8], |row| meeting.line(&row).head);
                self.name(short, feed);
                wishes.push(Wish {
                    feed: short,
                    from: height,
                    head,
                });
                if self.live {
                    out.push(Event::Grafted(feed));
                }
            } else if theirs.height == height
                && ours.is_some_and(|row| meeting.line(&row).head != theirs.head)
            {
                self.send_trail(&feed, cx, out)?;
            }
        }
        self.want(wishes, out);
        Ok(())
    }

    /// Sends what was stored since the peer was here, as far as its cursor is one of ours.
    pub(super) fn push_since<R: Repo>(
        &mut self,
        cursor: Option<(Epoch, u64)>,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let Some((epoch, mut position)) = cursor else {
            return Ok(());
        };
        if epoch != cx.repo.epoch() || position > cx.repo.end() {
            return Ok(());
        }
        let mut shared = Vec::new();
        loop {
            let page = cx
                .repo
                .advanced_since(position, PAGE)
                .map_err(Fault::Repo)?;
            let full = page.len() == PAGE;
            if let Some((last, _)) = page.last() {
                position = last.saturating_add(1);
            }
            let ours = page.into_iter().map(|(_, advance)| advance);
            shared.extend(ours.filter(|advance| self.scope.contains(&advance.row.feed.topic)));
            if !full {
                break;
            }
        }
        let height = |advance: &Advance| advance.row.height.saturating_sub(advance.from);
        let entries: u64 = shared.iter().map(height).sum();
        for advance in &shared {
            if advance.row.forked_at.is_some() {
                self.prove(&advance.row.feed, cx)?;
            }
        }
        if entries > self.limits.pushed_entries {
            let rows: Vec<Row> = shared.iter().map(|advance| advance.row).collect();
            self.announce(&rows, cx, out);
            return Ok(());
        }
        for advance in &shared {
            let feed = advance.row.feed;
            self.outbox
                .add(feed, advance.from, cx)
                .map_err(Fault::Repo)?;
        }
        Ok(())
    }
}
