//! Keys, writing, and what is stored before it counts.

use serde_json::{Value as Json, json};
use synlog_log::bundle::verify_with;
use synlog_log::identity::{Action, SignedStatement};
use synlog_log::ids::{EntityId, hex, unhex};
use synlog_log::keys::{SecretKey, verify};
use synlog_log::run::RunView;
use synlog_values::words::seed_of;

use super::scene::{Native, Scene, ask, bundle, order, rows, writing};
use crate::fold::Rows;
use crate::guest::Guest;

fn made() -> (Guest, serde_json::Value, Vec<u8>) {
    let mut guest = Guest::new();
    let make = json!({ "op": "make", "name": "Kallio", "now_ms": 5, "random": hex(&[4; 32]) });
    let (answer, run) = ask(&mut guest, make, &[]).unwrap();
    (guest, answer, run)
}

#[test]
fn keys_are_as_a_node_makes_them() {
    let (mut guest, answer, run) = made();
    let (words, _) = ask(&mut guest, json!({ "op": "words" }), &[]).unwrap();
    let words: Vec<&str> = words["words"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| it.as_str().unwrap())
        .collect();
    let root = SecretKey::from_seed(seed_of(&words.join(" ")).unwrap());
    let (me, _) = ask(&mut guest, json!({ "op": "me" }), &[]).unwrap();
    assert_eq!(me["entity"], EntityId(root.public()).to_string());
    let statements = answer["keys"]["statements"].as_array().unwrap();
    let statements: Vec<SignedStatement> = statements
        .iter()
        .map(|it| SignedStatement::decode(&unhex(it.as_str().unwrap()).unwrap()).unwrap())
        .collect();
    assert!(
        statements
            .iter()
            .all(|it| it.verify(&root.public()).is_ok())
    );
    assert!(matches!(
        statements[0].statement.action,
        Action::Certify { .. }
    ));
    assert!(matches!(
        statements[1].statement.action,
        Action::Encryption { generation: 0, .. }
    ));
    // the profile is one run by this device, and the topic is named by it
    let view = RunView::decode(&run).unwrap();
    assert_eq!(view.feed.topic.to_string(), me["profile"]);
    assert_eq!(view.feed.author.to_string(), me["device"]);
    assert!(view.verify().is_ok() && view.entries.len() == 2);
    // another seed, another person
    let mut other = Guest::new();
    let make = json!({ "op": "make", "name": "", "now_ms": 5, "random": hex(&[5; 32]) });
    let (other, _) = ask(&mut other, make, &[]).unwrap();
    assert_ne!(other["keys"]["root"], answer["keys"]["root"]);
    assert_ne!(answer["keys"]["root"], answer["keys"]["device"]);
}

#[test]
fn a_challenge_is_signed_for_one_node_and_entity() {
    let (mut guest, ..) = made();
    let (me, _) = ask(&mut guest, json!({ "op": "me" }), &[]).unwrap();
    let (challenge, node) = ([1; 32], [2; 32]);
    let asked = json!({ "op": "session", "challenge": hex(&challenge), "node": hex(&node) });
    let (answer, bundle) = ask(&mut guest, asked, &[]).unwrap();
    let id = |name: &str| -> [u8; 32] {
        unhex(me[name].as_str().unwrap())
            .unwrap()
            .try_into()
            .unwrap()
    };
    let message = [
        &b"synlog guest session v1\0"[..],
        &challenge,
        &node,
        &id("entity"),
    ]
    .concat();
    let signature = unhex(answer["signature"].as_str().unwrap()).unwrap();
    let signature: [u8; 64] = signature.try_into().unwrap();
    assert!(verify(&id("device"), &message, &signature).is_ok());
    let other = [
        &b"synlog guest session v1\0"[..],
        &challenge,
        &[3; 32],
        &id("entity"),
    ]
    .concat();
    assert!(verify(&id("device"), &other, &signature).is_err());
    // with it go the profile and what the root has said
    let report = verify_with(&bundle[..], Default::default()).unwrap();
    assert!(report.is_ok());
    assert_eq!(report.identities.len(), 1);
    assert_eq!(report.topics[0].topic.to_string(), me["profile"]);
}

