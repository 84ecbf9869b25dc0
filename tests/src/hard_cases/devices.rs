//! Devices and members that are revoked, removed or cut off: from where that acts.

use synlog_log::cbor::Value;
use synlog_log::identity::Action;
use synlog_log::ids::EntryId;
use synlog_log::scenario::{Node, Person, World};
use synlog_log::topic::Mode;

use super::{bytes, everywhere, none, shop};

#[test]
fn a_revocation_acts_from_where_it_is_placed() {
    for mode in [Mode::Ordered, Mode::Causal] {
        let (provider, mut client, mut world) = shop(mode);
        let before = world.write(&client, 1, None, &[], "note.put", none());
        let first = world.write(&client, 0, None, &[before], "note.put", none());
        let revoke = client.state(Action::Revoke {
            device: client.device(1),
        });
        let body = World::statement_body(&client, &revoke);
        let carrier = world.write(&client, 0, Some(first), &[], "topic.identity", body);
        let genesis = world.genesis();
        let one = world.write(&provider, 0, Some(genesis), &[carrier], "topic.ack", none());
        let after = world.write(&client, 1, Some(before), &[one], "note.put", none());
        world.write(&provider, 0, Some(one), &[after], "topic.ack", none());
        let mut node = everywhere(&world);
        assert_eq!(node.status(&before), "sequenced:accepted");
        assert_eq!(node.status(&carrier), "sequenced:accepted");
        assert_eq!(node.status(&after), "sequenced:revoked");
    }
}

#[test]
fn a_revocation_that_arrives_late_refolds_nothing() {
    let (provider, mut client, mut world) = shop(Mode::Ordered);
    let stolen = world.write(&client, 1, None, &[], "note.put", none());
    let first = world.write(&client, 0, None, &[], "note.put", none());
    let revoke = client.state(Action::Revoke {
        device: client.device(1),
    });
    let body = World::statement_body(&client, &revoke);
    let carrier = world.write(&client, 0, Some(first), &[], "topic.identity", body);
    // the sequencer places the stolen device's entry before it hears of the revocation
    let genesis = world.genesis();
    let one = world.write(&provider, 0, Some(genesis), &[stolen], "topic.ack", none());
    let two = world.write(&provider, 0, Some(one), &[carrier], "topic.ack", none());
    let later = world.write(&client, 1, Some(stolen), &[], "note.put", none());
    world.write(&provider, 0, Some(two), &[later], "topic.ack", none());
    let mut node = everywhere(&world);
    assert_eq!(node.status(&stolen), "sequenced:accepted");
    assert_eq!(node.status(&later), "sequenced:revoked");
}

#[test]
fn a_removed_member_writes_no_more() {
    let (provider, client, mut world) = shop(Mode::Ordered);
    let genesis = world.genesis();
    let before = world.write(&client, 0, None, &[], "note.put", none());
    let body = Value::map([("entity", bytes(client.id().0))]);
    let removed = world.write(&provider, 0, Some(genesis), &[before], "topic.remove", body);
    let after = world.write(&client, 0, Some(before), &[], "note.put", none());
    world.write(&provider, 0, Some(removed), &[after], "topic.ack", none());
    let mut node = everywhere(&world);
    assert_eq!(node.status(&before), "sequenced:accepted");
    assert_eq!(node.status(&after), "sequenced:not_member");
}

#[test]
fn in_a_causal_topic_a_removal_ends_the_feed_where_it_says() {
    let (provider, client, mut world) = shop(Mode::Causal);
    let genesis = world.genesis();
    let before = world.write(&client, 0, None, &[], "note.put", none());
    let hidden = world.write(&client, 0, Some(before), &[], "note.put", none());
    let cut = Value::map([
        ("device", bytes(client.device(0).0)),
        ("last_seq", Value::Int(0)),
        ("head", bytes(before.0)),
    ]);
    let body = Value::map([
        ("entity", bytes(client.id().0)),
        ("cuts", Value::Array(vec![cut])),
    ]);
    world.write(&provider, 0, Some(genesis), &[before], "topic.remove", body);
    let mut node = everywhere(&world);
    assert_eq!(node.status(&before), "sequenced:accepted");
    assert_eq!(node.status(&hidden), "void:removed");
}

#[test]
fn a_cut_of_a_device_that_comes_later_holds() {
    let (provider, client, mut world) = shop(Mode::Causal);
    let genesis = world.genesis();
    let late = world.write(&client, 0, None, &[], "note.put", none());
    let cut = Value::map([
        ("device", bytes(client.device(0).0)),
        ("last_seq", Value::Int(-1)),
        ("head", Value::Null),
    ]);
    let body = Value::map([
        ("entity", bytes(client.id().0)),
        ("cuts", Value::Array(vec![cut])),
    ]);
    let removed = world.write(&provider, 0, Some(genesis), &[], "topic.remove", body);
    let run = |id: EntryId| {
        world
            .written
            .iter()
            .find(|written| written.id == id)
            .unwrap()
            .run
            .clone()
    };
    let mut node = Node::new();
    for id in [genesis, removed, late] {
        node.receive(&run(id));
        node.digest();
    }
    assert_eq!(node.status(&late), "void:removed");
    everywhere(&world);
}

#[test]
fn a_device_that_was_cut_and_then_sequences_is_cut_no_more() {
    let (provider, client, mut world) = shop(Mode::Causal);
    let genesis = world.genesis();
    let first = world.write(&client, 0, None, &[], "note.put", none());
    let second = world.write(&client, 0, Some(first), &[], "note.put", none());
    let cut = Value::map([
        ("device", bytes(client.device(0).0)),
        ("last_seq", Value::Int(0)),
        ("head", bytes(first.0)),
    ]);
    let body = Value::map([
        ("entity", bytes(client.id().0)),
        ("cuts", Value::Array(vec![cut])),
    ]);
    let removed = world.write(&provider, 0, Some(genesis), &[second], "topic.remove", body);
    let body = Value::map([("next", bytes(client.device(0).0)), ("head", Value::Null)]);
    let away = world.write(&provider, 0, Some(removed), &[], "topic.handover", body);
    let stranger = Person::new(90, 1);
    let body = Value::map([
        ("entity", bytes(stranger.id().0)),
        ("role", Value::Text("guest".into())),
    ]);
    let member = world.write(&client, 0, Some(second), &[away], "topic.member", body);
    let theirs = world.write(&stranger, 0, None, &[member], "note.put", none());
    let mut node = Node::new();
    for written in &world.written {
        node.receive(&written.run);
        node.digest();
    }
    assert_eq!(node.status(&theirs), "tentative:accepted");
    let digest = node.digest();
    assert_eq!(everywhere(&world).digest(), digest);
}
