//! Hard cases with one outcome on every node.

use synlog_log::cbor::Value;
use synlog_log::fold::{FoldEvent, Halt};
use synlog_log::ids::{DeviceId, EntityId, EntryId, TopicId};
use synlog_log::payload::PayloadBuilder;
use synlog_log::scenario::{Node, Person, World, genesis};
use synlog_log::topic::Mode;

use super::world::{Fixture, Source, query};
use crate::{Filter, Preview, Shown};

struct Town {
    owner: Person,
    clients: [Person; 2],
    world: World,
    last: EntryId,
}

fn town(mode: Mode) -> Town {
    let (owner, clients) = (Person::new(1, 1), [Person::new(50, 1), Person::new(90, 1)]);
    let members = [(&clients[0], "client"), (&clients[1], "client")];
    let world = World::new(&owner, 0, &genesis(mode, &members));
    let last = world.genesis();
    Town {
        owner,
        clients,
        world,
        last,
    }
}

fn body(key: &str, n: i64) -> Value {
    Value::map([("key", Value::Text(key.into())), ("n", Value::Int(n))])
}

impl Town {
    fn owner(&mut self, deps: &[EntryId], kind: &str, body: Value) -> EntryId {
        self.last = self
            .world
            .write(&self.owner, 0, Some(self.last), deps, kind, body);
        self.last
    }

    fn client(&mut self, number: usize, deps: &[EntryId], kind: &str, body: Value) -> EntryId {
        self.world
            .write(&self.clients[number], 0, None, deps, kind, body)
    }

    /// Two nodes that receive everything, one of them backwards; both see the same.
    fn settled(&self) -> (Fixture, Node) {
        let mut nodes = [false, true].map(|backwards| {
            let mut fixture = Fixture::new(Source::of(&self.world), 1);
            let mut node = Node::new();
            let mut runs: Vec<&[u8]> = self.world.written.iter().map(|it| &it.run[..]).collect();
            if backwards {
                runs.reverse();
            }
            for run in runs {
                node.receive_verified(run);
                if !node.replica.orders.is_empty() {
                    node.order().settle();
                    fixture.update(node.order());
                }
            }
            (fixture, node)
        });
        let topic = self.world.topic;
        assert_eq!(nodes[0].0.whole(&topic), nodes[1].0.whole(&topic));
        let (fixture, node) = std::mem::replace(
            &mut nodes[0],
            (Fixture::new(Source::default(), 1), Node::new()),
        );
        (fixture, node)
    }
}

fn left(fixture: &Fixture, key: &str, layer: Shown) -> Option<(i64, bool)> {
    let query = crate::Query {
        layer,
        ..query("items", Filter::Key(key.into()))
    };
    let rows = fixture.views.query(&query).unwrap().rows;
    let row = rows.first()?;
    // the shop shows three less, so that there are negative numbers
    Some((
        row.columns.get("left").unwrap().as_int().unwrap() + 3,
        row.tentative,
    ))
}

fn codes(fixture: &Fixture, topic: &TopicId) -> Vec<(EntryId, String, Option<EntryId>, bool)> {
    let rejections = fixture.views.rejections(topic, None, 100).unwrap().items;
    rejections
        .into_iter()
        .map(|(it, tentative)| (it.event, it.code, it.met, tentative))
        .collect()
}

#[test]
fn two_clients_ask_for_the_last_item() {
    let mut town = town(Mode::Ordered);
    let add = town.owner(&[], "stock.add", body("bread", 1));
    let first = town.client(0, &[add], "stock.take", body("bread", 1));
    let second = town.client(1, &[add], "stock.take", body("bread", 1));
    // tentative: by clock the first gets it
    let (fixture, _) = town.settled();
    assert_eq!(left(&fixture, "bread", Shown::Sequenced), Some((1, false)));
    assert_eq!(left(&fixture, "bread", Shown::All), Some((0, true)));
    let sold_out =
        |event, met, tentative| vec![(event, "sold_out".to_owned(), Some(met), tentative)];
    assert_eq!(
        codes(&fixture, &town.world.topic),
        sold_out(second, first, true)
    );
    // the owner decides for the second
    let ack = Value::Map(Vec::new());
    town.owner(&[second], "topic.ack", ack.clone());
    let (fixture, _) = town.settled();
    assert_eq!(left(&fixture, "bread", Shown::Sequenced), Some((0, false)));
    assert_eq!(
        codes(&fixture, &town.world.topic),
        sold_out(first, second, true)
    );
    town.owner(&[first], "topic.ack", ack);
    let (fixture, _) = town.settled();
    assert_eq!(
        codes(&fixture, &town.world.topic),
        sold_out(first, second, false)
    );
}

