//! A small shop in native code: stock that runs out, moves between two items, notes.

use synlog_log::cbor::Value;
use synlog_log::fold::{
    FoldEvent, FoldInput, Folded, Halt, Manifest, Projected, Reducer, Routed, Row,
};
use synlog_log::ids::TopicId;

/// The reducer, with what it was asked to do.
pub(super) struct Shop {
    manifest: Manifest,
    pub hash: [u8; 32],
    /// Events folded.
    pub folded: u64,
    /// Fails on this key.
    pub broken: Option<String>,
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    Value::Array(items.into_iter().collect())
}

impl Shop {
    pub(super) fn new() -> Self {
        let event = |kind: &str, refs: &[&str]| {
            let refs = list(refs.iter().map(|name| text(name)));
            Value::map([("kind", text(kind)), ("title", text(kind)), ("refs", refs)])
        };
        let column =
            |name: &str, kind: &str| Value::map([("name", text(name)), ("type", text(kind))]);
        let index = |name: &str, columns: &[&str]| {
            let columns = list(columns.iter().map(|name| text(name)));
            Value::map([("name", text(name)), ("columns", columns)])
        };
        let items = Value::map([
            ("name", text("items")),
            (
                "columns",
                list([
                    column("left", "int"),
                    column("sum", "int"),
                    column("tags", "list"),
                    column("until", "instant"),
                ]),
            ),
            (
                "indexes",
                list([
                    index("by_left", &["left", "sum"]),
                    index("by_tag", &["tags", "left"]),
                ]),
            ),
            ("until", text("until")),
        ]);
        let log = Value::map([
            ("name", text("log")),
            ("columns", list([column("n", "int")])),
        ]);
        let manifest = Value::map([
            ("abi", Value::Int(1)),
            ("app", text("test")),
            ("major", Value::Int(1)),
            ("version", text("1.0.0")),
            ("title", text("Shop")),
            ("mode", text("ordered")),
            (
                "events",
                list([
                    event("note.put", &["after"]),
                    event("stock.add", &[]),
                    event("stock.take", &["after"]),
                    event("stock.move", &[]),
                ]),
            ),
            ("tables", list([items, log])),
        ]);
        Self {
            manifest: Manifest::decode(&manifest.encode()).unwrap(),
            hash: [7; 32],
            folded: 0,
            broken: None,
        }
    }
}

/// State: left, sum, tags.
#[derive(Default, Clone)]
struct Item {
    left: i64,
    sum: i64,
    tags: Vec<i64>,
}

impl Item {
    fn read(bytes: &[u8]) -> Self {
        let mut numbers = bytes
            .chunks_exact(8)
            .map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()));
        Self {
            left: numbers.next().unwrap(),
            sum: numbers.next().unwrap(),
            tags: numbers.collect(),
        }
    }

    fn write(&self) -> Vec<u8> {
        let numbers = [self.left, self.sum].into_iter();
        let numbers = numbers.chain(self.tags.iter().copied());
        numbers.flat_map(i64::to_le_bytes).collect()
    }

    fn apply(&mut self, key: &str, event: &FoldEvent) -> Result<(), &'static str> {
        let body = Value::decode(&event.body).unwrap();
        let n = body.get("n").and_then(Value::as_int).unwrap_or(1);
        let of = |field: &str| body.get(field).and_then(Value::as_text) == Some(key);
        match &event.kind[..] {
            "stock.add" => self.left += n,
            "stock.take" if self.left < n => return Err("sold_out"),
            "stock.take" => self.left -= n,
            "stock.move" if of("from") && self.left < n => return Err("sold_out"),
            "stock.move" if of("from") => self.left -= n,
            "stock.move" => self.left += n,
            _ if n % 5 == 0 => return Err("fifth"),
            _ if self.sum % 7 == 3 && n % 2 == 0 => return Err("uneven"),
            _ => self.left += n % 3,
        }
        // depends on the order of events, and on the role
        self.sum = self
            .sum
            .wrapping_mul(31)
            .wrapping_add(n + event.role.len() as i64);
        if !self.tags.contains(&(n % 4)) {
            self.tags.push(n % 4);
        }
        Ok(())
    }
}

fn routed(event: &FoldEvent) -> Routed {
    let body = Value::decode(&event.body).unwrap();
    let field = |name: &str| body.get(name).and_then(Value::as_text).map(str::to_owned);
    let n = body.get("n").and_then(Value::as_int).unwrap_or(0);
    let mut keys = match &event.kind[..] {
        "stock.move" => vec![
            field("from").ok_or("no_item")?,
            field("to").ok_or("no_item")?,
        ],
        "note.put" if n % 13 == 12 => return Err("unlucky".to_owned()),
        "note.put" if n % 11 == 0 => vec![format!("n{}", n % 6), format!("n{}", (n + 1) % 6)],
        "note.put" => vec![field("key").unwrap_or_else(|| format!("n{}", n % 6))],
        _ => vec![field("key").ok_or("no_item")?],
    };
    keys.sort();
    keys.dedup();
    Ok(keys)
}

impl Reducer for Shop {
    fn hash(&self) -> [u8; 32] {
        self.hash
    }

    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn route(&mut self, _: &TopicId, events: &[&[u8]]) -> Result<Vec<Routed>, Halt> {
        let route = |bytes: &&[u8]| routed(&FoldEvent::decode(bytes).unwrap());
        Ok(events.iter().map(route).collect())
    }

    fn fold(&mut self, _: &TopicId, batch: &[FoldInput<'_>]) -> Result<Vec<Folded>, Halt> {
        let mut results = Vec::new();
        for input in batch {
            if self.broken.as_deref() == Some(input.key) {
                return Err(Halt::Host("out of memory".into()));
            }
            let mut item = input.state.map(Item::read);
            let mut rejections = Vec::new();
            for (index, bytes) in input.events.iter().enumerate() {
                self.folded += 1;
                let mut next = item.clone().unwrap_or_default();
                match next.apply(input.key, &FoldEvent::decode(bytes).unwrap()) {
                    Ok(()) => item = Some(next),
                    Err(code) => rejections.push((index, code.to_owned())),
                }
            }
            results.push(Folded {
                state: item.map(|item| item.write()),
                rejections,
            });
        }
        Ok(results)
    }

    fn project(&mut self, _: &TopicId, batch: &[(&str, &[u8])]) -> Result<Vec<Projected>, Halt> {
        let project = |(key, state): &(&str, &[u8])| {
            let item = Item::read(state);
            if item.sum % 17 == 5 {
                return Err("no_show".to_owned());
            }
            let mut tags = item.tags.clone();
            if key.starts_with("bulk") {
                // one entry in each of the two indexes
                tags.truncate(1);
            }
            tags.sort_unstable();
            let columns = Value::map([
                ("left", Value::Int(item.left - 3)),
                ("sum", Value::Int(item.sum)),
                ("tags", list(tags.iter().map(|tag| Value::Int(*tag)))),
                ("until", Value::Int(item.left * 100)),
            ]);
            let row = |table, sub: &str, columns| Row {
                table,
                sub: sub.to_owned(),
                columns,
            };
            let mut rows = vec![row(0, "", columns)];
            if !key.starts_with("bulk") {
                let n = |n: i64| Value::map([("n", Value::Int(n))]);
                rows.extend(tags.iter().map(|tag| row(1, &tag.to_string(), n(*tag))));
            }
            Ok(rows)
        };
        Ok(batch.iter().map(project).collect())
    }
}
