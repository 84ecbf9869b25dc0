//! A customer without an install, in Rust: keys of its own, its own entries, and the guests'
//! door by plain HTTP. It uses the primitives of `log` alone, as a browser does.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use data_encoding::BASE64;
use serde_json::{Value as Json, json};
use synlog_log::admission::{Ledger, Tip};
use synlog_log::bundle::{BundleReader, BundleWriter, RecordKind};
use synlog_log::cbor::Value;
use synlog_log::draft::Draft;
use synlog_log::identity::{Action, IdentityLog, Statement};
use synlog_log::ids::{DeviceId, EntityId, EntryId, TopicId, hex, unhex};
use synlog_log::keys::{EncryptionSecret, SecretKey};
use synlog_log::order::TopicOrder;
use synlog_log::payload::{Payload, PayloadBuilder};
use synlog_log::replica::Replica;
use synlog_log::run::RunView;
use synlog_log::sealed::{Nonces, SealedEntry, Secrets, seal_front};
use synlog_log::topic::{GENESIS_KIND, Genesis, Mode, Visibility};

use crate::web_client::{Answer, Web};

/// Where the guests' API begins.
pub(crate) const ROOT: &str = "/api/guest/v1";

/// A browser.
pub(crate) struct Guest {
    pub(crate) key: SecretKey,
    pub(crate) log: IdentityLog,
    pub(crate) web: Web,
    pub(crate) replica: Replica,
    pub(crate) profile: Vec<u8>,
    nonce: u8,
    /// All runs of the relation, as they came or were written.
    runs: Vec<Vec<u8>>,
    tip: Option<Tip>,
}

/// UTC milliseconds.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    since.as_millis() as u64
}

/// A bundle of records.
pub(crate) fn bundle(records: &[(RecordKind, Vec<u8>)]) -> Vec<u8> {
    let mut writer = BundleWriter::new(Vec::new()).unwrap();
    for (kind, data) in records {
        writer.record(*kind, data).unwrap();
    }
    writer.finish().unwrap()
}

/// The guests' door at a URL.
pub(crate) fn door(url: &str) -> Web {
    Web {
        root: Some(ROOT),
        ..Web::at(url)
    }
}

impl Guest {
    /// With fresh keys, which follow from a number.
    pub(crate) fn new(seed: u8, name: &str, url: &str) -> Self {
        let [root, key] = [seed, seed ^ 0x80].map(|seed| SecretKey::from_seed([seed; 32]));
        let mut log = IdentityLog::new(EntityId(root.public()));
        let certify = Action::Certify {
            device: DeviceId(key.public()),
            acceptance: Statement::acceptance(&log.entity(), &key),
            name: "browser".into(),
        };
        log.issue(certify, now_ms(), &root).unwrap();
        let secret = EncryptionSecret::of_root(&root, 0);
        let action = log.announcement(&secret, None, &[seed; 32]).unwrap();
        log.issue(action, now_ms(), &root).unwrap();
        let secrets = Secrets::new(vec![(log.entity(), secret)]);
        let mut guest = Self {
            key,
            log,
            web: door(url),
            replica: Replica::with_secrets(secrets),
            profile: Vec::new(),
            nonce: 0,
            runs: Vec::new(),
            tip: None,
        };
        guest.profile = guest.write_profile(name, seed);
        guest
    }

    /// Without the statement that names its encryption key.
    pub(crate) fn without_encryption(seed: u8, url: &str) -> Self {
        let mut guest = Self::new(seed, "Nobody", url);
        let mut log = IdentityLog::new(guest.entity());
        let certify = guest.log.statements().next().unwrap().clone();
        log.add(certify).unwrap();
        guest.log = log;
        guest
    }

    pub(crate) fn entity(&self) -> EntityId {
        self.log.entity()
    }

    pub(crate) fn device(&self) -> DeviceId {
        DeviceId(self.key.public())
    }

    pub(crate) fn certificate(&self) -> Vec<u8> {
        self.log.certificate(&self.device()).unwrap().encode()
    }

    /// A profile of its own; another nonce makes another topic.
    pub(crate) fn write_profile(&self, name: &str, nonce: u8) -> Vec<u8> {
        let genesis = Genesis {
            app: "profile".into(),
            major: 1,
            mode: Mode::Ordered,
            visibility: Visibility::Public,
            nonce: [nonce; 16],
            name: Some("profile".into()),
            members: BTreeMap::new(),
            open: None,
            roles: BTreeMap::new(),
        };
        let mut draft = Draft::first(&self.key, TopicId::ZERO, self.certificate());
        let payload = PayloadBuilder::new(GENESIS_KIND, genesis.body()).encode();
        draft.add(now_ms(), &[], &payload.unwrap()).unwrap();
        let text = |text: &str| Value::Text(text.to_owned());
        let body = Value::map([("name", text(name)), ("about", text(""))]);
        let payload = PayloadBuilder::new("profile.set", body).encode();
        draft.add(now_ms(), &[], &payload.unwrap()).unwrap();
        draft.sign().unwrap().0
    }

