//! Private topics as their readers see them: whoever has the keys has the same order and
//! verdicts, whoever lacks one stops at a named place, and a keeper places as they do.

use std::collections::BTreeMap;

use synlog_log::cbor::Value;
use synlog_log::identity::Action;
use synlog_log::ids::EntryId;
use synlog_log::order::{Status, TopicOrder};
use synlog_log::payload::PayloadBuilder;
use synlog_log::scenario::{Node, Person, World, epoch_key, genesis, key_body};
use synlog_log::sealed::Secrets;
use synlog_log::sealed::access::Access;
use synlog_log::topic::Mode;

use crate::hard_cases::Lcg;

fn note(number: i64) -> PayloadBuilder {
    PayloadBuilder::new("note.put", Value::map([("n", Value::Int(number))]))
}

fn entity(person: &Person) -> Value {
    Value::Bytes(person.id().0.to_vec())
}

fn member(person: &Person) -> PayloadBuilder {
    let role = Value::Text("member".into());
    let body = Value::map([("entity", entity(person)), ("role", role)]);
    PayloadBuilder::new("topic.member", body)
}

fn removal(person: &Person) -> PayloadBuilder {
    let body = Value::map([("entity", entity(person))]);
    PayloadBuilder::new("topic.remove", body)
}

fn read(world: &World, secrets: Secrets) -> Node {
    let mut node = Node::with_secrets(secrets);
    world
        .written
        .iter()
        .for_each(|written| node.receive(&written.run));
    node
}

fn words(order: &TopicOrder) -> Vec<(EntryId, &'static str)> {
    let lines = order.lines();
    lines.map(|line| (line.id, line.status.word())).collect()
}

/// Owner, a member, one who is removed, one who comes late, and a stranger.
pub fn people() -> [Person; 5] {
    [1, 41, 81, 121, 161].map(|number| Person::new(number, 2))
}

pub struct Story {
    pub world: World,
    first_note: EntryId,
    after_removal: EntryId,
    by_the_late: EntryId,
}

/// A life: notes, a removal with a new epoch, somebody who comes late.
pub fn story(people: &[Person; 5]) -> Story {
    let [owner, stays, leaves, late, _] = people;
    let setup = genesis(Mode::Ordered, &[(stays, "member"), (leaves, "member")]);
    let (mut world, at) = World::private(owner, 0, &setup, &[owner, stays, leaves]);
    let first_note = world.write_sealed(stays, 0, None, &[at], 1, &note(1));
    let left = world.write_sealed(leaves, 0, None, &[at], 1, &note(2));
    let at = world.write_sealed(owner, 0, Some(at), &[first_note, left], 1, &removal(leaves));
    let body = key_body(&world.topic, 2, &[owner, stays], true);
    let at = world.write(owner, 0, Some(at), &[], "topic.key", body);
    let after_removal = world.write_sealed(stays, 0, Some(first_note), &[at], 2, &note(3));
    let still = world.write_sealed(leaves, 0, Some(left), &[at], 1, &note(4));
    let at = world.write_sealed(
        owner,
        0,
        Some(at),
        &[after_removal, still],
        2,
        &member(late),
    );
    let body = key_body(&world.topic, 2, &[late], false);
    let at = world.write(owner, 0, Some(at), &[], "topic.key", body);
    let by_the_late = world.write_sealed(late, 0, None, &[at], 2, &note(5));
    world.write(
        owner,
        0,
        Some(at),
        &[by_the_late],
        "topic.ack",
        Value::map([("x", Value::Null)]),
    );
    Story {
        world,
        first_note,
        after_removal,
        by_the_late,
    }
}