#[test]
fn of_two_keys_one_rejects_and_neither_changes() {
    for mode in [Mode::Ordered, Mode::Causal] {
        let mut town = town(mode);
        let add = town.owner(&[], "stock.add", body("a", 2));
        let moves = |n| {
            let from = Value::Text("a".into());
            Value::map([
                ("from", from),
                ("to", Value::Text("b".into())),
                ("n", Value::Int(n)),
            ])
        };
        let much = town.client(0, &[add], "stock.move", moves(3));
        town.client(1, &[add, much], "stock.move", moves(1));
        let (fixture, _) = town.settled();
        let tentative = mode == Mode::Ordered;
        assert_eq!(left(&fixture, "a", Shown::All), Some((1, tentative)));
        assert_eq!(left(&fixture, "b", Shown::All), Some((1, tentative)));
        let rejected = vec![(much, "sold_out".to_owned(), Some(add), tentative)];
        assert_eq!(codes(&fixture, &town.world.topic), rejected);
    }
}

#[test]
fn a_void_branch_and_its_second_citation_change_nothing() {
    let mut town = town(Mode::Ordered);
    let add = town.owner(&[], "stock.add", body("slot", 1));
    let one = town.client(0, &[add], "stock.take", body("slot", 1));
    // the same client's other branch
    let other = town.client(
        0,
        &[add, town.world.genesis()],
        "stock.take",
        body("slot", 1),
    );
    let ack = Value::Map(Vec::new());
    town.owner(&[one], "topic.ack", ack.clone());
    let before = town.settled().0;
    town.owner(&[other], "topic.ack", ack.clone());
    town.owner(&[other], "topic.ack", ack);
    let (fixture, mut node) = town.settled();
    assert_eq!(node.status(&other), "void:fork");
    assert_eq!(left(&fixture, "slot", Shown::All), Some((0, false)));
    assert!(codes(&fixture, &town.world.topic).is_empty());
    let roots = |fixture: &Fixture| fixture.views.digest(&town.world.topic).unwrap().sequenced;
    assert_eq!(roots(&before), roots(&fixture));
}

#[test]
fn references_and_kinds_are_judged_by_the_host() {
    let mut town = town(Mode::Ordered);
    let add = town.owner(&[], "stock.add", body("x", 5));
    let after = |id: Option<EntryId>| {
        let after = id.map_or(Value::Null, |id| Value::Bytes(id.0.to_vec()));
        Value::map([
            ("key", Value::Text("x".into())),
            ("n", Value::Int(1)),
            ("after", after),
        ])
    };
    let right = town.owner(&[], "stock.take", after(Some(add)));
    let wrong = town.owner(&[], "stock.take", after(Some(EntryId([9; 32]))));
    town.owner(&[], "stock.take", after(None));
    let unknown = town.owner(&[], "what.ever", after(Some(right)));
    let nowhere = town.owner(&[], "stock.take", Value::Map(Vec::new()));
    let (fixture, _) = town.settled();
    assert_eq!(left(&fixture, "x", Shown::All), Some((3, false)));
    let rejected = |id, code: &str| (id, code.to_owned(), None, false);
    assert_eq!(
        codes(&fixture, &town.world.topic),
        [
            rejected(wrong, "missing_reference"),
            rejected(unknown, "unknown_kind"),
            rejected(nowhere, "no_item"),
        ]
    );
}

#[test]
fn an_erased_part_is_the_same_to_the_fold() {
    let mut town = town(Mode::Ordered);
    let mut payload = PayloadBuilder::new("stock.add", body("x", 5));
    payload.erasable = Some((
        [3; 16],
        0,
        Value::map([("name", Value::Text("Ada".into()))]),
    ));
    let bytes = payload.encode().unwrap();
    let last = town.last;
    town.last = town
        .world
        .write_payload(&town.owner, 0, Some(last), &[], &bytes);
    let (whole, mut node) = town.settled();
    let run = &town.world.written.last().unwrap().run;
    let mut source = Source::of(&town.world);
    source.add_erased(run);
    let mut fixture = Fixture::new(source, 100);
    fixture.update(node.order());
    assert_eq!(
        fixture.whole(&town.world.topic),
        whole.whole(&town.world.topic)
    );
}

