//! Rows and their columns.

use core::cmp::Ordering;

use crate::cbor::{Value, key_order, put_head, put_text};
use crate::values::{Geo, Money, Quantity};
use crate::wire::{put_bytes, put_varint};

/// The columns of a row. The last value given to a name stays.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Columns(Vec<(&'static str, Value)>);

impl Columns {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Any value.
    pub fn value(mut self, name: &'static str, value: Value) -> Self {
        self.put(name, value);
        self
    }

    // kept in the order of the encoding
    #[inline(never)]
    fn put(&mut self, name: &'static str, value: Value) {
        let mut at = self.0.len();
        while at > 0 {
            match key_order(self.0[at - 1].0, name) {
                Ordering::Less => break,
                Ordering::Equal => {
                    self.0[at - 1].1 = value;
                    return;
                }
                Ordering::Greater => at -= 1,
            }
        }
        self.0.insert(at, (name, value));
    }

    /// Text.
    pub fn text(self, name: &'static str, text: impl Into<String>) -> Self {
        self.value(name, Value::Text(text.into()))
    }

    /// A whole number, an instant (UTC ms) or a duration (s).
    pub fn int(self, name: &'static str, value: i64) -> Self {
        self.value(name, Value::Int(value))
    }

    /// Yes or no.
    pub fn bool(self, name: &'static str, value: bool) -> Self {
        self.value(name, Value::Bool(value))
    }

    /// Bytes: also ids of entries and entities.
    pub fn bytes(self, name: &'static str, bytes: impl AsRef<[u8]>) -> Self {
        self.value(name, Value::Bytes(bytes.as_ref().to_vec()))
    }

    /// Money.
    pub fn money(self, name: &'static str, money: &Money) -> Self {
        self.value(name, Value::from(money))
    }

    /// A quantity, as a map.
    pub fn quantity(self, name: &'static str, quantity: &Quantity) -> Self {
        self.value(name, Value::from(quantity))
    }

    /// A place.
    pub fn geo(self, name: &'static str, geo: Geo) -> Self {
        self.value(name, Value::from(geo))
    }

    /// An array. An index has one place for each of its items.
    pub fn list(self, name: &'static str, items: impl IntoIterator<Item = Value>) -> Self {
        self.value(name, Value::Array(items.into_iter().collect()))
    }

    /// A map.
    pub fn map(
        self,
        name: &'static str,
        pairs: impl IntoIterator<Item = (impl Into<String>, Value)>,
    ) -> Self {
        self.value(name, Value::map(pairs))
    }

    /// Nothing, said explicitly.
    pub fn null(self, name: &'static str) -> Self {
        self.value(name, Value::Null)
    }

    fn encode(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        put_head(&mut out, 5, self.0.len() as u64);
        for (name, value) in &self.0 {
            put_text(&mut out, name);
            value.encode_to(&mut out);
        }
        out
    }
}

/// The rows that an aggregate shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    tables: Vec<&'static str>,
    count: u64,
    encoded: Vec<u8>,
}

impl Rows {
    /// None yet, for tables of these names.
    pub fn new(tables: &[&'static str]) -> Self {
        Self {
            tables: tables.to_vec(),
            count: 0,
            encoded: Vec::with_capacity(256),
        }
    }

    /// Adds a row to a table of the manifest. `sub` tells rows of one aggregate in one
    /// table apart and is mostly empty. Panics where the manifest has no such table.
    pub fn push(&mut self, table: &str, sub: impl AsRef<str>, columns: Columns) {
        let index = self.tables.iter().position(|name| *name == table);
        let Some(index) = index else {
            panic!("the manifest has no such table")
        };
        self.count += 1;
        put_varint(&mut self.encoded, index as u64);
        put_bytes(&mut self.encoded, sub.as_ref().as_bytes());
        put_bytes(&mut self.encoded, &columns.encode());
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.encoded.len() + 2);
        put_varint(&mut out, self.count);
        out.extend_from_slice(&self.encoded);
        out
    }
}
