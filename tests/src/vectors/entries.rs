//! `runs.json`, `proofs.json`, `fork_proofs.json`, `sealed.json`, `wraps.json`.

use serde_json::{Value as Json, json};
use synlog_log::admission::fork_proof;
use synlog_log::cbor::Value;
use synlog_log::fork::{Commitment, ForkProof};
use synlog_log::header::Header;
use synlog_log::ids::{DeviceId, EntityId, EntryId, TopicId, hex};
use synlog_log::keys::{EncryptionSecret, WrapBinding, wrap_key};
use synlog_log::payload::{Payload, PayloadBuilder};
use synlog_log::proof::{Proof, ProofPayload};
use synlog_log::refusal::Refusal;
use synlog_log::run::{RunView, RunWriter};
use synlog_log::scenario::{Person, World, genesis};
use synlog_log::sealed::{Nonces, epoch_key_hash, open, previous_key, seal, seal_previous};
use synlog_log::topic::Mode;
use synlog_node::json::to_json;

use super::{bytes_of, case, hold};

/// One feed of 20 entries as runs of one, and as one run under the last signature.
fn feed() -> (Person, World, Vec<u8>) {
    let person = Person::new(1, 1);
    let mut world = World::new(&person, 0, &genesis(Mode::Ordered, &[]));
    let mut at = world.genesis();
    for n in 1..20 {
        let mut payload = PayloadBuilder::new("note.put", Value::map([("n", Value::Int(n))]));
        if n % 5 == 0 {
            payload.erasable = Some((
                [n as u8; 16],
                0,
                Value::map([("who", Value::Text("Aino".into()))]),
            ));
        }
        at = world.write_payload(&person, 0, Some(at), &[], &payload.encode().unwrap());
    }
    let run = join(world.written.iter().map(|written| &written.run[..]));
    (person, world, run)
}

fn join<'a>(runs: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let views: Vec<RunView<'_>> = runs.map(|run| RunView::decode(run).unwrap()).collect();
    let mut writer = RunWriter::like(&views[0]);
    views
        .iter()
        .flat_map(|view| &view.entries)
        .for_each(|entry| writer.push_view(entry));
    writer.finish(views.last().unwrap().signature.as_ref())
}

#[test]
fn runs() {
    let read = |bytes: &[u8]| -> Result<Json, Refusal> {
        let run = RunView::decode(bytes)?;
        let ids: Vec<String> = run
            .entries
            .iter()
            .map(|entry| entry.id.to_string())
            .collect();
        let signed = run.signature.map(|_| run.verify().is_ok());
        Ok(json!({ "ids": ids, "signed": signed }))
    };
    let (_, world, whole) = feed();
    let view = RunView::decode(&whole).unwrap();
    let rewrite = |erase: bool, signature: Option<&[u8; 64]>| {
        let mut writer = RunWriter::like(&view);
        for entry in &view.entries {
            if erase {
                writer.push_erased(entry)
            } else {
                writer.push_view(entry)
            }
        }
        writer.finish(signature)
    };
    let mut garbled = view.signature.unwrap();
    garbled[0] ^= 1;
    let later = join(world.written[7..12].iter().map(|written| &written.run[..]));
    let mut cases = Vec::new();
    for (name, bytes) in [
        ("a genesis alone", world.written[0].run.clone()),
        ("20 entries from the genesis on", whole.clone()),
        (
            "with the erasable parts dropped: the same ids",
            rewrite(true, view.signature.as_ref()),
        ),
        ("without a signature", rewrite(false, None)),
        ("with a garbled signature", rewrite(false, Some(&garbled))),
        ("from the middle of a feed", later.clone()),
    ] {
        cases.push(case(name, bytes_of(&bytes), read(&bytes), Ok(())));
    }
    let count_at = 32 + 32 + 1 + 32;
    let edit =
        |at: usize, with: &[u8], drop: usize| [&later[..at], with, &later[at + drop..]].concat();
    let zero_topic = {
        let mut bytes = later.clone();
        bytes[32..64].fill(0);
        bytes
    };
    for (name, bytes, refusal) in [
        ("no entries", edit(count_at, &[0], 1), Refusal::BadRun),
        (
            "257 entries",
            edit(count_at, &[0x81, 0x02], 1),
            Refusal::TooLarge,
        ),
        (
            "more entries than there are",
            edit(count_at, &[6], 1)[..later.len() - 65].to_vec(),
            Refusal::Truncated,
        ),
        ("a genesis with seq 7", zero_topic, Refusal::BadRun),
        ("form 2", edit(count_at + 1, &[2], 1), Refusal::NotCanonical),
        (
            "ends early",
            later[..later.len() - 1].to_vec(),
            Refusal::Truncated,
        ),
        (
            "something after it",
            [&later[..], &[0]].concat(),
            Refusal::NotCanonical,
        ),
        ("nothing", vec![], Refusal::Truncated),
    ] {
        cases.push(case(name, bytes_of(&bytes), read(&bytes), Err(refusal)));
    }
    hold("runs.json", "Runs (page 3.4)", cases);
}

