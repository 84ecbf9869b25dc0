//! Folding, routing and projecting: together where that can't be seen, singly where it
//! decides.
//!
//! **Shared**: one instance serves call after call, with a part of the budgets. Whatever
//! is unusual there (a trap, a used-up budget, an output that does not decode, large
//! states, growing memory) counts for nothing.
//! **Single**: one event, a fresh instance, whole budgets. It is the meaning.
//! **Echo**: when a call is checked, what was run singly is run again, twice, in an
//! instance that has served other checked calls. A shared result or an echo that differs
//! from the single one condemns the reducer.

use std::ops::Range;

use synlog_log::fold::{
    BAD_OUTPUT, Folded, Halt, OVER_BUDGET, Projected, Routed, STATE_MAX, TRAPPED,
};

use wasmtime::InstancePre;

use crate::call::{
    Aggregate, Batch, FoldOutput, Wrong, id_of, kind_of, put_fold_head, put_project, read_fold,
    read_project, read_route,
};
use crate::instance::{Budget, Failure, Function, Instance};
use crate::module::Module;
use crate::probation::{Checks, Probation};

/// Bytes of a state up to which events are folded together.
const SHARED_STATE_MAX: usize = STATE_MAX / 4;
/// Pages that an instance may have grown by and still serve another call.
const SHARED_PAGES_MAX: u64 = 64;

/// Calls in one reducer after which compiling it once more pays.
const HASTE_CALLS: u32 = 2_000;
/// So many calls may run out of gas because it was counted too high.
const HASTE_SPENT_MAX: u32 = 16;

/// An instance that serves several calls.
#[derive(Default)]
struct Seat {
    instance: Option<Instance>,
    calls: u32,
    /// Whether memory that grows is no matter: an echo is to show what comes of it.
    may_grow: bool,
    haste: Haste,
}

/// Whether calls run in the module whose gas is counted at least.
#[derive(Default)]
struct Haste {
    wanted: bool,
    /// Calls that ran out of gas there.
    spent: u32,
}

pub(crate) struct Runner {
    module: Module,
    checks: Checks,
    probation: Probation,
    condemned: Option<String>,
    shared: Seat,
    echo: Seat,
    head: Vec<u8>,
    /// Calls of the shared instance so far.
    calls: u32,
}

type Run<T> = Result<T, Halt>;
/// A result, or the code of the host for why there is none.
type Outcome<T> = Result<T, Wrong>;

fn fresh(module: &InstancePre<()>) -> Run<Instance> {
    Instance::new(module).map_err(|failure| Halt::Host(format!("no instance: {failure:?}")))
}

impl Seat {
    /// Runs a call; nothing where it was unusual.
    fn run<T>(
        &mut self,
        module: &Module,
        calls_max: u32,
        function: Function,
        pieces: &[&[u8]],
        read: &impl Fn(&[u8]) -> Outcome<T>,
    ) -> Run<Option<T>> {
        if self.calls >= calls_max {
            self.instance = None;
        }
        let instance = match &mut self.instance {
            Some(instance) => instance,
            empty => {
                self.calls = 0;
                let hasty = match self.haste.wanted && self.haste.spent < HASTE_SPENT_MAX {
                    true => module.hasty(),
                    false => None,
                };
                empty.insert(fresh(hasty.unwrap_or(&module.pre))?)
            }
        };
        let before = instance.grown_pages();
        let outcome = match instance.call(function, Budget::SHARED, pieces) {
            Ok(output) => read(output).ok(),
            Err(Failure::Host(text)) => return Err(Halt::Host(text)),
            Err(failure) => {
                self.haste.spent += u32::from(failure == Failure::OverBudget);
                None
            }
        };
        let grown = instance.grown_pages();
        self.calls += 1;
        // The first call of an instance mostly makes its heap.
        let steady = grown == before || self.calls == 1 || self.may_grow;
        if outcome.is_none() || grown > SHARED_PAGES_MAX {
            self.instance = None;
        }
        Ok(outcome.filter(|_| steady && grown <= SHARED_PAGES_MAX))
    }
}

