//! `bundles.json`: whole stories, with the order that everybody must come to.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use synlog_log::bundle::{BundleWriter, RecordKind, Report, verify};
use synlog_log::cbor::Value;
use synlog_log::identity::Action;
use synlog_log::ids::hex;
use synlog_log::order::ChainState;
use synlog_log::run::{RunView, RunWriter};
use synlog_log::scenario::{Person, World, genesis};
use synlog_log::topic::Mode;

use super::hold;
use crate::hard_cases::{Lcg, shop, takeover};
use crate::order_shuffles::random_world;

fn none() -> Value {
    Value::Map(Vec::new())
}

fn bundle<'a>(records: impl IntoIterator<Item = (RecordKind, &'a [u8])>) -> Vec<u8> {
    let mut writer = BundleWriter::new(Vec::new()).unwrap();
    for (kind, data) in records {
        writer.record(kind, data).unwrap();
    }
    writer.finish().unwrap()
}

fn bundle_of(world: &World) -> Vec<u8> {
    bundle(
        world
            .written
            .iter()
            .map(|written| (RecordKind::Run, &written.run[..])),
    )
}

pub fn outcome(report: &Report) -> Json {
    let topics: Vec<Json> = report
        .topics
        .iter()
        .map(|topic| {
            let order: Vec<Json> = topic
                .order
                .lines()
                .map(|line| json!({ "id": line.id.to_string(), "status": line.status.word(), "code": line.status.text() }))
                .collect();
            let state = match topic.order.state() {
                ChainState::Open { .. } => "open",
                ChainState::Forked { .. } => "forked",
            };
            json!({ "topic": topic.topic.to_string(), "digest": hex(&topic.order.digest()), "state": state, "order": order })
        })
        .collect();
    let errors: BTreeSet<&str> = report
        .problems
        .iter()
        .map(|problem| problem.refusal.code())
        .collect();
    json!({ "ok": report.is_ok(), "errors": errors, "topics": topics })
}

fn story(name: &str, bytes: Vec<u8>, errors: &[&str]) -> Json {
    let report = verify(&bytes[..]).unwrap();
    let found: BTreeSet<&str> = report
        .problems
        .iter()
        .map(|problem| problem.refusal.code())
        .collect();
    assert_eq!(found, errors.iter().copied().collect(), "{name}");
    let mut case = json!({ "name": name, "bytes": hex(&bytes) });
    case.as_object_mut()
        .unwrap()
        .extend(outcome(&report).as_object().unwrap().clone());
    case
}

/// Stories in which all is right.
fn honest() -> Vec<Json> {
    let mut cases = Vec::new();
    for mode in [Mode::Ordered, Mode::Causal] {
        let word = if mode == Mode::Ordered {
            "ordered"
        } else {
            "causal"
        };
        let (provider, client, mut world) = shop(mode);
        let base = world.write(&client, 0, None, &[], "note.put", none());
        let left = world.write(
            &client,
            0,
            Some(base),
            &[],
            "note.put",
            Value::map([("side", Value::Int(1))]),
        );
        let right = world.write(
            &client,
            0,
            Some(base),
            &[],
            "note.put",
            Value::map([("side", Value::Int(2))]),
        );
        let genesis = world.genesis();
        let one = world.write(&provider, 0, Some(genesis), &[left], "topic.ack", none());
        world.write(&provider, 0, Some(one), &[right], "topic.ack", none());
        cases.push(story(
            &format!("{word}: both branches of a fork are cited, one after the other"),
            bundle_of(&world),
            &[],
        ));

        let (mut provider, client, mut world) = shop(mode);
        let asked = world.write(&client, 0, None, &[], "note.put", none());
        let genesis = world.genesis();
        let kept = world.write(&provider, 0, Some(genesis), &[asked], "topic.ack", none());
        let lost = world.write(&provider, 0, Some(kept), &[], "note.put", none());
        let cites = world.write(&client, 0, Some(asked), &[lost], "note.put", none());
        let begins = takeover(&mut world, &mut provider, kept, 1, &[]);
        world.write(&provider, 1, Some(begins), &[cites], "topic.ack", none());
        cases.push(story(
            &format!("{word}: a takeover withdraws the tail of the lost sequencer"),
            bundle_of(&world),
            &[],
        ));

        let (provider, mut client, mut world) = shop(mode);
        let before = world.write(&client, 1, None, &[], "note.put", none());
        let first = world.write(&client, 0, None, &[before], "note.put", none());
        let revoke = client.state(Action::Revoke {
            device: client.device(1),
        });
        let carrier = world.write(
            &client,
            0,
            Some(first),
            &[],
            "topic.identity",
            World::statement_body(&client, &revoke),
        );
        let genesis = world.genesis();
        let one = world.write(&provider, 0, Some(genesis), &[carrier], "topic.ack", none());
        let after = world.write(&client, 1, Some(before), &[one], "note.put", none());
        world.write(&provider, 0, Some(one), &[after], "topic.ack", none());
        cases.push(story(
            &format!("{word}: a revoked device writes on"),
            bundle_of(&world),
            &[],
        ));

        let (provider, client, mut world) = shop(mode);
        let stranger = Person::new(90, 1);
        let genesis = world.genesis();
        let outside = world.write(&stranger, 0, None, &[], "note.put", none());
        let wrong = world.write(&client, 0, None, &[], "topic.member", none());
        let unknown = world.write(&client, 0, Some(wrong), &[], "topic.nonsense", none());
        let body = Value::map([
            ("role", Value::Text("client".into())),
            ("kinds", Value::Array(vec![Value::Text("order.*".into())])),
        ]);
        let role = world.write(&provider, 0, Some(genesis), &[], "topic.role", body);
        let denied = world.write(&client, 0, Some(unknown), &[role], "note.put", none());
        let allowed = world.write(&client, 0, Some(denied), &[], "order.request", none());
        let broken = world.write_payload(&client, 0, Some(allowed), &[], &[1, 2, 3]);
        world.write(
            &provider,
            0,
            Some(role),
            &[outside, broken],
            "topic.member",
            none(),
        );
        cases.push(story(
            &format!("{word}: every verdict of the kernel that needs no history"),
            bundle_of(&world),
            &[],
        ));
        for seed in 0..4 {
            let world = random_world(mode, 120, 500 + seed);
            cases.push(story(
                &format!("{word}: 120 entries by chance, {seed}"),
                bundle_of(&world),
                &[],
            ));
        }
    }
    cases
}