#[test]
fn proofs() {
    let read = |bytes: &[u8]| -> Result<Json, Refusal> {
        let proven = Proof::decode(bytes)?.verify()?;
        Ok(json!({ "id": proven.id.to_string(), "entity": proven.certified.entity.to_string() }))
    };
    let (person, world, whole) = feed();
    let run = RunView::decode(&whole).unwrap();
    let payload = |index: usize| match run.entries[index].payload {
        synlog_log::run::PayloadForm::Whole(bytes) => bytes.to_vec(),
        synlog_log::run::PayloadForm::Erased { .. } => unreachable!("nothing was erased"),
    };
    let prove = |goal: u64, payload: ProofPayload| Proof {
        certificate: run.certificate.unwrap().to_vec(),
        path: synlog_log::skiplink::path(19, goal)
            .into_iter()
            .map(|seq| run.header(seq as usize))
            .collect(),
        signature: run.signature.unwrap(),
        payload,
    };
    let split = |index: usize| {
        let bytes = payload(index);
        let split = Payload::split(&bytes).unwrap();
        ProofPayload::Erased {
            part: split.part.to_vec(),
            erasable_hash: split.erasable.unwrap().hash(),
        }
    };
    let good = prove(6, ProofPayload::Whole(payload(6)));
    let mut cases = Vec::new();
    for (name, proof) in [
        ("an entry with its payload", &good),
        (
            "the signed entry itself",
            &prove(19, ProofPayload::Whole(payload(19))),
        ),
        (
            "the genesis, payload withheld",
            &prove(0, ProofPayload::Absent),
        ),
        (
            "an entry whose erasable part was dropped",
            &prove(10, split(10)),
        ),
    ] {
        let bytes = proof.encode();
        cases.push(case(name, bytes_of(&bytes), read(&bytes), Ok(())));
    }
    let stranger = Person::new(40, 1);
    let edit = |change: &dyn Fn(&mut Proof)| {
        let mut proof = good.clone();
        change(&mut proof);
        proof.encode()
    };
    let strangers = stranger
        .log
        .certificate(&stranger.device(0))
        .unwrap()
        .encode();
    for (name, bytes, refusal) in [
        (
            "the payload of another entry",
            edit(&|it| it.payload = ProofPayload::Whole(payload(7))),
            Refusal::PayloadMismatch,
        ),
        (
            "a garbled signature",
            edit(&|it| it.signature[9] ^= 1),
            Refusal::BadSignature,
        ),
        (
            "a header left out",
            edit(&|it| {
                it.path.remove(1);
            }),
            Refusal::BadProof,
        ),
        (
            "a header changed on the way",
            edit(&|it| it.path[1].hlc += 1),
            Refusal::BadProof,
        ),
        ("no path", edit(&|it| it.path.clear()), Refusal::BadProof),
        (
            "the certificate of another device",
            edit(&|it| it.certificate.clone_from(&strangers)),
            Refusal::BadCertificate,
        ),
        (
            "ends early",
            good.encode()[..300].to_vec(),
            Refusal::BadProof,
        ),
        (
            "something after it",
            [good.encode(), vec![0]].concat(),
            Refusal::BadProof,
        ),
        ("more than 16 KiB", vec![0; 16_385], Refusal::BadProof),
    ] {
        cases.push(case(name, bytes_of(&bytes), read(&bytes), Err(refusal)));
    }
    assert_eq!(good.verify().unwrap().id, world.written[6].id);
    assert_eq!(good.verify().unwrap().certified.entity, person.id());
    hold("proofs.json", "Proofs and evidence (page 3.5)", cases);
}

