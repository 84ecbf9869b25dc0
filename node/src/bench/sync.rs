//! What two nodes say to each other until they hold the same, in bytes and round trips,
//! and how fast one is filled by another, all in memory: no network, no disk.

use std::convert::Infallible;
use std::hint::black_box;

use synlog_log::admission::WaitingLimits;
use synlog_log::disk::Seeded;
use synlog_replication::message::Head;
use synlog_replication::message::{Message, RowLine};
use synlog_replication::peer::NodeId;
use synlog_replication::repo::Repo;
use synlog_replication::session::{Fault, Meeting};
use synlog_replication::world::cast::device;
use synlog_replication::world::pair::Pair;
use synlog_replication::world::sheet::Sheet;
use synlog_replication::world::{MemoryRepo, RecordDisk};

use super::Stage;
use super::inputs::{filled, people};
use super::meter::{cpu_of, median};
use super::table::Row;
use crate::failure::Failure;

/// Feeds that change on each side.
const CHANGED: u64 = 50;
/// Flights after which something is wrong.
const FLIGHTS_MAX: u32 = 100_000;
const ROUNDS: usize = 5;

fn wrong(wrong: (usize, Fault<Infallible>)) -> Failure {
    Failure::System(format!("the sessions of the bench: {}", wrong.1))
}

/// Bytes of both sides' rows as they would be said in full, by feeds that both know.
fn full_vector(pair: &Pair<Sheet>) -> f64 {
    let meeting = Meeting::new(&[1; 32], &[2; 32]);
    let mut bytes = 0;
    for side in &pair.sides {
        let rows = side.rows();
        let heads: Vec<Head> = rows
            .iter()
            .map(|row| Head {
                topic: [0; 8],
                author: row.feed.author,
                line: RowLine {
                    feed: [0; 8],
                    ..meeting.line(row)
                },
            })
            .collect();
        // eight bytes for a feed instead of its topic and author
        let longer = 32 * heads.len();
        bytes += Message::Heads(heads).encode().len() - longer;
    }
    bytes as f64
}

/// Bytes beside entries and round trips of a meeting that has been settled.
fn cost(
    pair: &mut Pair<Sheet>,
    what: &str,
    bounds: (f64, Option<f64>),
) -> Result<Vec<Row>, Failure> {
    let cold = pair.sides[0].memory.is_none();
    let (time, same) = cpu_of(|| -> Result<_, Failure> {
        pair.connect().map_err(wrong)?;
        pair.settle(FLIGHTS_MAX).map_err(wrong)
    });
    let same = same?.filter(|_| pair.is_synced());
    let same = same.ok_or_else(|| Failure::System("the sides don't hold the same".into()))?;
    let matching = if cold { pair.matching_bytes() } else { 0 };
    let bytes = (pair.overhead_bytes() - matching) as f64;
    // greeting, naming topics and the answer are three flights
    let trips = f64::from(same - if cold { 3 } else { 0 }) / 2.0;
    let full = full_vector(pair);
    let mut trips = Row::new(format!("{what}: until both hold all"), trips, "round trips");
    if let Some(most) = bounds.1 {
        trips = trips.at_most(most);
    }
    let mut rows = vec![
        Row::new(format!("{what}: bytes beside entries"), bytes, "B")
            .at_most(bounds.0)
            .beside("full vector", full, full / bytes),
        trips,
        Row::new(
            format!("{what}: CPU of both sides"),
            time.as_secs_f64() * 1e3,
            "ms",
        ),
    ];
    if cold {
        let what = format!("{what}: greeting and matching of topics");
        rows.push(Row::new(what, matching as f64, "B"));
    }
    Ok(rows)
}

/// Meetings, warm and cold.
pub(super) fn meetings(stage: &Stage) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for topics in [1, 100, 5_000] {
        let name = |kind: &str| format!("{kind}, 10k feeds in {topics} topics, 50 + 50 changed");
        let mut pair = Pair::alike(10_000, topics);
        pair.change(10_000, topics, CHANGED);
        rows.extend(cost(&mut pair, &name("cold"), (25_000.0, Some(2.5)))?);
        pair.cut();
        pair.change(10_000, topics, CHANGED);
        rows.extend(cost(&mut pair, &name("warm"), (2_000.0, Some(1.0)))?);
    }
    let feeds = stage.scaled(1_000_000) as u64;
    let topics = 1_000;
    let mut pair = Pair::alike(feeds, topics);
    let each = pair.sides[0].frontier.memory() as f64 / feeds as f64;
    rows.push(Row::new(
        format!("frontier of {feeds} feeds"),
        each,
        "B a feed",
    ));
    pair.change(feeds, topics, CHANGED);
    let name = format!("cold, {feeds} feeds in {topics} topics, 50 + 50 changed");
    rows.extend(cost(&mut pair, &name, (60_000.0, None))?);
    Ok(rows)
}

fn repo(person: u8) -> MemoryRepo {
    let disk = RecordDisk::new(&mut Seeded::new(u64::from(person)));
    MemoryRepo::open(disk, device(person, 0), WaitingLimits::default())
}

/// A node that has nothing is filled by one that has all.
pub(super) fn initial(stage: &Stage) -> Result<Vec<Row>, Failure> {
    const FEEDS: u8 = 16;
    let entries = stage.scaled(262_144);
    let (topic, runs) = filled(&people(FEEDS), &[], entries)?;
    let bytes: usize = runs.iter().map(Vec::len).sum();
    let take_in = |to: &mut MemoryRepo| {
        for some in runs.chunks(2) {
            let Ok(taken) = to.take_in(NodeId([7; 32]), some.to_vec(), u64::MAX >> 20);
            black_box(taken.fresh_entries);
        }
    };
    let mut full = repo(201);
    take_in(&mut full);
    let (mut rates, mut floors, mut ratios, mut said) = (vec![], vec![], vec![], 0);
    let mut full = Some(full);
    for _ in 0..ROUNDS {
        let (floor, ()) = cpu_of(|| take_in(&mut repo(203)));
        let Some(from) = full.take() else { break };
        let mut pair = Pair::new(from, repo(202));
        pair.sides[1].terms.wanted.push(topic);
        let (time, done) = cpu_of(|| -> Result<_, Failure> {
            pair.connect().map_err(wrong)?;
            pair.settle(FLIGHTS_MAX).map_err(wrong)
        });
        done?.ok_or_else(|| Failure::System("the sides don't hold the same".into()))?;
        said = pair.overhead_bytes() + pair.sides[0].run_bytes;
        rates.push(entries as f64 / time.as_secs_f64());
        floors.push(entries as f64 / floor.as_secs_f64());
        ratios.push(floor.as_secs_f64() / time.as_secs_f64());
        let [one, _] = pair.sides;
        full = Some(one.repo);
    }
    let (rate, floor, ratio) = (median(rates), median(floors), median(ratios));
    Ok(vec![
        Row::new("initial sync, CPU of both sides", rate, "entries/s").beside(
            "taking the same runs in, verified and stored",
            floor,
            ratio,
        ),
        Row::new("initial sync, bytes on the wire", said as f64, "B").beside(
            "of the runs",
            bytes as f64,
            said as f64 / bytes as f64,
        ),
    ])
}
