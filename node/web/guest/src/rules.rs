//! The rules of an app: its reducer, run by whatever engine there is, one event in a
//! fresh instance (`spec/10-reducer.md` 10.1).

use synlog_log::cbor::Value;
use synlog_log::fold::calls::{put_fold_head, put_project, read_fold, read_project, read_route};
use synlog_log::fold::{
    BAD_OUTPUT, FoldEvent, KEYS_MAX, MISSING_REFERENCE, Manifest, OVER_BUDGET, Projected, Routed,
    TRAPPED, UNKNOWN_KIND,
};
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::wire::Writer;

use crate::wrong::Wrong;

/// A function of a reducer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// What it says of itself.
    Describe = 0,
    /// Which aggregates an event touches.
    Route = 1,
    /// What it makes of them.
    Fold = 2,
    /// Which rows they show.
    Project = 3,
}

/// Why a call gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stopped {
    /// The module trapped.
    Trapped,
    /// It used up what the engine gives it.
    OverBudget,
    /// The engine has no such module, or failed.
    Host,
}

/// Whatever runs reducers.
pub trait Engine {
    /// Calls a function of the module with a hash, in a fresh instance.
    fn call(
        &mut self,
        module: &[u8; 32],
        function: Function,
        input: &[u8],
    ) -> Result<Vec<u8>, Stopped>;
}

/// The reducer of an app.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Hash of its module.
    pub hash: [u8; 32],
    /// What it says of itself.
    pub manifest: Manifest,
}

/// Where an event goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// It is the kernel's.
    Kernel,
    /// Rejected before any aggregate saw it.
    Rejected(String),
    /// The aggregates that it touches, sorted.
    Keys(Vec<String>),
}

/// The state of an aggregate after an event, or the code of the rejection.
pub type Applied = Result<Option<Vec<u8>>, String>;

fn host(stopped: Stopped) -> Result<&'static str, Wrong> {
    match stopped {
        Stopped::Trapped => Ok(TRAPPED),
        Stopped::OverBudget => Ok(OVER_BUDGET),
        Stopped::Host => Err(Wrong::Halted("the engine failed".to_owned())),
    }
}

impl Rules {
    /// The rules in the module with a hash.
    pub fn load(engine: &mut dyn Engine, hash: [u8; 32]) -> Result<Self, Wrong> {
        let bytes = engine
            .call(&hash, Function::Describe, &[])
            .map_err(|_| Wrong::NoRules)?;
        let manifest =
            Manifest::decode(&bytes).map_err(|error| Wrong::Halted(error.to_string()))?;
        Ok(Self { hash, manifest })
    }

    /// Where an event goes; `leads` says whether a reference leads to an ancestor.
    pub fn route(
        &self,
        engine: &mut dyn Engine,
        topic: &TopicId,
        event: &FoldEvent,
        leads: &dyn Fn(&EntryId) -> bool,
    ) -> Result<Route, Wrong> {
        if event.kind.starts_with("topic.") {
            return Ok(Route::Kernel);
        }
        let Some(kind) = self.manifest.event(&event.kind) else {
            return Ok(Route::Rejected(UNKNOWN_KIND.to_owned()));
        };
        if !kind.refs.is_empty() {
            let body = Value::decode(&event.body).unwrap_or(Value::Null);
            let leads = |value: &Value| value.as_id().is_some_and(|id| leads(&EntryId(id)));
            let right = kind.refs.iter().all(|field| match body.get(field) {
                None | Some(Value::Null) => true,
                Some(Value::Array(items)) => items.iter().all(leads),
                Some(one) => leads(one),
            });
            if !right {
                return Ok(Route::Rejected(MISSING_REFERENCE.to_owned()));
            }
        }
        let mut input = topic.0.to_vec();
        input.put_bytes(&event.encode());
        let routed: Routed = match engine.call(&self.hash, Function::Route, &input) {
            Ok(output) => read_route(&output).unwrap_or_else(|code| Err(code.to_owned())),
            Err(stopped) => Err(host(stopped)?.to_owned()),
        };
        Ok(match routed {
            Err(code) => Route::Rejected(code),
            Ok(keys) if keys.len() <= KEYS_MAX => Route::Keys(keys),
            Ok(_) => Route::Rejected(BAD_OUTPUT.to_owned()),
        })
    }

    /// Folds one event into one aggregate.
    pub fn fold(
        &self,
        engine: &mut dyn Engine,
        topic: &TopicId,
        (key, state): (&str, Option<&[u8]>),
        event: &[u8],
    ) -> Result<Applied, Wrong> {
        let mut head = Vec::new();
        put_fold_head(&mut head, key.as_bytes(), state, 1);
        let mut input = topic.0.to_vec();
        input.extend_from_slice(&head);
        input.put_bytes(event);
        let output = match engine.call(&self.hash, Function::Fold, &input) {
            Ok(output) => output,
            Err(stopped) => return Ok(Err(host(stopped)?.to_owned())),
        };
        Ok(match read_fold(&output, 1) {
            Err(code) => Err(code.to_owned()),
            Ok(folded) => match folded.rejections.into_iter().next() {
                Some((_, code)) => Err(code),
                None => Ok(folded.state),
            },
        })
    }

    /// The rows that an aggregate shows.
    pub fn project(
        &self,
        engine: &mut dyn Engine,
        topic: &TopicId,
        key: &str,
        state: &[u8],
    ) -> Result<Projected, Wrong> {
        let mut rest = Vec::new();
        put_project(&mut rest, key.as_bytes(), state);
        let mut input = topic.0.to_vec();
        input.extend_from_slice(&rest);
        let output = match engine.call(&self.hash, Function::Project, &input) {
            Ok(output) => output,
            Err(stopped) => return Ok(Err(host(stopped)?.to_owned())),
        };
        let rows = read_project(&output, self.manifest.tables.len());
        Ok(rows
            .map(|mut rows| {
                rows.sort_by(|a, b| (a.table, &a.sub).cmp(&(b.table, &b.sub)));
                rows
            })
            .map_err(str::to_owned))
    }
}
