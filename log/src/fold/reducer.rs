//! What runs reducers, as those see it who drive it.

use crate::cbor::Value;
use crate::fold::{CODE_MAX, Manifest};
use crate::ids::TopicId;
use crate::payload::name_is_right;

/// A reducer that is ready to run: a WASM module in an engine, or native code in tests.
///
/// Its meaning: every event alone, in a fresh instance with its own budget. What an
/// implementation does to be faster must not show.
pub trait Reducer: Send {
    /// Hash of the module's bytes, which is its name.
    fn hash(&self) -> [u8; 32];

    /// What it says of itself.
    fn manifest(&self) -> &Manifest;

    /// Which aggregates each event touches. Events are encoded as [`crate::fold::FoldEvent`].
    fn route(&mut self, topic: &TopicId, events: &[&[u8]]) -> Result<Vec<Routed>, Halt>;

    /// Folds events into aggregates, each by itself; one result for each input.
    fn fold(&mut self, topic: &TopicId, batch: &[FoldInput<'_>]) -> Result<Vec<Folded>, Halt>;

    /// The rows that aggregates show: keys and states in, one result for each.
    fn project(&mut self, topic: &TopicId, batch: &[(&str, &[u8])])
    -> Result<Vec<Projected>, Halt>;
}

/// The keys that an event touches (at least one, sorted, each once), or the code of its rejection.
pub type Routed = Result<Vec<String>, String>;

/// An aggregate and the events that come next in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoldInput<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its state; `None` before the first event.
    pub state: Option<&'a [u8]>,
    /// Encoded events in their order.
    pub events: Vec<&'a [u8]>,
}

/// What folding made of an aggregate.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Folded {
    /// Its state; `None` where no event was accepted yet.
    pub state: Option<Vec<u8>>,
    /// Which of the events were rejected, with their codes.
    pub rejections: Vec<(usize, String)>,
}

/// The rows of an aggregate, or the code of why there are none.
pub type Projected = Result<Vec<Row>, String>;

/// A row. Its full key is that of its aggregate and `sub`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Index of the table in the manifest.
    pub table: usize,
    /// What tells it from other rows of its aggregate; mostly empty.
    pub sub: String,
    /// Its columns, a map.
    pub columns: Value,
}

/// The host can't go on with a reducer; nothing was folded, nothing is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Halt {
    /// Its results depend on how its events were put together. Its rows are not shown.
    #[error("the reducer is condemned: {0}")]
    Condemned(String),
    /// The machine failed, not the reducer.
    #[error("the reducer could not be run: {0}")]
    Host(String),
}

/// Whether a text can be the code of a rejection.
pub fn code_is_right(code: &str) -> bool {
    code.len() <= CODE_MAX && name_is_right(code)
}