#[test]
fn fork_proofs() {
    let read = |bytes: &[u8]| -> Result<Json, Refusal> {
        let proof = ForkProof::decode(bytes)?;
        let feed = proof.verify()?;
        Ok(
            json!({ "author": feed.author.to_string(), "topic": feed.topic.to_string(), "seq": proof.seq }),
        )
    };
    let (person, mut world, whole) = feed();
    let other = {
        let base = world.written[9].id;
        let mut at = base;
        for n in 0..6 {
            at = world.write(
                &person,
                0,
                Some(at),
                &[],
                "note.put",
                Value::map([("other", Value::Int(n))]),
            );
        }
        join(world.written[20..].iter().map(|written| &written.run[..]))
    };
    let (a, b) = (
        RunView::decode(&whole).unwrap(),
        RunView::decode(&other).unwrap(),
    );
    let good = fork_proof(&a, &b, 10).unwrap();
    let higher = fork_proof(&a, &b, 12).unwrap();
    // one header whose skiplink contradicts its backlinks proves it alone
    let mut header = RunView::decode(&world.written[7].run).unwrap().header(0);
    header.skiplink = Some(EntryId([9; 32]));
    let signature = person.devices[0].sign(&header.id().0);
    let down = (3..7)
        .rev()
        .map(|seq| RunView::decode(&world.written[seq].run).unwrap().header(0));
    let by_backlinks = Commitment {
        path: std::iter::once(header.clone()).chain(down).collect(),
        signature,
    };
    let by_skiplink = Commitment {
        path: vec![header],
        signature,
    };
    let alone = ForkProof::new(3, by_skiplink, by_backlinks).unwrap();
    let mut cases = Vec::new();
    for (name, proof) in [
        ("two branches at their first difference", &good),
        ("the same further up", &higher),
        ("a skiplink against the backlinks", &alone),
    ] {
        let bytes = proof.encode();
        cases.push(case(name, bytes_of(&bytes), read(&bytes), Ok(())));
    }
    let edit = |change: &dyn Fn(&mut ForkProof)| {
        let mut proof = good.clone();
        change(&mut proof);
        proof.encode()
    };
    let elsewhere = World::new(&person, 0, &{
        let mut genesis = genesis(Mode::Ordered, &[]);
        genesis.nonce = [3; 16];
        genesis
    });
    let second_topic = RunView::decode(&elsewhere.written[0].run).unwrap();
    let genesis_side = RunView::decode(&world.written[0].run)
        .unwrap()
        .commitment(0)
        .unwrap();
    let two_topics = ForkProof::new(0, genesis_side, second_topic.commitment(0).unwrap()).unwrap();
    for (name, bytes, refusal) in [
        (
            "the same side twice",
            edit(&|it| it.sides[1] = it.sides[0].clone()),
            Refusal::BadForkProof,
        ),
        (
            "the sides the other way round",
            edit(&|it| it.sides.swap(0, 1)),
            Refusal::BadForkProof,
        ),
        (
            "a seq at which they agree",
            edit(&|it| it.seq = 9),
            Refusal::BadForkProof,
        ),
        (
            "a seq that no side reaches",
            edit(&|it| it.seq = 2),
            Refusal::BadForkProof,
        ),
        (
            "a garbled signature",
            edit(&|it| it.sides[0].signature[1] ^= 1),
            Refusal::BadSignature,
        ),
        (
            "two geneses of one device",
            two_topics.encode(),
            Refusal::BadForkProof,
        ),
        (
            "ends early",
            good.encode()[..200].to_vec(),
            Refusal::BadForkProof,
        ),
        (
            "something after it",
            [good.encode(), vec![0]].concat(),
            Refusal::BadForkProof,
        ),
    ] {
        cases.push(case(name, bytes_of(&bytes), read(&bytes), Err(refusal)));
    }
    hold("fork_proofs.json", "Fork proofs (page 4.4)", cases);
}

