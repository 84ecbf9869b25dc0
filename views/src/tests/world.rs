//! Topics to fold: random ones, and what gives out their events.

use std::collections::{HashMap, HashSet};

use synlog_log::cbor::Value;
use synlog_log::fold::FoldEvent;
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::order::TopicOrder;
use synlog_log::run::{PayloadForm, RunView};
use synlog_log::scenario::{Node, Person, World, genesis};
use synlog_log::topic::Mode;

use super::reducer::Shop;
use crate::{EventSource, Events, FoldLine, Opened, Options, SourceError, Update, Views};

/// Numbers that look random.
pub(super) struct Lcg(pub u64);

impl Lcg {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit.max(1)
    }

    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }
}

/// The events of a world.
#[derive(Default)]
pub(super) struct Source {
    events: HashMap<EntryId, FoldEvent>,
    /// Payloads that are not here.
    pub missing: HashSet<EntryId>,
    pub loaded: u64,
}

impl Source {
    pub(super) fn of(world: &World) -> Self {
        let mut source = Self::default();
        world
            .written
            .iter()
            .for_each(|written| source.add(&written.run));
        source
    }

    pub(super) fn add(&mut self, run: &[u8]) {
        self.take(run, |payload| payload);
    }

    /// Takes in a run whose erasable parts are dropped.
    pub(super) fn add_erased(&mut self, run: &[u8]) {
        self.take(run, |payload| synlog_log::run::erase(&payload).unwrap());
    }

    fn take(&mut self, run: &[u8], form: impl for<'a> Fn(PayloadForm<'a>) -> PayloadForm<'a>) {
        let run = RunView::decode(run).unwrap();
        for entry in &run.entries {
            let form = form(entry.payload);
            let Ok(payload) = form.split() else {
                continue;
            };
            let erased = match form {
                PayloadForm::Erased { erasable_hash, .. } => Some(erasable_hash),
                PayloadForm::Whole(_) => payload.erasable.map(|erasable| erasable.hash()),
            };
            let event = FoldEvent {
                id: entry.id,
                author: run.feed.author,
                entity: synlog_log::ids::EntityId(run.feed.author.0),
                seq: entry.seq,
                hlc: entry.hlc,
                sequenced: false,
                role: String::new(),
                kind: payload.kind.to_owned(),
                body: payload.body.to_vec(),
                erasable_hash: erased,
                facts: Vec::new(),
            };
            self.events.insert(entry.id, event);
        }
    }
}

impl EventSource for Source {
    fn load(
        &mut self,
        _: &TopicId,
        lines: &[FoldLine],
        out: &mut Events,
    ) -> Result<(), SourceError> {
        for line in lines {
            self.loaded += 1;
            let known = self.events.get_mut(&line.id);
            match known.filter(|_| !self.missing.contains(&line.id)) {
                Some(event) => {
                    event.role = line.role.to_string();
                    event.sequenced = line.sequenced;
                    out.push(|bytes| bytes.extend_from_slice(&event.encode()));
                }
                None => out.push_missing(),
            }
        }
        Ok(())
    }
}

/// Writes `count` entries by random writers on random branches, with forks, late
/// entries, hand-overs and changes of members.
pub(super) fn random_world(mode: Mode, count: usize, seed: u64) -> World {
    let mut random = Lcg(seed);
    let people: Vec<Person> = (0..4).map(|n| Person::new(1 + n * 40, 2)).collect();
    let members: Vec<(&Person, &str)> = people[1..3].iter().map(|it| (it, "member")).collect();
    let mut world = World::new(&people[0], 0, &genesis(mode, &members));
    let mut heads: Vec<((usize, usize), EntryId)> = vec![((0, 0), world.genesis())];
    let mut all = vec![world.genesis()];
    let (mut sequencer, mut decision) = ((0, 0), world.genesis());
    while world.written.len() < count {
        let who = match random.below(3) {
            0 => sequencer,
            _ => (random.below(people.len()), random.below(2)),
        };
        let own: Vec<usize> = (0..heads.len()).filter(|at| heads[*at].0 == who).collect();
        let at = (!own.is_empty()).then(|| own[random.below(own.len())]);
        let after = at.map(|at| heads[at].1);
        let mut deps: Vec<EntryId> = (0..random.below(3))
            .map(|_| {
                let back = match random.below(5) {
                    0 => all.len(),
                    _ => all.len().min(30),
                };
                all[all.len() - 1 - random.below(back)]
            })
            .collect();
        if who == sequencer && !deps.contains(&decision) {
            deps.push(decision);
        }
        let id32 = |id: [u8; 32]| Value::Bytes(id.to_vec());
        let roll = random.below(1_000);
        let (kind, body) = if roll < 8 && who == sequencer && after.is_some() {
            let to = (random.below(people.len()), random.below(2));
            if to == who {
                continue;
            }
            let next = id32(people[to.0].device(to.1).0);
            (
                "topic.handover",
                Value::map([("next", next), ("head", Value::Null)]),
            )
        } else if roll < 25 && who == sequencer {
            let entity = id32(people[1 + random.below(3)].id().0);
            match random.below(2) {
                0 => ("topic.remove", Value::map([("entity", entity)])),
                _ => {
                    let role = Value::Text("member".into());
                    (
                        "topic.member",
                        Value::map([("entity", entity), ("role", role)]),
                    )
                }
            }
        } else if who == sequencer && roll.is_multiple_of(2) {
            ("topic.ack", Value::Map(Vec::new()))
        } else if roll % 40 == 1 {
            ("what.ever", Value::Map(Vec::new()))
        } else {
            let mut pairs = vec![("n", Value::Int(roll as i64))];
            if roll.is_multiple_of(9) {
                pairs.push(("after", id32(all[random.below(all.len())].0)));
            }
            ("note.put", Value::map(pairs))
        };
        let id = world.write(&people[who.0], who.1, after, &deps, kind, body.clone());
        if who == sequencer {
            decision = id;
        }
        if let Some(next) = body.get("next").and_then(Value::as_id) {
            let devices = (0..people.len()).flat_map(|person| [(person, 0), (person, 1)]);
            let mut devices =
                devices.filter(|(person, device)| people[*person].device(*device).0 == next);
            sequencer = devices.next().unwrap();
        }
        match at {
            Some(at) if random.below(300) != 0 => heads[at].1 = id,
            _ => heads.push((who, id)),
        }
        all.push(id);
    }
    world
}

