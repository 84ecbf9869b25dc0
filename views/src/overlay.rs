//! Tentative events on top of the sequenced state: kept apart, thrown away where the
//! order or the ground under them moves.
//!
//! An aggregate has an overlay record only while a tentative event has changed it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use synlog_log::ids::EntryId;

use crate::error::ViewsError;
use crate::folding::{self, Slot, Slots, Step};
use crate::routing::{self, EventView, Route, SORT_KEY_LEN};
use crate::source::FoldLine;
use crate::store::Mark;
use crate::store::keys::{self, Layer};
use crate::store::record::{Aggregate, Rejection, Showing};
use crate::work::{Work, next_line, project};

/// A tentative event that is folded.
struct Tentative {
    id: EntryId,
    role: Arc<str>,
    /// Sorts like the order.
    place: [u8; SORT_KEY_LEN],
    route: Route,
    outcome: Option<Rejection>,
    /// Its bytes, where they were loaded in this update.
    bytes: Option<Vec<u8>>,
}

/// What is known of the overlay while the program runs.
#[derive(Default)]
pub(crate) struct OverlayMemory {
    events: Vec<Tentative>,
    /// Events by aggregate, in order.
    lists: HashMap<String, Vec<EntryId>>,
    /// Aggregates that have an overlay record.
    records: HashSet<String>,
    /// Rejections on disk by place, found on opening.
    found: HashMap<Vec<u8>, Rejection>,
}

/// Which events, by index, an aggregate has, and from which on they are folded.
struct Plan {
    events: Vec<usize>,
    start: usize,
}

