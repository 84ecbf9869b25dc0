//! Two sessions and the line between them, in flights: what both say at one time comes to
//! the other side together. Two flights are a round trip.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use synlog_log::ids::TopicId;
use synlog_log::scenario::START_MS;

use crate::engine::Now;
use crate::frontier::Frontier;
use crate::message::Message;
use crate::peer::{LinkId, NodeId, Peer};
use crate::repo::Repo;
use crate::row::Row;
use crate::session::{
    Arrival, Context, Event, Fault, Limits, PeerMemory, Session, Setup, Spread, Terms,
};

/// Everything is shared and taken.
#[derive(Debug, Clone, Default)]
pub struct Open {
    /// Topics that are not here and wanted.
    pub wanted: Vec<TopicId>,
    /// Topics that are here and not shared.
    pub kept: Vec<TopicId>,
}

impl Terms for Open {
    fn shares(&self, _: &Peer, topic: &TopicId) -> bool {
        !self.kept.contains(topic)
    }

    fn wanted(&self, _: &Peer) -> Vec<TopicId> {
        self.wanted.clone()
    }

    fn takes(&self, _: &Peer, _: &Arrival) -> bool {
        true
    }
}

/// What one kind of message came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// How many.
    pub count: u64,
    /// Their bytes, those of runs aside.
    pub bytes: u64,
}

/// One side.
pub struct Side<R> {
    /// Its store.
    pub repo: R,
    /// Its frontier.
    pub frontier: Frontier,
    /// Its session, while the line is up.
    pub session: Option<Session>,
    /// What it shares.
    pub terms: Open,
    /// What it remembers of the other.
    pub memory: Option<PeerMemory>,
    /// Who it is.
    pub me: Peer,
    /// What it said, by kind of message.
    pub said: BTreeMap<&'static str, Tally>,
    /// Bytes of runs that it sent.
    pub run_bytes: u64,
    /// Events that were not messages.
    pub events: Vec<Event>,
    /// What is on its way to it.
    pub inbox: VecDeque<Vec<u8>>,
}

impl<R: Repo> Side<R> {
    /// A side with a store.
    pub fn new(repo: R, me: Peer) -> Self {
        let mut frontier = Frontier::new();
        for topic in repo.topics() {
            if let Ok(rows) = repo.rows(&topic) {
                frontier.load(topic, rows);
            }
            if let Ok(statements) = repo.statements(&topic) {
                frontier.put_statements(topic, &statements);
            }
        }
        Self {
            repo,
            frontier,
            session: None,
            terms: Open::default(),
            memory: None,
            me,
            said: BTreeMap::new(),
            run_bytes: 0,
            events: Vec::new(),
            inbox: VecDeque::new(),
        }
    }

    /// All rows.
    pub fn rows(&self) -> Vec<Row> {
        let topics = self.frontier.topics();
        topics.flat_map(|topic| self.frontier.rows(topic)).collect()
    }

    /// Bytes that it said beside runs.
    pub fn overhead_bytes(&self) -> u64 {
        self.said.values().map(|tally| tally.bytes).sum()
    }
}

/// Two sides.
pub struct Pair<R> {
    /// The caller and the called.
    pub sides: [Side<R>; 2],
    /// Flights since the line came up.
    pub flights: u32,
    /// Whether what is sent is said to have left at once.
    pub drains: bool,
    meetings: u8,
}

type Act<'a, R> = dyn FnMut(
        &mut Session,
        &mut Context<'_, R>,
        &mut Vec<Event>,
    ) -> Result<(), Fault<<R as Repo>::Error>>
    + 'a;

/// What a session did wrong, and to whom.
pub type Wrong<E> = (usize, Fault<E>);

impl<R: Repo> Pair<R> {
    /// Two stores.
    pub fn new(one: R, other: R) -> Self {
        let peer = |number| Peer {
            node: NodeId([number; 32]),
            proven: None,
        };
        Self {
            sides: [Side::new(one, peer(1)), Side::new(other, peer(2))],
            flights: 0,
            drains: true,
            meetings: 0,
        }
    }

    /// The line comes up.
    pub fn connect(&mut self) -> Result<(), Wrong<R::Error>> {
        self.meetings += 1;
        self.flights = 0;
        for side in 0..2 {
            let peer = self.sides[1 - side].me;
            let at = &mut self.sides[side];
            at.said.clear();
            at.run_bytes = 0;
            at.events.clear();
            at.session = Some(Session::new(Setup {
                link: LinkId(u64::from(self.meetings)),
                peer,
                dialed: side == 0,
                random: [self.meetings.wrapping_mul(2).wrapping_add(side as u8); 32],
                memory: at.memory.take(),
                limits: Limits::default(),
            }));
        }
        for side in 0..2 {
            self.act(side, |session, cx, out| session.start(cx, out))?;
        }
        Ok(())
    }

