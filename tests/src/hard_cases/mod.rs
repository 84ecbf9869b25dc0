//! The cases that decide whether the rules of order are right: each has one
//! outcome, whatever arrives when.

mod devices;
mod entries;
mod forks;
mod sequencers;

use synlog_log::cbor::Value;
use synlog_log::identity::Action;
use synlog_log::ids::EntryId;
use synlog_log::scenario::{Node, Person, World, genesis};
use synlog_log::topic::Mode;

/// A small generator, so that a failing shuffle can be run again by its seed.
pub struct Lcg(pub u64);

impl Lcg {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % limit
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for index in (1..items.len()).rev() {
            items.swap(index, self.below(index + 1));
        }
    }
}

fn none() -> Value {
    Value::Map(Vec::new())
}

fn bytes(id: [u8; 32]) -> Value {
    Value::Bytes(id.to_vec())
}

/// Feeds the runs to nodes in many orders, some in steps with the order looked at
/// between; all must agree. Gives the node of the first order.
fn everywhere(world: &World) -> Node {
    let runs: Vec<&[u8]> = world
        .written
        .iter()
        .map(|written| &written.run[..])
        .collect();
    let mut first = Node::new();
    runs.iter().for_each(|run| first.receive(run));
    let digest = first.digest();
    for seed in 0..60 {
        let (mut order, mut random) = (runs.clone(), Lcg(seed));
        random.shuffle(&mut order);
        let mut node = Node::new();
        for run in order {
            node.receive(run);
            if random.below(3) == 0 {
                node.digest();
            }
        }
        assert_eq!(node.waiting(), 0, "seed {seed}");
        assert_eq!(node.digest(), digest, "seed {seed}");
    }
    first
}

/// Provider P (two devices), client C (two devices).
pub fn shop(mode: Mode) -> (Person, Person, World) {
    let (provider, client) = (Person::new(1, 2), Person::new(40, 2));
    let world = World::new(&provider, 0, &genesis(mode, &[(&client, "client")]));
    (provider, client, world)
}

/// A client's feed with two branches at seq 1.
fn forked_client(world: &mut World, client: &Person) -> (EntryId, EntryId, EntryId, EntryId) {
    let base = world.write(client, 0, None, &[], "note.put", none());
    let left = world.write(
        client,
        0,
        Some(base),
        &[],
        "note.put",
        Value::map([("side", Value::Int(1))]),
    );
    let right = world.write(
        client,
        0,
        Some(base),
        &[],
        "note.put",
        Value::map([("side", Value::Int(2))]),
    );
    let right_next = world.write(client, 0, Some(right), &[], "note.put", none());
    (base, left, right, right_next)
}

/// The provider's root lets device 1 go on after `head` of device 0.
pub fn takeover(
    world: &mut World,
    provider: &mut Person,
    head: EntryId,
    last_seq: u64,
    deps: &[EntryId],
) -> EntryId {
    let action = Action::Takeover {
        topic: world.topic,
        old: provider.device(0),
        last_seq,
        head,
        next: provider.device(1),
    };
    let statement = provider.state(action);
    let body = World::statement_body(provider, &statement);
    let mut deps = deps.to_vec();
    deps.push(head);
    world.write(provider, 1, None, &deps, "topic.takeover", body)
}
