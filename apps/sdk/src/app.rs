//! What an app is made of.

use serde::{Serialize, de::DeserializeOwned};

use crate::columns::Rows;
use crate::event::Meta;
use crate::manifest::Manifest;

/// Why an event is rejected: `[a-z][a-z0-9_-]*`, at most 32 bytes.
pub type Code = &'static str;

/// An app: its state, its events and what these do.
pub trait App {
    /// The state of one aggregate. It is stored with postcard: fields may only be added
    /// in a new major version, and `#[serde(skip)]` or `HashMap` have no place in it.
    type State: Serialize + DeserializeOwned;
    /// The events, declared with [`crate::events!`].
    type Event: Event;

    /// The tables of the manifest in its order. May be left out; with it, showing rows
    /// needs no manifest and is faster.
    const TABLES: &'static [&'static str] = &[];

    /// What the app says of itself.
    fn manifest() -> Manifest;

    /// The keys of the aggregates that an event touches: 1 to 8, of 1 to 128 bytes each.
    /// Only the event and `meta` decide; no state is here.
    fn keys(event: &Self::Event, meta: &Meta<'_>) -> Result<Keys, Code>;

    /// Applies an event to one of its aggregates. `state` is `None` where there is none
    /// yet. After an `Err` the state is as it was before, whatever was changed.
    fn apply(
        state: &mut Option<Self::State>,
        key: &str,
        event: &Self::Event,
        meta: &Meta<'_>,
    ) -> Result<(), Code>;

    /// Shows an aggregate as rows: at most 256.
    fn rows(key: &str, state: &Self::State, rows: &mut Rows);
}

/// The events of an app. Implemented by [`crate::events!`].
pub trait Event: Sized {
    /// The kinds.
    const KINDS: &'static [&'static str];

    /// Decodes a body. Errors: `unknown_kind`, `bad_event`.
    fn decode(kind: &str, body: &[u8]) -> Result<Self, Code>;
}

/// The aggregates that an event touches, each once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Keys(Vec<String>);

impl Keys {
    /// One key.
    pub fn one(key: impl Into<String>) -> Self {
        Self(vec![key.into()])
    }

    /// None yet; an event must touch at least one.
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more key, if it is not there yet.
    pub fn and(mut self, key: impl Into<String>) -> Self {
        self.push(key);
        self
    }

    /// Adds a key, if it is not there yet.
    pub fn push(&mut self, key: impl Into<String>) {
        let key = key.into();
        if !self.0.contains(&key) {
            self.0.push(key);
        }
    }

    /// The keys, in the order in which they were added.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Keys {
    fn from(keys: [S; N]) -> Self {
        keys.into_iter().fold(Self::new(), Self::and)
    }
}