    /// The line is cut: what is on its way is lost.
    pub fn cut(&mut self) {
        for side in &mut self.sides {
            side.memory = side.session.take().and_then(|session| session.memory());
            side.inbox.clear();
        }
    }

    /// Lets a session act.
    pub fn act(
        &mut self,
        side: usize,
        act: impl FnOnce(
            &mut Session,
            &mut Context<'_, R>,
            &mut Vec<Event>,
        ) -> Result<(), Fault<R::Error>>,
    ) -> Result<(), Wrong<R::Error>> {
        let mut act = Some(act);
        self.perform(side, &mut |session, context, events| match act.take() {
            Some(act) => act(session, context, events),
            None => Ok(()),
        })
    }

    fn perform(&mut self, side: usize, act: &mut Act<'_, R>) -> Result<(), Wrong<R::Error>> {
        let at = &mut self.sides[side];
        let Some(session) = at.session.as_mut() else {
            return Ok(());
        };
        let mut context = Context {
            repo: &mut at.repo,
            frontier: &mut at.frontier,
            terms: &at.terms,
            now: Now {
                monotonic_ms: 0,
                utc_ms: START_MS + 86_400_000,
            },
        };
        let mut events = Vec::new();
        let acted = act(session, &mut context, &mut events);
        for event in events {
            match event {
                Event::Send(bytes) => self.pass(side, bytes),
                Event::Stored(rows) => {
                    self.perform(side, &mut |session, context, events| {
                        session.stored(&rows, Spread::Known, context, events)
                    })?;
                    self.sides[side].events.push(Event::Stored(rows));
                }
                other => self.sides[side].events.push(other),
            }
        }
        acted.map_err(|fault| (side, fault))
    }

    fn pass(&mut self, side: usize, bytes: Vec<u8>) {
        if let Ok(message) = Message::decode(&bytes) {
            let runs = match &message {
                Message::Runs { runs, .. } => runs.iter().map(|run| run.len() as u64).sum(),
                _ => 0,
            };
            let tally = self.sides[side].said.entry(message.name()).or_default();
            tally.count += 1;
            tally.bytes += bytes.len() as u64 - runs;
            self.sides[side].run_bytes += runs;
        }
        self.sides[1 - side].inbox.push_back(bytes);
    }

    /// Whether anything is on its way.
    pub fn is_quiet(&self) -> bool {
        self.sides.iter().all(|side| side.inbox.is_empty())
    }

    /// All that is on its way arrives, on both sides.
    pub fn flight(&mut self) -> Result<(), Wrong<R::Error>> {
        self.flights += 1;
        let arriving = [0, 1].map(|side| std::mem::take(&mut self.sides[side].inbox));
        for (side, messages) in arriving.into_iter().enumerate() {
            for bytes in messages {
                let len = bytes.len();
                self.act(side, |session, cx, out| session.handle(&bytes, cx, out))?;
                if self.drains {
                    self.act(1 - side, |session, cx, out| session.sent(len, cx, out))?;
                }
            }
        }
        Ok(())
    }

    /// Flies until nothing is on its way. The flight after which both had the same rows.
    pub fn settle(&mut self, flights_max: u32) -> Result<Option<u32>, Wrong<R::Error>> {
        let mut same = self.is_same().then_some(self.flights);
        while !self.is_quiet() && self.flights < flights_max {
            self.flight()?;
            if same.is_none() && self.is_same() {
                same = Some(self.flights);
            }
        }
        Ok(same)
    }

    /// Whether both have the same rows.
    pub fn is_same(&mut self) -> bool {
        let [one, other] = &mut self.sides;
        let topics = one.frontier.topics().chain(other.frontier.topics());
        let topics: BTreeSet<TopicId> = topics.copied().collect();
        topics
            .iter()
            .all(|topic| one.frontier.digest(topic) == other.frontier.digest(topic))
    }

    /// Bytes that both said beside runs.
    pub fn overhead_bytes(&self) -> u64 {
        self.sides.iter().map(Side::overhead_bytes).sum()
    }

    /// Those of greeting and of matching topics.
    pub fn matching_bytes(&self) -> u64 {
        let said = self.sides.iter().flat_map(|side| &side.said);
        let matching = said.filter(|(name, _)| ["hello", "topics", "matched"].contains(*name));
        matching.map(|(_, tally)| tally.bytes).sum()
    }

    /// Whether both say that they hold the same.
    pub fn is_synced(&self) -> bool {
        let synced = |side: &Side<R>| side.session.as_ref().is_some_and(|it| it.progress().synced);
        self.sides.iter().all(synced)
    }
}
