//! Where two frontiers differ: fingerprints of parts, of smaller parts, of rows.
//!
//! The sides take turns. Each message answers what the one before asked, in short where
//! the answer is "the same here": those questions it leaves out.

use std::collections::{BTreeMap, BTreeSet};

use synlog_log::ids::{FeedKey, TopicId};

use super::meeting::{Meeting, Question};
use super::terms::{Breach, Context, Event, Fault};
use super::{FRUITLESS_MAX, NAMED_MAX, Outcome, ROUNDS_MAX, Session, height};
use crate::frontier::{Prefix, Rows, View};
use crate::message::{
    LISTED_MAX, Message, PARTS_MAX, Part, PartBody, RowLine, SHAPE_MAX, Shape, Short, Wish,
};
use crate::repo::Repo;
use crate::row::Row;

/// Rows of a leaf in the first message, where all of them fit.
const LEAF_ROWS: usize = 16;
/// Leaves in the first message.
const FIRST_LEAVES: usize = 640;
/// Leaves of a part that turned out to differ.
const LEAVES: usize = 14;
/// Rows of a part that are listed one by one.
const LISTED_ROWS: usize = 24;
/// Bytes of fingerprints and rows in one answer; the rest is left for the next comparison.
const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Bits of a topic in topic ‖ author.
const TOPIC_BITS: usize = 256;

/// What an answer leads to.
#[derive(Default)]
struct Answer {
    parts: Vec<Part>,
    questions: Vec<Question>,
    /// Feeds that the peer lacks from a seq on.
    send: Vec<(FeedKey, u64)>,
    wishes: Vec<(Wish, Option<FeedKey>)>,
    /// Feeds whose branches part.
    parted: Vec<FeedKey>,
    proofs: Vec<FeedKey>,
    named: Vec<(Short, FeedKey)>,
    bytes: usize,
}

impl Answer {
    fn is_full(&self) -> bool {
        self.bytes > ANSWER_BYTES_MAX
            || self.parts.len() + 1 >= PARTS_MAX
            || self.questions.len() + 2 * LEAVES + 2 > SHAPE_MAX
    }

    fn push(&mut self, question: usize, body: PartBody) {
        self.parts.push(Part { question, body });
    }
}

/// The first bytes of what stands for a topic.
fn name_of(meeting: &Meeting, topic: &TopicId) -> [u8; 4] {
    let [a, b, c, d, ..] = meeting.topic(topic);
    [a, b, c, d]
}

/// A trie of rows cut off where parts have few enough.
fn shape(
    rows: &Rows<'_>,
    above: Prefix,
    leaf_rows: usize,
    meeting: &Meeting,
    answer: &mut Answer,
) -> Shape {
    let halves = rows.halves().filter(|_| rows.count() > leaf_rows);
    if let Some((common, _)) = &halves
        && above.bits() < TOPIC_BITS
        && common.bits() >= TOPIC_BITS
    {
        answer.bytes += 5;
        let topic = common.topic();
        let below = shape(rows, Prefix::of_topic(&topic), leaf_rows, meeting, answer);
        return Shape::Topic {
            name: name_of(meeting, &topic),
            below: Box::new(below),
        };
    }
    if let Some((common, [left, right])) = halves
        && let (Some(zero), Some(one)) = (common.child(0), common.child(1))
    {
        let skip = common.bits() - above.bits();
        answer.bytes += 2 + skip / 8;
        let left = shape(&left, zero, leaf_rows, meeting, answer);
        let right = shape(&right, one, leaf_rows, meeting, answer);
        return Shape::Fork {
            skip: skip as u16,
            bits: common.tail(above.bits()).into(),
            halves: Box::new([left, right]),
        };
    }
    answer.bytes += 9;
    answer.questions.push(Question::Part(above));
    Shape::Leaf(meeting.rows(&rows.digest()))
}

/// What is compared with.
struct Ours<'a> {
    view: View<'a>,
    meeting: &'a Meeting,
}

