//! Rows of one topic in memory (`spec/10-reducer.md` 10.1, `spec/11-views.md`): what is
//! sequenced once, what is tentative anew each time.

use std::collections::BTreeMap;

use synlog_log::fold::{FoldEvent, Row};
use synlog_log::ids::EntryId;
use synlog_log::order::TopicOrder;
use synlog_log::wire::Writer;

use crate::rules::{Engine, Route, Rules};
use crate::wrong::Wrong;

/// An aggregate after the events that touched it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Aggregate {
    /// Running hash over the events that named it.
    pub input: [u8; 32],
    /// The last event that changed it.
    pub last: Option<EntryId>,
    /// Its state.
    pub state: Option<Vec<u8>>,
    /// Its rows by table and sub, or the code in their place.
    pub rows: Shown,
}

/// What an aggregate shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// Rows.
    Rows(Vec<Row>),
    /// The code of why there are none.
    Code(String),
}

impl Default for Shown {
    fn default() -> Self {
        Self::Rows(Vec::new())
    }
}

/// An event that changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The event.
    pub event: EntryId,
    /// Why.
    pub code: String,
    /// The aggregate that rejected it; `None`: it came to none.
    pub key: Option<String>,
    /// The last event that had changed that aggregate.
    pub met: Option<EntryId>,
}

/// One layer of rows.
#[derive(Debug, Clone, Default)]
pub struct Layer {
    /// Aggregates by key.
    pub aggregates: BTreeMap<String, Aggregate>,
    /// What was rejected, in order.
    pub rejections: Vec<Rejection>,
}

/// What would become of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Preview {
    /// It would be accepted.
    Accepted,
    /// It would be rejected, with this code.
    Rejected(String),
}

/// The rows of a topic.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    /// By the sequenced prefix.
    pub base: Layer,
    /// What tentative events change on top; an aggregate here stands in place of the
    /// sequenced one.
    pub overlay: Layer,
    /// Lines of the prefix that are folded, with the last of them.
    lines: usize,
    last_line: Option<EntryId>,
    legs: Vec<(synlog_log::ids::DeviceId, u64)>,
    reducer: [u8; 32],
    /// The entry whose payload is not here, before which the rows stop.
    pub waits_for: Option<EntryId>,
}

/// Gives the event of an entry as its reducer gets it; `None` where its payload is not here.
pub type Events<'a> = &'a dyn Fn(&EntryId, bool, &str) -> Option<FoldEvent>;

fn hash(context: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    parts.iter().for_each(|part| {
        hasher.update(part);
    });
    *hasher.finalize().as_bytes()
}

impl Rows {
    /// Brings rows up to date with the order of their topic.
    pub fn update(
        &mut self,
        engine: &mut dyn Engine,
        rules: &Rules,
        order: &TopicOrder,
        events: Events<'_>,
    ) -> Result<(), Wrong> {
        if self.reducer != rules.hash || !self.holds(order) {
            *self = Self {
                reducer: rules.hash,
                ..Self::default()
            };
        }
        self.waits_for = None;
        self.legs = order.legs();
        self.prefix(engine, rules, order, events)?;
        self.overlay = Layer::default();
        if self.waits_for.is_none() {
            self.tentative(engine, rules, order, events)?;
        }
        Ok(())
    }

    /// Whether the lines folded so far are still the front of the prefix: with the same
    /// devices in the same legs and the same last line, what leads up to it is the same.
    fn holds(&self, order: &TopicOrder) -> bool {
        let last = self.lines.checked_sub(1);
        let last = last.and_then(|at| order.prefix_from(at).next());
        self.lines <= order.prefix_len()
            && last.map(|line| line.id) == self.last_line
            && order.legs().starts_with(&self.legs)
    }

    fn prefix(
        &mut self,
        engine: &mut dyn Engine,
        rules: &Rules,
        order: &TopicOrder,
        events: Events<'_>,
    ) -> Result<(), Wrong> {
        let lines: Vec<_> = order
            .placed_from(self.lines)
            .map(|line| (line.id, line.status.is_accepted(), line.role.clone()))
            .collect();
        let mut changed = Vec::new();
        for (id, accepted, role) in lines {
            if accepted {
                let Some(event) = events(&id, true, &role) else {
                    self.waits_for = Some(id);
                    break;
                };
                let none = BTreeMap::new();
                let below = &none;
                changed.extend(step(&mut self.base, below, engine, rules, order, &event)?);
            }
            self.lines += 1;
            self.last_line = Some(id);
        }
        project(&mut self.base, changed, engine, rules, order)
    }

