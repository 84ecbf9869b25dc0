//! Causal topics: one state of all entries. A late one folds again what stands behind it.

use std::collections::{BTreeMap, HashMap, HashSet};

use synlog_log::ids::{DeviceId, EntryId};

use crate::driver::positions;
use crate::error::ViewsError;
use crate::folding::{self, Slots, Step};
use crate::routing::{self, EventView, Route, SORT_KEY_LEN};
use crate::snapshots::{self, List, Listed, id_of, kept};
use crate::source::FoldLine;
use crate::store::Mark;
use crate::store::keys::{self, Layer};
use crate::store::record::Rejection;
use crate::work::{Flow, WithRole, Work, hash_lines, next_line};

/// The lines that are folded, while the program runs.
pub(crate) struct CausalMemory {
    lines: Vec<WithRole>,
    head: Option<EntryId>,
    legs: Vec<(DeviceId, u64)>,
}

/// Chunks of events that are edited into lists at a time: each time costs a commit.
const CHUNKS: usize = 8;

type Place = [u8; SORT_KEY_LEN];

/// An event that comes, goes or is folded again.
struct Loaded {
    bytes: Vec<u8>,
    place: Place,
    route: Route,
}

/// An aggregate whose events change.
struct Touched {
    list: List,
    /// Number of the first event that is folded.
    start: u64,
}