    /// Its identity statements, as records.
    pub(crate) fn statements(&self) -> Vec<(RecordKind, Vec<u8>)> {
        let statements = self.log.statements();
        statements
            .map(|signed| (RecordKind::Statement, signed.encode()))
            .collect()
    }

    /// What it says of itself.
    pub(crate) fn introduction(&self) -> Vec<u8> {
        let mut records = self.statements();
        records.push((RecordKind::Run, self.profile.clone()));
        bundle(&records)
    }

    /// A challenge, and the node that it is of.
    pub(crate) fn challenge(&self) -> (String, Vec<u8>) {
        let asked = self.web.done("/challenge", &json!({}));
        let challenge = asked["challenge"].as_str().unwrap().to_owned();
        (challenge, unhex(asked["node"].as_str().unwrap()).unwrap())
    }

    /// The body of a login.
    pub(crate) fn login_body(&self, challenge: &str, node: &[u8], with_bundle: bool) -> Json {
        let signed = [
            b"synlog guest session v1\0",
            &unhex(challenge).unwrap()[..],
            node,
            &self.entity().0,
        ]
        .concat();
        let mut body = json!({
            "device": self.device().to_string(),
            "challenge": challenge,
            "signature": hex(&self.key.sign_bytes(&signed)),
        });
        if with_bundle {
            body["bundle"] = json!(BASE64.encode(&self.introduction()));
        }
        body
    }

    /// Logs in. Gives what the door said.
    pub(crate) fn log_in(&mut self) -> Json {
        let (challenge, node) = self.challenge();
        let body = self.login_body(&challenge, &node, true);
        let told = self.web.done("/session", &body);
        assert_eq!(told["entity"], self.entity().to_string());
        self.web.token = told["token"].as_str().unwrap().to_owned();
        told
    }

    /// Wishes for a relation.
    pub(crate) fn wish(&self, space: &str) -> Answer {
        self.web
            .post("/relations", &json!({ "space": space }).to_string())
    }

    /// Its relation, founded at once.
    pub(crate) fn found(&self, space: &str) -> TopicId {
        let answer = self.wish(space);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{text}");
        answer.json()["topic"].as_str().unwrap().parse().unwrap()
    }

    /// All that it has of the relation, in order of arrival.
    pub(crate) fn runs(&self) -> &[Vec<u8>] {
        &self.runs
    }

    fn have(&self) -> Json {
        let mut heights: BTreeMap<DeviceId, u64> = BTreeMap::new();
        for run in &self.runs {
            let run = RunView::decode(run).unwrap();
            let height = heights.entry(run.feed.author).or_default();
            *height = (*height).max(run.last().seq + 1);
        }
        let heights = heights.into_iter();
        let heights = heights.map(|(author, height)| {
            json!({ "feed": { "author": author.to_string() }, "height": height })
        });
        json!({ "have": heights.collect::<Vec<_>>() })
    }

    /// Fetches what is new, and checks all of it. Gives how many runs came.
    pub(crate) fn pull(&mut self, topic: &TopicId) -> usize {
        let mut count = 0;
        loop {
            let path = format!("/relations/{topic}/pull");
            let answer = self.web.post(&path, &self.have().to_string());
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(answer.status, 200, "{text}");
            assert_eq!(
                answer.header("content-type"),
                Some("application/vnd.synlog.bundle")
            );
            let mut reader = BundleReader::new(&answer.body[..]).unwrap();
            while let Some(record) = reader.next_record().unwrap() {
                if record.kind == RecordKind::Run {
                    self.take(record.data);
                    count += 1;
                }
            }
            if answer.header("synlog-more").is_none() {
                return count;
            }
        }
    }

    /// Fetches what others wrote, as if it had never written itself.
    pub(crate) fn pull_without_own(&mut self, topic: &TopicId) {
        let path = format!("/relations/{topic}/pull");
        let answer = self.web.post(&path, "{}");
        let mut reader = BundleReader::new(&answer.body[..]).unwrap();
        while let Some(record) = reader.next_record().unwrap() {
            if record.kind == RecordKind::Run {
                let of = RunView::feed_of(&record.data).unwrap().author;
                if of == self.device() {
                    // others may have placed it
                    return;
                }
                self.take(record.data);
            }
        }
    }

    fn take(&mut self, bytes: Vec<u8>) {
        {
            let run = RunView::decode(&bytes).unwrap();
            run.verify().unwrap();
            let admitted = self.replica.offer(&run);
            assert!(
                matches!(admitted, synlog_log::admission::Admit::Fresh(_)),
                "{admitted:?}"
            );
        }
        self.runs.push(bytes);
    }