#[test]
fn the_root_can_be_taken_off_and_all_else_goes_on() {
    let (mut guest, answer, _) = made();
    let (words, _) = ask(&mut guest, json!({ "op": "words" }), &[]).unwrap();
    let words = words["words"]
        .to_string()
        .replace(['[', ']', '"', ','], " ");
    let is_root = |guest: &mut Guest, words: &str| {
        let asked = json!({ "op": "is_root", "words": words });
        ask(guest, asked, &[]).unwrap().0
    };
    assert_eq!(is_root(&mut guest, &words), true);
    assert_eq!(is_root(&mut guest, "abandon ability"), false);
    let (dropped, _) = ask(&mut guest, json!({ "op": "drop_root" }), &[]).unwrap();
    assert!(dropped["keys"]["root"].is_null());
    assert_eq!(dropped["keys"]["device"], answer["keys"]["device"]);
    let mut again = Guest::new();
    let load = json!({ "op": "load_keys", "keys": dropped["keys"] });
    ask(&mut again, load, &[]).unwrap();
    let (words, _) = ask(&mut again, json!({ "op": "words" }), &[]).unwrap();
    assert!(words["words"].is_null());
    let asked = json!({ "op": "session", "challenge": hex(&[1; 32]), "node": hex(&[2; 32]) });
    assert!(ask(&mut again, asked, &[]).is_ok());
}

#[test]
fn what_is_signed_counts_once_it_is_kept() {
    let scene = Scene::new();
    let mut guest = scene.guest();
    let (signed, run) = ask(
        &mut guest,
        writing(&scene, "order.request", order(), 1),
        &[],
    )
    .unwrap();
    assert!(rows(&mut guest, &scene, "orders").is_empty());
    // nothing else is signed for the same place
    let other = ask(
        &mut guest,
        writing(&scene, "message.post", json!({"text": "hi"}), 2),
        &[],
    );
    assert_eq!(other.unwrap_err()["code"], "unkept");
    ask(&mut guest, json!({ "op": "kept" }), &[]).unwrap();
    let orders = rows(&mut guest, &scene, "orders");
    assert_eq!(orders.len(), 1);
    assert_eq!(orders[0]["tentative"], true);
    assert_eq!(orders[0]["columns"]["order"]["$hex"], signed["id"]);
    // it is sealed: what was ordered stands nowhere in the run
    let text = String::from_utf8_lossy(&run).into_owned();
    assert!(!text.contains("cake") && !text.contains("no nuts"));
    // the code for the door opens what was committed to
    let code = json!({
        "op": "secret", "topic": scene.world.topic.to_string(),
        "entry": signed["id"], "label": "handover",
    });
    let (code, _) = ask(&mut guest, code, &[]).unwrap();
    let says = signed["secrets"][0].as_str().unwrap();
    assert!(says.ends_with(code.as_str().unwrap()), "{says}");
}

#[test]
fn what_can_be_erased_of_ones_own_is() {
    let mut scene = Scene::new();
    let theirs = scene.say("we open at 8");
    let mut guest = scene.guest();
    let write = |guest: &mut Guest, kind: &str, body: Json, erasable: Json, seed: u8| {
        let mut asked = writing(&scene, kind, body, seed);
        asked["erasable"] = erasable;
        let (signed, _) = ask(guest, asked, &[])?;
        ask(guest, json!({ "op": "kept" }), &[]).unwrap();
        Ok::<String, Json>(signed["id"].as_str().unwrap().to_owned())
    };
    let private = json!({ "private": "the code is 4711" });
    let hidden = write(&mut guest, "message.post", json!({}), private, 1).unwrap();
    let plain = json!({ "text": "for good" });
    let plain = write(&mut guest, "message.post", plain, Json::Null, 2).unwrap();
    let topic = scene.world.topic.to_string();
    let event = |guest: &mut Guest, id: &str| {
        let asked = json!({ "op": "history", "topic": topic });
        let (told, _) = ask(guest, asked, &[]).unwrap();
        let events = told["events"].as_array().unwrap().clone();
        events.into_iter().find(|it| it["id"] == id).unwrap()
    };
    assert_eq!(
        event(&mut guest, &hidden)["erasable"]["private"],
        "the code is 4711"
    );
    let erase = |guest: &mut Guest, target: &str, seed: u8| {
        let body = json!({ "target": target });
        write(guest, "topic.tombstone", body, Json::Null, seed)
    };
    let refused = [theirs.to_string(), plain, "00".repeat(32), "x".to_owned()];
    for (seed, target) in (3..).zip(refused) {
        let error = erase(&mut guest, &target, seed).unwrap_err();
        assert!(error["text"].is_string(), "{target}: {error}");
    }
    erase(&mut guest, &hidden, 9).unwrap();
    let shown = event(&mut guest, &hidden);
    assert_eq!(
        (&shown["erasable"], &shown["erased"]),
        (&Json::Null, &json!(true))
    );
    assert!(erase(&mut guest, &hidden, 10).is_err());
}