/// Private topics, for a reader without keys.
fn private() -> Vec<Json> {
    let mut cases = vec![story(
        "private: a member is removed, another comes late",
        bundle_of(&crate::private_order::story(&crate::private_order::people()).world),
        &[],
    )];
    cases.push(story(
        "private: every verdict that needs no key",
        bundle_of(&crate::private_order::rejections(&crate::private_order::people()).world),
        &[],
    ));
    for seed in 0..4 {
        let (world, _) = crate::private_order::random_world(700 + seed, 120);
        let name = format!("private: 120 entries by chance, {seed}");
        cases.push(story(&name, bundle_of(&world), &[]));
    }
    cases
}

/// Stories in which something is wrong with the file or with entries.
fn faulty() -> Vec<Json> {
    let (provider, client, mut world) = shop(Mode::Ordered);
    let hello = world.write(&client, 0, None, &[], "note.put", none());
    let genesis_id = world.genesis();
    let mut at = world.write(
        &provider,
        0,
        Some(genesis_id),
        &[hello],
        "topic.ack",
        none(),
    );
    for n in 0..6 {
        at = world.write(
            &provider,
            0,
            Some(at),
            &[],
            "note.put",
            Value::map([("n", Value::Int(n))]),
        );
    }
    let good = bundle_of(&world);
    let run = |index: usize| &world.written[index].run[..];
    let all = || (0..world.written.len()).map(run);
    let as_runs = |runs: Vec<&[u8]>| bundle(runs.into_iter().map(|run| (RecordKind::Run, run)));
    let mut cases = Vec::new();
    cases.push(story("a good one, for comparison", good.clone(), &[]));
    let mut shuffled: Vec<&[u8]> = all().collect();
    Lcg(4).shuffle(&mut shuffled);
    cases.push(story(
        "its records in another order: the same digest",
        as_runs(shuffled),
        &[],
    ));

    let mut damaged = good.clone();
    damaged[200] ^= 1;
    cases.push(story(
        "a flipped bit",
        damaged,
        &["bad_bundle", "bad_signature", "missing_ancestor"],
    ));
    cases.push(story(
        "cut off",
        good[..good.len() - 40].to_vec(),
        &["bad_bundle"],
    ));
    cases.push(story(
        "not a bundle",
        b"hello, world".to_vec(),
        &["bad_bundle"],
    ));
    cases.push(story("nothing", vec![], &["bad_bundle"]));

    // tampering with every checksum computed anew: only the signatures speak
    let tampered = {
        let mut bytes = run(1).to_vec();
        let text = bytes
            .windows(8)
            .position(|window| window == b"note.put")
            .unwrap();
        bytes[text] = b'v';
        bytes
    };
    let runs: Vec<&[u8]> = (0..world.written.len())
        .map(|index| {
            if index == 1 {
                &tampered[..]
            } else {
                run(index)
            }
        })
        .collect();
    cases.push(story(
        "an event changed, all checksums right",
        as_runs(runs),
        &["bad_signature", "missing_ancestor"],
    ));

    let inner = {
        let view = RunView::decode(run(4)).unwrap();
        let mut writer = RunWriter::like(&view);
        view.entries
            .iter()
            .for_each(|entry| writer.push_view(entry));
        let mut signature = view.signature.unwrap();
        signature[7] ^= 1;
        writer.finish(Some(&signature))
    };
    let runs: Vec<&[u8]> = (0..world.written.len())
        .map(|index| if index == 4 { &inner[..] } else { run(index) })
        .collect();
    cases.push(story(
        "an inner signature garbled: its entry stands by the later ones",
        as_runs(runs),
        &["bad_signature"],
    ));

    let without: Vec<&[u8]> = all()
        .enumerate()
        .filter(|(index, _)| *index != 1)
        .map(|(_, run)| run)
        .collect();
    cases.push(story(
        "an entry left out that others build on",
        as_runs(without),
        &["missing_ancestor"],
    ));
    let without_tail: Vec<&[u8]> = all().take(world.written.len() - 1).collect();
    cases.push(story(
        "a tail withheld: nothing shows",
        as_runs(without_tail),
        &[],
    ));

    let mut second = World::new(
        &provider,
        0,
        &genesis(Mode::Ordered, &[(&client, "client")]),
    );
    second.clock_ms += 5_000;
    second.write(&provider, 0, None, &[], "note.put", none());
    cases.push(story(
        "a second beginning of the genesis feed",
        bundle_of(&second),
        &["second_first"],
    ));

    let bad_skiplink = {
        // provider's entries: genesis, ack, six notes; seq 7 links to seq 3
        let view = RunView::decode(run(8)).unwrap();
        let mut header = view.header(0);
        assert_eq!(header.seq, 7);
        header.skiplink = Some(world.written[1].id);
        let mut writer = RunWriter::like(&view);
        writer.push(
            header.skiplink.as_ref(),
            header.hlc,
            &[],
            &view.first().payload,
        );
        writer.finish(Some(&provider.devices[0].sign(&header.id().0)))
    };
    let runs: Vec<&[u8]> = (0..world.written.len())
        .map(|index| {
            if index == 8 {
                &bad_skiplink[..]
            } else {
                run(index)
            }
        })
        .collect();
    cases.push(story(
        "a skiplink against the backlinks",
        as_runs(runs),
        &["bad_skiplink"],
    ));

    let backwards = {
        let view = RunView::decode(run(3)).unwrap();
        let mut header = view.header(0);
        header.hlc = 1 << 40;
        let mut writer = RunWriter::like(&view);
        writer.push(
            header.skiplink.as_ref(),
            header.hlc,
            &[],
            &view.first().payload,
        );
        writer.finish(Some(&provider.devices[0].sign(&header.id().0)))
    };
    let runs: Vec<&[u8]> = vec![run(0), run(1), run(2), &backwards[..]];
    cases.push(story(
        "a clock that runs backwards",
        as_runs(runs),
        &["bad_hlc"],
    ));

    let certificate = client.log.certificate(&client.device(0)).unwrap().encode();
    let mut draft = synlog_log::draft::Draft::first(&client.devices[1], world.topic, certificate);
    let payload = synlog_log::payload::PayloadBuilder::new("note.put", none())
        .encode()
        .unwrap();
    draft
        .add(
            synlog_log::scenario::START_MS + 90_000,
            &[(world.genesis(), 0)],
            &payload,
        )
        .unwrap();
    let (uncertified, _) = draft.sign().unwrap();
    cases.push(story(
        "the certificate of another device",
        as_runs(vec![run(0), &uncertified]),
        &["bad_certificate"],
    ));

    let certificate = client.log.certificate(&client.device(0)).unwrap().encode();
    let mut draft = synlog_log::draft::Draft::first(&client.devices[0], world.topic, certificate);
    draft
        .add(synlog_log::scenario::START_MS + 90_000, &[], &payload)
        .unwrap();
    let (rootless, _) = draft.sign().unwrap();
    cases.push(story(
        "a first entry that does not cite the genesis",
        as_runs(vec![run(0), &rootless]),
        &["no_genesis"],
    ));
    cases
}