impl Work<'_> {
    /// Brings a causal topic up to date. `None`: what is folded is not of this order.
    pub(crate) fn causal(&mut self) -> Result<Option<Flow>, ViewsError> {
        let Some(mut memory) = self.causal_memory() else {
            return Ok(None);
        };
        let added = match self.lines_behind(&memory) {
            Some(added) => added,
            None => {
                let mut new = self.causal_lines(&memory);
                let pairs = memory.lines.iter().zip(&new);
                let same = pairs.take_while(|(a, b)| a == b).count();
                if same < memory.lines.len() {
                    return self.change(memory, new, same).map(Some);
                }
                new.split_off(same)
            }
        };
        let total = memory.lines.len() + added.len();
        let mut flow = Flow::Done;
        let mut rest = added.into_iter().peekable();
        let chunk_events = self.options.chunk_events.max(1).saturating_mul(CHUNKS);
        while rest.peek().is_some() {
            // lists and states are read from the store, so it has to have them
            if !self.slots.list.is_empty() {
                self.write_base()?;
                self.commit()?;
            }
            let chunk: Vec<WithRole> = rest.by_ref().take(chunk_events).collect();
            let (added, gap) = self.load_lines(&chunk)?;
            let taken = gap.unwrap_or(chunk.len());
            self.edit(BTreeMap::new(), added)?;
            for (id, role) in chunk.into_iter().take(taken) {
                self.record.lines += 1;
                self.record.lines_hash = next_line(&self.record.lines_hash, &id, &role);
                memory.lines.push((id, role));
            }
            if gap.is_some() {
                break;
            }
            if !self.report(total) {
                flow = Flow::Stopped;
                break;
            }
        }
        self.state.causal = Some(self.memory_of(memory.lines));
        Ok(Some(flow))
    }

    /// Puts lines in place of others, from the first that differs on.
    fn change(
        &mut self,
        mut memory: CausalMemory,
        new: Vec<WithRole>,
        same: usize,
    ) -> Result<Flow, ViewsError> {
        if self.change_lines(&memory.lines[same..], &new[same..])? {
            self.record.lines = new.len() as u64;
            self.record.lines_hash = hash_lines(&new);
            memory = self.memory_of(new);
        }
        self.state.causal = Some(memory);
        Ok(Flow::Done)
    }

    /// Whether the chain did no more than go on, so that roles stay as they were.
    fn chain_goes_on(&self, memory: &CausalMemory) -> bool {
        let head = self.order.head();
        let goes_on = match (&memory.head, &head) {
            (Some(old), Some(new)) => old == new || self.order.is_ancestor(old, new),
            (old, new) => old.is_none() && new.is_none(),
        };
        goes_on && memory.legs == self.order.legs()
    }

    /// The lines behind those that are folded, where those are as they were.
    fn lines_behind(&self, memory: &CausalMemory) -> Option<Vec<WithRole>> {
        if !self.chain_goes_on(memory) {
            return None;
        }
        let mut accepted = self.order.causal_accepted();
        for (id, _) in &memory.lines {
            if accepted.next() != Some(*id) {
                return None;
            }
        }
        let with_role = |id: EntryId| (id, self.order.role(&id).unwrap_or_default());
        Some(accepted.map(with_role).collect())
    }

    fn memory_of(&self, lines: Vec<WithRole>) -> CausalMemory {
        CausalMemory {
            lines,
            head: self.order.head(),
            legs: self.order.legs(),
        }
    }

    /// What is folded; after opening, the front of the order if its hash is that.
    fn causal_memory(&mut self) -> Option<CausalMemory> {
        if let Some(memory) = self.state.causal.take() {
            return Some(memory);
        }
        let accepted = self.order.lines().filter(|line| line.status.is_accepted());
        let lines: Vec<WithRole> = accepted
            .take(self.record.lines as usize)
            .map(|line| (line.id, self.order.role(&line.id).unwrap_or_default()))
            .collect();
        let fits =
            lines.len() as u64 == self.record.lines && hash_lines(&lines) == self.record.lines_hash;
        fits.then(|| self.memory_of(lines))
    }

    /// The accepted lines with their roles. Roles of lines that were there are looked up
    /// again only where the chain did more than go on.
    fn causal_lines(&self, memory: &CausalMemory) -> Vec<WithRole> {
        let goes_on = self.chain_goes_on(memory);
        let mut behind: Option<HashMap<EntryId, usize>> = None;
        let mut lines = Vec::with_capacity(memory.lines.len() + 16);
        for line in self.order.lines().filter(|line| line.status.is_accepted()) {
            let role = || self.order.role(&line.id).unwrap_or_default();
            let known = match memory.lines.get(lines.len()) {
                _ if !goes_on => None,
                Some((id, role)) if *id == line.id && behind.is_none() => Some(role),
                None if behind.is_none() => None,
                _ => behind
                    .get_or_insert_with(|| positions(memory.lines.iter().map(|(id, _)| id)))
                    .get(&line.id)
                    .map(|at| &memory.lines[*at].1),
            };
            let role = known.cloned().unwrap_or_else(role);
            lines.push((line.id, role));
        }
        lines
    }

    /// Takes lines out and puts others in. `false`: a payload is not here, nothing was done.
    fn change_lines(&mut self, old: &[WithRole], new: &[WithRole]) -> Result<bool, ViewsError> {
        let stays: HashSet<&WithRole> = {
            let old: HashSet<&WithRole> = old.iter().collect();
            new.iter().filter(|line| old.contains(line)).collect()
        };
        let only = |lines: &[WithRole]| -> Vec<WithRole> {
            let gone = lines.iter().filter(|line| !stays.contains(line));
            gone.cloned().collect()
        };
        let (removed, gap) = self.load_lines(&only(old))?;
        let (added, other_gap) = match gap {
            None => self.load_lines(&only(new))?,
            Some(_) => (BTreeMap::new(), gap),
        };
        if other_gap.is_some() {
            return Ok(false);
        }
        self.edit(removed, added)?;
        Ok(true)
    }

    /// Loads and routes lines, up to the first whose payload is not here.
    fn load_lines(
        &mut self,
        lines: &[WithRole],
    ) -> Result<(BTreeMap<Place, Loaded>, Option<usize>), ViewsError> {
        let wanted: Vec<FoldLine> = lines
            .iter()
            .map(|(id, role)| FoldLine {
                id: *id,
                sequenced: false,
                role: role.clone(),
            })
            .collect();
        let loaded = self.load(&wanted)?;
        let gap = loaded.gap();
        if let Some(gap) = gap {
            self.update.waits_for = Some(lines[gap].0);
        }
        let views = loaded.until_gap().zip(lines);
        let views: Vec<EventView<'_>> = views
            .map(|(bytes, (id, _))| EventView::of(bytes, id))
            .collect::<Result<_, _>>()?;
        let is_ancestor = routing::ancestors(self.order, &views);
        let routes = routing::route(&self.topic, self.reducer, &views, &is_ancestor)?;
        let events = views.iter().zip(routes).map(|(view, route)| {
            let bytes = view.bytes.to_vec();
            let place = view.sort_key(&self.topic);
            (
                place,
                Loaded {
                    bytes,
                    place,
                    route,
                },
            )
        });
        Ok((events.collect(), gap))
    }

    /// Takes events out of aggregates and puts others in; folds what stands behind.
    fn edit(
        &mut self,
        removed: BTreeMap<Place, Loaded>,
        added: BTreeMap<Place, Loaded>,
    ) -> Result<(), ViewsError> {
        let mut touched: BTreeMap<String, Touched> = BTreeMap::new();
        for event in removed.values() {
            self.unreject(&event.place)?;
            if let Route::Keys(keys) = &event.route {
                for key in keys {
                    self.take_out(&mut touched, key, &event.place)?;
                }
            }
        }
        let joint = |route: &Route| matches!(route, Route::Keys(keys) if keys.len() > 1);
        for event in added.values() {
            match &event.route {
                Route::Kernel => {}
                Route::Rejected(code) => {
                    let listed = Listed {
                        place: event.place,
                        joint: false,
                        rejected: true,
                    };
                    let rejection = Rejection {
                        event: listed.id(),
                        code: code.clone(),
                        key: None,
                        met: None,
                    };
                    self.reject(Layer::Base, &event.place, Mark::NONE, &rejection);
                }
                Route::Keys(keys) => {
                    for key in keys {
                        let listed = Listed {
                            place: event.place,
                            joint: joint(&event.route),
                            rejected: false,
                        };
                        self.put_in(&mut touched, key, listed)?;
                    }
                }
            }
        }
        let fresh: HashSet<Place> = added.keys().copied().collect();
        let mut events = added;
        self.settle_joint(&mut touched, &mut events)?;
        self.fold_touched(touched, &events, &fresh)
    }

    /// The rejection at a place is none any more.
    fn unreject(&mut self, place: &Place) -> Result<(), ViewsError> {
        let key = keys::rejection(Layer::Base, &self.topic, place);
        if let Some((mark, _)) = self.store.get(&key)? {
            self.batch.remove(&key, mark);
        }
        Ok(())
    }

    fn touch<'t>(
        &self,
        touched: &'t mut BTreeMap<String, Touched>,
        key: &str,
    ) -> Result<&'t mut Touched, ViewsError> {
        if !touched.contains_key(key) {
            let count = self.stored(Layer::Base, key)?.0.count;
            let list = List::new(count);
            touched.insert(key.to_owned(), Touched { list, start: count });
        }
        touched
            .get_mut(key)
            .ok_or_else(|| ViewsError::Damaged("an aggregate".into()))
    }

    fn take_out(
        &mut self,
        touched: &mut BTreeMap<String, Touched>,
        key: &str,
        place: &Place,
    ) -> Result<(), ViewsError> {
        let aggregate = self.touch(touched, key)?;
        let at = aggregate.list.find(self.store, &self.topic, key, place)?;
        let index = (at - aggregate.list.before) as usize;
        let found = aggregate.list.tail.get(index).copied();
        if found.is_none_or(|listed| listed.place != *place) {
            return Err(ViewsError::Damaged("an event is not in its list".into()));
        }
        aggregate.list.tail.remove(index);
        aggregate.start = aggregate.start.min(at);
        Ok(())
    }

    fn put_in(
        &mut self,
        touched: &mut BTreeMap<String, Touched>,
        key: &str,
        listed: Listed,
    ) -> Result<(), ViewsError> {
        let aggregate = self.touch(touched, key)?;
        let at = aggregate
            .list
            .find(self.store, &self.topic, key, &listed.place)?;
        let index = (at - aggregate.list.before) as usize;
        aggregate.list.tail.insert(index, listed);
        aggregate.start = aggregate.start.min(at);
        Ok(())
    }

    /// Finds from where each aggregate is folded: an event of several keys is folded in
    /// all of them. Loads what is folded again.
    fn settle_joint(
        &mut self,
        touched: &mut BTreeMap<String, Touched>,
        events: &mut BTreeMap<Place, Loaded>,
    ) -> Result<(), ViewsError> {
        let mut open: Vec<String> = touched.keys().cloned().collect();
        while let Some(key) = open.pop() {
            let Some(aggregate) = touched.get_mut(&key) else {
                continue;
            };
            let count = aggregate.list.count;
            // where events only come at the end the state as it stands is the nearest
            if aggregate.start < count {
                let at_most = aggregate.start;
                let from = snapshots::below(self.store, &self.topic, &key, count, at_most)?;
                aggregate.start = from.count;
            }
            let start = aggregate.start;
            aggregate.list.reach(self.store, &self.topic, &key, start)?;
            let suffix = aggregate.list.from(start);
            let missing = suffix.iter().filter(|it| !events.contains_key(&it.place));
            let missing: Vec<WithRole> = missing
                .map(|it| (it.id(), self.order.role(&it.id()).unwrap_or_default()))
                .collect();
            let joint: Vec<Place> = suffix
                .iter()
                .filter(|listed| listed.joint)
                .map(|listed| listed.place)
                .collect();
            let (loaded, gap) = self.load_lines(&missing)?;
            if gap.is_some() {
                return Err(crate::SourceError("an event that was folded is gone".into()).into());
            }
            events.extend(loaded);
            for place in joint {
                let Some(Route::Keys(keys)) = events.get(&place).map(|event| event.route.clone())
                else {
                    continue;
                };
                for other in keys.iter().filter(|other| **other != key) {
                    let aggregate = self.touch(touched, other)?;
                    let at = aggregate
                        .list
                        .find(self.store, &self.topic, other, &place)?;
                    if at < aggregate.start {
                        aggregate.start = at;
                        open.push(other.clone());
                    }
                }
            }
        }
        Ok(())
    }

    fn fold_touched(
        &mut self,
        mut touched: BTreeMap<String, Touched>,
        events: &BTreeMap<Place, Loaded>,
        fresh: &HashSet<Place>,
    ) -> Result<(), ViewsError> {
        self.slots = Slots::default();
        let mut places: BTreeMap<Place, bool> = BTreeMap::new();
        for (key, aggregate) in &touched {
            let (mut now, stored, mark) = self.stored(Layer::Base, key)?;
            let (count, start) = (aggregate.list.count, aggregate.start);
            if start < count {
                let showing = now.showing;
                now = snapshots::below(self.store, &self.topic, key, count, start)?;
                now.showing = showing;
            }
            let after = aggregate.list.before + aggregate.list.tail.len() as u64;
            let slot = self.slots.add(key, now, stored, mark);
            let slot = &mut self.slots.list[slot];
            (slot.touched, slot.refolded) = (true, start < count);
            slot.wanted = kept(after).into_iter().filter(|it| *it > start).collect();
            for listed in aggregate.list.from(start) {
                let rejected = places.entry(listed.place).or_default();
                *rejected |= listed.rejected;
            }
        }
        let steps: Vec<Step<'_>> = places
            .keys()
            .filter_map(|place| events.get(place))
            .filter_map(|event| match &event.route {
                Route::Keys(keys) => Some(Step {
                    id: id_of(&event.place),
                    bytes: &event.bytes,
                    slots: keys.iter().filter_map(|key| self.slots.find(key)).collect(),
                }),
                _ => None,
            })
            .collect();
        if steps.len() != places.len() {
            return Err(ViewsError::Damaged(
                "a list names what is no event of it".into(),
            ));
        }
        let rejections = folding::fold(
            &self.topic,
            self.reducer,
            (&mut self.slots, self.options.written_max),
            &steps,
            &mut self.state.halted,
        )?;
        let mut rejected: HashMap<Place, bool> = HashMap::new();
        for ((place, before), rejection) in places.iter().zip(&rejections) {
            let again = !fresh.contains(place);
            self.update.refolded += u64::from(again);
            self.update.folded += u64::from(!again);
            let key = keys::rejection(Layer::Base, &self.topic, place);
            let old = match before {
                true => self.store.get(&key)?.map(|(mark, _)| mark),
                false => None,
            };
            rejected.insert(*place, rejection.is_some());
            match (rejection, old) {
                (Some(rejection), old) => {
                    self.reject(Layer::Base, place, old.unwrap_or_default(), rejection);
                }
                (None, Some(mark)) => self.batch.remove(&key, mark),
                (None, None) => {}
            }
        }
        for (key, aggregate) in &mut touched {
            let list = &mut aggregate.list;
            for listed in &mut list.tail {
                if let Some(now) = rejected.get(&listed.place) {
                    listed.rejected = *now;
                }
            }
            list.write(&mut self.batch, &self.topic, key);
            let Some(slot) = self.slots.get(key) else {
                continue;
            };
            let counts = (list.count, aggregate.start, slot.now.count);
            let of = (&self.topic, &key[..]);
            snapshots::write(self.store, &mut self.batch, of, counts, &slot.captured)?;
        }
        Ok(())
    }
}