impl Work<'_> {
    /// Brings the overlay up to date. The sequenced part must be.
    pub(crate) fn overlay(&mut self) -> Result<(), ViewsError> {
        let mut old = match self.state.overlay.take() {
            Some(memory) => memory,
            None => self.found_overlay()?,
        };
        let slots = self.slots.list.iter().filter(|slot| slot.touched);
        let moved = slots.map(|slot| slot.key.clone());
        let mut moved: HashSet<String> = moved.collect();
        moved.extend(std::mem::take(&mut self.moved));
        let (mut events, fresh) = self.tentative_events(&mut old)?;
        let mut plans = plans(&events, &old, &moved, &fresh);
        settle_starts(&events, &mut plans);
        let folded = refolded(&events, &plans);
        if !self.load_again(&mut events, &folded)? {
            return Ok(());
        }
        let mut over = Slots::default();
        for (key, plan) in &plans {
            if plan.start < plan.events.len() {
                self.overlay_slot(&mut over, &old, key, plan.start)?;
            }
        }
        let outcomes = self.fold_overlay(&events, &folded, &mut over)?;
        let mut records = std::mem::take(&mut old.records);
        self.write_overlay(&mut over, &plans, &mut records)?;
        let before = previous(&old);
        for (event, outcome) in folded.iter().zip(outcomes) {
            events[*event].outcome = outcome;
        }
        self.write_rejections(&events, before);
        self.update.refolded += folded.iter().filter(|event| !fresh.contains(event)).count() as u64;
        self.update.folded += folded.iter().filter(|event| fresh.contains(event)).count() as u64;
        self.record.overlaid = records.len() as u64;
        let hash = |hash: [u8; 32], event: &Tentative| next_line(&hash, &event.id, &event.role);
        self.record.tentative_hash = events.iter().fold([0; 32], hash);
        let mut lists: HashMap<String, Vec<EntryId>> = HashMap::new();
        for (key, plan) in plans {
            let ids = plan.events.iter().map(|event| events[*event].id);
            lists.insert(key, ids.collect());
        }
        events.iter_mut().for_each(|event| event.bytes = None);
        self.state.overlay = Some(OverlayMemory {
            events,
            lists,
            records,
            found: HashMap::new(),
        });
        Ok(())
    }

    /// What an earlier run of the program left.
    fn found_overlay(&self) -> Result<OverlayMemory, ViewsError> {
        let mut memory = OverlayMemory::default();
        for item in self
            .store
            .scan(&keys::aggregate(Layer::Overlay, &self.topic, ""))
        {
            let (key, _) = item?;
            memory
                .records
                .extend(keys::aggregate_key(&key).map(str::to_owned));
        }
        let prefix = keys::rejection(Layer::Overlay, &self.topic, &[]);
        for item in self.store.scan(&prefix) {
            let (key, (_, payload)) = item?;
            let place = key[prefix.len()..].to_vec();
            memory.found.insert(place, Rejection::decode(&payload)?);
        }
        Ok(memory)
    }

    /// The events to fold, and which of them are new.
    fn tentative_events(
        &mut self,
        old: &mut OverlayMemory,
    ) -> Result<(Vec<Tentative>, HashSet<usize>), ViewsError> {
        let mut known: HashMap<EntryId, &mut Tentative> = HashMap::new();
        for event in &mut old.events {
            known.insert(event.id, event);
        }
        let mut events = Vec::new();
        let mut wanted = Vec::new();
        for line in self
            .order
            .tentative()
            .filter(|line| line.status.is_accepted())
        {
            let role = self.order.role(&line.id).unwrap_or_default();
            match known.get(&line.id).filter(|event| event.role == role) {
                Some(event) => events.push(Tentative {
                    id: event.id,
                    role,
                    place: event.place,
                    route: event.route.clone(),
                    outcome: event.outcome.clone(),
                    bytes: None,
                }),
                None => {
                    wanted.push((
                        events.len(),
                        FoldLine {
                            id: line.id,
                            sequenced: false,
                            role: role.clone(),
                        },
                    ));
                    events.push(Tentative {
                        id: line.id,
                        role,
                        place: [0; SORT_KEY_LEN],
                        route: Route::Kernel,
                        outcome: None,
                        bytes: None,
                    });
                }
            }
        }
        let lines: Vec<FoldLine> = wanted.iter().map(|(_, line)| line.clone()).collect();
        let loaded = self.load(&lines)?;
        if let Some(gap) = loaded.gap() {
            self.update.waits_for = Some(lines[gap].id);
            events.truncate(wanted[gap].0);
            wanted.truncate(gap);
        }
        let views = loaded
            .until_gap()
            .zip(&lines)
            .map(|(bytes, line)| EventView::of(bytes, &line.id));
        let views: Vec<EventView<'_>> = views.collect::<Result<_, _>>()?;
        let is_ancestor = routing::ancestors(self.order, &views);
        let routes = routing::route(&self.topic, self.reducer, &views, &is_ancestor)?;
        for ((view, route), (event, _)) in views.iter().zip(routes).zip(&wanted) {
            let event = &mut events[*event];
            event.place = view.sort_key(&self.topic);
            event.outcome = match &route {
                Route::Rejected(code) => Some(Rejection {
                    event: event.id,
                    code: code.clone(),
                    key: None,
                    met: None,
                }),
                _ => None,
            };
            event.route = route;
            event.bytes = Some(view.bytes.to_vec());
        }
        let fresh = wanted.iter().map(|(event, _)| *event).collect();
        Ok((events, fresh))
    }

    /// Loads the bytes of events that are folded once more. `false`: one is not here.
    fn load_again(
        &mut self,
        events: &mut [Tentative],
        folded: &[usize],
    ) -> Result<bool, ViewsError> {
        let missing: Vec<usize> = folded
            .iter()
            .copied()
            .filter(|event| events[*event].bytes.is_none())
            .collect();
        let lines: Vec<FoldLine> = missing
            .iter()
            .map(|event| FoldLine {
                id: events[*event].id,
                sequenced: false,
                role: events[*event].role.clone(),
            })
            .collect();
        let loaded = self.load(&lines)?;
        for (number, (event, line)) in missing.into_iter().zip(&lines).enumerate() {
            let Some(bytes) = loaded.get(number) else {
                self.update.waits_for = Some(line.id);
                return Ok(false);
            };
            events[event].bytes = Some(bytes.to_vec());
        }
        Ok(true)
    }

    fn overlay_slot(
        &self,
        over: &mut Slots,
        old: &OverlayMemory,
        key: &str,
        start: usize,
    ) -> Result<(), ViewsError> {
        let (mut now, stored, mark) = match old.records.contains(key) {
            true => self.stored(Layer::Overlay, key)?,
            false => (Aggregate::default(), None, Mark::NONE),
        };
        if start == 0 {
            now = self.base(key)?;
            now.showing = Showing::default();
        }
        over.add(key, now, stored, mark);
        Ok(())
    }

    fn fold_overlay(
        &mut self,
        events: &[Tentative],
        folded: &[usize],
        over: &mut Slots,
    ) -> Result<Vec<Option<Rejection>>, ViewsError> {
        let step = |event: &usize| {
            let event = &events[*event];
            let Route::Keys(keys) = &event.route else {
                return None;
            };
            Some(Step {
                id: event.id,
                bytes: event.bytes.as_deref()?,
                slots: keys.iter().filter_map(|key| over.find(key)).collect(),
            })
        };
        let steps: Vec<Step<'_>> = folded.iter().filter_map(step).collect();
        folding::fold(
            &self.topic,
            self.reducer,
            (over, self.options.written_max),
            &steps,
            &mut self.state.halted,
        )
    }

    /// Writes overlay records that are new or different, removes those that are not there any more.
    fn write_overlay(
        &mut self,
        over: &mut Slots,
        plans: &HashMap<String, Plan>,
        records: &mut HashSet<String>,
    ) -> Result<(), ViewsError> {
        let mut changed: Vec<&mut Slot> = Vec::new();
        let mut gone: Vec<String> = records
            .iter()
            .filter(|key| !plans.contains_key(*key))
            .cloned()
            .collect();
        for slot in over.list.iter_mut() {
            let differs = slot.now.last != self.base(&slot.key)?.last;
            if differs {
                changed.push(slot);
            } else if records.contains(&slot.key) {
                gone.push(slot.key.clone());
            }
        }
        // the ground may have moved under the same events, so rows are always asked for
        let mut showings: Vec<Option<Aggregate>> = Vec::new();
        for slot in &mut changed {
            showings.push(slot.stored.take());
        }
        let room = self.options.written_max;
        project(&self.topic, self.reducer, &mut changed, room)?;
        for (slot, stored) in changed.into_iter().zip(showings) {
            let base = self.base(&slot.key)?;
            records.insert(slot.key.clone());
            self.note(&slot.key, base.showing.tables());
            let (mark, now) = (slot.mark, &mut slot.now);
            self.write(
                Layer::Overlay,
                &slot.key,
                (stored.as_ref(), mark),
                now,
                true,
            );
        }
        for key in gone {
            records.remove(&key);
            let (_, stored, mark) = self.stored(Layer::Overlay, &key)?;
            if let Some(stored) = stored {
                self.note(&key, self.base(&key)?.showing.tables());
                self.erase(Layer::Overlay, &key, &stored.showing, mark);
            }
        }
        Ok(())
    }

    fn write_rejections(&mut self, events: &[Tentative], mut before: HashMap<Vec<u8>, Rejection>) {
        for event in events {
            let old = before.remove(&event.place[..]);
            if old == event.outcome {
                continue;
            }
            let key = keys::rejection(Layer::Overlay, &self.topic, &event.place);
            if let Some(old) = old {
                self.batch.remove_known(&key, &old.encode());
            }
            if let Some(rejection) = &event.outcome {
                self.reject(Layer::Overlay, &event.place, Mark::NONE, rejection);
            }
        }
        for (place, old) in before {
            let key = keys::rejection(Layer::Overlay, &self.topic, &place);
            self.batch.remove_known(&key, &old.encode());
        }
    }
}