#[test]
fn bundles() {
    let cases = honest()
        .into_iter()
        .chain(private())
        .chain(faulty())
        .collect();
    hold(
        "bundles.json",
        "Whole bundles and the order that follows (pages 4, 6 and 8)",
        cases,
    );
}

/// Bundles that the second implementation wrote, with the outcome that it came to.
#[test]
fn bundles_of_the_other_implementation() {
    // more of them, made by `spec/write_cases.py`, can be named
    let named = std::env::var_os("SYNLOG_OTHER_BUNDLES").map(std::path::PathBuf::from);
    let file = named.unwrap_or_else(|| super::folder().join("other_bundles.json"));
    let text = std::fs::read_to_string(file).unwrap();
    let json: Json = serde_json::from_str(&text).unwrap();
    let cases = json["cases"].as_array().unwrap();
    assert!(cases.len() > 20);
    for case in cases {
        let bytes = synlog_log::ids::unhex(case["bytes"].as_str().unwrap()).unwrap();
        let found = outcome(&verify(&bytes[..]).unwrap());
        for (ours, theirs) in found["topics"]
            .as_array()
            .unwrap()
            .iter()
            .zip(case["topics"].as_array().unwrap())
        {
            assert_eq!(ours["state"], theirs["state"], "{}", case["name"]);
            for (ours, theirs) in ours["order"]
                .as_array()
                .unwrap()
                .iter()
                .zip(theirs["order"].as_array().unwrap())
            {
                assert_eq!(ours, theirs, "{}", case["name"]);
            }
        }
        for part in ["ok", "errors", "topics"] {
            assert_eq!(found[part], case[part], "{}: {part}", case["name"]);
        }
    }
}