impl Ours<'_> {
    /// Holds a shape of the peer against what is here. `question` counts its leaves.
    fn hold_shape(
        &self,
        theirs: &Shape,
        prefix: Prefix,
        question: &mut usize,
        answer: &mut Answer,
    ) -> Result<(), Breach> {
        match theirs {
            Shape::Leaf(fingerprint) => {
                let rows = self.view.under(&prefix);
                let number = *question;
                *question += 1;
                let Some(rows) = rows else {
                    if !answer.is_full() {
                        answer.push(number, PartBody::Nothing);
                    }
                    return Ok(());
                };
                if self.meeting.rows(&rows.digest()) != *fingerprint && !answer.is_full() {
                    self.divide(&rows, prefix, number, answer);
                }
                Ok(())
            }
            Shape::Topic { name, below } => {
                let under = self.view.topics_under(&prefix);
                let mut named = under.filter(|topic| name_of(self.meeting, topic) == *name);
                let Some(topic) = named.next() else {
                    // a topic that was dropped just now
                    *question += below.leaves();
                    return Ok(());
                };
                let topic = Prefix::of_topic(topic);
                self.give_outside(&prefix, &topic, answer);
                self.hold_shape(below, topic, question, answer)
            }
            Shape::Fork { skip, bits, halves } => {
                let common = prefix.with_tail(bits, usize::from(*skip));
                let common = common.ok_or(Breach::Malformed)?;
                let (Some(zero), Some(one)) = (common.child(0), common.child(1)) else {
                    return Err(Breach::Malformed);
                };
                self.give_outside(&prefix, &common, answer);
                self.hold_shape(&halves[0], zero, question, answer)?;
                self.hold_shape(&halves[1], one, question, answer)
            }
        }
    }

    /// All that the peer has under a prefix is under a longer one: it lacks the rest.
    fn give_outside(&self, prefix: &Prefix, common: &Prefix, answer: &mut Answer) {
        let Some(rows) = self.view.under(prefix) else {
            return;
        };
        let inside = self.view.under(common).map_or(0, |rows| rows.count());
        if inside < rows.count() {
            rows.each(&mut |row| {
                if !common.holds(&Prefix::of_feed(&row.feed)) {
                    answer.give(&row);
                }
            });
        }
    }

    fn divide(&self, rows: &Rows<'_>, prefix: Prefix, question: usize, answer: &mut Answer) {
        if rows.count() <= LISTED_ROWS.min(LISTED_MAX) {
            let rows = rows.to_vec();
            let fingerprints = rows.iter().map(|row| self.fingerprint(row)).collect();
            answer.bytes += 4 + 8 * rows.len();
            let feeds = rows.iter().map(|row| row.feed).collect();
            answer.questions.push(Question::List(prefix, feeds));
            answer.push(question, PartBody::Listed(fingerprints));
        } else {
            let leaf_rows = LEAF_ROWS.max(rows.count() / LEAVES);
            let shape = shape(rows, prefix, leaf_rows, self.meeting, answer);
            answer.push(question, PartBody::Shape(shape));
        }
    }

    fn fingerprint(&self, row: &Row) -> Short {
        self.meeting.rows(&crate::frontier::row_digest(row))
    }

    /// Answers a list of fingerprints with the rows that are not in it.
    fn hold_list(&self, theirs: &[Short], prefix: Prefix, question: usize, answer: &mut Answer) {
        let ours = self.view.under(&prefix);
        let ours = ours.map(|rows| rows.to_vec()).unwrap_or_default();
        let ours: BTreeMap<Short, Row> = ours
            .into_iter()
            .map(|row| (self.fingerprint(&row), row))
            .collect();
        let listed: BTreeSet<&Short> = theirs.iter().collect();
        let missing: Vec<bool> = theirs.iter().map(|row| !ours.contains_key(row)).collect();
        let mut rows: Vec<RowLine> = Vec::new();
        for (fingerprint, row) in &ours {
            if !listed.contains(fingerprint) && rows.len() < LISTED_MAX {
                let line = self.meeting.line(row);
                answer.named.push((line.feed, row.feed));
                rows.push(line);
            }
        }
        answer.bytes += 4 + missing.len() / 8 + rows.len() * 20;
        answer.push(question, PartBody::Told { missing, rows });
    }
}

