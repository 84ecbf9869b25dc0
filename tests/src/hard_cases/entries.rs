//! Entries that come late, are erased, wait, or are ahead of the time.

use synlog_log::admission::{Admission, Admit, MemoryLedger};
use synlog_log::cbor::Value;
use synlog_log::draft::{DraftError, next_hlc};
use synlog_log::identity::Action;
use synlog_log::ids::EntryId;
use synlog_log::run::RunView;
use synlog_log::scenario::{Node, START_MS, World, genesis};
use synlog_log::topic::Mode;

use super::{bytes, everywhere, none, shop};

#[test]
fn a_late_entry_under_a_long_prefix_moves_nothing() {
    let (provider, client, mut world) = shop(Mode::Ordered);
    let late = world.write(&client, 0, None, &[], "note.put", none());
    let mut at = world.genesis();
    for _ in 0..500 {
        at = world.write(&provider, 0, Some(at), &[], "note.put", none());
    }
    let mut node = Node::new();
    for written in world.written.iter().filter(|written| written.id != late) {
        node.receive(&written.run);
    }
    let order = node.order();
    assert_eq!(order.settle().prefix, 501);
    node.receive(&world.written[1].run);
    let change = node.order().settle();
    assert_eq!((change.kept, change.prefix), (501, 501));
    assert_eq!(node.status(&late), "tentative:accepted");
    // cited at last, it comes after what was there
    let ack = world.write(&provider, 0, Some(at), &[late], "topic.ack", none());
    node.receive(&world.written.last().unwrap().run);
    assert_eq!(node.order().settle().kept, 501);
    let tail: Vec<EntryId> = node.order().prefix_from(501).map(|line| line.id).collect();
    assert_eq!(tail, [late, ack]);
}

#[test]
fn a_tombstone_before_or_after_its_entry_erases_the_same() {
    for mode in [Mode::Ordered, Mode::Causal] {
        let (provider, client, mut world) = shop(mode);
        let genesis = world.genesis();
        let mut payload = synlog_log::payload::PayloadBuilder::new("note.put", none());
        payload.erasable = Some((
            [4; 16],
            0,
            Value::map([("phone", Value::Text("+358 1".into()))]),
        ));
        let payload = payload.encode().unwrap();
        let target = world.write_payload(&client, 0, None, &[genesis], &payload);
        // the client's other device has not seen the entry; it only names it
        let body = Value::map([("target", bytes(target.0))]);
        world.write(&client, 1, None, &[], "topic.tombstone", body.clone());
        let strangers = world.write(&provider, 1, None, &[], "topic.tombstone", body);
        let mut node = everywhere(&world);
        assert_eq!(node.order().erased(), [target]);
        let mut only_strangers = Node::new();
        for written in &world.written {
            if [genesis, target, strangers].contains(&written.id) {
                only_strangers.receive(&written.run);
            }
        }
        only_strangers.digest();
        assert_eq!(only_strangers.order().erased(), []);
        // a node that got the entry with the part dropped has the same order
        let whole: Vec<&[u8]> = world
            .written
            .iter()
            .map(|written| &written.run[..])
            .collect();
        let mut a = Node::new();
        let mut b = Node::new();
        for run in whole {
            a.receive(run);
            let view = RunView::decode(run).unwrap();
            let mut writer = synlog_log::run::RunWriter::like(&view);
            view.entries
                .iter()
                .for_each(|entry| writer.push_erased(entry));
            b.receive(&writer.finish(view.signature.as_ref()));
        }
        assert_eq!(a.digest(), b.digest());
    }
}

