//! Nothing forged gets in, and forks show.

use serde_json::json;
use synlog_log::cbor::Value;
use synlog_log::ids::TopicId;
use synlog_log::payload::PayloadBuilder;
use synlog_log::scenario::{Person, World, genesis};
use synlog_log::topic::Mode;

use super::scene::{Native, Scene, ask, bundle, rows, writing};

#[test]
fn no_flipped_bit_gets_in() {
    let mut scene = Scene::new();
    let mut guest = scene.guest();
    let before = guest.heights(&scene);
    scene.say("five cakes for free");
    let run = scene.world.written.last().unwrap().run.clone();
    for at in 0..run.len() {
        let mut forged = run.clone();
        forged[at] ^= 1 << (at % 8);
        let took = guest
            .take(scene.world.topic, &bundle([&forged[..]]))
            .unwrap();
        assert_eq!(took.entries, 0, "byte {at}");
        assert_eq!(guest.heights(&scene), before, "byte {at}");
    }
    let took = guest.take(scene.world.topic, &bundle([&run[..]])).unwrap();
    assert_eq!(took.entries, 1);
}

#[test]
fn what_is_damaged_on_the_way_changes_nothing() {
    let mut scene = Scene::new();
    let mut guest = scene.guest();
    scene.say("hello");
    let good = scene.bundle();
    for at in (0..good.len()).step_by(7) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        let refused = guest.take(scene.world.topic, &bad);
        assert!(refused.is_err(), "byte {at}");
        assert!(guest.take(scene.world.topic, &good[..at]).is_err());
    }
    assert!(rows(&mut guest, &scene, "messages").is_empty());
}

#[test]
fn a_topic_brings_no_other_one() {
    let scene = Scene::new();
    let mut guest = scene.guest();
    let stranger = Person::new(9, 1);
    let world = World::new(&stranger, 0, &genesis(Mode::Ordered, &[]));
    let took = guest
        .take(scene.world.topic, &bundle([&world.written[0].run[..]]))
        .unwrap();
    assert_eq!((took.entries, &took.refused[..]), (0, &["other_topic"][..]));
    assert!(guest.order(&world.topic).is_err());
    assert!(guest.order(&TopicId::ZERO).is_err());
}

#[test]
fn what_builds_on_what_is_not_here_waits() {
    let mut scene = Scene::new();
    let mut guest = scene.guest();
    scene.say("one");
    scene.say("two");
    let [.., one, two] = &scene.world.written[..] else {
        unreachable!("there are two")
    };
    let took = guest
        .take(scene.world.topic, &bundle([&two.run[..]]))
        .unwrap();
    assert_eq!((took.entries, took.waiting), (0, 1));
    // in whatever order they come
    let both = bundle([&two.run[..], &one.run[..]]);
    let took = guest.take(scene.world.topic, &both).unwrap();
    assert_eq!((took.entries, took.waiting), (2, 0));
}

#[test]
fn a_provider_that_tells_two_stories_is_found_out() {
    let mut scene = Scene::new();
    let before = scene.last;
    let first = scene.say("the price is 10");
    let mut guest = scene.guest();
    let body = Value::map([("text", Value::Text("the price is 20".into()))]);
    let event = PayloadBuilder::new("message.post", body);
    let other = scene
        .world
        .write_sealed(&scene.owner, 0, Some(before), &[], 1, &event);
    let took = guest.take(scene.world.topic, &scene.bundle()).unwrap();
    assert_eq!(took.entries, 1);
    let topic = scene.world.topic;
    let (audit, _) = ask(
        &mut guest,
        json!({ "op": "audit", "topic": topic.to_string() }),
        &[],
    )
    .unwrap();
    assert_eq!(audit["state"], "forked");
    let mark = |id: &synlog_log::ids::EntryId| {
        let events = audit["events"].as_array().unwrap();
        let of = events.iter().find(|event| event["id"] == id.to_string());
        of.unwrap()["mark"].clone()
    };
    assert_eq!(mark(&first), "held");
    assert_eq!(mark(&other), "held");
    // what it decided from there counts for nobody
    assert!(rows(&mut guest, &scene, "messages").is_empty());
}

#[test]
fn a_browser_that_signed_two_stories_signs_no_more() {
    let scene = Scene::new();
    let mut guest = scene.guest();
    let (_, one) = ask(
        &mut guest,
        writing(&scene, "message.post", json!({"text": "one"}), 1),
        &[],
    )
    .unwrap();
    ask(&mut guest, json!({ "op": "dropped" }), &[]).unwrap();
    let (_, two) = ask(
        &mut guest,
        writing(&scene, "message.post", json!({"text": "two"}), 2),
        &[],
    )
    .unwrap();
    ask(&mut guest, json!({ "op": "kept" }), &[]).unwrap();
    // the first was handed out all the same, by whoever copied the keys
    let took = guest.take(scene.world.topic, &bundle([&one[..]])).unwrap();
    assert_eq!(took.entries, 1);
    let refused = ask(
        &mut guest,
        writing(&scene, "message.post", json!({"text": "three"}), 3),
        &[],
    );
    assert_eq!(refused.unwrap_err()["code"], "unsigned");
    assert!(!two.is_empty());
}

#[test]
fn the_audit_checks_every_signature() {
    let mut scene = Scene::new();
    scene.say("hello");
    let mut guest = scene.guest();
    ask(
        &mut guest,
        writing(&scene, "message.post", json!({"text": "hi"}), 1),
        &[],
    )
    .unwrap();
    ask(&mut guest, json!({ "op": "kept" }), &[]).unwrap();
    let topic = scene.world.topic.to_string();
    let (audit, _) = ask(&mut guest, json!({ "op": "audit", "topic": topic }), &[]).unwrap();
    assert_eq!(
        (&audit["entries"], &audit["verified"]),
        (&json!(5), &json!(5))
    );
    assert_eq!(audit["signatures"], 5);
    let events = audit["events"].as_array().unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|event| {
            (
                event["by"].as_str().unwrap(),
                event["kind"].as_str().unwrap(),
                event["mark"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("provider", "topic.genesis", "sequenced"),
            ("provider", "topic.key", "sequenced"),
            ("provider", "topic.setup", "sequenced"),
            ("provider", "message.post", "sequenced"),
            ("you", "message.post", "tentative"),
        ]
    );
    assert_eq!(events[4]["says"][0][1], "hi");
    let _ = Native;
}

impl crate::guest::Guest {
    fn heights(&self, scene: &Scene) -> Vec<(synlog_log::ids::DeviceId, u64)> {
        self.entries.heights(&scene.world.topic)
    }
}