    fn tentative(
        &mut self,
        engine: &mut dyn Engine,
        rules: &Rules,
        order: &TopicOrder,
        events: Events<'_>,
    ) -> Result<(), Wrong> {
        let mut changed = Vec::new();
        let mut over = Layer::default();
        for line in order.tentative().filter(|line| line.status.is_accepted()) {
            let role = order.role(&line.id).unwrap_or_default();
            let Some(event) = events(&line.id, false, &role) else {
                self.waits_for = Some(line.id);
                break;
            };
            let below = &self.base.aggregates;
            changed.extend(step(&mut over, below, engine, rules, order, &event)?);
        }
        // only what an accepted event changed has an overlay
        let base = &self.base.aggregates;
        over.aggregates
            .retain(|key, it| it.last != base.get(key).and_then(|below| below.last));
        changed.retain(|key| over.aggregates.contains_key(key));
        project(&mut over, changed, engine, rules, order)?;
        self.overlay = over;
        Ok(())
    }

    /// An aggregate as it is shown, and whether it rests on something tentative.
    pub fn aggregate(&self, key: &str) -> Option<(&Aggregate, bool)> {
        let over = self.overlay.aggregates.get(key).map(|it| (it, true));
        over.or_else(|| self.base.aggregates.get(key).map(|it| (it, false)))
    }

    /// All aggregates as they are shown.
    pub fn shown(&self) -> impl Iterator<Item = (&str, &Aggregate, bool)> {
        let over = &self.overlay.aggregates;
        let base = self.base.aggregates.iter();
        let below = base.filter(|(key, _)| !over.contains_key(*key));
        let below = below.map(|(key, it)| (&key[..], it, false));
        let mut all: Vec<_> = over.iter().map(|(key, it)| (&key[..], it, true)).collect();
        all.extend(below);
        all.sort_by(|a, b| a.0.cmp(b.0));
        all.into_iter()
    }

    /// What rejected an event, if the rules did; the flag: it is tentative.
    pub fn rejection(&self, id: &EntryId) -> Option<(&Rejection, bool)> {
        let of = |layer: &'_ Layer| layer.rejections.iter().position(|it| it.event == *id);
        let base = of(&self.base).map(|at| (&self.base.rejections[at], false));
        base.or_else(|| of(&self.overlay).map(|at| (&self.overlay.rejections[at], true)))
    }

    /// Folds one more event on top of what is shown, without keeping anything.
    pub fn preview(
        &self,
        engine: &mut dyn Engine,
        rules: &Rules,
        order: &TopicOrder,
        event: &FoldEvent,
    ) -> Result<Preview, Wrong> {
        let topic = order.topic();
        let leads = |id: &EntryId| order.contains(id);
        let keys = match rules.route(engine, &topic, event, &leads)? {
            Route::Kernel => return Ok(Preview::Accepted),
            Route::Rejected(code) => return Ok(Preview::Rejected(code)),
            Route::Keys(keys) => keys,
        };
        let bytes = event.encode();
        for key in keys {
            let state = self.aggregate(&key).and_then(|(it, _)| it.state.as_deref());
            if let Err(code) = rules.fold(engine, &topic, (&key, state), &bytes)? {
                return Ok(Preview::Rejected(code));
            }
        }
        Ok(Preview::Accepted)
    }

    /// Roots of the digest (`spec/11-views.md` 11.4): of what is sequenced, and of the overlay.
    pub fn roots(&self) -> ([u8; 32], [u8; 32]) {
        (self.base.root(), self.overlay.root())
    }
}