#[test]
fn the_fold_waits_for_a_payload_and_goes_on() {
    for mode in [Mode::Ordered, Mode::Causal] {
        let mut town = town(mode);
        town.owner(&[], "stock.add", body("x", 5));
        let gap = town.owner(&[], "stock.take", body("x", 1));
        town.owner(&[], "stock.take", body("x", 2));
        let (whole, mut node) = town.settled();
        let mut fixture = Fixture::new(Source::of(&town.world), 100);
        fixture.source.missing.insert(gap);
        assert_eq!(fixture.update(node.order()).waits_for, Some(gap));
        assert_eq!(left(&fixture, "x", Shown::All), Some((5, false)));
        fixture.source.missing.clear();
        assert_eq!(fixture.update(node.order()).waits_for, None);
        assert_eq!(
            fixture.whole(&town.world.topic),
            whole.whole(&town.world.topic)
        );
    }
}

#[test]
fn a_fault_of_the_host_halts_and_is_named() {
    let mut town = town(Mode::Ordered);
    town.owner(&[], "stock.add", body("x", 5));
    town.owner(&[], "stock.add", body("y", 5));
    let (whole, mut node) = town.settled();
    let mut fixture = Fixture::new(Source::of(&town.world), 100);
    fixture.shop.broken = Some("y".into());
    let update = fixture.update(node.order());
    assert_eq!(update.halted, Some(Halt::Host("out of memory".into())));
    assert_eq!(
        fixture.views.digest(&town.world.topic).unwrap().halted,
        ["y"]
    );
    assert_eq!(left(&fixture, "x", Shown::All), None);
    fixture.shop.broken = None;
    fixture.update(node.order());
    assert_eq!(
        fixture.whole(&town.world.topic),
        whole.whole(&town.world.topic)
    );
}

#[test]
fn previews_and_explanations() {
    let mut town = town(Mode::Ordered);
    let add = town.owner(&[], "stock.add", body("x", 2));
    let take = town.client(0, &[add], "stock.take", body("x", 1));
    let much = town.client(1, &[add, take], "stock.take", body("x", 9));
    let (mut fixture, mut node) = town.settled();
    let event = |n, kind: &str| FoldEvent {
        id: EntryId([1; 32]),
        author: DeviceId([2; 32]),
        entity: EntityId([3; 32]),
        seq: 0,
        hlc: 1,
        sequenced: false,
        role: "client".into(),
        kind: kind.into(),
        body: body("x", n).encode(),
        erasable_hash: None,
        facts: Vec::new(),
    };
    let before = fixture.whole(&town.world.topic);
    let mut preview = |n, kind: &str| {
        let Fixture { views, shop, .. } = &mut fixture;
        views.preview(node.order(), shop, &event(n, kind)).unwrap()
    };
    assert_eq!(preview(1, "stock.take"), Preview::Accepted);
    let rejected = |code: &str, key: Option<&str>, met| Preview::Rejected {
        code: code.into(),
        key: key.map(str::to_owned),
        met,
    };
    assert_eq!(
        preview(2, "stock.take"),
        rejected("sold_out", Some("x"), Some(take))
    );
    assert_eq!(
        preview(2, "what.ever"),
        rejected("unknown_kind", None, None)
    );
    assert_eq!(fixture.whole(&town.world.topic), before);
    let Fixture {
        views,
        shop,
        source,
        ..
    } = &mut fixture;
    let explained = views.explain(node.order(), source, shop, "x").unwrap();
    let short: Vec<_> = explained
        .iter()
        .map(|it| {
            (
                it.id,
                it.status.word(),
                it.rejection.as_ref().map(|it| &it.code[..]),
            )
        })
        .collect();
    assert_eq!(
        short,
        [
            (add, "sequenced", None),
            (take, "tentative", None),
            (much, "tentative", Some("sold_out")),
        ]
    );
}