impl Answer {
    /// The peer has nothing of a feed.
    fn give(&mut self, row: &Row) {
        if row.forked_at.is_some() {
            self.proofs.push(row.feed);
        }
        self.send.push((row.feed, 0));
    }
}

impl Session {
    /// Begins to compare.
    pub(super) fn compare<R: Repo>(
        &mut self,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let Some(meeting) = self.meeting else {
            return Ok(());
        };
        self.count_comparison(cx)?;
        self.compared_once = true;
        let mut answer = Answer::default();
        let view = self.scope.view(cx.frontier);
        match view.under(&Prefix::ALL) {
            None => answer.push(0, PartBody::Nothing),
            Some(rows) => {
                let leaf_rows = LEAF_ROWS.max(rows.count() / FIRST_LEAVES);
                let shape = shape(&rows, Prefix::ALL, leaf_rows, &meeting, &mut answer);
                answer.push(0, PartBody::Shape(shape));
            }
        }
        self.rounds = 0;
        self.comparing = !answer.questions.is_empty();
        self.questions = answer.questions;
        self.send(Message::Reconcile(answer.parts), out);
        Ok(())
    }

    /// Comparing over and over is a fault where nothing changes here meanwhile and nothing
    /// was turned away here.
    fn count_comparison<R: Repo>(&mut self, cx: &mut Context<'_, R>) -> Result<(), Breach> {
        let (rows, _) = self.state(cx);
        if self.compared_here != Some(rows) || std::mem::take(&mut self.declined) {
            self.compared_here = Some(rows);
            self.fruitless = 0;
        }
        self.fruitless += 1;
        // the peer may have had no use for a proof when it came
        self.proven.clear();
        if self.fruitless > FRUITLESS_MAX {
            return Err(Breach::Endless);
        }
        Ok(())
    }

    /// A part of a comparison has come.
    pub(super) fn reconcile<R: Repo>(
        &mut self,
        parts: Vec<Part>,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        let Some(meeting) = self.meeting else {
            return Ok(());
        };
        let opening = !self.comparing;
        if opening {
            // only the caller begins
            if self.dialed {
                return Err(Breach::OutOfTurn.into());
            }
            self.count_comparison(cx)?;
            self.compared_once = true;
            self.rounds = 0;
            self.questions = vec![Question::Part(Prefix::ALL)];
        }
        self.rounds += 1;
        if self.rounds > ROUNDS_MAX {
            return Err(Breach::Endless.into());
        }
        let questions = std::mem::take(&mut self.questions);
        let mut answer = Answer::default();
        let mut asked = 0;
        let mut told = Vec::new();
        let ours = Ours {
            view: self.scope.view(cx.frontier),
            meeting: &meeting,
        };
        for part in parts {
            let question = questions.get(part.question).ok_or(Breach::OutOfTurn)?;
            let prefix = match question {
                Question::Part(prefix) | Question::List(prefix, _) => *prefix,
            };
            match (part.body, question) {
                (PartBody::Nothing, _) => {
                    if let Some(rows) = ours.view.under(&prefix) {
                        rows.each(&mut |row| answer.give(&row));
                    }
                }
                (PartBody::Shape(shape), Question::Part(_)) => {
                    // what does not divide leads nowhere
                    if matches!(shape, Shape::Leaf(_)) && !opening {
                        return Err(Breach::Endless.into());
                    }
                    ours.hold_shape(&shape, prefix, &mut asked, &mut answer)?;
                }
                (PartBody::Listed(theirs), Question::Part(_)) => {
                    if !answer.is_full() {
                        ours.hold_list(&theirs, prefix, asked, &mut answer);
                    }
                    asked += 1;
                }
                (PartBody::Told { missing, rows }, Question::List(_, feeds)) => {
                    if missing.len() != feeds.len() {
                        return Err(Breach::OutOfTurn.into());
                    }
                    told.push((missing, rows, feeds));
                }
                _ => return Err(Breach::OutOfTurn.into()),
            }
        }
        for (missing, rows, feeds) in told {
            resolve(&missing, &rows, feeds, &meeting, cx, &mut answer).map_err(Fault::Repo)?;
        }
        self.comparing = asked > 0 && !answer.questions.is_empty();
        if asked > 0 {
            self.questions = std::mem::take(&mut answer.questions);
            let parts = std::mem::take(&mut answer.parts);
            self.send(Message::Reconcile(parts), out);
        }
        self.act(answer, cx, out)
    }

