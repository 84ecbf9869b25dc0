//! Hand-overs and takeovers: who orders a topic, and from where.

use synlog_log::cbor::Value;
use synlog_log::identity::Action;
use synlog_log::ids::EntryId;
use synlog_log::order::ChainState;
use synlog_log::scenario::{Person, World};
use synlog_log::topic::Mode;

use super::{bytes, everywhere, none, shop, takeover};

#[test]
fn a_takeover_that_arrives_late_withdraws_what_came_after() {
    let (mut provider, client, mut world) = shop(Mode::Ordered);
    let asked = world.write(&client, 0, None, &[], "note.put", none());
    let genesis = world.genesis();
    let kept = world.write(&provider, 0, Some(genesis), &[asked], "topic.ack", none());
    let lost = world.write(&provider, 0, Some(kept), &[], "note.put", none());
    let cites_lost = world.write(&client, 0, Some(asked), &[lost], "note.put", none());
    let begins = takeover(&mut world, &mut provider, kept, 1, &[]);
    let goes_on = world.write(
        &provider,
        1,
        Some(begins),
        &[cites_lost],
        "topic.ack",
        none(),
    );
    let mut node = everywhere(&world);
    assert_eq!(node.status(&kept), "sequenced:accepted");
    assert_eq!(node.status(&begins), "sequenced:accepted");
    assert_eq!(node.status(&lost), "void:withdrawn");
    assert_eq!(node.status(&cites_lost), "sequenced:accepted");
    assert_eq!(node.status(&goes_on), "sequenced:accepted");
    assert_eq!(
        node.order().state(),
        ChainState::Open {
            sequencer: provider.device(1)
        }
    );
}

#[test]
fn a_takeover_settles_a_forked_sequencer() {
    let (mut provider, _, mut world) = shop(Mode::Ordered);
    let genesis = world.genesis();
    let left = world.write(
        &provider,
        0,
        Some(genesis),
        &[],
        "note.put",
        Value::map([("n", Value::Int(1))]),
    );
    let right = world.write(
        &provider,
        0,
        Some(genesis),
        &[],
        "note.put",
        Value::map([("n", Value::Int(2))]),
    );
    let mut node = everywhere(&world);
    assert_eq!(node.status(&left), "held:fork");
    assert_eq!(
        node.order().state(),
        ChainState::Forked {
            sequencer: provider.device(0),
            seq: 1
        }
    );
    let begins = takeover(&mut world, &mut provider, left, 1, &[]);
    let mut node = everywhere(&world);
    assert_eq!(node.status(&left), "sequenced:accepted");
    assert_eq!(node.status(&right), "held:fork");
    assert_eq!(node.status(&begins), "sequenced:accepted");
}

#[test]
fn two_takeovers_under_one_number_fork_the_topic() {
    let (mut provider, _, mut world) = shop(Mode::Ordered);
    let genesis = world.genesis();
    let one = world.write(&provider, 0, Some(genesis), &[], "note.put", none());
    let two = world.write(&provider, 0, Some(one), &[], "note.put", none());
    let log = provider.log.clone();
    let first = takeover(&mut world, &mut provider, one, 1, &[]);
    provider.log = log;
    let action = Action::Takeover {
        topic: world.topic,
        old: provider.device(0),
        last_seq: 2,
        head: two,
        next: provider.device(1),
    };
    let statement = provider.state(action);
    let body = World::statement_body(&provider, &statement);
    let second = world.write(&provider, 1, Some(first), &[two], "topic.takeover", body);
    let mut node = everywhere(&world);
    assert_eq!(node.status(&one), "sequenced:accepted");
    assert_eq!(node.status(&second), "tentative:not_sequencer");
    assert_eq!(
        node.order().state(),
        ChainState::Forked {
            sequencer: provider.device(0),
            seq: 2
        }
    );
}

#[test]
fn a_handover_passes_the_order_on_and_back() {
    for mode in [Mode::Ordered, Mode::Causal] {
        let (provider, client, mut world) = shop(mode);
        let genesis = world.genesis();
        let hello = world.write(&client, 0, None, &[], "note.put", none());
        let handover = |to: &Person, head: Option<EntryId>| {
            let head = head.map_or(Value::Null, |head| bytes(head.0));
            Value::map([("next", bytes(to.device(0).0)), ("head", head)])
        };
        let body = handover(&client, Some(hello));
        let away = world.write(
            &provider,
            0,
            Some(genesis),
            &[hello],
            "topic.handover",
            body,
        );
        let too_late = world.write(&provider, 0, Some(away), &[], "topic.ack", none());
        let mine = world.write(&client, 0, Some(hello), &[away], "topic.ack", none());
        let back = handover(&provider, None);
        let back = world.write(&client, 0, Some(mine), &[too_late], "topic.handover", back);
        let again = world.write(&provider, 0, Some(too_late), &[back], "topic.ack", none());
        let mut node = everywhere(&world);
        for accepted in [hello, away, mine, back, again] {
            assert_eq!(node.status(&accepted), "sequenced:accepted");
        }
        assert_eq!(node.status(&too_late), "sequenced:not_sequencer");
        let order = node.order();
        assert_eq!(
            order.state(),
            ChainState::Open {
                sequencer: provider.device(0)
            }
        );
        assert_eq!(order.legs().len(), 3);
    }
}