#[test]
fn what_could_not_be_stored_was_never_signed_for_anybody() {
    let scene = Scene::new();
    let mut guest = scene.guest();
    ask(
        &mut guest,
        writing(&scene, "message.post", json!({"text": "one"}), 1),
        &[],
    )
    .unwrap();
    ask(&mut guest, json!({ "op": "dropped" }), &[]).unwrap();
    assert_eq!(
        ask(&mut guest, json!({ "op": "kept" }), &[]).unwrap_err()["code"],
        "unkept"
    );
    let (signed, _) = ask(
        &mut guest,
        writing(&scene, "message.post", json!({"text": "two"}), 2),
        &[],
    )
    .unwrap();
    assert_eq!(signed["record"]["seq"], 0);
    ask(&mut guest, json!({ "op": "kept" }), &[]).unwrap();
    let messages = rows(&mut guest, &scene, "messages");
    assert_eq!(messages.len(), 1);
    assert_eq!(messages[0]["columns"]["text"], "two");
}

#[test]
fn written_offline_and_sent_later() {
    let mut scene = Scene::new();
    let mut guest = scene.guest();
    let mut stored = vec![scene.bundle()];
    for text in ["first", "second", "third"] {
        let (_, run) = ask(
            &mut guest,
            writing(&scene, "message.post", json!({ "text": text }), 1),
            &[],
        )
        .unwrap();
        stored.push(bundle([&run[..]]));
        ask(&mut guest, json!({ "op": "kept" }), &[]).unwrap();
    }
    // the page is closed and opened again: all of it is read from what was stored
    let mut again = Guest::new();
    again.pin("relation", 1, super::scene::RELATION);
    again.load_keys(&scene.keys()).unwrap();
    for bundle in &stored {
        assert!(again.load(bundle).unwrap().refused.is_empty());
    }
    let topic = scene.world.topic;
    let roots = |guest: &mut Guest| guest.fold(&mut Native, &topic).unwrap().0.roots();
    assert_eq!(roots(&mut again), roots(&mut guest));
    // meanwhile the provider went on; the customer sends what is beyond what it has
    scene.say("are you there?");
    let unsent = json!({ "op": "unsent", "topic": topic.to_string(), "height": 1 });
    let (count, sent) = ask(&mut again, unsent, &[]).unwrap();
    assert_eq!(
        (&count["count"], &count["more"]),
        (&json!(2), &json!(false))
    );
    let report = verify_with(&sent[..], Default::default()).unwrap();
    assert_eq!(report.runs, 2);
    again.take(topic, &scene.bundle()).unwrap();
    guest.take(topic, &scene.bundle()).unwrap();
    assert_eq!(roots(&mut again), roots(&mut guest));
    assert_eq!(rows(&mut again, &scene, "messages").len(), 4);
}

#[test]
fn what_a_restored_node_lacks_is_given_back() {
    let mut scene = Scene::new();
    let before = scene.bundle();
    scene.say("after the backup");
    let mut guest = scene.guest();
    let topic = scene.world.topic;
    let said = writing(&scene, "message.post", json!({ "text": "mine" }), 1);
    ask(&mut guest, said, &[]).unwrap();
    ask(&mut guest, json!({ "op": "kept" }), &[]).unwrap();
    let heights = |guest: &mut Guest| {
        let asked = json!({ "op": "heights", "topic": topic.to_string() });
        ask(guest, asked, &[]).unwrap().0
    };
    let lacking = |guest: &mut Guest, theirs: Json| {
        let asked = json!({ "op": "lacking", "topic": topic.to_string(), "heights": theirs });
        ask(guest, asked, &[]).unwrap()
    };
    // as far as the backup goes: the provider's message, and the own one that builds on it
    let mut node = Guest::new();
    node.take(topic, &before).unwrap();
    let theirs = heights(&mut node);
    let (count, bundle) = lacking(&mut guest, theirs);
    assert_eq!(count, json!({ "count": 2, "more": false }));
    let took = node.take(topic, &bundle).unwrap();
    assert_eq!((took.entries, took.waiting), (2, 0));
    assert_eq!(heights(&mut node), heights(&mut guest));
    let theirs = heights(&mut node);
    assert_eq!(lacking(&mut guest, theirs).0["count"], 0);
    // one that has nothing of it, not even the beginning
    let (_, bundle) = lacking(&mut guest, json!([]));
    let mut empty = Guest::new();
    assert_eq!(empty.take(topic, &bundle).unwrap().waiting, 0);
    assert_eq!(heights(&mut empty), heights(&mut guest));
}

