//! Random events as a manifest describes them, some of them hostile.

use std::collections::BTreeMap;

use proptest::test_runner::{RngAlgorithm, TestRng};
use rand_core::Rng as _;
use synlog_log::cbor::Value;
use synlog_log::fold::{EventKind, Fact, FieldType, FoldEvent, Manifest};
use synlog_log::ids::{DeviceId, EntityId, EntryId, TopicId};

use super::TOPIC;

const NOW_MS: i64 = 1_798_761_600_000;

/// Random events as the manifest describes them, some of them hostile.
pub(super) struct Writer<'a> {
    manifest: &'a Manifest,
    rng: TestRng,
    /// What was accepted of each kind.
    accepted: BTreeMap<String, Vec<[u8; 32]>>,
    count: u32,
}

/// Which entries a field names.
const NAMES: &[(&str, &[&str])] = &[
    ("tally", &["tally.open"]),
    ("order", &["order.request"]),
    ("booking", &["booking.request"]),
    ("quote", &["order.quote"]),
    ("revision", &["item.put"]),
    ("agree", &["order.agree"]),
    ("replaces", &["slot.take"]),
    ("take", &["item.take", "slot.take"]),
    ("return", &["return.request", "order.return"]),
];

/// What fits into a text.
const TEXTS: &[&str] = &[
    "bread",
    "EUR",
    "Europe/Helsinki",
    "active",
    "paused",
    "fixed",
    "range",
    "piece",
    "visit",
    "pickup",
    "delivery",
    "main",
    "cash",
    "stock",
    "all",
    "catalog",
    "#aa00ff",
    "shop/bakery",
    "completed",
    "in_progress",
    "seller",
    "https://example.org",
    "",
    "Ä ö €",
];

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn eur(minor: i64) -> Value {
    Value::map([("currency", text("EUR")), ("minor", Value::Int(minor))])
}