#[test]
fn each_reader_reads_as_far_as_its_keys_reach() {
    let people = people();
    let story = story(&people);
    let reading = |index: usize| read(&story.world, people[index].secrets());
    for holder in [0, 1, 3] {
        let mut node = reading(holder);
        for entry in [story.first_note, story.after_removal, story.by_the_late] {
            assert_eq!(node.status(&entry), "sequenced:accepted", "reader {holder}");
        }
        let order = node.order();
        assert_eq!(order.locked(), None);
        assert_eq!(order.prefix_len(), order.lines().count());
        assert_eq!(order.epochs_held().len(), 2);
        assert_eq!(order.genesis().unwrap().app, "test");
    }
    let mut removed = reading(2);
    assert_eq!(removed.status(&story.first_note), "sequenced:accepted");
    assert_eq!(removed.status(&story.after_removal), "sequenced:sealed");
    // what it wrote later itself can't be judged by it: it doesn't know who may write
    let order = removed.order();
    // a digest is named by the last entry of the chain and by how much is folded: who lacks
    // a key has the same last entry and folds less, which is not what lagging looks like
    let mut full = reading(0);
    full.digest();
    let full = full.order();
    assert_eq!(order.head(), full.head());
    assert!(order.head().is_some() && order.prefix_len() < full.prefix_len());
    let locked = order.locked().unwrap();
    assert_eq!((locked.entry, locked.epoch), (story.after_removal, 2));
    let readable: Vec<EntryId> = order.prefix_from(0).map(|line| line.id).collect();
    assert!(readable.contains(&story.first_note) && !readable.contains(&story.after_removal));
    assert_eq!(order.tentative().count(), 0);
    for blind in [reading(4), read(&story.world, Secrets::default())] {
        let mut blind = blind;
        assert_eq!(blind.status(&story.first_note), "sequenced:sealed");
        assert_eq!(blind.order().genesis().unwrap().app, "");
        let words_here = words(blind.order());
        let mut full = reading(0);
        full.digest();
        assert_eq!(
            words_here,
            words(full.order()),
            "keepers place as members do"
        );
    }
}

#[test]
fn what_a_removed_member_writes_with_an_old_key_counts_for_nobody() {
    let people = people();
    let story = story(&people);
    let mut node = read(&story.world, people[0].secrets());
    node.digest();
    let codes: Vec<&str> = node
        .order()
        .lines()
        .map(|line| line.status.text())
        .collect();
    assert_eq!(
        codes.iter().filter(|code| **code == "not_member").count(),
        1
    );
}

#[test]
fn a_key_that_comes_late_opens_what_was_closed() {
    let people = people();
    let story = story(&people);
    // nothing is kept to be opened by a reader that never had a key
    let mut blind = read(&story.world, Secrets::default());
    assert_eq!(blind.status(&story.first_note), "sequenced:sealed");
    blind.order().insert_key(2, epoch_key(2));
    assert_eq!(blind.status(&story.first_note), "sequenced:sealed");
    // the key of epoch 1 stands in that of epoch 2
    let mut hoping = read(&story.world, people[4].secrets());
    assert_eq!(hoping.status(&story.first_note), "sequenced:sealed");
    hoping.order().insert_key(2, epoch_key(2));
    assert_eq!(hoping.status(&story.first_note), "sequenced:accepted");
    let mut owner = read(&story.world, people[0].secrets());
    assert_eq!(hoping.digest(), owner.digest());
}

/// Entries that are rejected, by name, in a topic of its own.
pub struct Rejections {
    pub world: World,
    written: BTreeMap<&'static str, EntryId>,
}

/// Writes one entry for each way to be rejected in a private topic.
pub fn rejections(people: &[Person; 5]) -> Rejections {
    let [owner, stays, leaves, ..] = people;
    let setup = genesis(Mode::Ordered, &[(stays, "member"), (leaves, "member")]);
    let (mut world, at) = World::private(owner, 0, &setup, &[owner, stays, leaves]);
    let mut written: BTreeMap<&str, EntryId> = BTreeMap::new();
    let ack = || Value::Map(Vec::new());
    let unknown = world.write_sealed(stays, 0, None, &[at], 7, &note(1));
    let key = (1, &[9; 32]);
    let unsealable = world.write_sealed_with(stays, 0, Some(unknown), &[], key, &note(2));
    let body = Value::map([("n", Value::Int(3))]);
    let in_clear = world.write(stays, 0, Some(unsealable), &[], "note.put", body);
    // what must be clear counts for nobody where it is sealed
    let sealed_ack = PayloadBuilder::new("topic.ack", ack());
    let sealed_ack = world.write_sealed(stays, 0, Some(in_clear), &[], 1, &sealed_ack);
    let body = key_body(&world.topic, 2, &[stays], true);
    let usurped = world.write(stays, 0, Some(sealed_ack), &[], "topic.key", body);
    let target = Value::map([("target", Value::Bytes(in_clear.0.to_vec()))]);
    let tombstone = world.write(stays, 0, Some(usurped), &[], "topic.tombstone", target);
    let body = key_body(&world.topic, 3, &[owner], false);
    let skipped = world.write(owner, 0, Some(at), &[tombstone], "topic.key", body);
    let body = member(stays).body;
    let clear_member = world.write(owner, 0, Some(skipped), &[], "topic.member", body);
    let again = PayloadBuilder::new("topic.setup", setup.setup().body());
    let again = world.write_sealed(owner, 0, Some(clear_member), &[], 1, &again);
    world.write(owner, 0, Some(again), &[], "topic.ack", ack());
    written.extend([
        ("unknown", unknown),
        ("unsealable", unsealable),
        ("in clear", in_clear),
        ("sealed ack", sealed_ack),
        ("usurped", usurped),
        ("tombstone", tombstone),
        ("skipped", skipped),
        ("clear member", clear_member),
        ("again", again),
    ]);
    Rejections { world, written }
}