#[test]
fn what_is_much_is_given_in_parts_that_a_node_takes() {
    let mut scene = Scene::new();
    for number in 0..1_000 {
        scene.say(&format!("{number}"));
    }
    let guest = scene.guest();
    let topic = scene.world.topic;
    let mut node = Guest::new();
    let mut parts = 0;
    loop {
        let theirs = node.entries.heights(&topic).into_iter().collect();
        let part = guest.entries.lacking(&topic, &theirs, usize::MAX, &[]);
        let Some((bundle, more)) = part.unwrap() else {
            break;
        };
        let report = verify_with(&bundle[..], Default::default()).unwrap();
        assert!(report.runs <= 900, "{}", report.runs);
        assert_eq!(node.take(topic, &bundle).unwrap().waiting, 0);
        parts += 1;
        if !more {
            break;
        }
    }
    assert_eq!(parts, 2);
    assert_eq!(node.entries.heights(&topic), guest.entries.heights(&topic));
}

#[test]
fn the_rules_are_asked_before_anything_is_signed() {
    let scene = Scene::new();
    let mut guest = scene.guest();
    let confirm = json!({ "order": { "$hex": hex(&[1; 32]) } });
    let mine = writing(&scene, "order.confirm", confirm, 1);
    assert_eq!(ask(&mut guest, mine, &[]).unwrap_err()["code"], "usage");
    let cancel = json!({ "order": { "$hex": hex(&[1; 32]) } });
    let refused = ask(&mut guest, writing(&scene, "order.cancel", cancel, 1), &[]).unwrap_err();
    assert_eq!(
        (&refused["code"], &refused["rule"]),
        (&json!("rejected"), &json!("missing_reference"))
    );
    // the role may not write it
    let closed = ask(
        &mut guest,
        writing(&scene, "dispute.open", json!({ "order": hex(&[1; 32]) }), 1),
        &[],
    )
    .unwrap_err();
    assert_eq!(closed["rule"], "not_permitted");
    let (_, _) = ask(
        &mut guest,
        writing(&scene, "order.request", order(), 1),
        &[],
    )
    .unwrap();
    ask(&mut guest, json!({ "op": "kept" }), &[]).unwrap();
    let id = rows(&mut guest, &scene, "orders")[0]["columns"]["order"].clone();
    let mut tried = |kind: &str, body: serde_json::Value| {
        let mut asked = writing(&scene, kind, body, 3);
        asked["op"] = json!("try");
        ask(&mut guest, asked, &[]).unwrap().0["verdict"].clone()
    };
    assert_eq!(tried("order.cancel", json!({ "order": id })), "accepted");
    assert_eq!(tried("order.agree", json!({ "order": id })), "incomplete");
    assert_eq!(
        tried("order.complete", json!({ "order": id })),
        "bad_transition"
    );
}

#[test]
fn rows_of_steps_are_rows_of_all_at_once() {
    let mut scene = Scene::new();
    let mut guest = scene.guest();
    for text in ["a", "b", "c"] {
        scene.say(text);
        guest.take(scene.world.topic, &scene.bundle()).unwrap();
        guest.fold(&mut Native, &scene.world.topic).unwrap();
    }
    let mut anew = scene.guest();
    let topic = scene.world.topic;
    let steps: Rows = guest.fold(&mut Native, &topic).unwrap().0.clone();
    let once = anew.fold(&mut Native, &topic).unwrap().0;
    assert_eq!(steps.roots(), once.roots());
    assert_eq!(steps.base.aggregates, once.base.aggregates);
}
