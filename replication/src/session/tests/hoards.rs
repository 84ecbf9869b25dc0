//! A peer that asks and does not read: what waits for it is bounded.

use synlog_log::admission::WaitingLimits;
use synlog_log::disk::Seeded;
use synlog_log::ids::{EntryId, TopicId};
use synlog_log::run::RunView;
use synlog_log::scenario::{START_MS, genesis};
use synlog_log::topic::Mode;

use crate::message::{LIST_MAX, Message, Short};
use crate::repo::Repo;
use crate::session::{Breach, Fault, UNREAD_MAX};
use crate::world::cast::device;
use crate::world::pair::Pair;
use crate::world::{MemoryRepo, RecordDisk, begin_topic, payload};

const ENTRIES: u64 = 300;
/// Bytes of each entry, so that all of them are more than may wait.
const ENTRY_BYTES: usize = 60_000;

fn repo(person: u8) -> MemoryRepo {
    let disk = RecordDisk::new(&mut Seeded::new(u64::from(person)));
    MemoryRepo::open(disk, device(person, 0), WaitingLimits::default())
}

/// A side with a topic of large entries, another that has got all of them, and their ids.
fn met() -> (Pair<MemoryRepo>, TopicId, Vec<EntryId>) {
    let mut one = repo(1);
    let (topic, run) = begin_topic(&device(1, 0), &genesis(Mode::Causal, &[]), START_MS).unwrap();
    one.publish(run, START_MS);
    for number in 0..ENTRIES {
        let payload = payload("test.note", number, ENTRY_BYTES);
        one.write(topic, &payload, START_MS + number).unwrap();
    }
    let Ok(runs) = one.runs(&one.own_feed(topic), 0, usize::MAX);
    let ids = runs.iter().flat_map(|(_, run)| {
        let run = RunView::decode(run).unwrap();
        run.entries.iter().map(|it| it.id).collect::<Vec<_>>()
    });
    let ids: Vec<EntryId> = ids.collect();
    let mut pair = Pair::new(one, repo(2));
    pair.sides[1].terms.wanted.push(topic);
    pair.connect().unwrap();
    pair.settle(500).unwrap();
    assert!(pair.is_synced());
    pair.drains = false;
    (pair, topic, ids)
}

fn short(pair: &Pair<MemoryRepo>, topic: &TopicId) -> Short {
    let session = pair.sides[0].session.as_ref().unwrap();
    session.meeting.unwrap().topic(topic)
}

#[test]
fn who_asks_for_all_at_once_and_reads_nothing_is_left() {
    let (mut pair, topic, ids) = met();
    assert!(ids.len() as u64 == ENTRIES + 1 && ids.len() * ENTRY_BYTES > UNREAD_MAX);
    let topic = short(&pair, &topic);
    let mut found = None;
    for round in 0..10_000 {
        // sometimes the same, sometimes others, sometimes what isn't there
        let wanted = (0..LIST_MAX).map(|at| {
            let id = ids[(at + round) % ids.len()];
            let nothing = EntryId(*blake3::hash(&(at * round).to_le_bytes()).as_bytes());
            (topic, if at % 3 == 2 { nothing } else { id })
        });
        let bytes = Message::WantEntries(wanted.collect()).encode();
        let handled = pair.act(0, |session, cx, out| session.handle(&bytes, cx, out));
        let held = pair.sides[0]
            .session
            .as_ref()
            .unwrap()
            .progress()
            .held_bytes;
        assert!(held <= 2 * UNREAD_MAX, "{held} bytes wait after {round}");
        if let Err((0, Fault::Breach(breach))) = handled {
            found = Some(breach);
            break;
        }
    }
    assert_eq!(found, Some(Breach::NotReading));
}

#[test]
fn who_asks_for_the_same_again_has_it_in_the_outbox_once() {
    let (mut pair, topic, ids) = met();
    let topic = short(&pair, &topic);
    // more than may be on its way, so that the rest waits
    let wanted: Vec<_> = ids.iter().take(100).map(|id| (topic, *id)).collect();
    let bytes = Message::WantEntries(wanted).encode();
    let mut held = Vec::new();
    for _ in 0..20 {
        pair.act(0, |session, cx, out| session.handle(&bytes, cx, out))
            .unwrap();
        held.push(
            pair.sides[0]
                .session
                .as_ref()
                .unwrap()
                .progress()
                .held_bytes,
        );
    }
    let most = held.iter().max().unwrap();
    assert!(*most < 2 * 1024 * 1024, "{held:?}");
}
