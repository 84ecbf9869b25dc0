//! Who may not have a topic learns nothing of it, also if both sides want it.

use std::collections::BTreeSet;

use synlog_log::admission::WaitingLimits;
use synlog_log::disk::Seeded;
use synlog_log::scenario::{START_MS, genesis};
use synlog_log::topic::Mode;

use crate::row::Advance;
use crate::session::Spread;
use crate::world::cast::device;
use crate::world::pair::Pair;
use crate::world::{Audience, MemoryRepo, RecordDisk, begin_topic, payload};

fn repo(person: u8) -> MemoryRepo {
    let disk = RecordDisk::new(&mut Seeded::new(u64::from(person)));
    MemoryRepo::open(disk, device(person, 0), WaitingLimits::default())
}

#[test]
fn a_topic_that_both_want_is_not_compared_with_who_may_not_have_it() {
    let (topic, run) = begin_topic(&device(1, 0), &genesis(Mode::Causal, &[]), START_MS).unwrap();
    let mut one = repo(1);
    one.publish(run, START_MS);
    one.write(topic, &payload("test.note", 1, 10), START_MS + 1)
        .unwrap();
    let members = BTreeSet::from([device(1, 0).entity]);
    for may_have in [false, true] {
        let mut pair = Pair::new(repo(1), repo(2));
        let disk = RecordDisk {
            epoch: crate::repo::Epoch([1; 16]),
            records: one.disk().records.clone(),
            blobs: Default::default(),
        };
        let mut held = MemoryRepo::open(disk, device(1, 0), WaitingLimits::default());
        if !may_have {
            let members = members.clone();
            let audience = Audience {
                members,
                keepers: BTreeSet::new(),
            };
            held.audiences.insert(topic, audience);
        }
        pair.sides[0] = crate::world::pair::Side::new(held, pair.sides[0].me);
        for side in &mut pair.sides {
            // a device wants each topic in which it writes; the other has learned the id
            side.terms.wanted.push(topic);
        }
        pair.connect().unwrap();
        pair.settle(100).unwrap();
        let session = pair.sides[0].session.as_ref().unwrap();
        assert_eq!(session.shares(&topic), may_have);
        assert_eq!(pair.sides[1].rows().is_empty(), !may_have);
        let said = &pair.sides[0].said;
        let told = ["runs", "heads", "proof", "statements", "receipt"];
        let told = told.iter().any(|kind| said.contains_key(kind));
        assert_eq!(told, may_have, "{said:?}");
    }
}

#[test]
fn a_meeting_goes_on_where_access_is_taken_and_given() {
    let (topic, run) = begin_topic(&device(1, 0), &genesis(Mode::Causal, &[]), START_MS).unwrap();
    let mut one = repo(1);
    one.publish(run, START_MS);
    let mut pair = Pair::new(one, repo(2));
    pair.sides[1].terms.wanted.push(topic);
    pair.connect().unwrap();
    pair.settle(100).unwrap();
    assert!(pair.is_synced());
    let mut heights = Vec::new();
    let members = BTreeSet::from([device(1, 0).entity]);
    for (number, audience) in [
        Some(Audience {
            members,
            keepers: BTreeSet::new(),
        }),
        None,
    ]
    .into_iter()
    .enumerate()
    {
        let may_have = audience.is_none();
        let repo = &mut pair.sides[0].repo;
        repo.audiences.remove(&topic);
        repo.audiences
            .extend(audience.map(|audience| (topic, audience)));
        let payload = payload("test.note", number as u64, 10);
        let now_ms = START_MS + 1 + number as u64;
        repo.write(topic, &payload, now_ms).unwrap();
        let feed = repo.own_feed(topic);
        let row = repo.row_of(&feed).unwrap();
        let advance = Advance {
            row,
            from: row.height - 1,
        };
        pair.sides[0].frontier.put(&row);
        pair.act(0, |session, context, out| {
            session.stored(&[advance], Spread::Push, context, out)
        })
        .unwrap();
        pair.settle(100).unwrap();
        let session = pair.sides[0].session.as_ref().unwrap();
        assert_eq!(session.shares(&topic), may_have);
        assert!(pair.is_synced(), "{may_have}");
        heights.push(pair.sides[1].frontier.row(&feed).map(|row| row.height));
    }
    assert_eq!(heights, [Some(1), Some(3)]);
}