#[test]
fn evidence_holds_after_its_certificate_was_revoked() {
    let (provider, mut client, mut world) = shop(Mode::Ordered);
    let elsewhere = World::new(&client, 1, &genesis(Mode::Ordered, &[]));
    let run = RunView::decode(&elsewhere.written[0].run).unwrap();
    let payload = match run.first().payload {
        synlog_log::run::PayloadForm::Whole(bytes) => bytes.to_vec(),
        synlog_log::run::PayloadForm::Erased { .. } => unreachable!("nothing was erased"),
    };
    let proof = synlog_log::proof::Proof {
        certificate: run.certificate.unwrap().to_vec(),
        path: vec![run.header(0)],
        signature: run.signature.unwrap(),
        payload: synlog_log::proof::ProofPayload::Whole(payload),
    };
    let mut with = synlog_log::payload::PayloadBuilder::new("note.put", none());
    with.evidence = vec![proof.encode()];
    let good = with.encode().unwrap();
    let mut wrong = proof.clone();
    wrong.signature[5] ^= 1;
    with.evidence = vec![wrong.encode()];
    let bad = with.encode().unwrap();
    let revoke = client.state(Action::Revoke {
        device: client.device(1),
    });
    let body = World::statement_body(&client, &revoke);
    let revoked = world.write(&client, 0, None, &[], "topic.identity", body);
    let genesis = world.genesis();
    let ack = world.write(&provider, 0, Some(genesis), &[revoked], "topic.ack", none());
    let carries = world.write_payload(&provider, 0, Some(ack), &[], &good);
    let lies = world.write_payload(&provider, 0, Some(carries), &[], &bad);
    let mut node = everywhere(&world);
    assert_eq!(node.status(&carries), "sequenced:accepted");
    assert_eq!(node.status(&lies), "sequenced:bad_evidence");
}

#[test]
fn entries_whose_ancestors_never_come_wait_and_are_no_part_of_the_order() {
    let (_, client, mut world) = shop(Mode::Ordered);
    let hidden = world.write(&client, 0, None, &[], "note.put", none());
    let waits = world.write(&client, 0, Some(hidden), &[], "note.put", none());
    let mut node = Node::new();
    for written in world.written.iter().filter(|written| written.id != hidden) {
        node.receive(&written.run);
    }
    assert_eq!((node.waiting(), node.facts(&waits)), (1, None));
    node.receive(&world.written[1].run);
    assert_eq!(node.waiting(), 0);
    assert_eq!(node.status(&waits), "tentative:accepted");
}

#[test]
fn a_device_ten_years_ahead_is_put_aside_and_pulls_no_clock() {
    const TEN_YEARS_MS: u64 = 10 * 365 * 86_400_000;
    let (provider, client, mut world) = shop(Mode::Ordered);
    world.clock_ms += TEN_YEARS_MS;
    let ahead = world.write(&client, 0, None, &[], "note.put", none());
    let builds_on_it = world.write(&provider, 1, None, &[ahead], "note.put", none());
    let run = |id: &EntryId| {
        let written = world
            .written
            .iter()
            .find(|written| written.id == *id)
            .unwrap();
        written.run.clone()
    };
    let (mut admission, mut ledger) = (Admission::default(), MemoryLedger::default());
    ledger.add(&RunView::decode(&world.written[0].run).unwrap());
    let mut offer = |id: &EntryId, ledger: &MemoryLedger, now_ms: u64| {
        let bytes = run(id);
        let Ok(outcome) = admission.admit(&RunView::decode(&bytes).unwrap(), ledger, Some(now_ms));
        outcome
    };
    let now_ms = START_MS + 60_000;
    let claimed_ms = match offer(&ahead, &ledger, now_ms) {
        Admit::Ahead { claimed_ms } => claimed_ms,
        other => panic!("{other:?}"),
    };
    assert!(claimed_ms > now_ms + TEN_YEARS_MS - 120_000);
    // what builds on it waits for it, whatever it claims itself
    assert_eq!(
        offer(&builds_on_it, &ledger, now_ms),
        Admit::Waits {
            missing: vec![ahead]
        }
    );
    // whoever cites only what was admitted is not dragged along
    let genesis_hlc = RunView::decode(&world.written[0].run).unwrap().first().hlc;
    assert_eq!(
        next_hlc(now_ms, [genesis_hlc].into_iter()),
        Ok(now_ms << 16)
    );
    // a device that ran ahead itself does not write on when its clock is right again
    let own = next_hlc(now_ms, [claimed_ms << 16].into_iter());
    assert!(
        matches!(own, Err(DraftError::AheadOfClock { .. })),
        "{own:?}"
    );
    // ten years later it is an entry like any other
    let later_ms = claimed_ms - 60_000;
    assert!(matches!(offer(&ahead, &ledger, later_ms), Admit::Fresh(_)));
    ledger.add(&RunView::decode(&run(&ahead)).unwrap());
    assert!(matches!(
        offer(&builds_on_it, &ledger, later_ms),
        Admit::Fresh(_)
    ));
}
