//! A provider and a customer in memory.

use serde_json::{Value as Json, json};
use synlog_app_relation::RelationApp;
use synlog_log::bundle::{BundleWriter, RecordKind};
use synlog_log::cbor::Value;
use synlog_log::ids::{EntryId, hex};
use synlog_log::payload::PayloadBuilder;
use synlog_log::scenario::{Person, START_MS, World};
use synlog_log::topic::{Genesis, Mode, Visibility};
use synlog_reducer::{BadInput, describe, fold, project, route};

use crate::guest::Guest;
use crate::ops::{message, parts};
use crate::rules::{Engine, Function, Stopped};

/// The hash under which the app of relations is asked for.
pub(crate) const RELATION: [u8; 32] = [7; 32];
/// The clock of the customer.
pub(crate) const NOW_MS: u64 = START_MS + 3_600_000;

/// The app as native code.
pub(crate) struct Native;

impl Engine for Native {
    fn call(
        &mut self,
        module: &[u8; 32],
        function: Function,
        input: &[u8],
    ) -> Result<Vec<u8>, Stopped> {
        if *module != RELATION {
            return Err(Stopped::Host);
        }
        let output: Result<Vec<u8>, BadInput> = match function {
            Function::Describe => Ok(describe::<RelationApp>()),
            Function::Route => route::<RelationApp>(input),
            Function::Fold => fold::<RelationApp>(input),
            Function::Project => project::<RelationApp>(input),
        };
        output.map_err(|_| Stopped::Trapped)
    }
}

/// A bundle of runs.
pub(crate) fn bundle<'a>(runs: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut writer = BundleWriter::new(Vec::new()).unwrap();
    for run in runs {
        writer.record(RecordKind::Run, run).unwrap();
    }
    writer.finish().unwrap()
}

/// A provider's private relation with a customer.
pub(crate) struct Scene {
    pub(crate) owner: Person,
    pub(crate) client: Person,
    pub(crate) world: World,
    pub(crate) last: EntryId,
}

impl Scene {
    pub(crate) fn new() -> Self {
        let (owner, client) = (Person::new(1, 1), Person::new(2, 1));
        let roles = [("client", vec!["order.*", "message.*", "booking.*", "pay.*"])];
        let genesis = Genesis {
            app: "relation".into(),
            major: 1,
            mode: Mode::Ordered,
            visibility: Visibility::Private,
            nonce: [3; 16],
            name: Some("Aino and the guest".into()),
            members: [(client.id(), "client".to_owned())].into(),
            open: None,
            roles: roles
                .map(|(role, kinds)| {
                    let kinds = kinds.into_iter().map(str::to_owned).collect();
                    (role.to_owned(), kinds)
                })
                .into(),
        };
        let (world, last) = World::private(&owner, 0, &genesis, &[&owner, &client]);
        Self {
            owner,
            client,
            world,
            last,
        }
    }

    /// The provider says something.
    pub(crate) fn say(&mut self, text: &str) -> EntryId {
        let body = Value::map([("text", Value::Text(text.to_owned()))]);
        let event = PayloadBuilder::new("message.post", body);
        let after = Some(self.last);
        self.last = self
            .world
            .write_sealed(&self.owner, 0, after, &[], 1, &event);
        self.last
    }

    /// All that the provider has.
    pub(crate) fn bundle(&self) -> Vec<u8> {
        bundle(self.world.written.iter().map(|written| &written.run[..]))
    }

    /// The stored keys of the customer.
    pub(crate) fn keys(&self) -> Json {
        let client = &self.client;
        let statements = client.log.statements().map(|it| hex(&it.encode()));
        let encryption = client.encryption();
        json!({
            "version": 1,
            "root": hex(&client.root.seed()),
            "device": hex(&client.devices[0].seed()),
            "secrets": hex(&[9; 32]),
            "encryption": {
                "generation": encryption.generation(),
                "secret": hex(&encryption.to_bytes()[..]),
            },
            "statements": statements.collect::<Vec<_>>(),
            "profile": hex(&[8; 32]),
        })
    }

    /// The customer, with all that the provider has.
    pub(crate) fn guest(&self) -> Guest {
        let mut guest = Guest::new();
        guest.pin("relation", 1, RELATION);
        guest.load_keys(&self.keys()).unwrap();
        let took = guest.take(self.world.topic, &self.bundle()).unwrap();
        assert_eq!((took.refused.len(), took.waiting), (0, 0));
        guest
    }
}

/// Asks something over the boundary.
pub(crate) fn ask(guest: &mut Guest, json: Json, bytes: &[u8]) -> Result<(Json, Vec<u8>), Json> {
    let answer = guest.handle(&mut Native, &message(&json, bytes));
    let (json, bytes) = parts(&answer).unwrap();
    match json.get("error") {
        Some(error) => Err(error.clone()),
        None => Ok((json["ok"].clone(), bytes.to_vec())),
    }
}

/// The request to write something.
pub(crate) fn writing(scene: &Scene, kind: &str, body: Json, seed: u8) -> Json {
    json!({
        "op": "write",
        "topic": scene.world.topic.to_string(),
        "kind": kind,
        "body": body,
        "now_ms": NOW_MS,
        "random": hex(&[seed; 32]),
    })
}

/// An order of one cake.
pub(crate) fn order() -> Json {
    json!({ "lines": [{
        "space": { "$hex": hex(&[5; 32]) },
        "item": "cake",
        "revision": { "$hex": hex(&[6; 32]) },
        "title": "Cake",
        "quantity": 1,
    }], "note": "no nuts" })
}

/// The rows of a table of the relation.
pub(crate) fn rows(guest: &mut Guest, scene: &Scene, table: &str) -> Vec<Json> {
    let topic = scene.world.topic.to_string();
    let (json, _) = ask(guest, json!({ "op": "rows", "topic": topic }), &[]).unwrap();
    json["tables"][table].as_array().unwrap().clone()
}
