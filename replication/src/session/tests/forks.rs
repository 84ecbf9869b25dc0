//! Feeds whose branches part, proofs, and ancestors that are asked for by id.

use synlog_log::admission::WaitingLimits;
use synlog_log::disk::Seeded;
use synlog_log::ids::{FeedKey, TopicId};
use synlog_log::scenario::{START_MS, genesis};
use synlog_log::topic::Mode;

use crate::peer::NodeId;
use crate::repo::Repo;
use crate::row::Row;
use crate::session::{Breach, Fault};
use crate::world::cast::device;
use crate::world::pair::Pair;
use crate::world::{MemoryRepo, RecordDisk, begin_topic, payload};

fn repo(person: u8) -> MemoryRepo {
    let disk = RecordDisk::new(&mut Seeded::new(u64::from(person)));
    MemoryRepo::open(disk, device(person, 0), WaitingLimits::default())
}

fn copy(from: &MemoryRepo, to: &mut MemoryRepo) {
    for topic in from.topics() {
        let Ok(rows) = from.rows(&topic);
        // again and again until what waits has its ancestors
        for _ in 0..rows.len() {
            for row in &rows {
                let Ok(runs) = from.runs(&row.feed, 0, usize::MAX);
                let runs = runs.into_iter().map(|(_, run)| run).collect();
                let Ok(_) = to.take_in(NodeId([9; 32]), runs, u64::MAX >> 20);
            }
        }
    }
}

/// A topic with a feed of person 3, of which two copies of its disk write on by themselves.
fn parted(common: u64, first: u64, second: u64) -> (TopicId, MemoryRepo, MemoryRepo, FeedKey) {
    let mut one = repo(3);
    let (topic, run) = begin_topic(&device(3, 0), &genesis(Mode::Causal, &[]), START_MS).unwrap();
    one.publish(run, START_MS);
    let mut now_ms = START_MS;
    let mut write = |repo: &mut MemoryRepo, kind: &str, number: u64| {
        now_ms += 1_000;
        repo.write(topic, &payload(kind, number, 10), now_ms)
            .unwrap();
    };
    (1..common).for_each(|number| write(&mut one, "test.note", number));
    let mut other = repo(3);
    copy(&one, &mut other);
    (0..first).for_each(|number| write(&mut one, "test.one", number));
    (0..second).for_each(|number| write(&mut other, "test.other", number));
    let feed = one.own_feed(topic);
    (topic, one, other, feed)
}

fn row_of(pair: &Pair<MemoryRepo>, side: usize, feed: &FeedKey) -> Row {
    pair.sides[side].frontier.row(feed).unwrap()
}

/// Two persons with copies of what others have.
fn pair_of(stores: [&MemoryRepo; 2], topic: TopicId) -> Pair<MemoryRepo> {
    let side = |index: usize| {
        let person = index as u8 + 1;
        let disk = RecordDisk {
            epoch: crate::repo::Epoch([person; 16]),
            records: stores[index].disk().records.clone(),
            blobs: Default::default(),
        };
        MemoryRepo::open(disk, device(person, 0), WaitingLimits::default())
    };
    let mut pair = Pair::new(side(0), side(1));
    for side in &mut pair.sides {
        side.terms.wanted.push(topic);
    }
    pair
}

#[test]
fn branches_that_part_are_found_from_heads() {
    // same height, lower and higher, parted near and far
    for (common, first, second) in [(3, 1, 1), (3, 2, 5), (40, 60, 60), (2, 90, 3), (1, 1, 1)] {
        let (topic, one, other, feed) = parted(common, first, second);
        for turned in [false, true] {
            let branches = if turned {
                [&other, &one]
            } else {
                [&one, &other]
            };
            let mut pair = pair_of(branches, topic);
            pair.connect().unwrap();
            pair.settle(200).unwrap();
            let case = (common, first, second, turned);
            assert!(pair.is_synced(), "{case:?}");
            for side in 0..2 {
                let row = row_of(&pair, side, &feed);
                assert_eq!(row.forked_at, Some(common), "{case:?}");
                assert_eq!(row.height, common, "{case:?}");
            }
        }
    }
}

#[test]
fn a_fork_that_one_side_knows_is_proven_to_the_other() {
    let (topic, one, other, feed) = parted(5, 3, 3);
    let mut both = repo(4);
    copy(&one, &mut both);
    copy(&other, &mut both);
    assert_eq!(both.row_of(&feed).unwrap().forked_at, Some(5));
    for theirs in [repo(2), one] {
        for turned in [false, true] {
            let mut branches = [&both, &theirs];
            if turned {
                branches.reverse();
            }
            let mut pair = pair_of(branches, topic);
            pair.connect().unwrap();
            pair.settle(200).unwrap();
            assert!(pair.is_synced(), "{turned}");
            assert_eq!(row_of(&pair, 0, &feed), row_of(&pair, 1, &feed));
            assert_eq!(row_of(&pair, 0, &feed).forked_at, Some(5));
        }
    }
}