    pub(crate) fn order(&mut self, topic: &TopicId) -> &mut TopicOrder {
        let order = self.replica.orders.get_mut(topic).unwrap();
        order.settle();
        order
    }

    /// Writes an event, sealed. Gives its id, and its run to be pushed.
    pub(crate) fn write(&mut self, topic: &TopicId, kind: &str, body: Value) -> (EntryId, Vec<u8>) {
        let (epoch, key, tips) = {
            let order = self.order(topic);
            let epoch = order.policy().epoch();
            (epoch, order.epoch_key(epoch).unwrap(), order.tips())
        };
        let mut deps = Vec::new();
        let first = self.tip.is_none().then_some(EntryId(topic.0));
        let own = self.tip.as_ref().map(|tip| tip.id);
        for id in tips.into_iter().chain(first).filter(|id| Some(*id) != own) {
            let Ok(facts) = self.replica.ledger.facts(&id);
            if !deps.iter().any(|(known, _)| *known == id) {
                deps.push((id, facts.unwrap().hlc));
            }
        }
        let mut draft = match self.tip.clone() {
            Some(tip) => Draft::after(&self.key, *topic, tip),
            None => Draft::first(&self.key, *topic, self.certificate()),
        };
        self.nonce += 1;
        let nonces = Nonces {
            body: [self.nonce; 24],
            erasable: [self.nonce ^ 0x80; 24],
            salt: [self.nonce; 16],
        };
        let plain = PayloadBuilder::new(kind, body).encode().unwrap();
        let id = draft
            .add_sealed(now_ms(), &deps, |front, author, seq| {
                let payload = Payload::split(&plain)?;
                seal_front(front, (author, seq), &payload, (epoch, &key), &nonces)
            })
            .unwrap();
        let (run, tip) = draft.sign().unwrap();
        self.tip = Some(tip);
        self.take(run.clone());
        (id, run)
    }

    /// Pushes runs with its statements.
    pub(crate) fn push(&self, topic: &TopicId, runs: &[Vec<u8>]) -> Answer {
        let mut records = self.statements();
        records.extend(runs.iter().map(|run| (RecordKind::Run, run.clone())));
        self.push_bundle(topic, &bundle(&records))
    }

    /// Pushes a bundle.
    pub(crate) fn push_bundle(&self, topic: &TopicId, bundle: &[u8]) -> Answer {
        let path = format!("/relations/{topic}/push");
        self.web.ask("POST", &path, &[], bundle)
    }

    /// Writes and pushes. Gives the id.
    pub(crate) fn send(&mut self, topic: &TopicId, kind: &str, body: Value) -> EntryId {
        let (id, run) = self.write(topic, kind, body);
        let answer = self.push(topic, &[run]);
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{kind}: {text}");
        assert_eq!(answer.json()["took"], 1, "{text}");
        id
    }

    /// Entries of a kind that open, in order: id, body, and what became of each.
    pub(crate) fn entries(&mut self, topic: &TopicId, kind: &str) -> Vec<(EntryId, Value, String)> {
        let runs = self.runs.clone();
        let order = self.order(topic);
        let mut found = Vec::new();
        for line in order.lines().map(|line| line.id).collect::<Vec<_>>() {
            let Some(key) = order.opened_with(&line) else {
                continue;
            };
            for run in &runs {
                let run = RunView::decode(run).unwrap();
                let Some(entry) = run.entries.iter().find(|entry| entry.id == line) else {
                    continue;
                };
                let header = run.header((entry.seq - run.first().seq) as usize);
                let payload = entry.payload.split().unwrap();
                let part = SealedEntry::of(&header, &payload)
                    .unwrap()
                    .open(&key)
                    .unwrap();
                let event = Payload::split_erased(&part).unwrap();
                if event.kind == kind {
                    let body = Value::decode_map(event.body).unwrap();
                    let status = order.status(&line).map(|status| status.text().to_owned());
                    found.push((line, body, status.unwrap_or_default()));
                }
                break;
            }
        }
        found
    }

    /// Pulls until an entry of a kind is there that was not before. Gives the last.
    pub(crate) fn await_entry(&mut self, topic: &TopicId, kind: &str) -> EntryId {
        for _ in 0..600 {
            self.pull(topic);
            if let Some((id, ..)) = self.entries(topic, kind).pop() {
                return id;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("no {kind} came");
    }

    /// Pulls until all that it wrote is placed.
    pub(crate) fn await_placing(&mut self, topic: &TopicId) {
        for _ in 0..600 {
            self.pull(topic);
            if self.order(topic).tentative().count() == 0 {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("it was never placed");
    }
}