/// Views in a directory that goes away, with a reducer and a source.
pub(super) struct Fixture {
    pub views: Views,
    pub shop: Shop,
    pub source: Source,
    pub directory: tempfile::TempDir,
}

/// Options with a chunk size.
pub(super) fn options(chunk_events: usize) -> Options {
    Options {
        chunk_events,
        cache_bytes: 4 << 20,
        // so that some worlds are packed and some are not
        pack_values: 60,
        ..Options::new([1; 16])
    }
}

impl Fixture {
    pub(super) fn new(source: Source, chunk_events: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (views, opened) =
            Views::open(&directory.path().join("v"), options(chunk_events)).unwrap();
        assert_eq!(opened, Opened::Empty);
        Self {
            views,
            shop: Shop::new(),
            source,
            directory,
        }
    }

    pub(super) fn update(&mut self, order: &TopicOrder) -> Update {
        self.views
            .update(order, &mut self.source, &mut self.shop, &mut |_| true)
            .unwrap()
    }

    pub(super) fn whole(&self, topic: &TopicId) -> Whole {
        whole(&self.views, topic)
    }
}

/// All that must be the same on every node: digest, rows, rejections.
pub(super) type Whole = (crate::Digest, Vec<String>, Vec<String>);

pub(super) fn whole(views: &Views, topic: &TopicId) -> Whole {
    let mut rows = Vec::new();
    for layer in [crate::Shown::All, crate::Shown::Sequenced] {
        for table in ["items", "log"] {
            let query = crate::Query {
                layer,
                limit: 1_000,
                ..query(table, crate::Filter::Prefix(String::new()))
            };
            for row in views.query(&query).unwrap().rows {
                rows.push(format!(
                    "{layer:?} {table} {}/{} {:?} {} {:?}",
                    row.key, row.sub, row.columns, row.tentative, row.changed_by
                ));
            }
        }
        let filter = crate::Filter::Index {
            name: "by_tag".into(),
            equal: Vec::new(),
            from: None,
            to: None,
            descending: false,
        };
        let query = crate::Query {
            layer,
            limit: 1_000,
            ..query("items", filter)
        };
        let found = views.query(&query).unwrap().rows;
        rows.extend(
            found
                .iter()
                .map(|row| format!("{layer:?} by_tag {}", row.key)),
        );
    }
    let rejections = views.rejections(topic, None, 1_000).unwrap();
    let rejections = rejections.items.iter().map(|it| format!("{it:?}"));
    (views.digest(topic).unwrap(), rows, rejections.collect())
}

/// A query of all topics.
pub(super) fn query(table: &str, filter: crate::Filter) -> crate::Query {
    crate::Query {
        app: "test".into(),
        major: 1,
        table: table.into(),
        topic: None,
        filter,
        layer: crate::Shown::All,
        as_of_ms: None,
        limit: 100,
        after: None,
    }
}

/// A node that has received everything.
pub(super) fn node(world: &World) -> Node {
    let mut node = Node::new();
    world
        .written
        .iter()
        .for_each(|written| node.receive_verified(&written.run));
    node.order().settle();
    node
}