#[test]
fn what_lies_behind_a_fork_comes_when_it_is_cited() {
    let (topic, one, other, feed) = parted(5, 3, 3);
    let mut citing = repo(4);
    copy(&other, &mut citing);
    // cites the end of one branch
    citing
        .write(topic, &payload("test.cites", 1, 10), START_MS + 900_000)
        .unwrap();
    let mut both = repo(1);
    copy(&citing, &mut both);
    copy(&one, &mut both);
    assert_eq!(both.row_of(&feed).unwrap().forked_at, Some(5));
    for turned in [false, true] {
        // one side has the other branch and nothing of who cites
        let mut branches = [&both, &one];
        if turned {
            branches.reverse();
        }
        let mut pair = pair_of(branches, topic);
        pair.connect().unwrap();
        pair.settle(200).unwrap();
        assert!(pair.is_synced(), "{turned}");
        let cites = citing.own_feed(topic);
        for side in 0..2 {
            assert_eq!(row_of(&pair, side, &cites).height, 1);
        }
    }
}

#[test]
fn what_waited_goes_also_to_the_peer_that_brought_what_it_waited_for() {
    let (topic, one, _, _) = parted(5, 3, 3);
    let mut citing = repo(4);
    copy(&one, &mut citing);
    citing
        .write(topic, &payload("test.cites", 1, 10), START_MS + 900_000)
        .unwrap();
    let cites = citing.own_feed(topic);
    let mut pair = pair_of([&one, &repo(2)], topic);
    // the called has got what cites from somebody else, and none of what it cites
    let Ok(runs) = citing.runs(&cites, 0, usize::MAX);
    let runs = runs.into_iter().map(|(_, run)| run).collect();
    let Ok(taken) = pair.sides[1]
        .repo
        .take_in(NodeId([9; 32]), runs, u64::MAX >> 20);
    assert!(taken.advanced.is_empty());
    pair.connect().unwrap();
    pair.settle(200).unwrap();
    assert_eq!(row_of(&pair, 1, &cites).height, 1);
    // it is looked for when somebody looks after the session; then both say that it is there
    for _ in 0..2 {
        for side in [0, 1] {
            pair.act(side, |session, cx, out| session.tick(cx, out))
                .unwrap();
        }
        pair.settle(400).unwrap();
        assert!(pair.is_same());
    }
    assert!(pair.is_synced());
}

#[test]
fn what_was_written_before_a_clock_was_wrong_does_not_wait_with_the_rest() {
    const DAYS_MS: u64 = 24 * 3_600_000;
    for ahead_ms in [2 * DAYS_MS, 3_650 * DAYS_MS] {
        let (topic, mut one, _, feed) = parted(3, 0, 0);
        one.write(topic, &payload("test.note", 9, 10), START_MS + ahead_ms)
            .unwrap();
        let mut pair = pair_of([&one, &repo(2)], topic);
        pair.connect().unwrap();
        pair.settle(200).unwrap();
        assert_eq!(row_of(&pair, 0, &feed).height, 4);
        assert_eq!(row_of(&pair, 1, &feed).height, 3, "{ahead_ms}");
    }
}

#[test]
fn a_run_whose_signature_is_wrong_ends_the_meeting() {
    let (topic, one, _, feed) = parted(5, 3, 3);
    let mut pair = pair_of([&one, &repo(2)], topic);
    pair.connect().unwrap();
    pair.flight().unwrap();
    pair.flight().unwrap();
    pair.flight().unwrap();
    let Ok(runs) = one.runs(&feed, 0, usize::MAX);
    let mut bad = runs[0].1.clone();
    *bad.last_mut().unwrap() ^= 1;
    let bytes = crate::message::Message::Runs {
        left: 0,
        runs: vec![bad],
    }
    .encode();
    let wrong = pair.act(1, |session, cx, out| session.handle(&bytes, cx, out));
    assert!(matches!(wrong, Err((1, Fault::Breach(Breach::RefusedRun)))));
}

#[test]
fn live_entries_go_on_at_once_and_are_not_sent_back() {
    let (topic, one, _, feed) = parted(5, 0, 0);
    let mut pair = pair_of([&one, &one], topic);
    pair.connect().unwrap();
    pair.settle(50).unwrap();
    assert!(pair.is_synced());
    // another device of the caller's writes
    for (number, spread) in [
        crate::session::Spread::Push,
        crate::session::Spread::Announce,
    ]
    .into_iter()
    .enumerate()
    {
        let now_ms = START_MS + 10_000_000 + number as u64;
        let side = &mut pair.sides[0];
        let own = side
            .repo
            .write(topic, &payload("test.live", number as u64, 5), now_ms)
            .unwrap()
            .unwrap();
        let row = side.repo.row_of(&own).unwrap();
        let from = row.height - 1;
        side.frontier.put(&row);
        let advance = crate::row::Advance { row, from };
        pair.act(0, |session, cx, out| {
            session.stored(&[advance], spread, cx, out)
        })
        .unwrap();
        pair.settle(400).unwrap();
        assert_eq!(row_of(&pair, 1, &own).height, row.height);
        for side in [0, 1] {
            pair.act(side, |session, cx, out| session.tick(cx, out))
                .unwrap();
        }
        pair.settle(400).unwrap();
        assert!(pair.is_synced());
    }
    assert_eq!(row_of(&pair, 1, &feed).height, 5);
    let echoed = pair.sides[1]
        .said
        .get("runs")
        .map_or(0, |tally| tally.count);
    assert_eq!(echoed, 0);
}
