//! A provider's node comes back from a backup that is older than what its guests hold: they
//! give it back, in both orders of things that an owner may choose.

use serde_json::{Value as Json, json};
use synlog_log::admission::Ledger;
use synlog_log::cbor::Value;
use synlog_log::draft::Draft;
use synlog_log::ids::{EntryId, TopicId, hex};
use synlog_log::payload::PayloadBuilder;

use crate::cli::Desk;
use crate::guest::{Guest, door, now_ms};
use crate::guest_order::{Shop, shop};
use crate::net_daemon::Up;

/// A shop with a guest that has said one thing; its backup; and what both wrote after it.
struct Lost {
    shop: Shop,
    guest: Guest,
    topic: TopicId,
    backup: String,
}

fn say(guest: &mut Guest, topic: &TopicId, text: &str) {
    let body = Value::map([("text", Value::Text(text.into()))]);
    guest.send(topic, "message.post", body);
}

/// The backup is made before the relation begins, or after.
fn lost(seed: u8, before_the_relation: bool) -> Lost {
    let shop = shop(&[]);
    let backup = shop.desk.path("backup");
    let passphrase = shop.desk.path("passphrase");
    std::fs::write(&passphrase, "of the backup").unwrap();
    let keys = ["--with-keys", "--passphrase-file", &passphrase];
    let keep = || shop.desk.ok(&[&["backup", &backup], &keys[..]].concat());
    if before_the_relation {
        keep();
    }
    let mut guest = Guest::new(seed, "Mari", &shop.url);
    guest.log_in();
    let topic = guest.found(&shop.space);
    guest.pull(&topic);
    say(&mut guest, &topic, "before");
    guest.await_placing(&topic);
    if !before_the_relation {
        keep();
    }
    say(&mut guest, &topic, "after");
    let name = topic.to_string();
    shop.desk.ok(&["say", &name, "--text", "the shop's answer"]);
    guest.await_placing(&topic);
    say(&mut guest, &topic, "on top of it");
    guest.await_placing(&topic);
    Lost {
        shop,
        guest,
        topic,
        backup,
    }
}

impl Lost {
    /// The shop's machine is gone; the backup is put on another one.
    fn restored(&mut self) -> Desk {
        let restored = Desk::empty();
        let passphrase = self.shop.desk.path("passphrase");
        let keys = ["--no-device", "--passphrase-file", &passphrase];
        restored.ok(&[&["restore", &self.backup], &keys[..]].concat());
        restored
    }

    fn recover(&self, desk: &Desk) {
        let root = self.shop.desk.home.join("keys/root.key");
        let root = root.display().to_string();
        desk.ok(&["recover", "--root-file", &root, "--name", "counter-2"]);
    }

    /// The new machine opens its door; the guest comes in. Gives what the session told.
    fn open(&mut self, desk: &Desk) -> (Up, Json) {
        let up = Up::start(desk, &["--offline", "--guests", "127.0.0.1:0"]);
        let address = up.ready["guests"]["address"].as_str().unwrap();
        self.guest.web = door(&format!("http://{address}/"));
        let session = self.guest.log_in();
        (up, session["relations"].clone())
    }

    fn height(&self, relations: &Json) -> Option<u64> {
        let heights = relations[0]["heights"].as_array()?.iter();
        let own = self.guest.device().to_string();
        heights
            .filter(|it| it["author"] == own)
            .map(|it| it["height"].as_u64().unwrap())
            .next()
    }

    /// All that the guest has of the relation is pushed.
    fn give_back(&self) {
        let answer = self.guest.push(&self.topic, self.guest.runs());
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status, 200, "{text}");
    }

    /// The texts that count, in their order; both sides hold the same.
    fn agree(&mut self, desk: &Desk) -> Vec<String> {
        let topic = self.topic;
        self.guest.await_placing(&topic);
        let shown = desk.ok(&["topic", "show", &topic.to_string(), "--json"]);
        let digest = hex(&self.guest.order(&topic).digest());
        assert_eq!(shown.json()["digest"], digest);
        let rows = desk.ok(&["view", "list", &topic.to_string(), "messages", "--json"]);
        let mut rows = rows.json_lines();
        rows.sort_by_key(|row| row["columns"]["at"].as_u64());
        let text = |row: &Json| row["columns"]["text"].as_str().unwrap().to_owned();
        rows.iter().map(text).collect()
    }
}

