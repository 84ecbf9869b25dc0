//! What a side says when all is said: the fingerprint of what is shared, and how many
//! messages of the other it takes into account. Two that are equal end a meeting's first
//! part; two that differ begin a comparison.

use synlog_log::ids::TopicId;

use super::terms::{Breach, Context, Event, Fault};
use super::{Outcome, PeerMemory, Session};
use crate::message::{Check, Message, Short};
use crate::repo::Repo;

impl Session {
    /// Nothing is on its way that would change what this side says in a check.
    pub(super) fn quiet(&self) -> bool {
        self.meeting.is_some()
            && self.asked.is_empty()
            && !self.comparing
            && self.outbox.is_empty()
            && self.requests_answered == self.requests_sent
            && self.left_there == 0
            && !self
                .missing
                .keys()
                .any(|missing| !self.asked_for.contains(missing))
    }

    /// Sends what may be sent, and a check where all is said.
    pub(super) fn go_on<R: Repo>(
        &mut self,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        if self.meeting.is_none() {
            return Ok(());
        }
        let scope = std::mem::take(&mut self.scope);
        let peer = self.peer;
        let allowed = |cx: &Context<'_, R>, topic: &TopicId| {
            scope.contains(topic) && cx.repo.access(topic, &peer).may_fetch()
        };
        let mut ready = Vec::new();
        let result = loop {
            match self.outbox.next(cx, &allowed) {
                Ok(Some(message)) => {
                    let bytes = message.encode();
                    self.outbox.written(bytes.len());
                    ready.push(bytes);
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(Fault::Repo(error)),
            }
        };
        self.scope = scope;
        self.counted_sent += ready.len() as u64;
        self.dirty |= !ready.is_empty();
        out.extend(ready.into_iter().map(Event::Send));
        result?;
        self.ask_for_missing(cx, out)?;
        let unreported = self.requests_reported < self.requests_seen;
        if self.outbox.is_empty() && unreported
            || self.dirty && !self.live && self.quiet() && !self.first_comparison_due()
        {
            self.send_check(cx, out);
        }
        Ok(())
    }

    /// Who was called leaves it to the caller to begin.
    fn first_comparison_due(&self) -> bool {
        !self.dialed && self.memory.is_none() && self.counted_seen == 0
    }

    pub(super) fn state<R: Repo>(&mut self, cx: &mut Context<'_, R>) -> (Short, Short) {
        let Some(meeting) = self.meeting else {
            return ([0; 8], [0; 8]);
        };
        let view = self.scope.view(cx.frontier);
        (
            meeting.rows(&view.digest()),
            meeting.rows(&view.statements()),
        )
    }

    pub(super) fn send_check<R: Repo>(&mut self, cx: &mut Context<'_, R>, out: &mut Vec<Event>) {
        let (rows, statements) = self.state(cx);
        // what is not yet sent is not answered
        if self.outbox.is_empty() {
            self.requests_reported = self.requests_seen;
        }
        let check = Check {
            rows,
            statements,
            seen: self.counted_seen,
            answered: self.requests_reported,
            position: cx.repo.end(),
        };
        self.dirty = false;
        self.send(Message::Check(check), out);
    }

    pub(super) fn checked<R: Repo>(
        &mut self,
        check: &Check,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let impossible = check.seen > self.counted_sent
            || check.answered > self.requests_sent
            || check.answered < self.requests_answered;
        if impossible {
            return Err(Breach::OutOfTurn.into());
        }
        self.requests_answered = check.answered;
        if check.answered == self.requests_sent {
            self.left_there = 0;
        }
        // what is on its way to the peer will change what it says
        if check.seen < self.counted_sent || !self.quiet() {
            return Ok(());
        }
        let (rows, statements) = self.state(cx);
        let same = rows == check.rows;
        // after a comparison only what came since can differ
        self.live |= same || self.compared_once;
        if same {
            self.differs = false;
            self.remember(check.position);
            self.fruitless = 0;
            self.compare_statements(statements, check.statements, cx, out)?;
            if self.dirty {
                self.send_check(cx, out);
            }
            if !self.synced {
                self.synced = true;
                self.scope.rest();
                out.push(Event::Synced);
            }
            return Ok(());
        }
        self.synced = false;
        if self.live {
            // where many write, two nodes are seldom the same at one moment: what is new
            // comes by itself, and only what stays away is looked for; hearing of it twice
            // before it was looked for is no reason not to
            if self.compared != Some((rows, check.rows)) {
                self.compared = Some((rows, check.rows));
                self.differs = true;
            }
            return Ok(());
        }
        let pair = (rows, check.rows);
        if self.dialed && self.compared != Some(pair) {
            self.compared = Some(pair);
            self.compare(cx, out)?;
        } else if self.dirty {
            self.send_check(cx, out);
        }
        Ok(())
    }

    /// Looks for what has stayed away, if the last check differed.
    pub(super) fn compare_again<R: Repo>(
        &mut self,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        if self.differs && self.dialed && self.quiet() {
            self.differs = false;
            self.compare(cx, out)?;
        }
        Ok(())
    }

    /// Both hold the same: that is where the next meeting begins.
    fn remember(&mut self, position: u64) {
        let (Some(meeting), Some(epoch)) = (self.meeting, self.peer_epoch) else {
            return;
        };
        let key = self
            .memory
            .as_ref()
            .map_or(*meeting.key(), |memory| memory.key);
        let shared = self.scope.topics();
        let unmatched = self.offered.values();
        self.memory = Some(PeerMemory {
            key,
            shared: shared.clone(),
            unmatched: unmatched
                .filter(|topic| !shared.contains(topic))
                .copied()
                .collect(),
            cursor: (epoch, position),
        });
    }
}