impl Runner {
    pub(crate) fn new(module: Module, checks: Checks) -> Self {
        let kinds = module.manifest.events.len();
        Self {
            module,
            checks,
            probation: Probation::new(checks, kinds),
            condemned: None,
            shared: Seat::default(),
            echo: Seat {
                may_grow: true,
                ..Seat::default()
            },
            head: Vec::new(),
            calls: 0,
        }
    }

    fn start(&mut self) -> Run<()> {
        // A fresh instance for each call of the host: none lives on between calls, so
        // that many reducers can share a machine's pool.
        self.calls = self.calls.saturating_add(self.shared.calls);
        self.shared.instance = None;
        self.shared.haste.wanted = self.calls >= HASTE_CALLS;
        if self.probation.is_over() {
            self.echo.instance = None;
        }
        match &self.condemned {
            Some(reason) => Err(Halt::Condemned(reason.clone())),
            None => Ok(()),
        }
    }

    fn condemn<T>(&mut self, what: &str, name: &[u8]) -> Run<T> {
        let name = match std::str::from_utf8(name) {
            Ok(text) if what == "project" => text.to_owned(),
            _ => name.iter().map(|byte| format!("{byte:02x}")).collect(),
        };
        let thing = if what == "project" {
            "aggregate"
        } else {
            "event"
        };
        let reason = format!("`{what}` gives something else for {thing} {name} after other calls");
        self.condemned = Some(reason.clone());
        Err(Halt::Condemned(reason))
    }

    /// One call in a fresh instance with whole budgets.
    fn single<T>(
        &self,
        function: Function,
        pieces: &[&[u8]],
        read: &impl Fn(&[u8]) -> Outcome<T>,
    ) -> Run<Outcome<T>> {
        match fresh(&self.module.pre)?.call(function, Budget::WHOLE, pieces) {
            Ok(output) => Ok(read(output)),
            Err(Failure::Trapped) => Ok(Err(TRAPPED)),
            Err(Failure::OverBudget) => Ok(Err(OVER_BUDGET)),
            Err(Failure::BadOutput) => Ok(Err(BAD_OUTPUT)),
            Err(Failure::Host(text)) => Err(Halt::Host(text)),
        }
    }

