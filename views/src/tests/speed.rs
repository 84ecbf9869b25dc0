//! How fast it is. Ignored: run with `cargo test --release -p synlog-views -- --ignored --nocapture`.

use std::time::Instant;

use synlog_log::cbor::Value;
use synlog_log::ids::{DeviceId, EntryId, TopicId};
use synlog_log::order::{Content, OrderEntry, TopicOrder};
use synlog_log::scenario::{Person, genesis};
use synlog_log::topic::Mode;

use super::reducer::Shop;
use super::world::{Fixture, Source, query};
use crate::{EventSource, Filter, FoldLine, SourceError};
use synlog_log::fold::FoldEvent;

/// A topic of one writer with many aggregates, made without signatures.
struct Bulk {
    order: TopicOrder,
    owner: Person,
    aggregates: u64,
    written: u64,
    last: EntryId,
}

fn id(number: u64) -> EntryId {
    EntryId(*blake3::hash(&number.to_le_bytes()).as_bytes())
}

impl Bulk {
    fn new(mode: Mode, aggregates: u64) -> Self {
        let owner = Person::new(1, 1);
        let genesis = genesis(mode, &[(&owner, "owner")]);
        let topic = TopicId(id(0).0);
        let mut bulk = Self {
            order: TopicOrder::new(topic, genesis),
            owner,
            aggregates,
            written: 0,
            last: id(0),
        };
        bulk.write(1);
        bulk
    }

    fn write(&mut self, count: u64) {
        for number in self.written..self.written + count {
            let device = self.owner.device(0);
            let certificate = self.owner.log.certificate(&device).unwrap();
            let first = number == 0;
            let entry = OrderEntry {
                id: id(number),
                author: device,
                seq: number,
                backlink: (!first).then_some(self.last),
                deps: Vec::new(),
                hlc: (number + 1) << 16,
                certified: first.then(|| certificate.verify(&device).unwrap()),
                content: match first {
                    true => Content::Policy(Box::new(synlog_log::topic::PolicyEvent::Genesis)),
                    false => Content::App {
                        kind: "stock.add".into(),
                    },
                },
            };
            self.order.insert(entry).unwrap();
            self.last = id(number);
        }
        self.written += count;
        self.order.settle();
    }
}

/// Encodes events as they are asked for.
struct Made {
    numbers: std::collections::HashMap<EntryId, u64>,
    aggregates: u64,
    device: DeviceId,
}

impl EventSource for Made {
    fn load(
        &mut self,
        _: &TopicId,
        lines: &[FoldLine],
        out: &mut Vec<Option<Vec<u8>>>,
    ) -> Result<(), SourceError> {
        for line in lines {
            let number = self.numbers[&line.id];
            let key = format!("bulk-{:08}", number.wrapping_mul(7_919) % self.aggregates);
            let body = Value::map([
                ("key", Value::Text(key)),
                ("n", Value::Int(number as i64 % 9)),
                ("note", Value::Bytes(vec![1; 60])),
            ]);
            let event = FoldEvent {
                id: line.id,
                author: self.device,
                entity: synlog_log::ids::EntityId(self.device.0),
                seq: number,
                hlc: (number + 1) << 16,
                sequenced: line.sequenced,
                role: line.role.clone(),
                kind: if number == 0 {
                    "topic.genesis"
                } else {
                    "stock.add"
                }
                .into(),
                body: body.encode(),
                erasable_hash: None,
                facts: Vec::new(),
            };
            out.push(Some(event.encode()));
        }
        Ok(())
    }
}

/// CPU seconds of this process, all threads.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}

fn measure(name: &str, events: u64, run: impl FnOnce()) {
    let (cpu, wall) = (cpu_s(), Instant::now());
    run();
    let (cpu, wall) = (cpu_s() - cpu, wall.elapsed().as_secs_f64());
    println!(
        "{name}: {events} events, {wall:.2} s, {cpu:.2} CPU s: {:.0} events per CPU second",
        events as f64 / cpu
    );
}

#[test]
#[ignore = "measures; takes a minute in release"]
fn speed() {
    for (mode, aggregates, bulk) in [
        (Mode::Ordered, 100_000, 1_000_000),
        (Mode::Causal, 20_000, 200_000),
    ] {
        let mut topic = Bulk::new(mode, aggregates);
        topic.write(bulk);
        let mut source = Made {
            numbers: (0..bulk + 40_000)
                .map(|number| (id(number), number))
                .collect(),
            aggregates: topic.aggregates,
            device: topic.owner.device(0),
        };
        let mut fixture = Fixture::new(Source::default(), 8_192);
        fixture.views.options = crate::Options::new([1; 16]);
        let mut shop = Shop::new();
        // what the source and the reducer of this test take is not the driver's
        measure("source and reducer alone", bulk, || {
            let line = |number| FoldLine {
                id: id(number),
                sequenced: true,
                role: "owner".into(),
            };
            let mut out = Vec::new();
            for start in (1..bulk).step_by(8_192) {
                out.clear();
                let lines: Vec<FoldLine> = (start..(start + 8_192).min(bulk)).map(line).collect();
                source.load(&topic.order.topic(), &lines, &mut out).unwrap();
                let events: Vec<&[u8]> = out.iter().flatten().map(|it| &it[..]).collect();
                use synlog_log::fold::{FoldInput, Reducer};
                shop.route(&topic.order.topic(), &events).unwrap();
                for event in events {
                    let input = FoldInput {
                        key: "bulk",
                        state: None,
                        events: vec![event],
                    };
                    shop.fold(&topic.order.topic(), &[input]).unwrap();
                }
            }
        });
        let views = &mut fixture.views;
        measure(&format!("{mode:?} bulk"), bulk, || {
            views
                .update(&topic.order, &mut source, &mut shop, &mut |_| true)
                .unwrap();
        });
        println!("{:?}", views.stats().unwrap());
        measure(&format!("{mode:?} stream in groups of 100"), 20_000, || {
            for _ in 0..200 {
                topic.write(100);
                views
                    .update(&topic.order, &mut source, &mut shop, &mut |_| true)
                    .unwrap();
            }
        });
        let mut times = Vec::new();
        measure(&format!("{mode:?} one by one"), 2_000, || {
            for _ in 0..2_000 {
                topic.write(1);
                let start = Instant::now();
                views
                    .update(&topic.order, &mut source, &mut shop, &mut |_| true)
                    .unwrap();
                let cursor = Filter::Prefix("bulk-00000042".into());
                assert_eq!(views.query(&query("items", cursor)).unwrap().rows.len(), 1);
                times.push(start.elapsed());
            }
        });
        times.sort();
        println!(
            "one event to rows: p50 {:?}, p99 {:?}",
            times[1_000], times[1_980]
        );
    }
}