/// The rejections on disk, by place.
fn previous(old: &OverlayMemory) -> HashMap<Vec<u8>, Rejection> {
    let mut before = old.found.clone();
    for event in &old.events {
        if let Some(rejection) = &event.outcome {
            before.insert(event.place.to_vec(), rejection.clone());
        }
    }
    before
}

fn plans(
    events: &[Tentative],
    old: &OverlayMemory,
    moved: &HashSet<String>,
    fresh: &HashSet<usize>,
) -> HashMap<String, Plan> {
    let mut plans: HashMap<String, Plan> = HashMap::new();
    for (number, event) in events.iter().enumerate() {
        if let Route::Keys(keys) = &event.route {
            for key in keys {
                let plan = plans.entry(key.clone()).or_insert_with(|| Plan {
                    events: Vec::new(),
                    start: 0,
                });
                plan.events.push(number);
            }
        }
    }
    for (key, plan) in &mut plans {
        let Some(before) = old.lists.get(key).filter(|_| !moved.contains(key)) else {
            continue;
        };
        let stays = before.len() <= plan.events.len()
            && plan
                .events
                .iter()
                .zip(before)
                .all(|(event, id)| events[*event].id == *id && !fresh.contains(event));
        // without a record what was rejected before is not counted anywhere
        let appended = before.len() < plan.events.len();
        let grows = !appended || old.records.contains(key);
        if stays && grows {
            plan.start = before.len();
        }
    }
    plans
}

/// An event that is folded in one of its aggregates is folded in all of them.
fn settle_starts(events: &[Tentative], plans: &mut HashMap<String, Plan>) {
    loop {
        let mut whole: HashSet<&str> = HashSet::new();
        for (number, event) in events.iter().enumerate() {
            let Route::Keys(keys) = &event.route else {
                continue;
            };
            if keys.len() < 2 {
                continue;
            }
            let is_folded = |key: &String| {
                plans
                    .get(key)
                    .is_some_and(|plan| plan.events[plan.start..].binary_search(&number).is_ok())
            };
            if keys.iter().any(is_folded) {
                whole.extend(
                    keys.iter()
                        .filter(|key| !is_folded(key))
                        .map(|key| &key[..]),
                );
            }
        }
        if whole.is_empty() {
            return;
        }
        for key in whole {
            if let Some(plan) = plans.get_mut(key) {
                plan.start = 0;
            }
        }
    }
}

/// The events that are folded, in their order.
fn refolded(events: &[Tentative], plans: &HashMap<String, Plan>) -> Vec<usize> {
    let mut folded = vec![false; events.len()];
    for plan in plans.values() {
        for event in &plan.events[plan.start..] {
            folded[*event] = true;
        }
    }
    (0..events.len()).filter(|event| folded[*event]).collect()
}