#[test]
fn sealed() {
    let header = Header {
        author: DeviceId([1; 32]),
        topic: TopicId([2; 32]),
        seq: 5,
        backlink: Some(EntryId([3; 32])),
        skiplink: None,
        hlc: 1_767_225_600_000 << 16,
        deps: vec![EntryId([4; 32])],
        payload_hash: [0; 32],
        payload_len: 0,
        certificate: None,
    };
    let key = [7; 32];
    let nonces = Nonces {
        body: [8; 24],
        erasable: [9; 24],
        salt: [10; 16],
    };
    let read =
        |header: &Header, bytes: &[u8], epoch: i64, key: &[u8; 32]| -> Result<Json, Refusal> {
            let payload = Payload::split(bytes).map_err(|_| Refusal::BadPayload)?;
            let opened = open(header, &payload, |wanted| (wanted == epoch).then_some(*key))?;
            let event = Payload::split_erased(&opened.part)?;
            let event = event.check()?;
            let erasable = opened.erasable.as_ref().map(to_json);
            Ok(json!({ "kind": event.kind, "body": to_json(&event.body), "erasable": erasable }))
        };
    let input = |header: &Header, bytes: &[u8], epoch: i64, key: &[u8; 32]| json!({ "header": hex(&header.encode()), "payload": hex(bytes), "epoch": epoch, "epoch_key": hex(key) });
    let mut plain = PayloadBuilder::new("order.request", Value::map([("quantity", Value::Int(3))]));
    let short = seal(&header, &plain, 1, &key, &nonces).unwrap();
    plain.erasable = Some((
        [0; 16],
        0,
        Value::map([("door code", Value::Text("4711".into()))]),
    ));
    let whole = seal(&header, &plain, 1, &key, &nonces).unwrap();
    let nested = PayloadBuilder::new("topic.sealed", Value::Map(vec![]));
    let nested = seal(&header, &nested, 1, &key, &nonces).unwrap();
    let mut flipped = short.clone();
    let last = flipped.len() - 3;
    flipped[last] ^= 1;
    let moved = Header {
        seq: 6,
        ..header.clone()
    };
    let mut cases = Vec::new();
    for (name, bytes) in [("a body", &short), ("a body and erasable data", &whole)] {
        cases.push(case(
            name,
            input(&header, bytes, 1, &key),
            read(&header, bytes, 1, &key),
            Ok(()),
        ));
    }
    for (name, header, bytes, epoch, key, refusal) in [
        (
            "another epoch's key is held",
            &header,
            &short,
            2,
            key,
            Refusal::UnknownEpoch,
        ),
        (
            "a wrong key",
            &header,
            &short,
            1,
            [6; 32],
            Refusal::Unsealable,
        ),
        (
            "a changed ciphertext",
            &header,
            &flipped,
            1,
            key,
            Refusal::Unsealable,
        ),
        (
            "at another place of the feed",
            &moved,
            &short,
            1,
            key,
            Refusal::Unsealable,
        ),
        (
            "sealed in a sealed one",
            &header,
            &nested,
            1,
            key,
            Refusal::Unsealable,
        ),
    ] {
        cases.push(case(
            name,
            input(header, bytes, epoch, &key),
            read(header, bytes, epoch, &key),
            Err(refusal),
        ));
    }
    hold("sealed.json", "Sealed payloads (page 7)", cases);
}

#[test]
fn wraps() {
    let secret = EncryptionSecret::derive(&[3; 32], 1);
    let (topic, epoch, key) = (TopicId([2; 32]), 7, [5; 32]);
    let binding = WrapBinding {
        topic,
        epoch,
        key_hash: epoch_key_hash(&key),
        recipient: EntityId([8; 32]),
    };
    let wrap = wrap_key(&secret.public(), &binding, &key, &[4; 32]).unwrap();
    let previous = seal_previous(&topic, epoch as i64, &key, &[6; 32]).unwrap();
    let mut flipped = wrap.clone();
    flipped[40] ^= 1;
    let small_order = [&[0; 32][..], &wrap[32..]].concat();
    let other = EncryptionSecret::derive(&[3; 32], 0);
    let lie = wrap_key(&secret.public(), &binding, &[9; 32], &[4; 32]).unwrap();
    let elsewhere = WrapBinding {
        topic: TopicId([1; 32]),
        ..binding
    };
    let later = WrapBinding {
        epoch: epoch + 1,
        ..binding
    };
    let somebody = WrapBinding {
        recipient: EntityId([9; 32]),
        ..binding
    };
    let mut cases = Vec::new();
    let wrong = Err(Refusal::Unsealable);
    for (name, secret, binding, wrap, previous, expected) in [
        ("a wrap", &secret, binding, &wrap, &previous, Ok(())),
        (
            "another generation",
            &other,
            binding,
            &wrap,
            &previous,
            wrong,
        ),
        ("another topic", &secret, elsewhere, &wrap, &previous, wrong),
        ("another epoch", &secret, later, &wrap, &previous, wrong),
        (
            "for somebody else",
            &secret,
            somebody,
            &wrap,
            &previous,
            wrong,
        ),
        ("changed", &secret, binding, &flipped, &previous, wrong),
        (
            "a point of small order",
            &secret,
            binding,
            &small_order,
            &previous,
            wrong,
        ),
        (
            "another key than announced",
            &secret,
            binding,
            &lie,
            &previous,
            wrong,
        ),
        ("no key before", &secret, binding, &wrap, &flipped, wrong),
    ] {
        let read = || -> Result<Json, Refusal> {
            let key = secret.unwrap_key(&binding, wrap)?;
            let before = previous_key(&binding.topic, binding.epoch as i64, &key, previous);
            let before = before.ok_or(Refusal::Unsealable)?;
            let public = hex(&secret.public());
            Ok(json!({ "public": public, "key": hex(&key), "previous_key": hex(&before) }))
        };
        let input = json!({
            "secret": hex(&secret.to_bytes()[..]), "topic": binding.topic.to_string(),
            "epoch": binding.epoch, "key_hash": hex(&binding.key_hash),
            "recipient": binding.recipient.to_string(), "wrap": hex(wrap),
            "previous": hex(previous),
        });
        cases.push(case(name, input, read(), expected));
    }
    hold("wraps.json", "Wrapped epoch keys (page 7.3)", cases);
}