/// Folds one event into a layer that stands on aggregates below it. Gives the keys that it
/// changed.
fn step(
    layer: &mut Layer,
    below: &BTreeMap<String, Aggregate>,
    engine: &mut dyn Engine,
    rules: &Rules,
    order: &TopicOrder,
    event: &FoldEvent,
) -> Result<Vec<String>, Wrong> {
    let topic = order.topic();
    let leads = |id: &EntryId| order.is_ancestor(id, &event.id);
    let keys = match rules.route(engine, &topic, event, &leads)? {
        Route::Kernel => return Ok(Vec::new()),
        Route::Rejected(code) => {
            layer.rejections.push(Rejection {
                event: event.id,
                code,
                key: None,
                met: None,
            });
            return Ok(Vec::new());
        }
        Route::Keys(keys) => keys,
    };
    let bytes = event.encode();
    let mut states = Vec::new();
    let mut rejected = None;
    for key in &keys {
        let now = layer.aggregates.get(key).or_else(|| below.get(key));
        let state = now.and_then(|now| now.state.as_deref());
        match rules.fold(engine, &topic, (key, state), &bytes)? {
            Ok(state) => states.push(state),
            Err(code) => {
                rejected = Some(Rejection {
                    event: event.id,
                    code,
                    key: Some(key.clone()),
                    met: now.and_then(|now| now.last),
                });
                break;
            }
        }
    }
    let accepted = rejected.is_none();
    layer.rejections.extend(rejected);
    let mut states = states.into_iter();
    for key in &keys {
        let from = || below.get(key).cloned().unwrap_or_default();
        let now = layer.aggregates.entry(key.clone()).or_insert_with(from);
        now.input = hash("synlog v1 view input", &[&now.input, &event.id.0]);
        if accepted {
            now.last = Some(event.id);
            now.state = states.next().flatten();
        }
    }
    Ok(if accepted { keys } else { Vec::new() })
}

fn project(
    layer: &mut Layer,
    mut changed: Vec<String>,
    engine: &mut dyn Engine,
    rules: &Rules,
    order: &TopicOrder,
) -> Result<(), Wrong> {
    changed.sort_unstable();
    changed.dedup();
    for key in changed {
        let Some(aggregate) = layer.aggregates.get_mut(&key) else {
            continue;
        };
        aggregate.rows = match &aggregate.state {
            None => Shown::default(),
            Some(state) => match rules.project(engine, &order.topic(), &key, state)? {
                Ok(rows) => Shown::Rows(rows),
                Err(code) => Shown::Code(code),
            },
        };
    }
    Ok(())
}

impl Aggregate {
    fn leaf(&self, key: &str) -> [u8; 32] {
        let (mut name, mut state, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        name.put_bytes(key.as_bytes());
        match &self.state {
            None => state.push(0),
            Some(bytes) => {
                state.push(1);
                state.put_bytes(bytes);
            }
        }
        match &self.rows {
            Shown::Rows(shown) => {
                rows.push(0);
                rows.put_varint(shown.len() as u64);
                for row in shown {
                    rows.put_varint(row.table as u64);
                    rows.put_bytes(row.sub.as_bytes());
                    rows.put_bytes(&row.columns.encode());
                }
            }
            Shown::Code(code) => {
                rows.push(1);
                rows.put_bytes(code.as_bytes());
            }
        }
        let state = hash("synlog v1 view state", &[&state]);
        let rows = hash("synlog v1 view rows", &[&rows]);
        hash("synlog v1 view leaf", &[&name, &self.input, &state, &rows])
    }
}

impl Rejection {
    fn leaf(&self) -> [u8; 32] {
        let mut out = self.event.0.to_vec();
        out.put_bytes(self.code.as_bytes());
        out.put_bytes(self.key.as_deref().unwrap_or_default().as_bytes());
        match &self.met {
            None => out.push(0),
            Some(met) => {
                out.push(1);
                out.extend_from_slice(&met.0);
            }
        }
        hash("synlog v1 view rejection", &[&out])
    }
}

impl Layer {
    fn root(&self) -> [u8; 32] {
        let aggregates = self.aggregates.iter().map(|(key, it)| it.leaf(key));
        let rejections = self.rejections.iter().map(Rejection::leaf);
        node(&tree(aggregates.collect()), &tree(rejections.collect()))
    }
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    hash("synlog v1 view node", &[left, right])
}

/// One that has no neighbour goes up as it is.
fn tree(mut nodes: Vec<[u8; 32]>) -> [u8; 32] {
    while nodes.len() > 1 {
        let pair = |pair: &[[u8; 32]]| match pair {
            [left, right] => node(left, right),
            _ => pair[0],
        };
        nodes = nodes.chunks(2).map(pair).collect();
    }
    nodes.first().copied().unwrap_or([0; 32])
}