#[test]
fn rejections_are_the_same_for_every_key_holder() {
    let people = people();
    let Rejections { world, written } = rejections(&people);
    let check = |node: &mut Node, blind: bool| {
        for (name, clear, text) in [
            ("unknown", true, "unknown_epoch"),
            ("unsealable", false, "unsealable"),
            ("in clear", true, "not_sealed"),
            ("sealed ack", false, "not_sequencer"),
            ("usurped", true, "not_sequencer"),
            ("tombstone", true, "accepted"),
            ("skipped", true, "bad_epoch"),
            ("clear member", true, "not_sealed"),
            ("again", false, "bad_event"),
        ] {
            let text = if blind && !clear { "sealed" } else { text };
            let status = node.status(&written[name]);
            assert_eq!(status, format!("sequenced:{text}"), "{name}");
        }
    };
    for holder in &people[..3] {
        check(&mut read(&world, holder.secrets()), false);
    }
    check(&mut read(&world, Secrets::default()), true);
}

#[test]
fn who_may_fetch_follows_from_what_is_placed() {
    let people = people();
    let story = story(&people);
    let [owner, stays, leaves, late, stranger] = &people;
    let mut node = read(&story.world, owner.secrets());
    node.digest();
    let ask = |order: &TopicOrder, person: &Person| order.access(&person.id(), &person.device(0));
    let answers = [owner, stays, leaves, late, stranger].map(|who| ask(node.order(), who));
    use Access::{Member, Nothing};
    assert_eq!(answers, [Member, Member, Nothing, Member, Nothing]);
    let mut blind = read(&story.world, Secrets::default());
    blind.digest();
    let answers = [owner, stays].map(|who| ask(blind.order(), who));
    assert_eq!(answers, [Member, Nothing], "only who began it is visible");
}

