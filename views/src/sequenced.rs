//! The sequenced prefix of an ordered topic: folded once, never again.

use synlog_log::order::Placed;

use crate::error::ViewsError;
use crate::folding::{self, Step};
use crate::routing::{self, EventView, Route};
use crate::source::FoldLine;
use crate::store::Mark;
use crate::store::keys::Layer;
use crate::store::record::Rejection;
use crate::work::{Flow, Work, next_line};

impl Work<'_> {
    /// Whether the lines folded so far are still the front of the prefix.
    pub(crate) fn prefix_holds(&self) -> bool {
        let lines = self.record.lines as usize;
        if lines > self.order.prefix_len() {
            return false;
        }
        let Some(before) = lines.checked_sub(1) else {
            return true;
        };
        let last = self.order.prefix_from(before).next().map(|line| line.id);
        if last != self.record.last_line {
            return false;
        }
        // The last line is an entry of the chain; with the same devices in the same legs
        // what leads up to it is the same. Otherwise, or after opening, all is compared.
        if self
            .state
            .legs
            .as_ref()
            .is_some_and(|legs| self.order.legs().starts_with(legs))
        {
            return true;
        }
        let mut hash = [0; 32];
        for line in self.order.placed_from(0).take(lines) {
            if line.status.is_accepted() {
                hash = next_line(&hash, &line.id, line.role);
            }
        }
        hash == self.record.lines_hash
    }

    /// Folds what was added to the prefix.
    pub(crate) fn sequenced(&mut self) -> Result<Flow, ViewsError> {
        let order = self.order;
        let whole = order.prefix_len();
        loop {
            let from = self.record.lines as usize;
            let chunk: Vec<Placed<'_>> = order
                .placed_from(from)
                .take(self.options.chunk_events.max(1))
                .collect();
            if chunk.is_empty() {
                return Ok(Flow::Done);
            }
            let taken = self.fold_lines(from, &chunk)?;
            let waits = taken < chunk.len();
            if self.is_full() {
                self.write_base()?;
                self.commit()?;
            }
            if waits {
                return Ok(Flow::Done);
            }
            if !self.report(whole) {
                return Ok(Flow::Stopped);
            }
        }
    }

    /// Folds some lines; gives how many, up to the first whose payload is not here.
    fn fold_lines(&mut self, from: usize, chunk: &[Placed<'_>]) -> Result<usize, ViewsError> {
        let mut taken = chunk.len();
        let mut wanted = Vec::with_capacity(chunk.len());
        let mut places = Vec::with_capacity(chunk.len());
        for (index, line) in chunk.iter().enumerate() {
            if line.status.is_accepted() {
                places.push(index);
                wanted.push(FoldLine {
                    id: line.id,
                    sequenced: true,
                    role: line.role.clone(),
                });
            }
        }
        let loaded = self.load(&wanted)?;
        if let Some(gap) = loaded.gap() {
            self.update.waits_for = Some(wanted[gap].id);
            taken = places[gap];
        }
        let events = loaded.until_gap().zip(&wanted);
        let events: Vec<EventView<'_>> = events
            .map(|(bytes, line)| EventView::of(bytes, &line.id))
            .collect::<Result<_, _>>()?;
        let order = self.order;
        let is_ancestor =
            |event: usize, ancestor: &_| order.leads_to(ancestor, &chunk[places[event]]);
        let routes = routing::route(&self.topic, self.reducer, &events, &is_ancestor)?;
        let mut steps = Vec::with_capacity(events.len());
        let mut step_places = Vec::with_capacity(events.len());
        for ((event, route), place) in events.iter().zip(routes).zip(&places) {
            let place = ((from + place) as u64).to_be_bytes();
            match route {
                Route::Kernel => {}
                Route::Rejected(code) => {
                    let rejection = Rejection {
                        event: event.id,
                        code,
                        key: None,
                        met: None,
                    };
                    self.reject(Layer::Base, &place, Mark::NONE, &rejection);
                }
                Route::Keys(keys) => {
                    let slots = keys.iter().map(|key| self.base_slot(key));
                    steps.push(Step {
                        id: event.id,
                        bytes: event.bytes,
                        slots: slots.collect::<Result<_, _>>()?,
                    });
                    step_places.push(place);
                }
            }
        }
        let rejections = folding::fold(
            &self.topic,
            self.reducer,
            (&mut self.slots, self.options.written_max),
            &steps,
            &mut self.state.halted,
        )?;
        self.update.folded += steps.len() as u64;
        for (rejection, place) in rejections.iter().zip(&step_places) {
            if let Some(rejection) = rejection {
                self.reject(Layer::Base, place, Mark::NONE, rejection);
            }
        }
        for line in wanted.iter().take(events.len()) {
            self.record.lines_hash = next_line(&self.record.lines_hash, &line.id, &line.role);
        }
        if let Some(last) = chunk[..taken].last() {
            self.record.lines += taken as u64;
            self.record.last_line = Some(last.id);
        }
        Ok(taken)
    }
}