    fn act<R: Repo>(
        &mut self,
        answer: Answer,
        cx: &mut Context<'_, R>,
        out: &mut Vec<Event>,
    ) -> Outcome<R::Error> {
        for (short, feed) in answer.named {
            self.name(short, feed);
        }
        for (feed, from) in answer.send {
            // a peer that turned it away is not sent it each time
            let goes_to = height(cx.frontier, &feed);
            if self.given.insert(feed, goes_to) == Some(goes_to) {
                continue;
            }
            if self.given.len() > NAMED_MAX {
                self.given.clear();
            }
            self.outbox.add(feed, from, cx).map_err(Fault::Repo)?;
        }
        for feed in answer.proofs {
            self.prove(&feed, cx)?;
        }
        for feed in answer.parted {
            self.send_trail(&feed, cx, out)?;
        }
        let mut wishes = Vec::with_capacity(answer.wishes.len());
        for (wish, feed) in answer.wishes {
            if let Some(feed) = feed {
                if !self.takes(&feed, None, false, cx) {
                    continue;
                }
                self.name(wish.feed, feed);
            }
            wishes.push(wish);
        }
        self.want(wishes, out);
        Ok(())
    }
}

/// What the rows that the peer told come to, beside those that it said it has not.
fn resolve<R: Repo>(
    missing: &[bool],
    theirs: &[RowLine],
    feeds: &[FeedKey],
    meeting: &Meeting,
    cx: &Context<'_, R>,
    answer: &mut Answer,
) -> Result<(), R::Error> {
    let listed = feeds.iter().zip(missing).filter(|(_, missing)| **missing);
    let mut ours: BTreeMap<Short, FeedKey> = listed
        .map(|(feed, _)| (meeting.feed(feed), *feed))
        .collect();
    for line in theirs {
        match ours.remove(&line.feed) {
            None => {
                let wish = Wish {
                    feed: line.feed,
                    from: 0,
                    head: [0; 8],
                };
                answer.wishes.push((wish, None));
            }
            Some(feed) => meet(&feed, line, meeting, cx, answer)?,
        }
    }
    for feed in ours.into_values() {
        if let Some(row) = cx.frontier.row(&feed) {
            answer.give(&row);
        }
    }
    Ok(())
}

/// A feed that both have and that differs.
fn meet<R: Repo>(
    feed: &FeedKey,
    theirs: &RowLine,
    meeting: &Meeting,
    cx: &Context<'_, R>,
    answer: &mut Answer,
) -> Result<(), R::Error> {
    let Some(ours) = cx.frontier.row(feed) else {
        return Ok(());
    };
    let fork = |seq: Option<u64>| seq.unwrap_or(u64::MAX);
    if fork(ours.forked_at) < fork(theirs.forked_at) {
        answer.proofs.push(*feed);
    }
    let behind = theirs.height > ours.height || fork(theirs.forked_at) < fork(ours.forked_at);
    if behind {
        answer.wishes.push((
            Wish {
                feed: theirs.feed,
                from: ours.height,
                head: meeting.line(&ours).head,
            },
            Some(*feed),
        ));
        return Ok(());
    }
    let here = match theirs.height {
        0 => None,
        height => cx.repo.id_at(feed, height - 1)?,
    };
    if theirs.height == 0 || here.is_some_and(|here| meeting.entry(&here) == theirs.head) {
        if height(cx.frontier, feed) > theirs.height {
            answer.send.push((*feed, theirs.height));
        }
    } else {
        answer.named.push((theirs.feed, *feed));
        answer.parted.push(*feed);
    }
    Ok(())
}