/// A random life with forks, removals, new epochs, hand-overs and late writers.
pub fn random_world(seed: u64, count: usize) -> (World, Vec<Person>) {
    let mut random = Lcg(seed);
    let mut people: Vec<Person> = (0..5).map(|n| Person::new(1 + n * 40, 2)).collect();
    let members = [(&people[1], "member"), (&people[2], "member")];
    let setup = genesis(Mode::Ordered, &members);
    let all = [&people[0], &people[1], &people[2]];
    let (mut world, last) = World::private(&people[0], 0, &setup, &all);
    let mut heads: Vec<((usize, usize), EntryId)> = vec![((0, 0), last)];
    let (mut sequencer, mut epoch, mut statements) = ((0, 0), 1, 0);
    while world.written.len() < count {
        let who = match random.below(3) {
            0 => sequencer,
            _ => (random.below(people.len()), random.below(2)),
        };
        let own: Vec<usize> = (0..heads.len()).filter(|at| heads[*at].0 == who).collect();
        let at = (!own.is_empty()).then(|| own[random.below(own.len())]);
        let after = at.map(|at| heads[at].1);
        let deps: Vec<EntryId> = (0..random.below(4))
            .map(|_| {
                let back = world.written.len().min(25);
                world.written[world.written.len() - 1 - random.below(back)].id
            })
            .collect();
        let forks = random.below(60) == 0;
        let other = random.below(people.len());
        let decides = who == sequencer && after.is_some();
        let person = &people[who.0];
        let mut seal = |event: PayloadBuilder, epoch: i64| {
            world.write_sealed(person, who.1, after, &deps, epoch, &event)
        };
        let id = match random.below(40) {
            0 if decides => seal(removal(&people[other]), epoch),
            1 if decides => seal(member(&people[other]), epoch),
            2 | 3 if decides => {
                epoch += 1;
                let members: Vec<&Person> = people.iter().filter(|_| random.below(4) > 0).collect();
                let previous = random.below(3) > 0;
                let body = key_body(&world.topic, epoch, &members, previous);
                world.write(person, who.1, after, &deps, "topic.key", body)
            }
            4 if decides => {
                let body = key_body(&world.topic, epoch, &[&people[other]], true);
                world.write(person, who.1, after, &deps, "topic.key", body)
            }
            5 if decides && (other, 1) != who => {
                sequencer = (other, 1);
                let device = people[other].device(1);
                let next = Value::Bytes(device.0.to_vec());
                let body = Value::map([("next", next), ("head", Value::Null)]);
                world.write(person, who.1, after, &deps, "topic.handover", body)
            }
            6 if after.is_some() && statements < 6 => {
                statements += 1;
                let device = people[who.0].device(1 - who.1);
                let statement = people[who.0].state(Action::Revoke { device });
                let person = &people[who.0];
                let body = World::statement_body(person, &statement);
                world.write(person, who.1, after, &deps, "topic.identity", body)
            }
            7 => seal(note(7), epoch + 1),
            8 => seal(note(8), (epoch - 1).max(1)),
            9..20 if decides => world.write(
                person,
                who.1,
                after,
                &deps,
                "topic.ack",
                Value::Map(Vec::new()),
            ),
            number => seal(note(number as i64), epoch),
        };
        match at {
            Some(at) if !forks => heads[at].1 = id,
            _ => heads.push((who, id)),
        }
    }
    (world, people)
}

/// All that a reader can tell of a topic.
/// The order, where reading stops and by which epoch, and how much is placed.
type Told = (Vec<(EntryId, Status)>, Option<(EntryId, i64)>, usize);

fn told(node: &mut Node) -> Told {
    let order = node.order();
    order.settle();
    let lines = order.lines().map(|line| (line.id, line.status)).collect();
    let locked = order.locked().map(|locked| (locked.entry, locked.epoch));
    (lines, locked, order.prefix_len())
}

#[test]
fn random_lives_come_out_the_same_in_any_order_of_arrival() {
    let (mut locked, mut open) = (0, 0);
    for seed in 0..12 {
        let (world, people) = random_world(seed, 160);
        let readers = people.iter().map(Person::secrets);
        let readers: Vec<Secrets> = readers.chain([Secrets::default()]).collect();
        let mut blind = read(&world, Secrets::default());
        let placed: Vec<(EntryId, &str)> = told(&mut blind)
            .0
            .iter()
            .map(|(id, status)| (*id, status.word()))
            .collect();
        for secrets in readers {
            let first = told(&mut read(&world, secrets.clone()));
            match first.1 {
                Some(_) => locked += 1,
                None => open += 1,
            }
            let words: Vec<(EntryId, &str)> = first
                .0
                .iter()
                .map(|(id, status)| (*id, status.word()))
                .collect();
            assert_eq!(words, placed, "seed {seed}: a keeper places as members do");
            // settled after each arrival, in another order of arrival
            let mut random = Lcg(seed + 1_000);
            let mut runs: Vec<&Vec<u8>> = world.written.iter().map(|it| &it.run).collect();
            for index in (1..runs.len()).rev() {
                runs.swap(index, random.below(index + 1));
            }
            let mut node = Node::with_secrets(secrets);
            for (index, run) in runs.into_iter().enumerate() {
                node.receive(run);
                if index % 7 == 0 {
                    node.digest();
                }
            }
            assert_eq!(told(&mut node), first, "seed {seed}");
        }
    }
    assert!(locked > 10 && open > 5, "{locked} locked, {open} open");
}