#[test]
fn a_restored_node_is_given_back_what_its_guests_wrote() {
    let mut lost = lost(31, false);
    let desk = lost.restored();
    lost.recover(&desk);
    let (up, relations) = lost.open(&desk);
    // what it says counts, though it once had more
    assert_eq!(lost.height(&relations), Some(1), "{relations}");
    let topic = lost.topic;
    let last = lost.guest.runs().last().unwrap().clone();
    let answer = lost.guest.push(&topic, &[last]);
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (409, &json!("missing_ancestor"))
    );
    lost.give_back();
    // what the guest wrote counts; what the shop's old device wrote after the backup does
    // not, since the new one took over from where the backup ends
    let texts = lost.agree(&desk);
    assert_eq!(texts, ["before", "after", "on top of it"]);
    say(&mut lost.guest, &topic, "and on");
    assert_eq!(lost.agree(&desk).len(), 4);
    up.stop();
}

#[test]
fn what_the_shop_had_said_counts_where_guests_come_before_the_new_device() {
    let mut lost = lost(32, false);
    let desk = lost.restored();
    let (up, relations) = lost.open(&desk);
    assert_eq!(lost.height(&relations), Some(1), "{relations}");
    lost.give_back();
    up.stop();
    lost.recover(&desk);
    let (up, relations) = lost.open(&desk);
    assert_eq!(lost.height(&relations), Some(3), "{relations}");
    let texts = lost.agree(&desk);
    assert_eq!(
        texts,
        ["before", "after", "the shop's answer", "on top of it"]
    );
    up.stop();
}

#[test]
fn a_relation_that_the_backup_does_not_know_comes_back() {
    let mut lost = lost(33, true);
    let desk = lost.restored();
    let (up, relations) = lost.open(&desk);
    assert_eq!(relations, json!([]));
    // a topic of somebody else's is none of this shop's
    let other = TopicId([7; 32]);
    assert_eq!(lost.guest.push(&other, lost.guest.runs()).status, 404);
    lost.give_back();
    up.stop();
    lost.recover(&desk);
    let (up, relations) = lost.open(&desk);
    assert_eq!(relations[0]["topic"], lost.topic.to_string());
    let texts = lost.agree(&desk);
    assert_eq!(
        texts,
        ["before", "after", "the shop's answer", "on top of it"]
    );
    up.stop();
}

#[test]
fn nobody_brings_what_others_wrote_elsewhere() {
    let shop = shop(&[]);
    let mut guest = Guest::new(34, "Mari", &shop.url);
    guest.log_in();
    let topic = guest.found(&shop.space);
    guest.pull(&topic);
    let mut stranger = Guest::new(35, "Kai", &shop.url);
    stranger.log_in();
    let other = stranger.found(&shop.space);
    stranger.pull(&other);
    // another guest's relation, by the one and by the other's name
    let answer = guest.push(&topic, stranger.runs());
    assert_eq!(answer.status, 403, "{:?}", answer.json());
    assert_eq!(guest.push(&other, stranger.runs()).status, 404);
    // somebody writes in a relation that is not its own
    let genesis = EntryId(topic.0);
    let Ok(facts) = guest.replica.ledger.facts(&genesis);
    let mut draft = Draft::first(&stranger.key, topic, stranger.certificate());
    let body = Value::map([("text", Value::Text("intruder".into()))]);
    let payload = PayloadBuilder::new("message.post", body).encode().unwrap();
    let deps = [(genesis, facts.unwrap().hlc)];
    draft.add(now_ms(), &deps, &payload).unwrap();
    let answer = guest.push(&topic, &[draft.sign().unwrap().0]);
    assert_eq!(answer.status, 403, "{:?}", answer.json());
    shop.up.stop();
}