    /// Whether the same call after other calls gives the same.
    fn echoes<T: PartialEq>(
        &mut self,
        function: Function,
        pieces: &[&[u8]],
        read: &impl Fn(&[u8]) -> Outcome<T>,
        single: &Outcome<T>,
    ) -> Run<bool> {
        for _ in 0..2 {
            let calls_max = self.checks.instance_calls;
            let again = self
                .echo
                .run(&self.module, calls_max, function, pieces, read)?;
            if again.is_some_and(|again| single.as_ref() != Ok(&again)) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// A call for one event or aggregate.
    fn decide<T: PartialEq>(
        &mut self,
        (function, what): (Function, &str),
        name: &[u8],
        checked: bool,
        pieces: &[&[u8]],
        read: impl Fn(&[u8]) -> Outcome<T>,
    ) -> Run<Outcome<T>> {
        let calls_max = self.checks.instance_calls;
        let shared = self
            .shared
            .run(&self.module, calls_max, function, pieces, &read)?;
        match shared {
            Some(shared) if !checked => Ok(Ok(shared)),
            shared => {
                let single = self.single(function, pieces, &read)?;
                let differs = shared.is_some_and(|shared| single.as_ref() != Ok(&shared));
                if differs || (checked && !self.echoes(function, pieces, &read, &single)?) {
                    return self.condemn(what, name);
                }
                Ok(single)
            }
        }
    }

    pub(crate) fn route(&mut self, batch: &Batch) -> Run<Vec<Routed>> {
        self.start()?;
        let mut all = Vec::new();
        for aggregate in batch.aggregates() {
            for index in 0..aggregate.len() {
                let event = aggregate.event(index);
                let id = id_of(event);
                let checked = self.probation.early(0) | self.probation.sampled(id);
                let listed = aggregate.listed(index..index + 1);
                let call = (Function::Route, "route");
                let routed = self.decide(call, id, checked, &[&batch.topic, listed], read_route)?;
                all.push(routed.unwrap_or_else(|code| Err(code.to_owned())));
            }
        }
        Ok(all)
    }

    pub(crate) fn project(&mut self, batch: &Batch) -> Run<Vec<Projected>> {
        self.start()?;
        let tables = self.module.manifest.tables.len();
        let mut all = Vec::with_capacity(batch.aggregates().len());
        for aggregate in batch.aggregates() {
            let key = aggregate.key();
            let checked = self.probation.early(2) | self.probation.sampled(key);
            let mut input = std::mem::take(&mut self.head);
            put_project(&mut input, key, aggregate.state().unwrap_or_default());
            let pieces: [&[u8]; 2] = [&batch.topic, &input];
            let call = (Function::Project, "project");
            let read = |output: &[u8]| read_project(output, tables);
            let rows = self.decide(call, key, checked, &pieces, read);
            self.head = input;
            all.push(rows?.map_err(str::to_owned));
        }
        Ok(all)
    }

    pub(crate) fn fold(&mut self, batch: &Batch) -> Run<Vec<Folded>> {
        self.start()?;
        let mut all = Vec::with_capacity(batch.aggregates().len());
        for aggregate in batch.aggregates() {
            all.push(self.fold_aggregate(&batch.topic, aggregate)?);
        }
        Ok(all)
    }

    fn fold_aggregate(&mut self, topic: &[u8; 32], aggregate: Aggregate<'_>) -> Run<Folded> {
        let mut folded: Option<Folded> = None;
        let mut start = 0;
        while start < aggregate.len() {
            let (events_max, bytes_max) = (self.checks.events_max, self.checks.bytes_max);
            let end = aggregate.run_end(start, events_max.max(1), bytes_max);
            let state = folded
                .as_ref()
                .map_or(aggregate.state(), |f| f.state.as_deref());
            let mut next = self.fold_run(topic, aggregate, start..end, state)?;
            if let Some(before) = folded {
                let mut rejections = before.rejections;
                rejections.append(&mut next.rejections);
                next.rejections = rejections;
            }
            folded = Some(next);
            start = end;
        }
        Ok(folded.unwrap_or_else(|| Folded {
            state: aggregate.state().map(<[u8]>::to_vec),
            rejections: Vec::new(),
        }))
    }

    /// Folds a run of events that fits one call.
    fn fold_run(
        &mut self,
        topic: &[u8; 32],
        aggregate: Aggregate<'_>,
        run: Range<usize>,
        state: Option<&[u8]>,
    ) -> Run<Folded> {
        let mut checked = self.probation.early(1);
        checked |= self.probation.sampled(id_of(aggregate.event(run.start)));
        if !self.probation.is_over() {
            for index in run.clone() {
                checked |= self.probation.kind_is_new(kind_of(aggregate.event(index)));
            }
        }
        let shared = self.fold_shared(topic, aggregate, run.clone(), state)?;
        match shared {
            Some(shared) if !checked => Ok(shared),
            shared => {
                let last = id_of(aggregate.event(run.end - 1));
                let single = self.fold_singly(topic, aggregate, run, state, checked)?;
                match shared {
                    Some(shared) if shared != single => self.condemn("fold", last),
                    _ => Ok(single),
                }
            }
        }
    }

    /// Folds events in the shared instance; nothing where something is unusual.
    fn fold_shared(
        &mut self,
        topic: &[u8; 32],
        aggregate: Aggregate<'_>,
        run: Range<usize>,
        state: Option<&[u8]>,
    ) -> Run<Option<Folded>> {
        let Some(output) = self.shared_call(topic, aggregate, run.clone(), state)? else {
            return Ok(None);
        };
        if output.rejections.is_empty() {
            let FoldOutput { state, rejections } = output;
            return Ok(Some(Folded { state, rejections }));
        }
        if output.rejections.len() == run.len() {
            // Rejected events change nothing, whatever came back.
            return Ok(Some(accept(output, run.start, state)));
        }
        // Some were rejected: one by one, so that a rejected event can leave nothing in
        // the state for those after it.
        let mut folded = Folded {
            state: state.map(<[u8]>::to_vec),
            rejections: Vec::new(),
        };
        for index in run {
            let one = index..index + 1;
            let state = folded.state.as_deref();
            let Some(output) = self.shared_call(topic, aggregate, one, state)? else {
                return Ok(None);
            };
            step(&mut folded, index, Ok(output));
        }
        Ok(Some(folded))
    }

    fn shared_call(
        &mut self,
        topic: &[u8; 32],
        aggregate: Aggregate<'_>,
        run: Range<usize>,
        state: Option<&[u8]>,
    ) -> Run<Option<FoldOutput>> {
        if state.is_some_and(|state| state.len() > SHARED_STATE_MAX) {
            return Ok(None);
        }
        put_fold_head(&mut self.head, aggregate.key(), state, run.len());
        let pieces: [&[u8]; 3] = [topic, &self.head, aggregate.listed(run.clone())];
        let read = |output: &[u8]| read_shared(output, run.len());
        let calls_max = self.checks.instance_calls;
        self.shared
            .run(&self.module, calls_max, Function::Fold, &pieces, &read)
    }

    /// Folds events one by one, each in a fresh instance.
    fn fold_singly(
        &mut self,
        topic: &[u8; 32],
        aggregate: Aggregate<'_>,
        run: Range<usize>,
        state: Option<&[u8]>,
        checked: bool,
    ) -> Run<Folded> {
        let mut folded = Folded {
            state: state.map(<[u8]>::to_vec),
            rejections: Vec::new(),
        };
        for index in run {
            let mut head = std::mem::take(&mut self.head);
            let state = folded.state.as_deref();
            put_fold_head(&mut head, aggregate.key(), state, 1);
            let pieces: [&[u8]; 3] = [topic, &head, aggregate.listed(index..index + 1)];
            let single = self.single(Function::Fold, &pieces, &|output| read_fold(output, 1))?;
            let echoed = state.is_none_or(|state| state.len() <= SHARED_STATE_MAX);
            if checked && echoed {
                let read = |output: &[u8]| read_shared(output, 1);
                if !self.echoes(Function::Fold, &pieces, &read, &single)? {
                    return self.condemn("fold", id_of(aggregate.event(index)));
                }
            }
            self.head = head;
            step(&mut folded, index, single);
        }
        Ok(folded)
    }
}

/// Reads an output of `fold` that counts only if its state is not large.
fn read_shared(output: &[u8], events: usize) -> Outcome<FoldOutput> {
    let output = read_fold(output, events)?;
    match &output.state {
        Some(state) if state.len() > SHARED_STATE_MAX => Err(BAD_OUTPUT),
        _ => Ok(output),
    }
}

/// All of a run was rejected.
fn accept(output: FoldOutput, start: usize, state: Option<&[u8]>) -> Folded {
    let mut rejections = output.rejections;
    rejections.iter_mut().for_each(|(index, _)| *index += start);
    Folded {
        state: state.map(<[u8]>::to_vec),
        rejections,
    }
}

/// What one event does: it changes the state, or it is rejected and changes nothing.
fn step(folded: &mut Folded, index: usize, outcome: Outcome<FoldOutput>) {
    match outcome {
        Ok(FoldOutput { state, rejections }) => match rejections.into_iter().next() {
            None => folded.state = state,
            Some((_, code)) => folded.rejections.push((index, code)),
        },
        Err(code) => folded.rejections.push((index, code.to_owned())),
    }
}