impl<'a> Writer<'a> {
    pub(super) fn new(manifest: &'a Manifest, seed: u8) -> Self {
        Self {
            manifest,
            rng: TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]),
            accepted: BTreeMap::new(),
            count: 0,
        }
    }

    /// An event was accepted: later ones may name it.
    pub(super) fn accept(&mut self, event: FoldEvent) {
        let ids = self.accepted.entry(event.kind).or_default();
        ids.push(event.id.0);
    }

    fn below(&mut self, end: usize) -> usize {
        self.rng.next_u64() as usize % end.max(1)
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn person(&mut self) -> [u8; 32] {
        // most is done by the two who trade
        [[1, 1, 1, 2, 2, 2, 3, 4][self.below(8)]; 32]
    }

    fn id(&mut self, field: &str) -> [u8; 32] {
        let kinds = NAMES.iter().find(|(name, _)| *name == field);
        let written = kinds.map_or(&[][..], |(_, kinds)| kinds).iter();
        let ids: Vec<[u8; 32]> = written
            .filter_map(|kind| self.accepted.get(*kind))
            // mostly what is new, so that one thing goes through many hands
            .flat_map(|ids| ids.iter().rev().take(2).copied())
            .collect();
        match ids.len() {
            0 => [self.below(256) as u8; 32],
            len => ids[self.below(len)],
        }
    }

    fn int(&mut self) -> i64 {
        const NUMBERS: [i64; 12] = [0, 1, 1, 2, 3, 60, 100, 100, 3_600, -1, i64::MAX, i64::MIN];
        NUMBERS[self.below(NUMBERS.len())]
    }

    /// The shapes that rules ask for by the name of a field; made up for the others.
    fn shaped(&mut self, field: &str) -> Value {
        let one = |value| Value::Array(vec![value]);
        let number = Value::Int;
        let share = Value::map([("line", number(0)), ("quantity", number(1))]);
        match field {
            "total" | "amount" => eur(100),
            "lines" if self.chance(80) => one(Value::map([
                ("space", Value::Bytes(vec![8; 32])),
                ("item", text("bread")),
                ("revision", Value::Bytes(self.id("revision").to_vec())),
                ("quantity", number(2)),
            ])),
            "lines" => one(share),
            "breakup" => one(Value::map([("title", text("work")), ("amount", eur(100))])),
            "legs" => one(Value::map([
                ("leg", text("main")),
                ("amount", eur(100)),
                ("trigger", text(["after", "before"][self.below(2)])),
            ])),
            "fulfilment" if self.manifest.app == "relation" => one(Value::map([
                ("leg", text("main")),
                ("kind", text(["goods", "visit"][self.below(2)])),
                ("lines", one(share)),
            ])),
            "fulfilment" => one(text("pickup")),
            "takes" if self.chance(50) => Value::Array(Vec::new()),
            "takes" => one(Value::map([
                ("take", Value::Bytes(self.id("take").to_vec())),
                ("line", number(0)),
                ("r", Value::Bytes(vec![7; 32])),
            ])),
            "options" => Value::Array(Vec::new()),
            "terms" | "cancellation_terms" => one(Value::map([
                (
                    "stage",
                    text(if self.manifest.app == "relation" {
                        "packed"
                    } else {
                        "agreed"
                    }),
                ),
                ("fee_bp", number(500)),
            ])),
            "types" | "payment" => one(text("cash")),
            "offsets" => one(Value::Array(vec![number(0), number(7_200)])),
            "rules" => one(Value::map([
                ("days", Value::Array((0..7).map(Value::Int).collect())),
                ("from_s", number(0)),
                ("to_s", number(86_400)),
            ])),
            "window" => Value::map([
                ("start", number(NOW_MS)),
                ("end", number(NOW_MS + 3_600_000)),
            ]),
            "attributes" => Value::map([("weight_g", number(500)), ("organic", Value::Bool(true))]),
            _ => self.anything(0),
        }
    }

    fn blob(&mut self) -> Value {
        const TYPES: [&str; 4] = ["image/jpeg", "image/webp", "image/png", "text/plain"];
        let mut pairs = vec![
            ("blob", Value::Bytes(vec![3; 32])),
            (
                "size",
                Value::Int([1, 5_000, 0, 1 << 40][self.below(4).min(self.below(4))]),
            ),
            ("type", text(TYPES[self.below(4).min(self.below(4))])),
        ];
        if self.chance(20) {
            pairs.push(("key", Value::Bytes(vec![4; 32])));
        }
        Value::map(pairs)
    }

    fn anything(&mut self, level: usize) -> Value {
        match self.below(if level < 3 { 8 } else { 5 }) {
            0 => Value::Null,
            1 => Value::Bool(self.chance(50)),
            2 => Value::Int(self.int()),
            3 => Value::Bytes(self.person().to_vec()),
            4 => text(TEXTS[self.below(TEXTS.len())]),
            5 | 6 => {
                let len = self.below(3);
                Value::Array((0..len).map(|_| self.anything(level + 1)).collect())
            }
            _ => {
                let len = self.below(3);
                let pairs: Vec<(String, Value)> = (0..len)
                    .map(|at| (format!("key{at}"), self.anything(level + 1)))
                    .collect();
                Value::map(pairs)
            }
        }
    }

    fn value(&mut self, field: &str, kind: FieldType) -> Value {
        if self.chance(2) {
            return self.anything(0);
        }
        match kind {
            FieldType::Text => match field {
                "item" | "place" | "resource" | "ad" => text(["bread", "soap"][self.below(2)]),
                "leg" => text("main"),
                "schema" => text("goods/1"),
                "state" => {
                    const STATES: [&str; 6] = [
                        "active",
                        "paused",
                        "assigned",
                        "packed",
                        "delivered",
                        "completed",
                    ];
                    text(STATES[self.below(STATES.len())])
                }
                "zone" => text("Europe/Helsinki"),
                "currency" | "price.currency" => text("EUR"),
                "price.per_unit" => text("piece"),
                "price.kind" => text(["fixed", "range", "free"][self.below(3)]),
                "capability" => text(["catalog", "stock", "booking", "all"][self.below(4)]),
                _ => text(TEXTS[self.below(TEXTS.len())]),
            },
            FieldType::Int if matches!(field, "min" | "max" | "price.min" | "price.max") => {
                Value::Int(100)
            }
            FieldType::Int if self.chance(70) => Value::Int(1),
            FieldType::Int | FieldType::Duration => Value::Int(self.int()),
            FieldType::Bool => Value::Bool(self.chance(50)),
            FieldType::Bytes => Value::Bytes(vec![6; 16]),
            FieldType::Entry => Value::Bytes(self.id(field).to_vec()),
            FieldType::Entity => Value::Bytes(self.person().to_vec()),
            FieldType::Id => Value::Bytes(vec![7; 32]),
            FieldType::Money if self.chance(20) => eur(self.int()),
            FieldType::Money => eur(100),
            FieldType::Instant => Value::Int(NOW_MS + (self.below(30 * 24) as i64) * 1_800_000),
            FieldType::Geo => Value::map([
                ("lat", Value::Int(601_700_000)),
                ("lon", Value::Int(249_400_000)),
            ]),
            FieldType::Blob => self.blob(),
            FieldType::Blobs => Value::Array((0..self.below(4)).map(|_| self.blob()).collect()),
            FieldType::List | FieldType::Map => self.shaped(field),
        }
    }

    fn body(&mut self, kind: &EventKind) -> Vec<u8> {
        let mut pairs: Vec<(String, Value)> = Vec::new();
        for field in &kind.fields {
            let wanted = if field.required { 99 } else { 25 };
            let whole = ["breakup", "legs", "fulfilment"].contains(&&field.name[..]);
            let whole = whole || field.name.starts_with("price.");
            let wanted = if whole { 95 } else { wanted };
            if !self.chance(wanted) {
                continue;
            }
            let value = self.value(&field.name, field.kind);
            put(&mut pairs, &field.name, value);
        }
        if self.chance(10) {
            let value = self.anything(0);
            pairs.push(("unheard_of".to_owned(), value));
        }
        let mut bytes = Value::map(pairs).encode();
        match self.below(40) {
            0 => {
                let (at, bit) = (self.below(bytes.len()), self.below(8));
                bytes[at] ^= 1 << bit;
            }
            1 => bytes.truncate(self.below(bytes.len())),
            2 => bytes.push(0),
            3 => {
                let len = self.below(60);
                bytes = (0..len).map(|_| self.below(256) as u8).collect();
            }
            // deeper than is allowed, and a length that claims a lot
            4 => bytes = [&[0xa1, 0x61, b'x'][..], &[0x81; 20], &[0]].concat(),
            5 => {
                bytes = vec![
                    0xa1, 0x65, b't', b'i', b't', b'l', b'e', 0x7b, 0xff, 0xff, 0xff, 0xff, 0xff,
                    0xff, 0xff, 0xff,
                ]
            }
            _ => {}
        }
        bytes
    }

    fn facts(&mut self) -> Vec<Fact> {
        let mut facts = Vec::new();
        if self.chance(40) {
            facts.push(Fact::Grant {
                subject: EntityId([1; 32]),
                device: DeviceId([101; 32]),
                holder: [7; 32],
                tag: [self.below(9) as u8; 16],
                month: 24_324,
            });
        }
        if self.chance(40) {
            let kinds = ["item.put", "item.take", "slot.take"];
            let kind = kinds[self.below(3)];
            let body = Value::map([
                ("item", text("bread")),
                ("title", text("Bread")),
                ("revision", Value::Bytes(self.id("revision").to_vec())),
                ("quantity", Value::Int(2)),
                ("c", Value::Bytes(vec![7; 32])),
            ]);
            facts.push(Fact::Entry {
                id: EntryId(self.id(if kind == "item.put" {
                    "revision"
                } else {
                    "take"
                })),
                topic: TopicId([8; 32]),
                device: DeviceId([101; 32]),
                entity: EntityId([1; 32]),
                seq: 1,
                hlc: 1,
                kind: kind.to_owned(),
                body: if self.chance(80) {
                    body.encode()
                } else {
                    Vec::new()
                },
            });
        }
        if self.chance(10) {
            facts.push(Fact::Receipt {
                topic: TOPIC,
                device: DeviceId([101; 32]),
                entity: EntityId([1; 32]),
                entry: EntryId(self.id("order")),
                author: DeviceId([102; 32]),
                seq: 3,
                height: 9,
                at_ms: NOW_MS as u64,
            });
        }
        facts
    }

    pub(super) fn event(&mut self) -> FoldEvent {
        let kinds = &self.manifest.events;
        // first each kind in turn, which begins what the others go on with; what ends a
        // thing comes more rarely
        let turn = self.count as usize;
        let begins = turn < kinds.len();
        let mut at = if begins {
            turn
        } else {
            self.below(kinds.len())
        };
        let ends = ["close", "decline", "cancel", "expire", "remove", "retire"];
        let ends = ends.iter().any(|end| kinds[at].kind.ends_with(end));
        let percent = if kinds[at].kind == "relation.close" {
            99
        } else {
            75
        };
        if ends && (begins || self.chance(percent)) {
            at = self.below(kinds.len() / 2);
        }
        let kind = &kinds[at];
        const CLIENT: &[&str] = &[
            "order.request",
            "order.agree",
            "order.counter",
            "return.request",
        ];
        const OWNER: &[&str] = &["order.quote", "order.revise", "order.confirm", "fulfil."];
        let is = |list: &[&str]| list.iter().any(|front| kind.kind.starts_with(front));
        let (client, owner) = (is(CLIENT), is(OWNER) || begins);
        let person = match self.chance(85) {
            true if client => [2; 32],
            true if owner => [1; 32],
            _ => self.person(),
        };
        let role = match person[0] {
            1 => "owner",
            2 => "client",
            3 => ["manager", "arbiter"][self.below(2)],
            _ => "guest",
        };
        self.count += 1;
        let mut id = [0xee; 32];
        id[..4].copy_from_slice(&self.count.to_be_bytes());
        FoldEvent {
            id: EntryId(id),
            author: DeviceId([person[0] + 100; 32]),
            entity: EntityId(person),
            seq: u64::from(self.count),
            hlc: (NOW_MS as u64 + u64::from(self.count) * 1_000) << 16,
            sequenced: self.chance(90),
            role: role.to_owned(),
            kind: kind.kind.clone(),
            body: self.body(kind),
            erasable_hash: self.chance(20).then_some([5; 32]),
            facts: self.facts(),
        }
    }
}

/// Puts a value under a name, whose dots go into maps.
fn put(pairs: &mut Vec<(String, Value)>, name: &str, value: Value) {
    let Some((front, rest)) = name.split_once('.') else {
        pairs.retain(|(key, _)| key != name);
        pairs.push((name.to_owned(), value));
        return;
    };
    let at = pairs.iter().position(|(key, _)| key == front);
    let mut inner = match at.map(|at| pairs.remove(at).1) {
        Some(Value::Map(inner)) => inner,
        _ => Vec::new(),
    };
    put(&mut inner, rest, value);
    pairs.push((front.to_owned(), Value::map(inner)));
}
