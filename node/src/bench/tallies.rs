//! Topics of the app `tally` to fold: signed runs, their order, and who asks for rows.

use synlog_apps::Pinned;
use synlog_log::cbor::Value;
use synlog_log::fold::Halt;
use synlog_log::identity::Certified;
use synlog_log::ids::{EntryId, TopicId, hex};
use synlog_log::order::TopicOrder;
use synlog_log::payload::PayloadBuilder;
use synlog_log::replica::{genesis_of, order_entry};
use synlog_log::run::RunView;
use synlog_log::scenario::{Person, START_MS};
use synlog_log::topic::Mode;
use synlog_runtime::{Checks, Engine, Module, Settings, WasmReducer};
use synlog_views::{EventSource, Filter, Options, Query, Shown, Update, Views};

use super::Stage;
use super::inputs::{Feed, people};
use crate::failure::Failure;
use crate::folding::{halted, views_failure};

/// Entries of one run.
const RUN: usize = 256;

/// The pinned module of the app.
pub(super) fn pinned() -> Result<&'static Pinned, Failure> {
    Pinned::find("tally", 1).ok_or_else(|| Failure::System("the app tally is gone".into()))
}

/// The module, compiled.
pub(super) fn module() -> Result<Module, Failure> {
    let system = |text: String| Failure::System(text);
    let engine = Engine::new(Settings::default()).map_err(|error| system(error.to_string()))?;
    let module = engine.load(pinned()?.wasm);
    module.map_err(|error| system(error.to_string()))
}

/// A reducer of it, with the checks of every node.
pub(super) fn reducer() -> Result<WasmReducer, Failure> {
    Ok(module()?.reducer(Checks::default()))
}

/// A fold that can't go on.
pub(super) fn stopped(halt: Halt) -> Failure {
    halted(&halt)
}

fn payload(kind: &str, body: Value) -> Result<Vec<u8>, Failure> {
    PayloadBuilder::new(kind, body)
        .encode()
        .map_err(Failure::refused("a payload of the bench"))
}

/// The body by which a tally is opened.
pub(super) fn open_body() -> Value {
    let text = |text: &str| Value::Text(text.to_owned());
    Value::map([("title", text("Hours for the hall")), ("unit", text("h"))])
}

/// The body by which something is added.
pub(super) fn add_body(tally: &[u8; 32], amount: usize) -> Value {
    Value::map([
        ("tally", Value::Bytes(tally.to_vec())),
        ("amount", Value::Int(amount as i64 % 100)),
        ("note", Value::Text("painted the door".to_owned())),
    ])
}

/// What opens a tally.
pub(super) fn open() -> Result<Vec<u8>, Failure> {
    payload("tally.open", open_body())
}

/// What adds to one.
pub(super) fn add(tally: &EntryId, amount: usize) -> Result<Vec<u8>, Failure> {
    payload("tally.add", add_body(&tally.0, amount))
}

/// A topic that is being written.
pub(super) struct Topic {
    /// Who began it: in an ordered topic the sequencer.
    pub(super) feed: Feed,
    /// Its order.
    pub(super) order: TopicOrder,
    /// The tallies, as they were opened.
    pub(super) tallies: Vec<EntryId>,
    /// How many entries were added to tallies.
    pub(super) added: usize,
    people: Vec<Person>,
}

impl Topic {
    /// A new one, of two people; and its first run.
    pub(super) fn new(mode: Mode) -> Result<(Self, Vec<u8>), Failure> {
        let people = people(2);
        let (feed, run) = Feed::founding_as(mode, &people)?;
        let view = RunView::decode(&run).map_err(Failure::refused("a run of the bench"))?;
        let genesis = genesis_of(&view)
            .ok_or_else(|| Failure::System("the bench's topic has no genesis".into()))?;
        let mut topic = Self {
            order: TopicOrder::new(feed.topic(), genesis),
            feed,
            tallies: Vec::new(),
            added: 0,
            people,
        };
        topic.take(&run, 0)?;
        Ok((topic, run))
    }

    /// Its id.
    pub(super) fn id(&self) -> TopicId {
        self.feed.topic()
    }

    fn certified(&self, person: usize) -> Result<Certified, Failure> {
        let wrong = || Failure::System("a certificate of the bench is wrong".into());
        let device = self.people[person].device(0);
        let certificate = self.people[person].log.certificate(&device);
        let verified = certificate.ok_or_else(wrong)?.verify(&device);
        verified.map_err(|_| wrong())
    }

    /// Puts a run of a person into the order, without settling it.
    pub(super) fn take(&mut self, run: &[u8], person: usize) -> Result<(), Failure> {
        let run = RunView::decode(run).map_err(Failure::refused("a run of the bench"))?;
        for entry in &run.entries {
            let certified = match entry.seq {
                0 => Some(self.certified(person)?),
                _ => None,
            };
            let inserted = self.order.insert(order_entry(&run, entry, certified));
            inserted.map_err(|error| Failure::System(error.to_string()))?;
        }
        Ok(())
    }

    /// The feed of the second person, who has written nothing yet.
    pub(super) fn second(&self) -> Feed {
        Feed::new(&self.people[1], self.id(), 1)
    }

    /// Opens tallies.
    pub(super) fn open(&mut self, count: usize) -> Result<Vec<Vec<u8>>, Failure> {
        let mut runs = Vec::new();
        for first in (0..count).step_by(RUN) {
            let payloads: Result<Vec<_>, _> =
                (first..count.min(first + RUN)).map(|_| open()).collect();
            let (run, ids) = self.feed.write(START_MS + 1, &[], &payloads?)?;
            self.tallies.extend(ids);
            self.take(&run, 0)?;
            runs.push(run);
        }
        Ok(runs)
    }

    /// Adds to tallies, each time to another one.
    pub(super) fn add(&mut self, count: usize) -> Result<Vec<Vec<u8>>, Failure> {
        let mut runs = Vec::new();
        let end = self.added + count;
        while self.added < end {
            let next = end.min(self.added + RUN);
            let payloads: Result<Vec<_>, _> = (self.added..next)
                .map(|n| add(&self.tallies[n * 7_919 % self.tallies.len()], n))
                .collect();
            self.added = next;
            let (run, _) = self.feed.write(START_MS + 2, &[], &payloads?)?;
            self.take(&run, 0)?;
            runs.push(run);
        }
        Ok(runs)
    }
}

/// Empty views in a directory of their own.
pub(super) fn views(stage: &Stage, name: &str) -> Result<Views, Failure> {
    let path = stage.dir.join(name);
    Views::discard(&path).map_err(views_failure)?;
    let (views, _) = Views::open(&path, Options::new([7; 16])).map_err(views_failure)?;
    Ok(views)
}

/// Brings views up to date; all must be folded.
pub(super) fn update(
    views: &mut Views,
    topic: &Topic,
    source: &mut dyn EventSource,
    reducer: &mut WasmReducer,
) -> Result<Update, Failure> {
    let update = views.update(&topic.order, source, reducer, &mut |_| true);
    let update = update.map_err(views_failure)?;
    match (&update.halted, update.waits_for, update.rejected) {
        (Some(halt), ..) => Err(halted(halt)),
        (None, None, 0) => Ok(update),
        _ => Err(Failure::System(format!(
            "the bench's events were not all folded: {update:?}"
        ))),
    }
}

/// Asks for the rows of one tally; how many there are.
pub(super) fn rows_of(views: &Views, topic: &Topic, tally: &EntryId) -> Result<usize, Failure> {
    let page = views.query(&Query {
        app: "tally".into(),
        major: 1,
        table: "tallies".into(),
        topic: Some(topic.id()),
        filter: Filter::Key(hex(&tally.0)),
        layer: Shown::All,
        as_of_ms: None,
        limit: 1,
        after: None,
    });
    Ok(page.map_err(views_failure)?.rows.len())
}
